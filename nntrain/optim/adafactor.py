"""Adafactor (Shazeer & Stern 2018): Adam's second moment of a matrix from its row and column means alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.linalg import vector_norm

from nntrain.optim.optimizer import Coefficients, Hyper, Optimizer, State, where
from nntrain.optim.parameters import Parameters


class Adafactor(Optimizer):
    """As torch's: no first moment, factored over the last two axes, steps relative to the size of the parameter
    (taken after its decay; by torch before).

    beta2_decay: the second moment at step t forgets at the rate t^beta2_decay, below 0. eps1: keeps the second moment
    from 0; None is the resolution of float32. eps2: least size taken for a parameter. d: greatest root mean square of
    an update before it is scaled. lr: at most; 1 / sqrt(step) where that is less.
    """

    elementwise = False

    def __init__(
        self,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps1: float | None = None,
        eps2: float = 1e-3,
        d: float = 1.0,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = True,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.beta2_decay = beta2_decay
        self.eps1 = torch.finfo(torch.float32).eps if eps1 is None else eps1
        self.eps2 = eps2
        self.d = d

    def initial_state(self, params: Parameters) -> State:
        tensors = {}
        for i, p in enumerate(params.data):
            if p.ndim > 1:
                tensors[f"row_var.{i}"] = p.new_zeros(*p.shape[:-1], 1)
                tensors[f"col_var.{i}"] = p.new_zeros(*p.shape[:-2], 1, p.shape[-1])
            else:
                tensors[f"variance.{i}"] = torch.zeros_like(p)
        return State(tensors, params)

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        most = 1 / h.step**0.5
        lr = where(h.lr < most, h.lr, most)
        return lr, h.step**self.beta2_decay, self.eps1, self.eps1**2, self.eps2, self.d

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        lr, rate, eps1, eps1_squared, eps2, d = c
        square = g * g
        if "row_var" in s:
            rows = s["row_var"].lerp_(square.mean(dim=-1, keepdim=True), rate)
            columns = s["col_var"].lerp_(square.mean(dim=-2, keepdim=True), rate)
            v = rows * columns / rows.mean(dim=-2, keepdim=True).clamp_(min=eps1)
        else:
            v = s["variance"].lerp_(square, rate).clone()
        own, width = tuple(range(self.lead, p.ndim)), p.shape[self.lead :].numel() ** 0.5
        update = v.clamp_(min=eps1_squared).rsqrt_().mul_(g)
        size = vector_norm(p, dim=own, keepdim=True).div_(width).clamp_(min=eps2)
        excess = vector_norm(update, dim=own, keepdim=True).div_(width * d).clamp_(min=1)
        scale: Tensor = size / excess * lr
        return update * scale
