"""Lion (Chen et al. 2023): the sign of an interpolated momentum."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nntrain.optim.optimizer import Coefficients, Hyper, Optimizer


class Lion(Optimizer):
    """p -= lr * sign(beta1 * m + (1 - beta1) * g), then m = beta2 * m + (1 - beta2) * g."""

    slots = ("exp_avg",)

    def __init__(
        self,
        lr: float = 1e-4,
        betas: Sequence[float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = True,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.beta1, self.beta2 = betas

    @property
    def base_momentum(self) -> float:
        return self.beta1

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        beta1 = self.beta1 if h.momentum is None else h.momentum
        return h.lr, 1 - beta1, 1 - self.beta2

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        lr, forget1, forget2 = c
        direction = s["exp_avg"].lerp(g, forget1).sign_()
        s["exp_avg"].lerp_(g, forget2)
        return direction * lr
