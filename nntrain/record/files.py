"""A file appears whole or not at all: written beside its name, flushed to disk, renamed, and the folder flushed."""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

REMEDIES = {
    errno.ENOSPC: "free some space, or write elsewhere",
    errno.EDQUOT: "free some of your quota, or write elsewhere",
    errno.EACCES: "make the folder writable, or write elsewhere",
    errno.EPERM: "make the folder writable, or write elsewhere",
    errno.EROFS: "the file system is read-only: write elsewhere",
    errno.ENOTDIR: "a part of this path is a file, not a folder: write elsewhere",
    errno.EISDIR: "this is a folder: give the name of a file",
    errno.ENAMETOOLONG: "choose a shorter name",
}
FLUSHED_AT_ONCE = 8  # files
CANNOT_FLUSH_FOLDERS = {errno.EINVAL, errno.ENOTSUP, errno.EACCES}  # some network file systems; the rename is done


class WriteError(UserError):
    """The disk refused. Who saves along the way (a best model, a plot) may go on; what was there before is intact."""


def refused(path: Path, error: OSError, *, kept: str = "") -> WriteError:
    """What the disk's refusal means for the user: the path, what is kept, what to do."""
    reason = error.strerror or str(error)
    remedy = REMEDIES.get(error.errno or 0, "check the disk, or write elsewhere")
    return WriteError(f"cannot write {path}: {reason}; {kept + '; ' if kept else ''}{remedy}")


@dataclass
class _Waiting:
    """A file that is to appear with others. path: as it was asked for. mode: of the file before. kept: what is said
    where the disk refuses it."""

    path: Path
    data: bytes
    mode: int | None
    kept: str


_WAITING: ContextVar[dict[Path, _Waiting] | None] = ContextVar("waiting", default=None)


@contextmanager
def together() -> Iterator[None]:
    """What is written in here appears when it ends, in the order in which it was first written, each file whole.

    Many small files then cost little more than one: a file written twice is written once, all are flushed before the
    first is renamed, and a folder is flushed once. Raises WriteError when the disk refuses one; those before it are
    there then, the old ones of the others intact. Inside another one, or `later`, it is the outer one that counts.
    """
    if _WAITING.get() is not None:
        yield
        return
    with _gathered() as waiting:
        yield
    _write_all(waiting)


@contextmanager
def later() -> Iterator[Callable[[], Future[None]]]:
    """The same, written by another thread while this one goes on: to be called afterwards, for what to wait for. What
    was written before an exception is there when that leaves."""
    with _gathered() as waiting:
        yield lambda: _threads(os.getpid())[0].submit(_write_all, waiting)


@contextmanager
def _gathered() -> Iterator[dict[Path, _Waiting]]:
    waiting: dict[Path, _Waiting] = {}
    token = _WAITING.set(waiting)
    try:
        yield waiting
    except BaseException:
        _WAITING.reset(token)
        _write_all(waiting)
        raise
    _WAITING.reset(token)


@cache
def _threads(process: int) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
    """One that writes what is to be written later, and some that flush files. Each process has its own."""
    return ThreadPoolExecutor(1), ThreadPoolExecutor(FLUSHED_AT_ONCE)


def _write_all(waiting: Mapping[Path, _Waiting]) -> None:
    if not waiting:
        return
    temporaries: dict[Path, Path] = {}
    written: list[Future[None]] = []
    file = next(iter(waiting.values()))
    try:
        temporaries = {target: _temporary(target) for target in waiting}
        # at the same time, because a file system flushes many files at once as fast as one
        pool = _threads(os.getpid())[1]
        written = [pool.submit(_write, temporaries[target], f.data, f.mode) for target, f in waiting.items()]
        for file, done in zip(waiting.values(), written, strict=True):  # noqa: B007 (named where it fails)
            done.result()
        for target, file in waiting.items():  # noqa: B007
            temporaries[target].replace(target)
            del temporaries[target]
        list(pool.map(_flush_folder, dict.fromkeys(target.parent for target in waiting)))
    except OSError as error:
        raise refused(file.path, error, kept=file.kept) from error
    finally:
        wait(written)
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replace the file at `path` (text as UTF-8), making its folder where missing.

    Raises WriteError when the disk refuses; the old file is then intact and nothing else is left behind. What cannot be
    replaced (a device, a pipe) is written to directly; a link stays one, and the file it points to is replaced.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    kept = ""
    try:
        mode = _mode(path)
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if mode is not None and not stat.S_ISREG(mode):
            path.write_bytes(data)
            return
        kept = "nothing was left behind" if mode is None else "the old file is kept"
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = None if mode is None else stat.S_IMODE(mode)
        waiting = _WAITING.get()
        if waiting is None:
            _replace(target, data, mode)
        else:
            waiting[target] = _Waiting(path, data, mode, kept)
    except OSError as error:
        raise refused(path, error, kept=kept) from error


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _replace(target: Path, data: bytes, mode: int | None) -> None:
    temporary = _temporary(target)
    try:
        _write(temporary, data, mode)
        temporary.replace(target)
    except BaseException:  # an interrupt too must leave nothing behind
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.tmp")


def _write(temporary: Path, data: bytes, mode: int | None) -> None:
    """A new file, flushed to disk."""
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)
    if mode is not None:
        temporary.chmod(mode)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders; its renames are journalled
        return
    try:
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        if error.errno not in CANNOT_FLUSH_FOLDERS:
            raise


def write_json(path: Path, value: Any) -> None:
    """`value` as JSON, indented, keys in the order given. NaN and infinities, which JSON lacks, become null."""
    write_atomic(path, json_text(value) + "\n")


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """Strict JSON. Numpy and torch scalars and arrays become numbers and lists, paths become text."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # numpy and torch, without importing either
        return _plain(value.tolist())
    raise TypeError(f"no JSON for {type(value).__name__}: {value!r}")


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Tensors by name, moved to the CPU, with text beside them, in safetensors' format."""
    from safetensors.torch import save

    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomic(path, save(on_cpu, dict(metadata)))
