"""Words as pictures of themselves, in matplotlib's font.

A word that was drawn once is kept as a stamp, for the next picture that has it, and a number, which mostly is a new
one, is put together from the stamps of its digits.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

DPI = 110
MARGIN = 3  # pixels around a stamp, for what juts out
NUMBERS = re.compile(r"[0-9]|[^0-9]+")  # digits, and what is between them
Pixels = NDArray[np.uint8]


def points(size: float) -> float:
    """In pixels."""
    return size * DPI / 72


@dataclass(frozen=True)
class Stamp:
    """alpha: uint8 [height, width], the first row on top. base: the row of the baseline. width: of the text itself,
    which begins at column MARGIN. ink: first and last row that is not empty."""

    alpha: Pixels
    base: int
    width: float
    ink: tuple[int, int]


@cache
def _font(size: float) -> FontProperties:
    from matplotlib.font_manager import FontProperties

    return FontProperties(size=size)


@lru_cache(maxsize=4096)
def stamped(text: str, size: float) -> Stamp:
    """The text in the renderer's font; a box for a character that it lacks.

    The font's digits are all of one whole width and keep their distance from every letter, so that text with numbers
    in it may be put together; not that of other scripts, whose order on the line may be another.
    """
    parts = [_drawn(part, size) for part in NUMBERS.findall(text)] if text.isascii() else []
    if len(parts) < 2:
        return _drawn(text, size)
    starts = [0, *accumulate(round(part.width) for part in parts)]
    alpha = np.zeros((max(len(part.alpha) for part in parts), starts[-1] + 2 * MARGIN), np.uint8)
    for start, part in zip(starts, parts, strict=False):
        place = alpha[: len(part.alpha), start : start + part.alpha.shape[1]]
        np.maximum(place, part.alpha, out=place)
    return _stamp(alpha, parts[0].base, sum(part.width for part in parts))


@lru_cache(maxsize=4096)
def _drawn(text: str, size: float) -> Stamp:
    """By the renderer, which takes a millisecond or two."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        width, height, _ = _measurer().get_text_width_height_descent(text, _font(size), False)
        up, down = int(np.ceil(ascent(size))) + MARGIN, int(np.ceil(points(size))) // 2 + MARGIN
        renderer = new_renderer(int(np.ceil(width)) + 2 * MARGIN, max(up, int(np.ceil(height))) + down)
        renderer.draw_text(renderer.new_gc(), MARGIN, up, text, _font(size), 0)
    return _stamp(np.asarray(renderer.buffer_rgba())[:, :, 3].copy(), up, float(width))


def _stamp(alpha: Pixels, base: int, width: float) -> Stamp:
    rows = np.flatnonzero(alpha.any(axis=1))
    ink = (int(rows[0]), int(rows[-1])) if len(rows) else (base - 1, base - 1)
    return Stamp(alpha, base, width, ink)


@cache
def ascent(size: float) -> float:
    """Pixels from the baseline to the top of the tallest letters."""
    _, height, descent = _measurer().get_text_width_height_descent("lp", _font(size), False)
    return float(height - descent)


def text_width(text: str, size: float) -> float:
    return stamped(text, size).width


@cache
def _measurer() -> Any:
    return new_renderer(1, 1)


def new_renderer(width: int, height: int) -> Any:
    """matplotlib's, which has no types."""
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(width, height, DPI)  # type: ignore[no-untyped-call]
