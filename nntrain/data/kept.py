"""The data that was read last, kept for a process that trains one network after another on the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from nntrain.data.dataset import Dataset

_KEPT: list[dict[str, Dataset]] = []  # one for each `keeping` under way, with one data set at most


def keep() -> None:
    """What is read from now on is kept until other data is read."""
    _KEPT.append({})


@contextmanager
def keeping() -> Iterator[None]:
    """The same, until this ends."""
    keep()
    try:
        yield
    finally:
        _KEPT.pop()


def read_once(key: str, read: Callable[[], Dataset]) -> Dataset:
    """What `read` gives, or gave the last time where it was kept and the key is the same. Its splits can be changed for
    others without those of the next caller changing; their tensors are shared."""
    if not _KEPT:
        return read()
    kept = _KEPT[-1]
    if key not in kept:
        kept.clear()  # never two in memory
        kept[key] = read()
    return replace(kept[key])
