"""Changes that only move whole pixels: a crop of the padded picture, translation, mirror images. uint8 stays uint8.

Legend: B pictures of C channels and H x W pixels. Positions outside a picture are filled as `Canvas` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nntrain.augment.draws import Draws
from nntrain.errors import UserError


@dataclass(frozen=True)
class Canvas:
    """The size of the pictures, and what comes in from outside of them.

    fill: black; mean: the training pictures' mean colour; edge: the nearest pixel; reflect: the mirror image.
    mean: per channel, 0 to 255.
    """

    height: int
    width: int
    fill: str
    mean: Sequence[float]

    def color(self, x: Tensor) -> Tensor:
        """The mean colour as a [C, 1, 1] tensor like x, made on its device, so that nothing is waited for."""
        channels = [torch.full((1, 1), value, device=x.device) for value in self.mean]
        return torch.stack(channels).round().to(x.dtype) if x.dtype == torch.uint8 else torch.stack(channels)

    def take(self, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Pixels of x [B, C, H, W] at rows int64 [B, H] and columns int64 [B, W], which may lie outside."""
        height, width = self.height, self.width
        inside = ((rows >= 0) & (rows < height)).unsqueeze(2) & ((columns >= 0) & (columns < width)).unsqueeze(1)
        if self.fill == "reflect":
            rows, columns = _folded(rows, height), _folded(columns, width)
        else:
            rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
        index = (rows * width).unsqueeze(2) + columns.unsqueeze(1)
        flat = index.flatten(1).unsqueeze(1).expand(-1, x.shape[1], -1)
        out = x.flatten(2).gather(2, flat).view_as(x)
        if self.fill in ("edge", "reflect"):
            return out
        if self.fill == "black":
            return out.mul_(inside.unsqueeze(1))
        return torch.where(inside.unsqueeze(1), out, self.color(x))


def _folded(position: Tensor, size: int) -> Tensor:
    """Positions outside of 0 ... size - 1 mirrored at the border: -1 is 0, size is size - 1."""
    position = position % (2 * size)
    return torch.minimum(position, 2 * size - 1 - position)


@dataclass(frozen=True)
class Moves:
    """padding: pixels around the picture of which a window of its own size is cut. translate: pixels, or below 1 parts
    of the side (rounded to whole pixels), up to which it moves along each axis. flip, flip_vertical: probabilities."""

    canvas: Canvas
    padding: int
    crop_p: float
    translate: float
    translate_p: float
    flip: float
    flip_vertical: float

    def __post_init__(self) -> None:
        side = min(self.canvas.height, self.canvas.width)
        for key, pixels in (("crop_padding", self.padding), ("translate", self.translate)):
            if pixels >= side:
                size = f"{self.canvas.height} x {self.canvas.width}"
                raise UserError(f"augment.{key}: {pixels:g} pixels of pictures of {size}; choose less than {side}")

    @property
    def on(self) -> bool:
        return any((self.padding and self.crop_p, self.translate and self.translate_p, self.flip, self.flip_vertical))

    def shift(self, draws: Draws, axis: str) -> Tensor:
        """How far to the right (axis x) or down (y) of a pixel its new value is found: int64 [B]."""
        size = self.canvas.width if axis == "x" else self.canvas.height
        reach = round(self.translate * size) if self.translate < 1 else int(self.translate)
        crop = self._up_to(draws, f"crop_{axis}", self.padding, "crop_p", self.crop_p)
        return crop + self._up_to(draws, f"translate_{axis}", reach, "translate_p", self.translate_p)

    @staticmethod
    def _up_to(draws: Draws, purpose: str, reach: int, often: str, p: float) -> Tensor:
        moved = draws.whole(purpose, 2 * reach + 1) - reach
        return moved if p >= 1 else moved * draws.happens(often, p)

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        """The picture is moved, and then mirrored. x: [B, C, H, W]."""
        rows = torch.arange(self.canvas.height, device=x.device).expand(len(x), -1)
        columns = torch.arange(self.canvas.width, device=x.device).expand(len(x), -1)
        if self.flip_vertical:
            turned = draws.happens("flip_vertical_p", self.flip_vertical).unsqueeze(1)
            rows = torch.where(turned, self.canvas.height - 1 - rows, rows)
        if self.flip:
            turned = draws.happens("flip_p", self.flip).unsqueeze(1)
            columns = torch.where(turned, self.canvas.width - 1 - columns, columns)
        rows, columns = rows + self.shift(draws, "y").unsqueeze(1), columns + self.shift(draws, "x").unsqueeze(1)
        return self.canvas.take(x, rows, columns)
