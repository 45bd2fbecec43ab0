"""The key of a picture: what its marks say, in one line above all that is drawn, where it covers nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nntrain.record.axes import SMALL
from nntrain.record.canvas import Box, Canvas
from nntrain.record.stamps import points

HEIGHT = 0.3  # inches
LENGTH, GAP = 20.0, 16.0  # points, of a line, and between entries
Draw = Callable[[Canvas, float, float], None]  # at x and y


@dataclass(frozen=True)
class Mark:
    """said: what it is. width: of what `draw` draws, in points, around its middle."""

    said: str
    draw: Draw
    width: float = 10.0


def line_mark(said: str, colour: str, thick: float, dashes: Sequence[float] = (), *, dot: float = 0.0) -> Mark:
    """dot: diameter of one in its middle."""

    def draw(canvas: Canvas, x: float, y: float) -> None:
        half = points(LENGTH / 2)
        canvas.line([x - half, x + half], [y, y], colour, thick, everywhere(canvas), dashes)
        if dot:
            canvas.dots([x], [y], colour, dot, everywhere(canvas))

    return Mark(said, draw, LENGTH)


def dot_mark(said: str, colour: str, size: float, *, star: bool = False) -> Mark:
    return Mark(said, lambda canvas, x, y: canvas.dots([x], [y], colour, size, everywhere(canvas), star=star))


def arrow_mark(said: str, *, up: bool) -> Mark:
    return Mark(said, lambda canvas, x, y: canvas.arrow(x, y, up=up))


def write_key(canvas: Canvas, left: float, bottom: float, marks: Sequence[Mark]) -> None:
    """left: of the first mark; bottom: of the line; in pixels."""
    middle = bottom + points(72 * HEIGHT / 2)
    for mark in marks:
        mark.draw(canvas, left + points(mark.width / 2), middle)
        left = canvas.write(left + points(mark.width + 6), middle, mark.said, SMALL, up="centre")[2] + points(GAP)


def everywhere(canvas: Canvas) -> Box:
    return 0.0, 0.0, float(canvas.width), float(canvas.height)
