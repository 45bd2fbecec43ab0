"""Dropout and noise of a stack: each member's draws come from its own seed, and are those of its training alone.

Legend: M members, B samples in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nntrain.models.members import Rows


class Draws:
    """One random generator a member, seeded before every step as torch's own is for one network: on the CPU the numbers
    are the same, because they are drawn in the same order and shapes.

    rows: of the batch; those that only fill it up draw nothing.
    """

    def __init__(self, members: int, rows: Rows, device: torch.device) -> None:
        self.rows = rows
        self.generators = [torch.Generator(device) for _ in range(members)]

    def seed(self, seeds: Sequence[int]) -> None:
        for generator, seed in zip(self.generators, seeds, strict=True):
            generator.manual_seed(seed)


class Dropout:
    """Drops units of x [M, B, ...], each member's at its own rate in [0, 1). A rate of 0 draws nothing."""

    def __init__(self, rates: Sequence[float], draws: Draws, device: torch.device) -> None:
        self.keep = [1 - rate for rate in rates]
        self.draws = draws
        self._keep = torch.tensor(self.keep, device=device)

    def __call__(self, x: Tensor) -> Tensor:
        kept = torch.ones(x.shape, dtype=x.dtype, device=x.device)
        drawn = kept[:, : self.draws.rows.count]
        for row, keep, generator in zip(drawn.unbind(), self.keep, self.draws.generators, strict=True):
            if keep < 1:
                row.bernoulli_(keep, generator=generator)
        return x * kept.div_(over_rows(self._keep, x))


class Noise:
    """Adds normal noise to x [M, B, ...], each member's of its own size. A size of 0 draws nothing."""

    def __init__(self, sizes: Sequence[float], draws: Draws, device: torch.device) -> None:
        self.sizes = list(sizes)
        self.draws = draws
        self._sizes = torch.tensor(self.sizes, device=device)

    def __call__(self, x: Tensor) -> Tensor:
        noise = torch.zeros(x.shape, dtype=x.dtype, device=x.device)
        drawn = noise[:, : self.draws.rows.count]
        for row, size, generator in zip(drawn.unbind(), self.sizes, self.draws.generators, strict=True):
            if size:
                row.normal_(generator=generator)
        return x + noise.mul_(over_rows(self._sizes, x))


def over_rows(values: Tensor, x: Tensor) -> Tensor:
    """[M] as [M, 1, ...], which goes with x [M, ...], in its precision."""
    return values.to(x.dtype).view(-1, *[1] * (x.ndim - 1))
