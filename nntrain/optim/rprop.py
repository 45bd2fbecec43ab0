"""Resilient propagation (Riedmiller & Braun 1993): steps from the signs of the gradient alone; for full batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nntrain.optim.optimizer import Coefficients, Hyper, Optimizer, State
from nntrain.optim.parameters import Parameters


class Rprop(Optimizer):
    """Each weight's step grows by etas[1] while its gradient keeps its sign and shrinks by etas[0] when that flips.

    etas: below 1, above 1. step_sizes: least and greatest step. lr: the first step of every weight; what a schedule
    makes of it later has no effect.
    """

    def __init__(
        self, lr: float = 1e-2, etas: Sequence[float] = (0.5, 1.2), step_sizes: Sequence[float] = (1e-6, 50.0)
    ) -> None:
        super().__init__(lr)
        self.shrink, self.grow = etas
        self.least, self.greatest = step_sizes

    def initial_state(self, params: Parameters) -> State:
        start = {"prev": torch.zeros_like(params.flat), "step_size": torch.full_like(params.flat, self.lr)}
        return State(start, params)

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        return self.shrink, self.grow, self.least, self.greatest

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        shrink, grow, least, greatest = c
        agreement = g * s["prev"]
        flipped = agreement < 0
        factor = torch.where(flipped, shrink, torch.where(agreement > 0, grow, 1.0))
        size = s["step_size"].mul_(factor).clamp_(least, greatest)  # type: ignore[arg-type]  # floats, or tensors
        kept = s["prev"].copy_(g).masked_fill_(flipped, 0)  # a weight that overshot waits one step
        return kept.sign() * size
