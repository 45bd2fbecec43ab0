"""One process at a time trains in a run folder. The system holds the lock, so none outlives its process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from nntrain.errors import UserError

LOOK = 0.05  # seconds that somebody may hold a lock who only looks whether it is free
FAR = 1 << 40  # where Windows locks a byte: there, a locked part of a file cannot be written


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process. UserError where another one trains in it.

    The lock is on its log, which is there anyhow and never replaced. A file system without locks is used without.
    """
    try:
        file = os.open(folder / "log.txt", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:  # what the disk refuses is said by whoever writes
        yield
        return
    try:
        began = monotonic()
        while not _lock(file):
            if monotonic() - began > LOOK:
                raise UserError(f"{folder}: another process trains in this folder; wait for it, or stop it first")
            sleep(LOOK / 10)
        yield
    finally:
        os.close(file)  # and with it the lock


def is_locked(folder: Path) -> bool:
    """Whether some process trains in it now. Nothing is written."""
    try:
        file = os.open(folder / "log.txt", os.O_RDWR)
    except OSError:
        return False
    try:
        return not _lock(file)
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    """Whether nobody else has it."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        return True
    return True
