"""Pictures as pixels: from the cache, or decoded once and kept there."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nntrain.cores import cores
from nntrain.data.pictures import cache as picture_cache
from nntrain.data.pictures.cache import Entry
from nntrain.data.pictures.decoding import MAX_PIXELS, Fit, Look, UnreadableError, facts, pillow
from nntrain.data.pictures.files import ArchiveSupply, FolderSupply, Listing
from nntrain.data.pictures.pool import FEW_BYTES, MOST_WORKERS, Crew, Decoded, Target, decode_all
from nntrain.data.progress import watcher
from nntrain.errors import UserError

Colour = Literal["auto", "grey", "rgb"]
Supply = FolderSupply | ArchiveSupply
LOOKED_AT = 20_000  # pictures whose sizes are counted where they differ


@dataclass(frozen=True)
class Wanted:
    """What is asked for. size: (height, width), or None: the one that all have. patient: broken pictures are left
    out."""

    size: tuple[int, int] | None = None
    colour: Colour = "auto"
    fit: Fit = "crop"
    max_pixels: int = MAX_PIXELS
    patient: bool = False


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures in the order they are stored. pixels: uint8 [N, C, H, W], mapped from the cache's file; rows in
    `broken` (row -> why) are nothing. sums: a checksum of each one's pixels. seconds: that decoding took, None: it was
    done before. entry: where they are kept."""

    listing: Listing
    pixels: NDArray[np.uint8]
    broken: Mapping[int, str]
    sums: NDArray[np.int64]
    seconds: float | None
    entry: Entry


def start_early(crew: Crew, wanted: Wanted, what: Path) -> None:
    """Start the processes that will decode, unless the cache may have the pictures: it has some by the same name."""
    if not picture_cache.has_any(_label(what, wanted)):
        crew.start(_workers())


def read_files(root: Path, listing: Listing, wanted: Wanted, what: Path, crew: Crew | None = None) -> Pictures:
    """Pictures that are files below a folder; see `read_pictures`."""
    key = picture_cache.key_of("folder", str(root.resolve()), listing.names, listing.sizes, listing.times)
    return read_pictures(FolderSupply(root, listing), wanted, what, key, crew)


def read_archive(path: Path, wanted: Wanted, classes: Collection[str] | None = None) -> Pictures:
    """Pictures in a tar or zip; see `read_pictures`. classes: the folders in it whose pictures are read, None: all."""
    about, chosen = path.stat(), set(classes or ())
    key = picture_cache.key_of("archive", str(path.resolve()), about.st_size, about.st_mtime_ns, sorted(chosen))

    def keep(name: str) -> bool:
        return classes is None or not chosen.isdisjoint(name.split("/"))

    return read_pictures(ArchiveSupply(path, keep), wanted, path, key)


def read_pictures(supply: Supply, wanted: Wanted, what: Path, key: str, crew: Crew | None = None) -> Pictures:
    """The pictures of a supply, decoded if the cache does not have them.

    what: the folder or file that people know them by. key: tells their files from all others; the look is added to it.
    crew: processes that were started ahead (see `start_early`), which the caller ends.
    Raises UserError for a picture that cannot be read, unless patient, and where sizes differ and none was asked for.
    """
    asked = asdict(wanted)
    del asked["patient"]
    name = picture_cache.folder_name(_label(what, wanted), picture_cache.key_of(key, asked))
    seconds: float | None = None

    def build(file: Path) -> dict[str, Any]:
        nonlocal seconds
        began = time.monotonic()
        with crew or Crew() as ready:
            about = _decoded(supply, wanted, what, file, ready)
        seconds = time.monotonic() - began
        return about

    entry, pixels = picture_cache.opened(name, build)
    entry.used()
    about = entry.about
    broken = {int(row): str(said) for row, said in about["broken"]}
    names = about["names"]
    if broken and not wanted.patient:
        row, said = min(broken.items())
        raise _refusal(what, str(names[row]), said, len(broken) - 1)
    listing = Listing(names, about["sizes"], [], about["folders"], about["others"])
    return Pictures(listing, pixels, broken, np.array(about["sums"], dtype=np.int64), seconds, entry)


def _label(what: Path, wanted: Wanted) -> str:
    size = "" if wanted.size is None else f"-{wanted.size[1]}x{wanted.size[0]}"
    return f"{what.name.partition('.')[0]}{size}" + ("" if wanted.colour == "auto" else f"-{wanted.colour}")


def _workers() -> int:
    return min(cores(), MOST_WORKERS)


def _decoded(supply: Supply, wanted: Wanted, what: Path, file: Path, crew: Crew) -> dict[str, Any]:
    """Decode into the file; what the cache is to remember."""
    look, progress = _first_look(supply, wanted, what), watcher()
    workers = 0 if supply.size < FEW_BYTES else _workers()

    def run(look: Look) -> Decoded:
        root = supply.root if isinstance(supply, FolderSupply) else what
        return decode_all(
            supply.chunks(look),
            Target(file, picture_cache.HEADER, root, look),
            total=supply.total,
            crew=crew,
            workers=workers,
            patient=wanted.patient,
            progress=progress,
        )

    found = run(look)
    if any(problem.kind == "colour" for problem in found.problems):
        look = replace(look, channels=3, all_grey=False)
        found = run(look)
    if progress is not None:
        progress(found.done, found.done)
    problems = sorted(found.problems, key=lambda problem: problem.row)
    if other := next((problem for problem in problems if problem.kind == "size"), None):
        raise _sizes_differ(supply, look, what, f"{other.name} {other.said}")
    if problems and not wanted.patient:
        raise _refusal(what, problems[0].name, problems[0].said, len(problems) - 1)
    listing = supply.listing
    return {
        "what": str(what.resolve()),
        "pictures": len(listing.names),
        "channels": look.channels,
        "height": look.height,
        "width": look.width,
        "fit": None if look.exact else look.fit,
        "names": listing.names,
        "sizes": listing.sizes,
        "folders": listing.folders,
        "others": listing.others,
        "broken": [[problem.row, problem.said] for problem in problems],
        "sums": found.checksums(),
    }


def _first_look(supply: Supply, wanted: Wanted, what: Path) -> Look:
    """What all pictures become, as far as the first that can be read says it."""
    height, width = wanted.size or (1, 1)
    exact = wanted.size is None
    channels = 1 if wanted.colour == "grey" else 3
    look = Look(height, width, channels, wanted.fit, exact, max_pixels=wanted.max_pixels)
    if wanted.size is not None and wanted.colour != "auto":
        return look
    with pillow():
        for name, content in supply.heads(look):
            try:
                if isinstance(content, UnreadableError):
                    raise content
                own_height, own_width, grey = facts(content, wanted.max_pixels, name)
            except UnreadableError as error:
                if not wanted.patient:
                    raise _refusal(what, name, str(error), 0) from None
                continue
            if exact:
                look = replace(look, height=own_height, width=own_width)
            return replace(look, channels=1, all_grey=True) if grey and wanted.colour == "auto" else look
    raise UserError(f"data.path: {what}: no picture can be read" if supply.total else f"{what}: holds no pictures")


def _refusal(what: Path, name: str, said: str, others: int) -> UserError:
    more = f" (and {others} more)" if others > 0 else ""
    return UserError(
        f"{what / name}: {said}{more}; mend it or take it away, or leave such pictures out: data.on_broken=skip"
    )


def _sizes_differ(supply: Supply, look: Look, what: Path, first: str) -> UserError:
    """Says which sizes there are, and proposes one."""
    sizes: Counter[tuple[int, int]] = Counter()
    with pillow():
        for i, (name, content) in enumerate(supply.heads(look)):
            if i == LOOKED_AT:
                break
            try:
                if isinstance(content, bytes):
                    sizes[facts(content, look.max_pixels, name)[:2]] += 1
            except UnreadableError:
                continue  # it has no size to count; where it matters it is said
    listed = ", ".join(f"{width} x {height} ({count})" for (height, width), count in sizes.most_common(5))
    more = f" and {len(sizes) - 5} more sizes" if len(sizes) > 5 else ""
    shorter = sorted(min(size) for size in sizes.elements())
    middle = shorter[len(shorter) // 2]
    proposed = min((32, 64, 96, 128, 160, 192, 224), key=lambda size: abs(size - middle)) if middle > 32 else middle
    return UserError(
        f"data.size: the pictures of {what} differ in size: {listed}{more}; {first}; "
        f"say which size they are to have: data.size={proposed}"
    )
