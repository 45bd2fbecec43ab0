"""A curve in a few characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII_LEVELS = "_.-=*#"
DECADES = 2.0  # a positive curve that spans more is drawn on a logarithmic scale


def resampled(values: Sequence[float], width: int) -> list[float]:
    """At most `width` values: means over equal stretches, of the finite values there (NaN where there are none)."""
    if len(values) <= width:
        return list(values)
    bounds = [round(i * len(values) / width) for i in range(width + 1)]
    means = []
    for start, end in pairwise(bounds):
        finite = [v for v in values[start:end] if math.isfinite(v)]
        means.append(sum(finite) / len(finite) if finite else math.nan)
    return means


def logarithmic(values: Sequence[float]) -> bool:
    """Whether the finite values are positive and span more than two decades."""
    finite = [v for v in values if math.isfinite(v)]
    return bool(finite) and min(finite) > 0 and math.log10(max(finite) / min(finite)) > DECADES


def sparkline(
    values: Sequence[float], low: float, high: float, *, rows: int = 1, log: bool = False, ascii_only: bool = False
) -> list[str]:
    """`rows` lines of text, a character per value, from `low` (lowest level) to `high`; blank where not finite."""
    rows = 1 if ascii_only else rows
    levels = len(ASCII_LEVELS) - 1 if ascii_only else rows * (len(BLOCKS) - 1)
    scale = math.log if log else float
    bottom, span = scale(low), (scale(high) - scale(low)) or 1.0
    lines = [""] * rows
    for value in values:
        if not math.isfinite(value) or (log and value <= 0):
            lines = [line + " " for line in lines]
            continue
        share = min(1.0, max(0.0, (scale(value) - bottom) / span))
        if ascii_only:
            lines[0] += ASCII_LEVELS[round(share * levels)]
            continue
        level = 1 + round(share * (levels - 1))
        for row in range(rows):  # the top line first
            lines[row] += BLOCKS[min(8, max(0, level - 8 * (rows - 1 - row)))]
    return lines
