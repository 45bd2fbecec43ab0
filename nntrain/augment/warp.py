"""Changes that move pixels to places between pixels, all of them in one resampling (bilinear).

Legend: B pictures of C channels and H x W pixels; grids hold, per pixel of the result, where in a picture it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from nntrain.augment.draws import Amount, Draws
from nntrain.augment.moves import Canvas, Moves
from nntrain.augment.planes import affine, inverse, product, quadrilateral, window
from nntrain.augment.policy import Policy

PADDING = {"black": "zeros", "mean": "zeros", "edge": "border", "reflect": "reflection"}


@dataclass(frozen=True)
class Warp:
    """In this order: the whole-pixel `moves`, a resized crop, scale, shear and rotation about the centre, perspective,
    the policy's moves, elastic displacement.

    crop_scale: least and greatest part of the area that the crop keeps, or None; crop_ratio: of width to height.
    rotate, shear: degrees. perspective: how far the corners move inwards, at most, as parts of half a side; 0 to 0.6.
    elastic: Simard's alpha, in pixels; elastic_sigma: the width of the Gaussian that smooths the displacements.
    """

    canvas: Canvas
    moves: Moves
    policy: Policy
    crop_scale: Sequence[float] | None
    crop_ratio: Sequence[float]
    crop_p: float
    rotate: Amount
    scale: Amount
    shear: Amount
    perspective: float
    perspective_p: float
    elastic: float
    elastic_sigma: float
    elastic_p: float

    @property
    def crops(self) -> bool:
        return self.crop_scale is not None and self.crop_p > 0

    @property
    def on(self) -> bool:
        amounts = any(amount.on for amount in (self.rotate, self.scale, self.shear))
        return amounts or self.crops or self.policy.on or bool(self.perspective and self.perspective_p) or self._elastic

    @property
    def _elastic(self) -> bool:
        return self.elastic > 0 and self.elastic_p > 0

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        """[B, C, H, W], 0 to 255 -> float32 of the same shape."""
        return resample(x, self.canvas, self.map(draws), self.displacement(draws) if self._elastic else None)

    def map(self, draws: Draws) -> Tensor:
        """[B, 3, 3]: from a position in the result to where in the picture it is found."""
        steps = []
        if self.moves.on:
            steps.append(self._moved(draws))
        if self.crops:
            steps.append(self._cropped(draws))
        if self.rotate.on or self.scale.on or self.shear.on:
            steps.append(inverse(self._turned(draws)))
        if self.perspective and self.perspective_p:
            steps.append(inverse(self._tilted(draws)))
        if self.policy.on:
            steps.append(inverse(self.policy.map(draws)))
        if not steps:
            one = torch.ones_like(draws.uniform("crop_x"))
            return window(one, one, one * 0, one * 0)
        return product(*steps)

    def _moved(self, draws: Draws) -> Tensor:
        one = torch.ones_like(draws.uniform("crop_x"))
        across = torch.where(draws.happens("flip_p", self.moves.flip), -one, one)
        down = torch.where(draws.happens("flip_vertical_p", self.moves.flip_vertical), -one, one)
        return window(across, down, self.moves.shift(draws, "x").float(), self.moves.shift(draws, "y").float())

    def _cropped(self, draws: Draws) -> Tensor:
        """Inception's crop (Szegedy et al. 2015): a part of the area, its ratio drawn on a logarithmic scale. A window
        that would reach beyond the picture is cut to its side."""
        low, high = self.crop_scale or (1.0, 1.0)
        area = draws.uniform("crop_area") * (high - low) + low
        wide = _ratio(draws.uniform("crop_ratio"), self.crop_ratio)
        shape = self.canvas.height / self.canvas.width  # the ratio is of pixels, and area of the picture's own
        width, height = (area * wide * shape).sqrt().clamp_max(1.0), (area / wide / shape).sqrt().clamp_max(1.0)
        if self.crop_p < 1:
            some = draws.happens("crop_p", self.crop_p)
            width, height = torch.where(some, width, 1.0), torch.where(some, height, 1.0)
        x = (1 - width) * (draws.uniform("crop_x") - 0.5) * self.canvas.width
        y = (1 - height) * (draws.uniform("crop_y") - 0.5) * self.canvas.height
        return window(width, height, x, y)

    def _turned(self, draws: Draws) -> Tensor:
        angle = self.rotate.draw(draws) * (math.pi / 180)
        shear_x, shear_y = (self.shear.draw(draws, f"shear_{axis}").mul(math.pi / 180).tan() for axis in "xy")
        zero = torch.zeros_like(angle)
        return affine(angle, self.scale.draw(draws), shear_x, shear_y, zero, zero)

    def _tilted(self, draws: Draws) -> Tensor:
        reach = torch.full_like(draws.uniform("perspective_p"), self.perspective)
        if self.perspective_p < 1:
            reach = torch.where(draws.happens("perspective_p", self.perspective_p), reach, 0.0)
        corners = []
        for i, (across, down) in enumerate(((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))):
            inwards = [1 - reach * draws.uniform(f"perspective_{2 * i + axis}") for axis in (0, 1)]
            corners.append((across * self.canvas.width * inwards[0], down * self.canvas.height * inwards[1]))
        return quadrilateral(corners, self.canvas.width, self.canvas.height)

    def displacement(self, draws: Draws) -> Tensor:
        """Simard, Steinkraus & Platt 2003, sec. 2: uniform draws in [-1, 1] per pixel, smoothed by a Gaussian (0 beyond
        the picture), times alpha: float32 [B, 2, H, W], x and then y, in pixels."""
        height, width = self.canvas.height, self.canvas.width
        field = draws.field("elastic", 2 * height * width).view(-1, 2, height, width).mul_(2).sub_(1)
        reach = torch.full_like(draws.uniform("elastic_p"), self.elastic)
        if self.elastic_p < 1:
            reach = torch.where(draws.happens("elastic_p", self.elastic_p), reach, 0.0)
        smooth = bell(height, self.elastic_sigma, field.device) @ field @ bell(width, self.elastic_sigma, field.device)
        return smooth * reach.view(-1, 1, 1, 1)


def _ratio(uniform: Tensor, bounds: Sequence[float]) -> Tensor:
    low, high = math.log(bounds[0]), math.log(bounds[1])
    return (uniform * (high - low) + low).exp()


def bell(size: int, sigma: float, device: torch.device) -> Tensor:
    """[size, size], symmetric: the product with it smooths by a Gaussian whose weights sum to 1, zeros beyond."""
    at = torch.arange(size, device=device, dtype=torch.float32)
    reach = math.ceil(4 * sigma)
    total = 1 + 2 * sum(math.exp(-0.5 * (i / sigma) ** 2) for i in range(1, reach + 1))
    return ((at.unsqueeze(1) - at) / sigma).square_().mul_(-0.5).exp_().div_(total)


def resample(x: Tensor, canvas: Canvas, planar: Tensor, displacement: Tensor | None = None) -> Tensor:
    """The picture found at planar @ (position + displacement), float32 [B, C, H, W]; positions are pixels from the
    centre. planar: [B, 3, 3]; displacement: [B, 2, H, W]."""
    height, width = canvas.height, canvas.width
    across = torch.arange(width, device=x.device, dtype=torch.float32) - (width - 1) / 2
    down = (torch.arange(height, device=x.device, dtype=torch.float32) - (height - 1) / 2).unsqueeze(1)
    m = planar.flatten(1).unsqueeze(2).unsqueeze(3).unbind(1)  # nine of [B, 1, 1]
    if displacement is not None:
        across, down = across + displacement[:, 0], down + displacement[:, 1]
    depth = m[6] * across + m[7] * down + m[8]
    at_x = (m[0] * across + m[1] * down + m[2]) / depth * (2 / width)
    at_y = (m[3] * across + m[4] * down + m[5]) / depth * (2 / height)
    pixels = x.to(torch.float32)
    if canvas.fill == "mean":
        pixels = pixels - canvas.color(pixels)
    grid = torch.stack((at_x, at_y), 3)
    out = F.grid_sample(pixels, grid, "bilinear", PADDING[canvas.fill], align_corners=False)
    if canvas.fill == "mean":
        out += canvas.color(out)
    return out.clamp_(0, 255)  # the weights of neighbours sum to 1 but for rounding
