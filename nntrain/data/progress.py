"""Who is told how far a long reading is: set around whatever may read data, so that no signature has to pass it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Progress = Callable[[int, int | None], None]  # pictures done, of how many (None: not known yet); ends with both equal

_watcher: ContextVar[Progress | None] = ContextVar("watcher", default=None)


def watcher() -> Progress | None:
    """Who is to be told, or None."""
    return _watcher.get()


@contextmanager
def watched(progress: Progress) -> Iterator[None]:
    """Whatever is read within this tells `progress`, which may end the reading by raising."""
    token = _watcher.set(progress)
    try:
        yield
    finally:
        _watcher.reset(token)
