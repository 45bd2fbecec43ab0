"""How many trainings may go into one stack, whatever they are. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import TypeVar

T = TypeVar("T")

# A cap, so that the workers of a sweep share its jobs, and that a process has files enough to lock every folder (often
# 1024). How many of these are fastest together is tried where they train: see `trial.py`.
MOST, MOST_ON_GPU = 64, 512


def cut(items: Sequence[T], count: int) -> list[list[T]]:
    """In so many parts of about the same size, in order."""
    ends = [round(i * len(items) / count) for i in range(count + 1)]
    return [list(items[start:end]) for start, end in pairwise(ends)]


def by_size(parts: Iterable[Collection[T]]) -> Iterator[tuple[list[T], str]]:
    """What is in parts of the same size, together, and how it goes: `in a stack of 8`, `each by itself`."""
    for size, alike in groupby(sorted(parts, key=len), len):
        items = [item for part in alike for item in part]
        yield items, _words(size, len(items))


def _words(size: int, count: int) -> str:
    if size > 1:
        return f"in a stack of {size}" if count == size else f"in stacks of {size}"
    return "by itself" if count == 1 else "each by itself"
