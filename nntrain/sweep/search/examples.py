"""Jobs that a search could draw, by which it is looked whether any of them can be built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from nntrain.sweep.search.space import MARK, Axis

EXAMPLES = 8  # values of each axis, at most
MONITOR = "early_stopping.monitor"


def examples(words: Sequence[Axis | str], axes: Sequence[Axis]) -> Iterator[list[str]]:
    """Some jobs that could be drawn, twice EXAMPLES at most, each as its words.

    words: of a job, with an axis in place of each word whose value is drawn. axes: those among them. The first half
    goes through the values of all axes side by side (of a number the two ends), an axis with fewer starting again; the
    other half does so with every axis one value ahead of the axis before it: where two values clash, each is also seen
    without the other.
    """
    for shift, i in product(range(2), range(min(EXAMPLES, max(len(axis.examples) for axis in axes)))):
        chosen = {axis.key: axis.examples[(i + shift * j) % len(axis.examples)] for j, axis in enumerate(axes)}
        yield [word if isinstance(word, str) else word.word(chosen[word.key]) for word in words]


def monitoring(metric: str, words: Sequence[str]) -> list[str]:
    """The words of a job that monitors this metric, which its task may not have."""
    return [*(word for word in words if word.removeprefix(MARK).partition("=")[0] != MONITOR), f"{MONITOR}={metric}"]
