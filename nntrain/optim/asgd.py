"""Averaged stochastic gradient descent (Polyak & Juditsky 1992), with the step sizes of Xu 2011."""

from __future__ import annotations

from torch import Tensor

from nntrain.optim.optimizer import Coefficients, Hyper, Optimizer, State, where
from nntrain.optim.parameters import Parameters


class ASGD(Optimizer):
    """Descends with steps eta = lr / (1 + lambd * lr * (step - 1))^alpha, shrinking p by lambd * eta at each.

    The state `ax` follows the parameters for t0 + 1 updates and is the mean of those after that: the point to
    evaluate. Where lr changes from step to step, eta follows at once (in torch one step late).
    """

    def __init__(
        self,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.lambd = lambd
        self.alpha = alpha
        self.t0 = t0

    def initial_state(self, params: Parameters) -> State:
        return State({"ax": params.flat.clone()}, params)

    def averaged(self, state: State, step: int) -> Tensor | None:
        return state.tensors["ax"] if step > self.t0 + 1 else None

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        eta = h.lr / (1 + self.lambd * h.lr * (h.step - 1)) ** self.alpha
        averaged = h.step - 1 - self.t0
        return self.lambd, eta, 1 / where(averaged > 1, averaged, 1.0)

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        lambd, eta, share = c
        delta = (g + p * lambd) * eta
        s["ax"].lerp_(p - delta, share)
        return delta
