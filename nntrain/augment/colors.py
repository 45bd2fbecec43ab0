"""Changes of colour and sharpness: functions of pictures float32 [B, C, H, W], 0 to 255, and an amount [B] each.

As in torchvision.transforms.v2.functional, but that every sample has an amount of its own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

RED, GREEN, BLUE = 0.2989, 0.587, 0.114  # luma of ITU-R 601-2


def per_sample(amount: Tensor) -> Tensor:
    return amount.view(-1, 1, 1, 1)


def luma(x: Tensor) -> Tensor:
    """Grey, [B, 1, H, W]; the mean of the channels where they are not red, green and blue."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    return (x[:, 0:1] * RED).add_(x[:, 1:2], alpha=GREEN).add_(x[:, 2:3], alpha=BLUE)


def blend(x: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """other + factor * (x - other), cut to 0 ... 255: 0 gives the other picture, 1 leaves x, more goes beyond."""
    factor = per_sample(factor)
    return (x * factor).add_(other * (1 - factor)).clamp_(0, 255)


def brightness(x: Tensor, factor: Tensor) -> Tensor:
    return (x * per_sample(factor)).clamp_(0, 255)


def contrast(x: Tensor, factor: Tensor) -> Tensor:
    return blend(x, luma(x).mean((1, 2, 3), keepdim=True), factor)


def saturation(x: Tensor, factor: Tensor) -> Tensor:
    return blend(x, luma(x), factor)


def grey(x: Tensor, some: Tensor) -> Tensor:
    """The pictures where `some`, bool [B], without colour."""
    return torch.where(per_sample(some), luma(x), x)


def hue(x: Tensor, turn: Tensor) -> Tensor:
    """Colours turned around the circle, by parts of a whole turn (-0.5 to 0.5). RGB alone."""
    red, green, blue = x.unbind(1)
    value, low = x.amax(1), x.amin(1)
    spread = value - low
    safe = torch.where(spread == 0, 1.0, spread)
    from_red, from_green, from_blue = (green - blue) / safe, 2 + (blue - red) / safe, 4 + (red - green) / safe
    sector = torch.where(value == red, from_red, torch.where(value == green, from_green, from_blue))
    sector = sector + 6 * turn.view(-1, 1, 1)
    channels = []
    for n in (5, 3, 1):
        k = (sector + n) % 6
        channels.append(value - spread * torch.minimum(k, 4 - k).clamp_(0, 1))
    return torch.stack(channels, 1)


def blur(x: Tensor, sigma: Tensor, largest: float) -> Tensor:
    """Gaussian of `sigma` pixels (0: none), mirrored at the border; weights reach as far as those of `largest`."""
    reach = min(math.ceil(3 * largest), min(x.shape[2:]) - 1)
    offsets = torch.arange(-reach, reach + 1, device=x.device, dtype=torch.float32)
    bells = (-0.5 * (offsets / sigma.clamp_min(1e-3).unsqueeze(1)) ** 2).exp()
    bells = bells / bells.sum(1, keepdim=True)
    for axis in (2, 3):
        size = x.shape[axis]
        padded = F.pad(x, (reach, reach, 0, 0) if axis == 3 else (0, 0, reach, reach), "reflect")
        out = torch.zeros_like(x)
        for i in range(2 * reach + 1):
            out.addcmul_(padded.narrow(axis, i, size), per_sample(bells[:, i]))
        x = out
    return x


def sharpness(x: Tensor, factor: Tensor) -> Tensor:
    """0 smooths by [1 1 1; 1 5 1; 1 1 1] / 13, but for the border; 1 leaves x; 2 sharpens."""
    if min(x.shape[2:]) < 3:
        return x
    inner = F.avg_pool2d(x, 3, stride=1) * (9 / 13) + x[:, :, 1:-1, 1:-1] * (4 / 13)
    smooth = x.clone()
    smooth[:, :, 1:-1, 1:-1] = inner
    return blend(x, smooth, factor)


def posterize(x: Tensor, bits: Tensor) -> Tensor:
    """The upper `bits` of 8 of each value; 8 leaves x as it is."""
    step = 2 ** (8 - bits).view(-1, 1, 1, 1)
    return torch.where(step > 1, (x / step).floor_() * step, x)


def solarize(x: Tensor, threshold: Tensor) -> Tensor:
    """Values from `threshold` on turned to their negative; above 255 leaves x."""
    return torch.where(x >= per_sample(threshold), 255 - x, x)


def autocontrast(x: Tensor) -> Tensor:
    """Each channel stretched to 0 ... 255; one of a single value stays."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    spread = high - low
    return torch.where(spread > 0, (x - low) / torch.where(spread > 0, spread, 1.0) * 255, x)


def equalize(x: Tensor) -> Tensor:
    """Each channel's histogram flattened, as PIL does it."""
    values = x.round().clamp_(0, 255).to(torch.int64).flatten(2)
    counts = values.new_zeros(*values.shape[:2], 256).scatter_add_(2, values, torch.ones_like(values))
    last = counts.gather(2, values.amax(2, keepdim=True))
    step = (values.shape[2] - last) // 255
    below = counts.cumsum(2) - counts
    table = ((below + step // 2) // step.clamp_min(1)).clamp_(0, 255)
    found = table.gather(2, values).to(x.dtype)
    return torch.where(step > 0, found, values.to(x.dtype)).view_as(x)
