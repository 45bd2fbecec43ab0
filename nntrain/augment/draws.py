"""Random numbers that are a function of (seed, epoch, sample, purpose), for a whole batch at once and without a state.

Each number is a hash of its counters, by the finaliser of SplitMix64 (Steele, Lea & Flood 2014, fig. 15) on int64
tensors: the same on every device, whatever the batch is made of. Nothing here waits for the device.

Legend: B samples in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nntrain.seeding import derive

GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # an odd number, 2**64 by the golden ratio, as int64 holds it
FIRST = 0xBF58476D1CE4E5B9 - 2**64
SECOND = 0x94D049BB133111EB - 2**64

# What is drawn. A purpose keeps its number: a new one goes to the end, or all draws of the past change.
PURPOSES = (
    *("crop_x", "crop_y", "crop_area", "crop_ratio", "crop_p", "translate_x", "translate_y", "translate_p"),
    *("flip_p", "flip_vertical_p", "rotate", "rotate_p", "scale", "scale_p", "shear_x", "shear_y", "shear_p"),
    *(f"perspective_{corner}" for corner in range(8)),
    *("perspective_p", "elastic", "elastic_p", "brightness", "brightness_p", "contrast", "contrast_p"),
    *("saturation", "saturation_p", "hue", "hue_p", "grey_p", "blur", "blur_p", "noise", "noise_p"),
    *("erase_p", "erase_area", "erase_ratio", "erase_x", "erase_y", "erase_fill"),
    *("mix_p", "mix_partner", "mix_share", "mix_kind", "mix_x", "mix_y", "feature_dropout", "mix_codes"),
    *(f"policy_{what}_{turn}" for turn in range(8) for what in ("operation", "magnitude", "sign")),
)
NUMBER = {name: i for i, name in enumerate(PURPOSES)}


def mix64(x: Tensor) -> Tensor:
    """The finaliser of SplitMix64: a bijection of int64 that makes counters look random. Writes over x."""
    for shift, factor in ((30, FIRST), (27, SECOND)):
        x ^= (x >> shift).bitwise_and_((1 << (64 - shift)) - 1)  # the mask makes it a logical shift
        x *= factor
    x ^= (x >> 31).bitwise_and_((1 << 33) - 1)
    return x


def _unit(bits: Tensor, shift: int = 40) -> Tensor:
    """24 of 64 random bits, those above `shift`, as float32 in [0, 1)."""
    return (bits >> shift).bitwise_and_((1 << 24) - 1).to(torch.float32).mul_(2.0**-24)


def start_of(seed: int, epoch: int) -> int:
    """What the draws of one training and epoch count from."""
    return derive(seed, "augment", epoch)


class Draws:
    """The draws of a batch. start: `start_of` its training and epoch, int64 [B] where its samples are of several.
    samples: int64 [B], sample numbers of the training split."""

    def __init__(self, start: int | Tensor, samples: Tensor) -> None:
        keys = mix64((samples + 1) * GOLDEN + start)
        purposes = torch.arange(1, len(PURPOSES) + 1, device=samples.device).mul_(GOLDEN)
        self.bits = mix64(purposes.unsqueeze(1) + keys)  # [purposes, B]
        self.units = _unit(self.bits)
        self.device = samples.device

    def uniform(self, purpose: str) -> Tensor:
        """float32 [B] in [0, 1)."""
        return self.units[NUMBER[purpose]]

    def happens(self, purpose: str, p: float) -> Tensor:
        """bool [B], true with probability p."""
        return self.uniform(purpose) < p

    def whole(self, purpose: str, count: int | Tensor) -> Tensor:
        """int64 [B] in 0 ... count - 1."""
        return (self.bits[NUMBER[purpose]] >> 1).bitwise_and_((1 << 63) - 1) % count

    def field(self, purpose: str, count: int) -> Tensor:
        """float32 [B, count] in [0, 1): a draw per pixel of each sample. Two of 24 bits come of one hash."""
        half = (count + 1) // 2
        steps = torch.arange(1, half + 1, device=self.device).mul_(GOLDEN)
        bits = mix64(self.bits[NUMBER[purpose]].unsqueeze(1) + steps)
        return torch.cat((_unit(bits), _unit(bits, 16)), 1)[:, :count]

    def normal_field(self, purpose: str, count: int) -> Tensor:
        """float32 [B, count] of standard normal draws, by the inverse of their distribution; at most 5.5 in size."""
        nearly = 1 - 2.0**-24  # the inverse is infinite at 1
        return self.field(purpose, count).mul_(2).sub_(1).clamp_(-nearly, nearly).erfinv_().mul_(2**0.5)


@dataclass(frozen=True)
class Amount:
    """How much of a change a sample gets: uniform in [low, high] with probability p, else `neutral` (no change).

    name: of the setting, and of the draw.
    """

    name: str
    low: float
    high: float
    neutral: float
    p: float

    @classmethod
    def of(cls, name: str, value: float | Sequence[float], p: float, *, around: float = 0.0) -> Amount:
        """value: r for around - r ... around + r, or [low, high]. Factors (around 1) do not fall below 0."""
        if isinstance(value, Sequence):
            return cls(name, value[0], value[1], around, p)
        low = around - value
        return cls(name, max(low, 0.0) if around else low, around + value, around, p)

    @property
    def on(self) -> bool:
        return self.p > 0 and not self.low == self.high == self.neutral

    def draw(self, draws: Draws, purpose: str | None = None) -> Tensor:
        """float32 [B]. purpose: where one setting has several draws."""
        value = draws.uniform(purpose or self.name) * (self.high - self.low) + self.low
        if self.p >= 1:
            return value
        return torch.where(draws.happens(f"{self.name}_p", self.p), value, self.neutral)
