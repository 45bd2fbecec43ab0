"""How many trainings may go into one stack, before any was tried. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")

MOST, MOST_ON_GPU = 64, 1024  # a cap, so that the workers of a sweep share its jobs; how many of these are fastest
# together, the worker tries: see `trial.py`


def cut(items: Sequence[T], count: int) -> list[list[T]]:
    """In so many parts of about the same size, in order."""
    ends = [round(i * len(items) / count) for i in range(count + 1)]
    return [list(items[start:end]) for start, end in pairwise(ends)]
