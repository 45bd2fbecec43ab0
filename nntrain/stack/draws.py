"""Dropout and noise of a stack: each member's draws come from its own seed, and are those of its training alone.

Legend: M members, B samples in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nntrain.augment.draws import GOLDEN, mix64
from nntrain.models.members import Rows
from nntrain.objective.corruption import constant


class Draws:
    """One random generator a member, seeded before every step as torch's own is for one network: on the CPU the numbers
    are the same, because they are drawn in the same order and shapes.

    rows: of the batch; those that only fill it up draw nothing.
    """

    def __init__(self, members: int, rows: Rows) -> None:
        self.rows = rows
        self.generators = [torch.Generator() for _ in range(members)]

    def seed(self, seeds: Sequence[int]) -> None:
        for generator, seed in zip(self.generators, seeds, strict=True):
            generator.manual_seed(seed)

    def keeps(self, x: Tensor, probabilities: Sequence[float]) -> Tensor:
        """1 with each member's probability, else 0; like x [M, B, ...]. A probability of 1 draws nothing."""
        kept = torch.ones(x.shape, dtype=x.dtype)
        drawn = kept[:, : self.rows.count].unbind()
        for row, probability, generator in zip(drawn, probabilities, self.generators, strict=True):
            if probability < 1:
                row.bernoulli_(probability, generator=generator)
        return kept

    def normal(self, x: Tensor, sizes: Sequence[float]) -> Tensor:
        """Standard normal numbers like x [M, B, ...]; none, but 0, for a member whose size is 0."""
        noise = torch.zeros(x.shape, dtype=x.dtype)
        drawn = noise[:, : self.rows.count].unbind()
        for row, size, generator in zip(drawn, sizes, self.generators, strict=True):
            if size:
                row.normal_(generator=generator)
        return noise


class HashedDraws(Draws):
    """The same for devices on which a call per member would take too long: each number is a hash of the member's seed,
    of how many draws its step made before, and of its place (see `augment/draws.py`). Nothing waits for the device."""

    def __init__(self, rows: Rows, device: torch.device) -> None:
        super().__init__(0, rows)
        self.device = device

    def seed(self, seeds: Sequence[int]) -> None:
        self.keys = torch.tensor(seeds, dtype=torch.int64).unsqueeze(1).to(self.device, non_blocking=True)
        self.calls = 0

    def keeps(self, x: Tensor, probabilities: Sequence[float]) -> Tensor:
        wanted = constant(tuple(probabilities), torch.float32, self.device)
        return (self._units(x) < over_rows(wanted, x).float()).to(x.dtype)

    def normal(self, x: Tensor, sizes: Sequence[float]) -> Tensor:
        nearly = 1 - 2.0**-24  # the inverse is infinite at 1
        uniform = self._units(x).mul_(2).sub_(1).clamp_(-nearly, nearly)
        return uniform.erfinv_().mul_(2**0.5).to(x.dtype)

    def _units(self, x: Tensor) -> Tensor:
        """float32 in [0, 1), like x."""
        self.calls += 1
        places = torch.arange(1, x[0].numel() + 1, device=x.device).mul_(GOLDEN)
        keys = mix64(mix64(self.keys.clone()) + self.calls)
        return (mix64(keys + places) >> 40).bitwise_and_((1 << 24) - 1).to(torch.float32).mul_(2.0**-24).view(x.shape)


def draws_for(members: int, rows: Rows, device: torch.device) -> Draws:
    return Draws(members, rows) if device.type == "cpu" else HashedDraws(rows, device)


class Dropout:
    """Drops units of x [M, B, ...], each member's at its own rate in [0, 1). A rate of 0 draws nothing."""

    def __init__(self, rates: Sequence[float], draws: Draws, device: torch.device) -> None:
        self.keep = [1 - rate for rate in rates]
        self.draws = draws
        self._keep = torch.tensor(self.keep, device=device)

    def __call__(self, x: Tensor) -> Tensor:
        return x * self.draws.keeps(x, self.keep).div_(over_rows(self._keep, x))


class Noise:
    """Adds normal noise to x [M, B, ...], each member's of its own size. A size of 0 draws nothing."""

    def __init__(self, sizes: Sequence[float], draws: Draws, device: torch.device) -> None:
        self.sizes = list(sizes)
        self.draws = draws
        self._sizes = torch.tensor(self.sizes, device=device)

    def __call__(self, x: Tensor) -> Tensor:
        return x + self.draws.normal(x, self.sizes).mul_(over_rows(self._sizes, x))


def over_rows(values: Tensor, x: Tensor) -> Tensor:
    """[M] as [M, 1, ...], which goes with x [M, ...], in its precision."""
    return values.to(x.dtype).view(-1, *[1] * (x.ndim - 1))
