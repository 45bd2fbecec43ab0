"""Which pictures there are: in a tree of folders, or in a tar or zip of one, which is read without unpacking it."""

from __future__ import annotations

import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nntrain.data.pictures.decoding import IMAGE_ENDINGS, Look, UnreadableError
from nntrain.data.pictures.pool import CHUNK, CHUNK_BYTES, FEW_BYTES, Chunk
from nntrain.data.pictures.worker import read_file, refuse_large
from nntrain.errors import UserError

ARCHIVE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")
CHUNK_PIXELS = 32 << 20  # bytes that the pictures of a chunk may have decoded
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, OSError, NotImplementedError)

Keep = Callable[[str], bool]


@dataclass
class Listing:
    """What lies there. names: pictures, relative, with `/`; sizes: bytes; times: of change, in ns; folders: all there
    are, relative; others: files that are no pictures by their ending. Hidden files and folders are in none of them."""

    names: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def chosen(self, keep: Sequence[bool]) -> Listing:
        """Those pictures alone."""
        return self if all(keep) else self.at([i for i, kept in enumerate(keep) if kept])

    def at(self, rows: Sequence[int]) -> Listing:
        """Those pictures, in that order."""
        names, sizes, times = ([of[i] for i in rows] for of in (self.names, self.sizes, self.times))
        return Listing(names, sizes, times, self.folders, self.others)  # type: ignore[arg-type]


def is_picture(name: str) -> bool:
    """By the ending alone."""
    return name.lower().endswith(IMAGE_ENDINGS)


def is_archive(path: Path) -> bool:
    """By the ending alone."""
    return path.name.lower().endswith(ARCHIVE_ENDINGS)


def list_folder(root: Path, many: Callable[[], None] | None = None) -> Listing:
    """Everything below a folder, in order of the names. A link to a folder that it lies in is not followed.

    many: called once, as soon as the pictures found take more bytes than one process had better decode.
    """
    listing, gathered = Listing(), 0

    def walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> None:
        nonlocal many, gathered
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise UserError(f"{folder}: cannot be opened: {error.strerror or error}") from None
        for entry in entries:
            own = entry.name
            if own[0] == ".":
                continue
            name = prefix + own
            try:
                if entry.is_dir():
                    about = entry.stat()
                    place = (about.st_dev, about.st_ino) if os.name != "nt" else (0, hash(os.path.realpath(entry)))
                    if place not in above:
                        listing.folders.append(name)
                        walk(folder / entry.name, f"{name}/", (*above, place))
                elif is_picture(own):
                    about = entry.stat()
                    listing.names.append(name)
                    listing.sizes.append(about.st_size)
                    listing.times.append(about.st_mtime_ns)
                    gathered += about.st_size
                    if many is not None and gathered >= FEW_BYTES:
                        many()
                        many = None
                else:
                    listing.others.append(name)
            except FileNotFoundError:
                raise UserError(f"{folder / entry.name}: is a link to nothing, or was deleted just now") from None

    about = root.stat()
    walk(root, "", ((about.st_dev, about.st_ino),))
    return listing.at(sorted(range(len(listing.names)), key=listing.names.__getitem__))


@dataclass
class FolderSupply:
    """Pictures that are files."""

    root: Path
    listing: Listing

    @property
    def total(self) -> int | None:
        return len(self.listing.names)

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(self.listing.sizes)

    def heads(self, look: Look) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Name and bytes of each, one by one."""
        for name in self.listing.names:
            try:
                yield name, read_file(self.root / name, look)
            except UnreadableError as error:
                yield name, error

    def chunks(self, look: Look) -> Iterator[Chunk]:
        """All of them, for the processes to read."""
        most, start, gathered = most_in_chunk(look), 0, 0
        for i, size in enumerate(self.listing.sizes):
            gathered += size
            if i + 1 - start == most or gathered >= CHUNK_BYTES or i + 1 == len(self.listing.sizes):
                yield Chunk(start, self.listing.names[start : i + 1])
                start, gathered = i + 1, 0


@dataclass
class ArchiveSupply:
    """Pictures in a tar (plain or compressed) or zip, in its order. listing: filled while `chunks` goes on.

    keep: which of its pictures are wanted.
    """

    path: Path
    keep: Keep
    listing: Listing = field(default_factory=Listing)
    total: int | None = None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def heads(self, look: Look) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Name and bytes of each, one by one."""
        yield from self._members(look, Listing())

    def chunks(self, look: Look) -> Iterator[Chunk]:
        """All of them, with their bytes."""
        most, row, gathered = most_in_chunk(look), 0, 0
        names: list[str] = []
        contents: list[bytes | UnreadableError] = []
        self.listing = Listing()
        for name, content in self._members(look, self.listing):
            names.append(name)
            contents.append(content)
            gathered += len(content) if isinstance(content, bytes) else 0
            if len(names) == most or gathered >= CHUNK_BYTES:
                yield Chunk(row, names, contents)
                row, gathered, names, contents = row + len(names), 0, [], []
        if names:
            yield Chunk(row, names, contents)

    def _members(self, look: Look, listing: Listing) -> Iterator[tuple[str, bytes | UnreadableError]]:
        folders: set[str] = set()
        try:
            reader = _zip_members if zipfile.is_zipfile(self.path) else _tar_members
            for raw, size, content in reader(self.path, look, lambda name: is_picture(name) and self.keep(name)):
                parts = [part for part in PurePosixPath(raw.replace("\\", "/")).parts if part not in ("/", ".")]
                if any(part.startswith(".") or part == "__MACOSX" for part in parts):
                    continue
                name = "/".join(parts)
                above = parts if content is None and raw.endswith("/") else parts[:-1]
                folders.update("/".join(above[: i + 1]) for i in range(len(above)))
                if content is not None:
                    listing.names.append(name)
                    listing.sizes.append(size)
                    listing.times.append(0)
                    yield name, content
                elif not raw.endswith("/") and not is_picture(name):
                    listing.others.append(name)
        except DAMAGED as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"{self.path}: is no whole tar or zip archive: {said}") from None
        listing.folders = sorted(folders)


def most_in_chunk(look: Look) -> int:
    """Pictures whose pixels fit in a chunk."""
    return max(1, min(CHUNK, CHUNK_PIXELS // (look.channels * look.height * look.width)))


Member = tuple[str, int, bytes | UnreadableError | None]  # name (folders end with /), size, bytes where wanted


def _tar_members(path: Path, look: Look, wanted: Keep) -> Iterator[Member]:
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined]  # it would remember every one
            if member.isdir():
                yield f"{member.name}/", 0, None
            elif not member.isreg():
                raise UserError(
                    f"{path}: {member.name} is a link or a device, not a file; pack the pictures themselves (tar -h)"
                )
            elif wanted(member.name):
                content: bytes | UnreadableError
                try:
                    refuse_large(member.size, look)
                    file = archive.extractfile(member)
                    content = file.read() if file is not None else b""
                except UnreadableError as error:
                    content = error
                yield member.name, member.size, content
            else:
                yield member.name, member.size, None


def _zip_members(path: Path, look: Look, wanted: Keep) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            kind = member.external_attr >> 28  # the upper bits of a Unix mode: 0 where it was packed elsewhere
            if member.is_dir():
                yield member.filename, 0, None
            elif kind not in (0, 8):
                raise UserError(
                    f"{path}: {member.filename} is a link or a device, not a file; pack the pictures themselves"
                )
            elif member.flag_bits & 1:
                raise UserError(f"{path}: is encrypted; unpack it, and give the folder")
            elif wanted(member.filename):
                content: bytes | UnreadableError
                try:
                    refuse_large(member.file_size, look)
                    with archive.open(member) as file:
                        content = file.read(member.file_size + 1)
                except UnreadableError as error:
                    content = error
                yield member.filename, member.file_size, content
            else:
                yield member.filename, member.file_size, None
