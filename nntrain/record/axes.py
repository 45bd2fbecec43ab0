"""Axes on a `Canvas`: scales with ticks, a grid, labels, curves, a legend. The look is that of `plots.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nntrain.record.canvas import LIGHT, WHITE, Box, Canvas
from nntrain.record.stamps import points, text_width

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
TICK, PAD, LABEL_PAD, TITLE_PAD, DESCENT = 3.5, 3.5, 4.0, 6.0, 2.5  # points
SMALL, NORMAL, LARGE = 9.0, 10.0, 11.0  # sizes of words
DASHES = (3.7, 1.6)
PLACES = (
    "ur",
    "ul",
    "ll",
    "lr",
    "cr",
    "cl",
    "lc",
    "uc",
    "cc",
)  # of a legend: upper, centre, lower; left, centre, right
SPREAD = 0.05  # free on either side of the data


def tick(value: float) -> str:
    """`0.0005`, `12.5`, `250k`, `1.5M`, `1e-07`."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit and abs(value) < 1e12:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


@dataclass(frozen=True)
class Scale:
    """low, high: the ends of the axis. ticks: what stands at them; minor: ticks without words."""

    low: float
    high: float
    ticks: dict[float, str]
    log: bool = False
    minor: tuple[float, ...] = ()

    def share(self, values: ArrayLike) -> NDArray[np.float64]:
        """0 at the low end, 1 at the high one; NaN where the scale has no place for a value."""
        found = np.asarray(values, dtype=float)
        if not self.log:
            return (found - self.low) / (self.high - self.low)
        logs = np.log(np.where(found > 0, found, np.nan))
        return np.asarray((logs - math.log(self.low)) / (math.log(self.high) - math.log(self.low)))


def linear(low: float, high: float, *, most: int = 9, whole: bool = False) -> Scale:
    """From low to high, at most so many steps of the ticks. whole: ticks are whole numbers."""
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    steps = [step * power for step in STEPS if step * power >= raw * (1 - 1e-9)]
    step = next((s for s in (*steps, 10 * power) if not whole or s == round(s)), 1.0)
    step = max(step, 1.0) if whole else step
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    values = [i * step for i in range(first, last + 1)]
    largest = max(abs(low), abs(high))
    digits = max(0, -math.floor(math.log10(step) + 1e-9) + (1 if f"{step:e}".startswith("2.5") else 0))
    plain = 1e-2 <= largest < 1e4
    return Scale(low, high, {v: f"{v:.{digits}f}" if plain else tick(float(f"{v:.10g}")) for v in values})


def fitted(values: ArrayLike, *, log: bool = False, from_zero: bool = False, most: int = 9) -> Scale:
    """All finite values with a little space around them; the decades marked where it is logarithmic. most: see
    `linear`."""
    found = np.asarray(values, dtype=float)
    found = found[np.isfinite(found)]
    low, high = (float(found.min()), float(found.max())) if len(found) else (0.0, 1.0)
    if log:
        spread = (high / low) ** SPREAD
        low, high = low / spread, high * spread
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        every = -(-len(decades) // 9)
        minor = [digit * 10.0**d for d in decades for digit in range(2, 10)] if len(decades) <= 10 else []
        shown = {10.0**d: tick(10.0**d) for d in decades[::every] if low <= 10.0**d <= high}
        return Scale(low, high, shown, True, tuple(v for v in minor if low <= v <= high))
    spread = (high - low) * SPREAD or abs(low) * SPREAD or SPREAD
    return linear(0.0 if from_zero else low - spread, high + spread, most=most)


@dataclass(frozen=True)
class Entry:
    """Of a legend. line: its width, dot: its diameter; 0 for none."""

    said: str
    colour: str
    line: float = 0.0
    dot: float = 0.0
    star: bool = False


@dataclass
class Axes:
    """At (left, bottom, width, height) inches, labelled, with a faint grid and no box."""

    canvas: Canvas
    inches: tuple[float, float, float, float]
    x: Scale
    y: Scale
    labels: tuple[str, str]
    title: str
    grid: bool = True
    length: float = TICK
    curves: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        left, bottom, width, height = (points(72 * inch) for inch in self.inches)
        self.box: Box = (left, bottom, left + width, bottom + height)
        if self.grid:
            for at in self.places(self.x, self.x.ticks):
                self.canvas.upright(at, bottom, bottom + height, LIGHT)
            for at in self.places(self.y, self.y.ticks, up=True):
                self.canvas.across(left, left + width, at, LIGHT)
        self.canvas.upright(left, bottom, bottom + height)
        self.canvas.across(left, left + width, bottom)
        self._x_axis()
        self._y_axis()
        self.canvas.write(left, bottom + height + points(TITLE_PAD), self.title, LARGE)

    def places(self, scale: Scale, values: Sequence[float] | dict[float, str], *, up: bool = False) -> list[float]:
        """Where values of an axis lie."""
        start, end = (self.box[1], self.box[3]) if up else (self.box[0], self.box[2])
        return [start + float(share) * (end - start) for share in scale.share(list(values))]

    def _x_axis(self) -> None:
        left, bottom, right, _ = self.box
        tick_end = bottom - points(self.length)
        lowest = tick_end
        for at, said in zip(self.places(self.x, self.x.ticks), self.x.ticks.values(), strict=True):
            self.canvas.upright(at, tick_end, bottom)
            lowest = min(
                lowest, self.canvas.write(at, tick_end - points(PAD), said, NORMAL, across="centre", up="top")[1]
            )
        middle = (left + right) / 2
        self.canvas.write(
            middle, lowest - points(LABEL_PAD + DESCENT), self.labels[0], NORMAL, across="centre", up="top"
        )

    def _y_axis(self) -> None:
        left, bottom, _, top = self.box
        tick_end = left - points(self.length)
        leftmost = tick_end
        for at in self.places(self.y, self.y.minor, up=True):
            self.canvas.across(left - points(2.0), left, at)
        for at, said in zip(self.places(self.y, self.y.ticks, up=True), self.y.ticks.values(), strict=True):
            self.canvas.across(tick_end, left, at)
            written = self.canvas.write(tick_end - points(PAD), at, said, NORMAL, across="right", up="centre")
            leftmost = min(leftmost, written[0])
        base = leftmost - points(LABEL_PAD) - 3
        self.canvas.write(base, (bottom + top) / 2, self.labels[1], NORMAL, across="centre", turned=True)

    def at(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The pixels of points."""
        left, bottom, right, top = self.box
        return left + self.x.share(x) * (right - left) + 0.5, bottom + self.y.share(y) * (top - bottom) + 0.5

    def curve(self, x: ArrayLike, y: ArrayLike, colour: str, width: float = 1.6, dots: float = 0.0) -> None:
        """dots: diameter of the dot at each point, 0 for none."""
        places = self.at(x, y)
        self.curves.append(places)
        self.canvas.line(*places, colour, width, self.box)
        if dots:
            self.canvas.dots(*places, colour, dots, self.everywhere)

    def bars(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str, width: float = 1.2) -> None:
        """An upright line at each place, from low to high."""
        for at, *ends in zip(self.at(x, low)[0], self.at(x, low)[1], self.at(x, high)[1], strict=True):
            bar = np.array([at, at]), np.array(ends)
            self.curves.append(bar)
            self.canvas.line(*bar, colour, width, self.box)

    def star(self, x: float, y: float, colour: str, size: float) -> None:
        self.canvas.dots(*self.at([x], [y]), colour, size, self.everywhere, star=True)

    def upright(self, x: float, colour: str) -> None:
        """A dashed line from the bottom to the top."""
        _, bottom, _, top = self.box
        middle = np.floor(self.at([x], [self.y.low])[0][0]) + 0.5  # of a pixel: else it is two pixels wide, and pale
        ends = np.array([middle, middle]), np.array([bottom, top])
        self.curves.append(ends)
        self.canvas.line(*ends, colour, 1.0, self.box, DASHES)

    @property
    def everywhere(self) -> Box:
        """The axes and what of a dot at its edge lies outside."""
        left, bottom, right, top = self.box
        return left - 8, bottom - 8, right + 8, top + 8

    def legend(self, entries: Sequence[Entry], place: str | None = None) -> None:
        """A box at a place of PLACES, or at the first of them where it covers least."""
        em = points(SMALL)
        width = em * (0.4 * 2 + 2.0 + 0.8) + max(text_width(entry.said, SMALL) for entry in entries)
        line = em * 1.5
        height = em * 0.8 + line * len(entries) - em * 0.5
        left, bottom = self._free(width, height, em * 0.5, PLACES if place is None else (place,))
        self.canvas.fill((left, bottom, left + width, bottom + height), WHITE, 0.85)
        everywhere = (0.0, 0.0, float(self.canvas.width), float(self.canvas.height))
        for i, entry in enumerate(entries):
            middle = bottom + height - em * 0.4 - em * 0.5 - line * i
            start = left + em * 0.4
            if entry.line:
                ends = [start + 1, start + 2 * em - 1], [middle, middle]
                self.canvas.line(*ends, entry.colour, entry.line, everywhere)
            if entry.dot:
                self.canvas.dots([start + em], [middle], entry.colour, entry.dot, everywhere, star=entry.star)
            self.canvas.write(start + 2.8 * em, middle - em * 0.35, entry.said, SMALL)

    def _free(self, width: float, height: float, pad: float, places: Sequence[str]) -> tuple[float, float]:
        """Left and bottom of such a box at one of the places, at the first that covers fewest points."""
        left, bottom, right, top = self.box
        lefts = {"l": left + pad, "c": (left + right - width) / 2, "r": right - pad - width}
        bottoms = {"l": bottom + pad, "c": (bottom + top - height) / 2, "u": top - pad - height}
        x, y = (np.concatenate([_between(curve[i]) for curve in self.curves] or [np.zeros(0)]) for i in (0, 1))

        def covered(place: str) -> int:
            x0, y0 = lefts[place[1]], bottoms[place[0]]
            return int(((x > x0) & (x < x0 + width) & (y > y0) & (y < y0 + height)).sum())

        place = min(places, key=covered)
        return lefts[place[1]], bottoms[place[0]]


def _between(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points of a curve and, where they are few, some between each two."""
    if len(values) < 2 or len(values) > 200:
        return values
    return np.interp(np.linspace(0, len(values) - 1, 8 * len(values)), np.arange(len(values)), values)
