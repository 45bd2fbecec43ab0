"""Lines, dots and words drawn straight onto pixels, for pictures of which a sweep draws hundreds.

Lines are those of matplotlib's renderer and words are set in its font; its figures, which take many times as long to
lay out and to draw, are left out.

Places are in pixels, from the left and from the bottom; sizes of words and lines in points.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nntrain.record.files import write_atomic
from nntrain.record.stamps import DPI, MARGIN, Pixels, ascent, new_renderer, points, stamped

BLUE, ORANGE, GREEN, GREY, LIGHT = "#0072B2", "#D55E00", "#007A5A", "#555555", "#DDDDDD"
BLACK, WHITE = "#000000", "#FFFFFF"
COMPRESSION = 1  # of PNG: these pictures are mostly white; more takes longer than to draw one
Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class Word:
    """What was written, and the box of its ink."""

    text: str
    box: Box


class Canvas:
    """A white picture of so many inches. words: all that was written on it.

    pixels: uint8 [height, width, 4], the first row on top; packed: the same, each as one number, see `packed`.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = int(width * DPI), int(height * DPI)
        self.renderer = new_renderer(self.width, self.height)
        self.pixels: Pixels = np.asarray(self.renderer.buffer_rgba())
        self.pixels[:] = 255
        self.packed = self.pixels.view(np.uint32)[:, :, 0]
        self._unclipped = self.renderer.new_gc()
        self.words: list[Word] = []

    @property
    def texts(self) -> list[str]:
        return [word.text for word in self.words]

    def fill(self, box: Box, colour: str, alpha: float = 1.0) -> None:
        """A rectangle, its edges at whole pixels."""
        left, bottom, right, top = (round(end) for end in box)
        if alpha == 1:
            self.packed[self.height - top : self.height - bottom, max(left, 0) : right] = _pixel(colour)
        else:
            self._blend(_tinted(np.full((top - bottom, right - left), round(alpha * 255)), colour), left, bottom)

    def across(self, left: float, right: float, y: float, colour: str = BLACK) -> None:
        """A level line, a pixel thick, both ends included."""
        self.fill((round(left), round(y), round(right) + 1, round(y) + 1), colour)

    def upright(self, x: float, bottom: float, top: float, colour: str = BLACK) -> None:
        self.fill((round(x), round(bottom), round(x) + 1, round(top) + 1), colour)

    def line(
        self, x: ArrayLike, y: ArrayLike, colour: str, width: float, clip: Box, dashes: Sequence[float] = ()
    ) -> None:
        """Through points, with gaps where they are not finite. dashes: lengths of line and gap, in widths."""
        from matplotlib.transforms import IdentityTransform

        context = self._context(colour, width, clip)
        if dashes:
            context.set_dashes(0, [width * length for length in dashes])
        path = _path(x, y)
        path.should_simplify = False
        self.renderer.draw_path(context, path, IdentityTransform())

    def dots(
        self,
        x: ArrayLike,
        y: ArrayLike,
        colour: str,
        size: float,
        clip: Box,
        *,
        alpha: float = 1.0,
        star: bool = False,
    ) -> None:
        """A disc at each point, or a star with a white edge. size: its diameter."""
        from matplotlib.path import Path as Shape
        from matplotlib.transforms import Affine2D, IdentityTransform

        shape = Shape.unit_regular_star(5, innerCircle=0.381966) if star else Shape.unit_circle()
        context = self._context(WHITE if star else colour, 1.0 if star else 0.0, clip)
        context.set_alpha(alpha)
        grown = Affine2D().scale(points(size) / 2)
        face = (*(rgb(colour) / 255), alpha)
        self.renderer.draw_markers(context, shape, grown, _path(x, y), IdentityTransform(), face)

    def arrow(self, x: float, y: float, colour: str = GREY, *, up: bool = True, size: float = 7.0) -> None:
        """A triangle around a point. size: its width."""
        from matplotlib.path import Path as Shape
        from matplotlib.transforms import Affine2D, IdentityTransform

        shape = Shape([(-0.5, -0.4), (0.5, -0.4), (0.0, 0.5), (-0.5, -0.4)], closed=True)
        grown = Affine2D().scale(points(size), points(size if up else -size))
        context = self._context(colour, 0.0, (0.0, 0.0, float(self.width), float(self.height)))
        self.renderer.draw_markers(
            context, shape, grown, _path([x], [y]), IdentityTransform(), (*(rgb(colour) / 255), 1)
        )

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        colour: str = BLACK,
        *,
        across: Literal["left", "centre", "right"] = "left",
        up: Literal["base", "centre", "top"] = "base",
        turned: bool = False,
    ) -> Box:
        """One line of text; the box of its ink. across, up: what of the text lies at x and y; top: of its tallest
        letters. turned: to be read from the right side; both then hold for the text as it lies before."""
        stamp = stamped(text, size)
        shift = {"left": 0.0, "centre": stamp.width / 2, "right": stamp.width}[across]
        base = {"base": 0.0, "top": ascent(size), "centre": stamp.base - sum(stamp.ink) / 2}[up]
        first, last = stamp.ink
        if turned:
            column, row = round(x + base) - stamp.base, round(self.height - y + shift) - stamp.alpha.shape[1] + MARGIN
            bottom = self.height - row - stamp.alpha.shape[1]
            lowest = bottom + MARGIN
            box = (column + first, lowest, column + last + 1.0, lowest + stamp.width)
        else:
            column, row = round(x - shift) - MARGIN, round(self.height - y + base) - stamp.base
            bottom = self.height - row - stamp.alpha.shape[0]
            left = column + MARGIN
            box = (left, self.height - row - last - 1.0, left + stamp.width, self.height - row - first)
        if text:
            self._blend(_inked(text, size, colour, turned), column, bottom)
            self.words.append(Word(text, box))
        return box

    def png(self) -> bytes:
        rows = np.zeros((self.height, 1 + 3 * self.width), np.uint8)  # a leading 0: PNG's rows as they are
        for i in range(3):  # much faster than all three at once
            rows[:, 1 + i :: 3] = self.pixels[:, :, i]
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        density = struct.pack(">IIB", round(DPI / 0.0254), round(DPI / 0.0254), 1)
        parts = [
            (b"IHDR", header),
            (b"pHYs", density),
            (b"IDAT", zlib.compress(rows.data, COMPRESSION)),
            (b"IEND", b""),
        ]
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)

    def save(self, path: Path) -> Canvas:
        write_atomic(path, self.png())
        return self

    def _blend(self, picture: Pixels, left: int, bottom: int) -> None:
        """picture: uint8 [height, width, 4], the last row first."""
        self.renderer.draw_image(self._unclipped, left, bottom, picture)

    def _context(self, colour: str, width: float, clip: Box) -> Any:
        from matplotlib.transforms import Bbox

        context = self.renderer.new_gc()
        context.set_foreground(colour)
        context.set_linewidth(width)
        context.set_joinstyle("round")
        context.set_capstyle("projecting")
        context.set_clip_rectangle(Bbox.from_extents(*clip))
        return context


def _path(x: ArrayLike, y: ArrayLike) -> Any:
    from matplotlib.path import Path as Shape

    return Shape(np.column_stack([np.asarray(x, float), np.asarray(y, float)]))


@cache
def rgb(colour: str) -> NDArray[np.float32]:
    """#RRGGBB as three numbers from 0 to 255."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)


@cache
def _pixel(colour: str) -> NDArray[np.uint32]:
    return packed(rgb(colour))


def packed(colours: ArrayLike) -> NDArray[np.uint32]:
    """Colours [..., 3] from 0 to 255 as pixels [...] that nothing shines through."""
    found = np.asarray(colours)
    pixels = np.full((*found.shape[:-1], 4), 255, np.uint8)
    pixels[..., :3] = found
    return pixels.view(np.uint32)[..., 0]


@lru_cache(maxsize=1024)
def _inked(text: str, size: float, colour: str, turned: bool) -> Pixels:
    """A stamp in a colour, as `Canvas._blend` takes it."""
    alpha = stamped(text, size).alpha
    return _tinted(np.rot90(alpha) if turned else alpha, colour)


def _tinted(alpha: NDArray[Any], colour: str) -> Pixels:
    """alpha: [height, width]; as `Canvas._blend` takes it."""
    picture = np.empty((*alpha.shape, 4), np.uint8)
    picture[:, :, :3], picture[:, :, 3] = rgb(colour), alpha[::-1]
    return picture


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
