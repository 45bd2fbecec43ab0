"""RandAugment (Cubuk et al. 2020) and TrivialAugment (Müller & Hutter 2021): operations drawn from one list.

Operations and ranges are torchvision's. Two deviations, for the sake of one resampling of the whole batch: a sample's
moves come before its changes of colour, in the order drawn otherwise, and shears leave the centre where it is, not the
corner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nntrain.augment import colors
from nntrain.augment.draws import Draws
from nntrain.augment.planes import affine, product

BINS = 31  # magnitudes are steps 0 ... 30 of each operation's range
OPERATIONS = (
    *("identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate"),
    *("brightness", "contrast", "sharpness", "posterize", "solarize", "autocontrast", "equalize", "color"),
)


@dataclass(frozen=True)
class Policy:
    """turns: operations per picture, one after the other; 0: none. magnitude: 0 to 30, or None: each sample its own.

    The greatest amounts: shear (tangent), move (pixels), rotate (degrees), blend (factors 1 +- blend), bits (that
    posterize takes away).
    """

    width: int
    height: int
    channels: int
    turns: int
    magnitude: int | None
    shear: float
    move: tuple[float, float]
    rotate: float
    blend: float
    bits: int

    @classmethod
    def rand_augment(cls, channels: int, height: int, width: int, turns: int, magnitude: int) -> Policy:
        """`turns` operations of the same magnitude."""
        move = (150 / 331 * width, 150 / 331 * height)
        return cls(width, height, channels, turns, magnitude, 0.3, move, 30.0, 0.9, 4)

    @classmethod
    def trivial_augment(cls, channels: int, height: int, width: int) -> Policy:
        """One operation of any magnitude, from the paper's wide ranges."""
        return cls(width, height, channels, 1, None, 0.99, (32.0, 32.0), 135.0, 0.99, 6)

    @property
    def on(self) -> bool:
        return self.turns > 0

    def chosen(self, draws: Draws, turn: int, operation: str) -> Tensor:
        """bool [B]: who has that operation in that turn. Grey pictures have no `color`."""
        count = len(OPERATIONS) if self.channels == 3 else len(OPERATIONS) - 1
        return draws.whole(f"policy_operation_{turn}", count) == OPERATIONS.index(operation)

    def part(self, draws: Draws, turn: int) -> Tensor:
        """The magnitude as a part of the range, 0 to 1: float32 [B]."""
        purpose = f"policy_magnitude_{turn}"
        if self.magnitude is None:
            return draws.whole(purpose, BINS) / (BINS - 1)
        return torch.full_like(draws.uniform(purpose), self.magnitude / (BINS - 1))

    def signed(self, draws: Draws, turn: int) -> Tensor:
        part = self.part(draws, turn)
        return torch.where(draws.happens(f"policy_sign_{turn}", 0.5), part, -part)

    def map(self, draws: Draws) -> Tensor:
        """What the picture does, float32 [B, 3, 3] (see `planes`)."""
        found = []
        for turn in reversed(range(self.turns)):
            signed = self.signed(draws, turn)
            limits = {
                "rotate": self.rotate * math.pi / 180,
                "shear_x": self.shear,
                "shear_y": self.shear,
                "translate_x": self.move[0],
                "translate_y": self.move[1],
            }
            amounts = [torch.where(self.chosen(draws, turn, name), signed * top, 0.0) for name, top in limits.items()]
            angle, shear_x, shear_y, dx, dy = amounts
            found.append(affine(angle, torch.ones_like(angle), shear_x, shear_y, dx.round(), dy.round()))
        return product(*found)

    def color(self, x: Tensor, draws: Draws) -> Tensor:
        """The changes of colour, on float32 [B, C, H, W], 0 to 255."""
        for turn in range(self.turns):
            part, factor = self.part(draws, turn), 1 + self.blend * self.signed(draws, turn)
            who = {name: self.chosen(draws, turn, name) for name in OPERATIONS}
            x = colors.brightness(x, torch.where(who["brightness"], factor, 1.0))
            x = colors.contrast(x, torch.where(who["contrast"], factor, 1.0))
            x = colors.sharpness(x, torch.where(who["sharpness"], factor, 1.0))
            if self.channels == 3:
                x = colors.saturation(x, torch.where(who["color"], factor, 1.0))
            bits = 8 - (part * self.bits).round()
            x = colors.posterize(x, torch.where(who["posterize"], bits, 8.0))
            x = colors.solarize(x, torch.where(who["solarize"], 255 * (1 - part), 256.0))
            x = torch.where(colors.per_sample(who["autocontrast"]), colors.autocontrast(x), x)
            x = torch.where(colors.per_sample(who["equalize"]), colors.equalize(x), x)
        return x
