"""Decoded pictures on disk: a folder per set of pictures and look, shared by all runs; there whole, or not at all.

An entry holds `pixels.npy` (uint8 [N, C, H, W], to be mapped into memory) and `about.json`. It is found by its key, a
hash of the files' names, sizes and times and of the look asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nntrain.errors import UserError

PIXELS, ABOUT = "pixels.npy", "about.json"
HEADER = 128  # bytes of the .npy before the pixels, however many pictures there are
FORMAT = 1
UNFINISHED = ".unfinished-"
HINT = "free some space, or set NNTRAIN_CACHE to a folder elsewhere"


@dataclass(frozen=True)
class Entry:
    """One set of decoded pictures. about: what `about.json` says."""

    folder: Path
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def size(self) -> int:
        """Bytes on disk; of what is deleted meanwhile, what is left."""
        total = 0
        with suppress(FileNotFoundError):
            total = sum(file.stat().st_size for file in self.folder.iterdir())
        return total

    @property
    def last_used(self) -> float:
        """Seconds since 1970; 0 where it was deleted meanwhile."""
        with suppress(FileNotFoundError):
            return (self.folder / ABOUT).stat().st_mtime
        return 0.0

    def pixels(self) -> NDArray[np.uint8]:
        """uint8 [N, C, H, W], mapped into memory; what is written to it stays with us."""
        mapped: NDArray[np.uint8] = np.load(self.folder / PIXELS, mmap_mode="c", allow_pickle=False)
        return mapped

    def used(self) -> None:
        """Note that it was used now."""
        try:
            os.utime(self.folder / ABOUT)
        except OSError:  # somebody else's cache, or read-only: it can be read all the same
            return

    def remember(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `compute` found out about the pixels once, for `name`."""
        file = self.folder / f"{name}.json"
        try:
            known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = compute()
            try:
                _write(file, json.dumps(known).encode())
            except OSError:  # it is computed again the next time
                return known
        return known


def cache_dir() -> Path:
    """$NNTRAIN_CACHE, else where the system keeps what can be made again."""
    if said := os.environ.get("NNTRAIN_CACHE"):
        return Path(said).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nntrain"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "nntrain" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nntrain"


def pictures_dir() -> Path:
    return cache_dir() / "pictures"


def key_of(*parts: Any) -> str:
    """A hash of anything that JSON can say."""
    return hashlib.blake2b(json.dumps([FORMAT, *parts]).encode(), digest_size=6).hexdigest()


def folder_name(label: str, key: str) -> str:
    """What an entry is called: a word a person recognises, and its key."""
    return f"{_word(label)}-{key}"


def has_any(label: str) -> bool:
    """Whether anything is kept that is called so, whatever its key."""
    named = re.compile(f"{re.escape(_word(label))}-[0-9a-f]+")
    try:
        return any(named.fullmatch(folder.name) for folder in pictures_dir().iterdir())
    except OSError:
        return False


def _word(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.")[:60] or "pictures"


def find(name: str) -> Entry | None:
    """The entry of that name, if it is there and whole."""
    folder = pictures_dir() / name
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        shape = (about["pictures"], about["channels"], about["height"], about["width"])
        size = (folder / PIXELS).stat().st_size
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Entry(folder, about) if size == HEADER + int(np.prod(shape, dtype=object)) else None


def opened(name: str, build: Callable[[Path], Mapping[str, Any]]) -> tuple[Entry, NDArray[np.uint8]]:
    """The entry of that name, found or made, and its pixels. One that is deleted before it is mapped is made again."""
    while True:
        entry = find(name) or make(name, build)
        with suppress(FileNotFoundError):
            return entry, entry.pixels()


def make(name: str, build: Callable[[Path], Mapping[str, Any]]) -> Entry:
    """The entry of that name: found, else made by `build`, which is given the path of a file for the pixels.

    build: writes them from byte HEADER on, and returns what there is to say, with pictures, channels, height and width.
    Where another process is at it, its entry is waited for. Raises UserError where the disk refuses.
    """
    top = pictures_dir()
    try:
        top.mkdir(parents=True, exist_ok=True)
        with _locked(_lock_of(top / name)):
            if (found := find(name)) is not None:
                return found
            work = top / f"{UNFINISHED}{name}-{secrets.token_hex(4)}"
            work.mkdir()
            try:
                return _build(work, top / name, build)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise UserError(f"cache: cannot write to {top}: {error.strerror or error}; {HINT}") from None


def _build(work: Path, folder: Path, build: Callable[[Path], Mapping[str, Any]]) -> Entry:
    file = work / PIXELS
    file.touch()
    about = dict(build(file))
    shape = (about["pictures"], about["channels"], about["height"], about["width"])
    with file.open("r+b") as pixels:
        pixels.truncate(HEADER + int(np.prod(shape, dtype=object)))
        pixels.write(_header(shape))
        pixels.flush()
        os.fsync(pixels.fileno())
    said = json.dumps({**about, "made": time.time()})
    _write(work / ABOUT, said.encode())
    _flush(work)
    if folder.exists():  # damaged, or made meanwhile where files cannot be locked
        if (made := find(folder.name)) is not None:
            return made
        shutil.rmtree(folder)
    try:
        work.rename(folder)
    except OSError:
        if (made := find(folder.name)) is None:
            raise
        return made
    _flush(folder.parent)
    return Entry(folder, json.loads(said))


def entries() -> list[Entry]:
    """Everything that is there and whole, the last used first."""
    top = pictures_dir()
    found = [find(folder.name) for folder in top.iterdir()] if top.is_dir() else []
    times = {entry.name: entry.last_used for entry in found if entry is not None}
    there = [entry for entry in found if entry is not None and times[entry.name]]
    return sorted(there, key=lambda entry: -times[entry.name])


def leftovers() -> list[Path]:
    """Folders that a process left behind when it was killed (or is writing now), and what is damaged."""
    top = pictures_dir()
    if not top.is_dir():
        return []
    return sorted(folder for folder in top.iterdir() if folder.is_dir() and find(folder.name) is None)


def in_work(folder: Path) -> bool:
    """Whether a process that lives is making the entry that this folder is, or is the beginning of."""
    name = re.sub(f"^{re.escape(UNFINISHED)}(.*)-[0-9a-f]+$", r"\1", folder.name)
    lock = _lock_of(folder.with_name(name))
    if sys.platform == "win32" or not lock.exists():  # there, files that are open cannot be deleted
        return False
    import fcntl

    with suppress(FileNotFoundError), lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks
            return False
    return False


def remove(folder: Path) -> None:
    """Delete an entry or a leftover, if nobody else has. Who has it mapped keeps it until it ends. UserError where the
    disk refuses."""
    try:
        gone = folder.with_name(f"{UNFINISHED}{folder.name}-{secrets.token_hex(4)}")
        with suppress(FileNotFoundError):
            folder.rename(gone)  # nobody finds half of it
            shutil.rmtree(gone)
    except OSError as error:
        raise UserError(f"cache: cannot delete {folder}: {error.strerror or error}") from None
    if not in_work(folder):
        _lock_of(folder).unlink(missing_ok=True)


def _header(shape: tuple[int, ...]) -> bytes:
    """Of an .npy file of uint8, HEADER bytes long."""
    said = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little") + said.ljust(HEADER - 11) + b"\n"


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    if os.name == "nt":
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError:  # some network file systems; the rename is done
        return
    finally:
        os.close(file)


def _lock_of(folder: Path) -> Path:
    """The file that is locked while an entry is made."""
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait for whoever makes the same entry. Where files cannot be locked both make it, and the first one stays."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
