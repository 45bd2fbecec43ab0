"""Pictures to change: smooth ones, for resamplings differ where neighbours are far apart."""

from __future__ import annotations

import torch
from torch import Tensor

from nntrain.augment.pictures import Pictures
from nntrain.data.dataset import PixelFeatures

COUNT = 12


def pixel_features(channels: int = 3, height: int = 32, width: int = 32) -> PixelFeatures:
    return PixelFeatures(channels, height, width, (120.0, 110.0, 100.0)[:channels], (60.0,) * channels)


def pictures(channels: int = 3, height: int = 32, width: int = 32, count: int = COUNT) -> Tensor:
    """uint8 [count, channels, height, width]."""
    coarse = torch.rand(count, channels, 6, 6, generator=torch.Generator().manual_seed(0))
    fine = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    return (fine * 255).round().clamp(0, 255).to(torch.uint8)


def augmentation(channels: int = 3, height: int = 32, width: int = 32, seed: int = 0, **settings: object) -> Pictures:
    return Pictures(features=pixel_features(channels, height, width), seed=seed, **settings)  # type: ignore[arg-type]
