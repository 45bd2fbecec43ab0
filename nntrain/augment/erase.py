"""Random erasing (Zhong et al. 2020); squares of one size make it Cutout (DeVries & Taylor 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nntrain.augment.draws import Draws
from nntrain.augment.moves import Canvas


@dataclass(frozen=True)
class Erase:
    """With probability p a box is painted over; one that would be longer than the picture is cut to its side.

    area: least and greatest part of the picture; ratio: height to width, drawn on a logarithmic scale.
    fill: black, the training pictures' mean colour, or uniform noise per pixel and channel.
    """

    canvas: Canvas
    p: float
    area: Sequence[float]
    ratio: Sequence[float]
    fill: str

    @property
    def on(self) -> bool:
        return self.p > 0

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        """[B, C, H, W], 0 to 255, uint8 or float32, which it stays."""
        inside = self.box(draws).unsqueeze(1)
        if self.fill == "black":
            return x.masked_fill(inside, 0)
        if self.fill == "mean":
            return torch.where(inside, self.canvas.color(x), x)
        noise = draws.field("erase_fill", x[0].numel()).view(x.shape).mul_(256).floor_()
        return torch.where(inside, noise.to(x.dtype), x)

    def box(self, draws: Draws) -> Tensor:
        """bool [B, H, W]: what is erased."""
        height, width = self.canvas.height, self.canvas.width
        area = (draws.uniform("erase_area") * (self.area[1] - self.area[0]) + self.area[0]) * (height * width)
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        ratio = (draws.uniform("erase_ratio") * (high - low) + low).exp()
        tall = (area * ratio).sqrt().round().clamp(1, height)
        wide = (area / ratio).sqrt().round().clamp(1, width)
        wide = wide * draws.happens("erase_p", self.p)
        top = (draws.uniform("erase_y") * (height - tall + 1)).floor()
        left = (draws.uniform("erase_x") * (width - wide + 1)).floor()
        return rectangles(height, width, top, left, tall, wide)


def rectangles(height: int, width: int, top: Tensor, left: Tensor, tall: Tensor, wide: Tensor) -> Tensor:
    """bool [B, H, W], true in each sample's rectangle; each of the rest is [B]."""
    rows = torch.arange(height, device=top.device)
    columns = torch.arange(width, device=top.device)
    top, left, tall, wide = (side.unsqueeze(1) for side in (top, left, tall, wide))
    down = (rows >= top) & (rows < top + tall)
    across = (columns >= left) & (columns < left + wide)
    return down.unsqueeze(2) & across.unsqueeze(1)
