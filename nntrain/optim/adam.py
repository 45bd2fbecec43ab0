"""Adam (Kingma & Ba 2015), with AMSGrad (Reddi et al. 2018) and decoupled decay, AdamW (Loshchilov & Hutter 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nntrain.optim.optimizer import FUSED_DEVICES, Coefficients, Hyper, Optimizer


class Adam(Optimizer):
    """p -= lr * m / (sqrt(v) + eps), with m and v the averages of g and of its square, corrected for their start.

    betas: decay of m and of v, each in [0, 1). amsgrad: v never falls.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.beta1, self.beta2 = betas
        self.eps = eps
        self.amsgrad = amsgrad
        self.slots = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if amsgrad else ("exp_avg", "exp_avg_sq")
        self._kernel = torch._fused_adamw_ if decoupled_weight_decay else torch._fused_adam_

    @property
    def base_momentum(self) -> float:
        return self.beta1

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        beta1 = self.beta1 if h.momentum is None else h.momentum
        rate = h.lr / (1 - beta1**h.step)
        return 1 - beta1, 1 - self.beta2, rate, (1 - self.beta2**h.step) ** 0.5, self.eps

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        forget1, forget2, rate, correction, eps = c
        m = s["exp_avg"].lerp_(g, forget1)
        v = s["exp_avg_sq"].lerp_(g * g, forget2)
        if self.amsgrad:
            v = torch.maximum(s["max_exp_avg_sq"], v, out=s["max_exp_avg_sq"])
        root = v.sqrt().div_(correction).add_(eps)
        return m / root * rate

    def has_fused(self, device: torch.device) -> bool:
        return device.type in FUSED_DEVICES

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
        self._kernel(
            p,
            g,
            s["exp_avg"],
            s["exp_avg_sq"],
            s["max_exp_avg_sq"] if self.amsgrad else [],
            [step] * len(p),
            lr=h.lr,
            beta1=self.beta1 if h.momentum is None else h.momentum,
            beta2=self.beta2,
            weight_decay=weight_decay,
            eps=self.eps,
            amsgrad=self.amsgrad,
            maximize=False,
            grad_scale=None,
            found_inf=found_inf,
        )


class AdamW(Adam):
    """Adam whose weight decay acts on the weights and not through the gradient."""

    def __init__(
        self,
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 0.01,
        decoupled_weight_decay: bool = True,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, betas, eps, amsgrad, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
