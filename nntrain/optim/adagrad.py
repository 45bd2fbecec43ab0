"""Adagrad and its descendants: a step per weight, from the size of its gradients so far."""

from __future__ import annotations

import torch
from torch import Tensor

from nntrain.optim.optimizer import Coefficients, Hyper, Optimizer, State
from nntrain.optim.parameters import Parameters


class Adagrad(Optimizer):
    """p -= lr / (1 + (step - 1) * lr_decay) * g / (sqrt(sum of g^2) + eps) (Duchi et al. 2011).

    initial_accumulator_value: what that sum starts from.
    """

    slots = ("sum",)

    def __init__(
        self,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.lr_decay = lr_decay
        self.initial_accumulator_value = initial_accumulator_value
        self.eps = eps

    def initial_state(self, params: Parameters) -> State:
        return State({"sum": torch.full_like(params.flat, self.initial_accumulator_value)}, params)

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        return h.lr / (1 + (h.step - 1) * self.lr_decay), self.eps

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        rate, eps = c
        root = s["sum"].add_(g * g).sqrt().add_(eps)
        return g / root * rate

    def has_fused(self, device: torch.device) -> bool:
        coupled = not (self.weight_decay and self.decoupled_weight_decay)  # the only decay that the kernel knows
        return coupled and device.type == "cpu"  # torch 2.10, which we allow, has it for no other

    def fused(
        self,
        p: list[Tensor],
        g: list[Tensor],
        s: dict[str, list[Tensor]],
        h: Hyper,
        weight_decay: float,
        found_inf: Tensor | None,
    ) -> None:
        step = torch.full((), float(h.step), device=p[0].device)
        torch._fused_adagrad_(
            p,
            g,
            s["sum"],
            [step] * len(p),
            lr=h.lr,
            lr_decay=self.lr_decay,
            weight_decay=weight_decay,
            eps=self.eps,
            maximize=False,
            grad_scale=None,
            found_inf=found_inf,
        )


class Adadelta(Optimizer):
    """Steps in the unit of the weights: g times the ratio of two running root mean squares (Zeiler 2012).

    rho: decay of both averages, in [0, 1).
    """

    slots = ("square_avg", "acc_delta")

    def __init__(
        self,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.rho = rho
        self.eps = eps

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        return h.lr, 1 - self.rho, self.eps

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        lr, forget, eps = c
        v = s["square_avg"].lerp_(g * g, forget)
        delta = g * (s["acc_delta"] + eps).sqrt_() / (v + eps).sqrt_()
        s["acc_delta"].lerp_(delta * delta, forget)
        return delta * lr


class RMSprop(Optimizer):
    """p -= lr * g / (sqrt(v) + eps), with v the running mean of g^2 (Hinton 2012, lecture 6e), and momentum on that.

    alpha: decay of v, in [0, 1). centered: v is the variance of g, not its mean square (Graves 2013).
    """

    def __init__(
        self,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.alpha = alpha
        self.eps = eps
        self.momentum = momentum
        self.centered = centered
        kept = {"square_avg": True, "grad_avg": centered, "momentum_buffer": momentum > 0}
        self.slots = tuple(slot for slot, wanted in kept.items() if wanted)

    @property
    def base_momentum(self) -> float | None:
        return self.momentum or None

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        return h.lr, 1 - self.alpha, self.eps, self.momentum if h.momentum is None else h.momentum

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        lr, forget, eps, momentum = c
        v = s["square_avg"].lerp_(g * g, forget)
        if self.centered:
            mean = s["grad_avg"].lerp_(g, forget)
            v = (v - mean * mean).clamp_(min=0)  # rounding can take a variance below 0, and its root is then NaN
        step = g / v.sqrt().add_(eps)
        if "momentum_buffer" in s:
            step = s["momentum_buffer"].mul_(momentum).add_(step)
        return step * lr
