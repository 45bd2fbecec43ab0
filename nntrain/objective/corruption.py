"""Objectives without labels: what is done to the inputs before they are to be reconstructed.

Legend: B samples, C channels, H height, W width, D columns of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Generator, Tensor

from nntrain.errors import UserError


@dataclass(frozen=True)
class Layout:
    """What is reconstructed: pictures [B, C, H, W] in standardised units, or rows [B, D], numeric columns in
    standardised units first, then a code from 0 (missing, never seen) to cardinality - 1 per category.

    shape: (C, H, W), None for rows. low, high: the least and the greatest value per channel or numeric column. unit:
    what one standardised unit is in the pictures' own unit, per channel; empty for rows, whose unit it is.
    """

    numeric: int = 0
    cardinalities: tuple[int, ...] = ()
    shape: tuple[int, int, int] | None = None
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    unit: tuple[float, ...] = ()

    @property
    def outputs(self) -> int:
        """How many numbers a decoder gives: a value per pixel or numeric column, a score per value of a category."""
        if self.shape is not None:
            channels, height, width = self.shape
            return channels * height * width
        return self.numeric + sum(self.cardinalities)


class Supervised:
    """The targets of the data are learnt; nothing is reconstructed."""

    layerwise: ClassVar[bool] = False


class Autoencoder:
    """The inputs are reconstructed from their code as they are. layerwise: see configs/objective."""

    random: ClassVar[bool] = False  # whether it draws

    def __init__(self, layerwise: bool = False) -> None:
        self.layerwise = layerwise

    def check(self, layout: Layout) -> None:
        """UserError where the data cannot be treated so."""

    def described(self, layout: Layout) -> str:
        """In a few words."""
        return "autoencoder"

    def __call__(self, x: Tensor, layout: Layout, g: Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """What the encoder is given, and which values count (1; 0 where not), None where all do.

        g: the source of chance on the device of x; None for torch's own, which a training step seeds.
        """
        return x, None

    def hidden(self, x: Tensor, g: Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """The same for the outputs of a hidden layer, [B, ...], which are the inputs of the next (layerwise)."""
        return x, None


class Denoising(Autoencoder):
    """Clean inputs are reconstructed from noisy ones (Vincent et al. 2010).

    noise: gaussian (amount: its standard deviation in standardised units), masking (amount: the share of values set to
    their mean, of categories to missing) or salt (amount: the share of values set to the least or the greatest, of
    categories to any).
    """

    random = True

    def __init__(self, noise: str = "masking", amount: float = 0.25, layerwise: bool = False) -> None:
        super().__init__(layerwise)
        self.noise = noise
        self.amount = amount

    def described(self, layout: Layout) -> str:
        return f"denoising, {self.noise} {self.amount:g}"

    def __call__(self, x: Tensor, layout: Layout, g: Generator | None = None) -> tuple[Tensor, Tensor | None]:
        if layout.shape is not None:
            ends = [constant(values, x.dtype, x.device).view(-1, 1, 1) for values in (layout.low, layout.high)]
            return self._noisy(x, ends, g), None
        numbers, codes = x[:, : layout.numeric], x[:, layout.numeric :]
        ends = [constant(values, x.dtype, x.device) for values in (layout.low, layout.high)]
        return torch.cat((self._noisy(numbers, ends, g), self._other(codes, layout, g)), 1), None

    def hidden(self, x: Tensor, g: Generator | None = None) -> tuple[Tensor, Tensor | None]:
        return self._noisy(x, [], g), None

    def _noisy(self, x: Tensor, ends: list[Tensor], g: Generator | None) -> Tensor:
        if self.noise == "gaussian":
            return x + self.amount * torch.randn(x.shape, generator=g, device=x.device)
        drawn = chance(x, g)
        if self.noise == "masking":
            return torch.where(drawn < self.amount, 0.0, x)
        low, high = ends  # half of the share to either end
        return torch.where(drawn < self.amount / 2, low, torch.where(drawn < self.amount, high, x))

    def _other(self, codes: Tensor, layout: Layout, g: Generator | None) -> Tensor:
        """Categories have no noise but another value."""
        if self.noise == "gaussian" or not layout.cardinalities:
            return codes
        hit = chance(codes, g) < self.amount
        if self.noise == "masking":
            return torch.where(hit, 0.0, codes)
        sizes = constant(layout.cardinalities, codes.dtype, codes.device)
        return torch.where(hit, (chance(codes, g) * sizes).floor(), codes)


class Masked(Autoencoder):
    """Hidden parts are reconstructed from the rest, and they alone count: columns of a table (Yoon et al. 2020, Pathak
    et al. 2016), square patches of a picture (He et al. 2022).

    share: of the columns, each drawn by itself, or of the patches, of which every picture hides as many (at least one,
    never all). What is hidden is the mean, a category missing. patch: side of a patch in pixels.
    """

    random = True

    def __init__(self, share: float = 0.5, patch: int = 4, layerwise: bool = False) -> None:
        super().__init__(layerwise)
        self.share = share
        self.patch = patch

    def described(self, layout: Layout) -> str:
        what = "columns" if layout.shape is None else f"patches of {self.patch} by {self.patch}"
        return f"masked, {self.share:.0%} of the {what}"

    def check(self, layout: Layout) -> None:
        if layout.shape is None:
            return
        _, height, width = layout.shape
        if self.patch > min(height, width):
            raise UserError(
                f"objective.patch: {self.patch} is larger than the pictures, {width} by {height} pixels; choose at "
                f"most {min(height, width) // 2}"
            )
        if self.patch >= max(height, width):
            raise UserError(
                f"objective.patch: {self.patch} hides the pictures, {width} by {height} pixels, as a whole, and leaves "
                f"nothing to see; choose at most {max(height, width) // 2}"
            )

    def __call__(self, x: Tensor, layout: Layout, g: Generator | None = None) -> tuple[Tensor, Tensor | None]:
        if layout.shape is None:
            mask = (chance(x, g) < self.share).to(x.dtype)
            return x * (1 - mask), mask
        _, height, width = layout.shape
        rows, columns = -(-height // self.patch), -(-width // self.patch)
        count = min(max(1, round(self.share * rows * columns)), rows * columns - 1)
        drawn = torch.rand((len(x), rows * columns), generator=g, device=x.device)
        hidden = torch.zeros_like(drawn).scatter_(1, drawn.topk(count, 1).indices, 1.0).view(len(x), 1, rows, columns)
        mask = hidden.repeat_interleave(self.patch, 2).repeat_interleave(self.patch, 3)[..., :height, :width]
        return x * (1 - mask), mask

    def hidden(self, x: Tensor, g: Generator | None = None) -> tuple[Tensor, Tensor | None]:
        mask = (chance(x, g) < self.share).to(x.dtype)
        return x * (1 - mask), mask


@lru_cache(16)
def constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The values as a tensor, which moves to the device once, not in every step; not to be written to."""
    return torch.tensor(values, dtype=dtype, device=device)


def chance(x: Tensor, g: Generator | None) -> Tensor:
    """Uniform in [0, 1), float32, one for every entry of x."""
    return torch.rand(x.shape, generator=g, device=x.device)
