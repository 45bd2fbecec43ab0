"""Stochastic gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013)."""

from __future__ import annotations

import torch
from torch import Tensor

from nntrain.optim.optimizer import FUSED_DEVICES, Coefficients, Hyper, Optimizer, where


class SGD(Optimizer):
    """p -= lr * v, with v = momentum * v + (1 - dampening) * g; v starts as the first gradient, undampened.

    momentum: in [0, 1); 0 keeps no state (or, in a stack beside others, the last g as `v`). dampening: in [0, 1].
    nesterov: step along g + momentum * v; it wants momentum above 0 and no dampening.
    """

    def __init__(
        self,
        lr: float = 0.01,
        momentum: float = 0.9,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.momentum = momentum
        self.dampening = dampening
        self.nesterov = nesterov
        self.slots = ("momentum_buffer",) if momentum else ()

    @property
    def base_momentum(self) -> float | None:
        return self.momentum or None

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        momentum = self.momentum if h.momentum is None else h.momentum
        first, take = h.step == 1, where(self.momentum == 0, 1.0, 1 - self.dampening)
        return h.lr, momentum, where(first, 0.0, momentum), where(first, 1.0, take)

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        lr, momentum, keep, take = c
        if not self.slots:
            return g * lr
        v = s["momentum_buffer"].mul_(keep).add_(g * take)
        return (g + momentum * v) * lr if self.nesterov else v * lr

    def has_fused(self, device: torch.device) -> bool:
        coupled = not (self.weight_decay and self.decoupled_weight_decay)  # the only decay that the kernel knows
        return coupled and device.type in FUSED_DEVICES

    def fused(
        self,
        p: list[Tensor],
        g: list[Tensor],
        s: dict[str, list[Tensor]],
        h: Hyper,
        weight_decay: float,
        found_inf: Tensor | None,
    ) -> None:
        own = self.momentum if h.momentum is None else h.momentum
        torch._fused_sgd_(
            p,
            g,
            s["momentum_buffer"] if self.slots else [],
            weight_decay=weight_decay,
            momentum=own if self.slots else 0.0,
            lr=h.lr,
            dampening=self.dampening,
            nesterov=self.nesterov,
            maximize=False,
            is_first_step=h.step == 1,
            grad_scale=None,
            found_inf=found_inf,
        )
