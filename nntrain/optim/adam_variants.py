"""Relatives of Adam: with Nesterov's momentum, with a rectified start, with the infinity norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nntrain.optim.optimizer import Coefficients, Hyper, Optimizer, State, where
from nntrain.optim.parameters import Parameters


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat 2016).

    The first beta warms up as beta1 * (1 - 0.96^(step * momentum_decay) / 2); the state keeps the product of these.
    """

    slots = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        lr: float = 2e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.beta1, self.beta2 = betas
        self.eps = eps
        self.momentum_decay = momentum_decay

    @property
    def base_momentum(self) -> float:
        return self.beta1

    def initial_state(self, params: Parameters) -> State:
        product = torch.ones((), device=params.flat.device)
        return State(super().initial_state(params).tensors | {"mu_product": product}, params)

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        beta1 = self.beta1 if h.momentum is None else h.momentum
        mu = beta1 * (1 - 0.5 * 0.96 ** (h.step * self.momentum_decay))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((h.step + 1) * self.momentum_decay))
        rates = h.lr * (1 - mu), h.lr * mu_next
        return 1 - beta1, 1 - self.beta2, mu, mu_next, *rates, 1 - self.beta2**h.step, self.eps

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        forget1, forget2, mu, mu_next, rate, rate_next, correction, eps = c
        product = s["mu_product"].mul_(mu)
        m = s["exp_avg"].lerp_(g, forget1)
        v = s["exp_avg_sq"].lerp_(g * g, forget2)
        root = (v / correction).sqrt_().add_(eps)
        ahead = g * (rate / (1 - product)) + m * (rate_next / (1 - product * mu_next))
        return ahead / root


class RAdam(Optimizer):
    """Adam whose adaptive step is rectified for its variance, and left out while that is infinite (Liu et al. 2020)."""

    slots = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.beta1, self.beta2 = betas
        self.eps = eps

    @property
    def base_momentum(self) -> float:
        return self.beta1

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        beta1 = self.beta1 if h.momentum is None else h.momentum
        correction = 1 - self.beta2**h.step
        longest = 2 / (1 - self.beta2) - 1
        length = longest - 2 * h.step * self.beta2**h.step / correction  # of the average that v is worth
        known = length > 5
        longest, length = where(known, longest, 6.0), where(known, length, 6.0)  # arrays are computed with throughout
        rectified = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        scale = where(known, (correction * rectified) ** 0.5, 1.0)
        return 1 - beta1, 1 - self.beta2, h.lr / (1 - beta1**h.step), scale, where(known, 1.0, 0.0), self.eps

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        forget1, forget2, rate, scale, known, eps = c
        m = s["exp_avg"].lerp_(g, forget1)
        v = s["exp_avg_sq"].lerp_(g * g, forget2)
        step, root = m * rate, v.sqrt().add_(eps)
        if isinstance(known, Tensor):
            root.mul_(known).add_(1 - known)  # 1 where it is left out
        elif not known:
            return step
        return step * scale / root


class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the root of its mean square (Kingma & Ba 2015, section 7)."""

    slots = ("exp_avg", "exp_inf")

    def __init__(
        self,
        lr: float = 2e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.beta1, self.beta2 = betas
        self.eps = eps

    @property
    def base_momentum(self) -> float:
        return self.beta1

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        beta1 = self.beta1 if h.momentum is None else h.momentum
        return 1 - beta1, self.beta2, h.lr / (1 - beta1**h.step), self.eps

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        forget1, beta2, rate, eps = c
        m = s["exp_avg"].lerp_(g, forget1)
        largest = s["exp_inf"].mul_(beta2)
        torch.maximum(largest, g.abs().add_(eps), out=largest)
        return m / largest * rate
