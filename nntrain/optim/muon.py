"""Muon (Jordan et al. 2024): momentum made orthogonal, for matrices; AdamW for what is none."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.linalg import vector_norm

from nntrain.optim.adam import AdamW
from nntrain.optim.optimizer import Coefficients, Hyper, Optimizer, State
from nntrain.optim.parameters import Parameters


class Muon(Optimizer):
    """Matrices step along their momentum with all singular values made near 1, by `ns_steps` Newton-Schulz iterations.

    These are in bfloat16 as published, as they forgive its rounding; on the CPU in float32, which is many times as fast
    where a processor has no instructions for bfloat16. A network in a stack then steps as it would alone; in bfloat16
    it does not, as the smallest difference may become one of 2^-8.

    A convolution kernel counts as the matrix [out, in * height * width]. Biases, norms and every parameter whose name
    contains a word of `adamw_names` (embeddings, whose rows are no linear map; add the output layer's to follow Jordan)
    take AdamW with `adamw_lr`, which a schedule moves in proportion to `lr`, `adamw_betas` and `adamw_eps`.
    eps: least norm that a momentum is divided by. adjust_lr_fn, for a matrix [A, B]: "original" lr * sqrt(max(1, A /
    B)); "match_rms_adamw" lr * 0.2 * sqrt(max(A, B)), so that AdamW's rates fit (Liu et al. 2025);
    "spectral_unclamped" lr * sqrt(A / B).
    """

    elementwise = False
    fixed = ("ns_coefficients", "ns_steps")

    def __init__(
        self,
        lr: float = 0.02,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: Sequence[float] = (3.4445, -4.7750, 2.0315),
        ns_steps: int = 5,
        eps: float = 1e-7,
        adjust_lr_fn: str = "original",
        adamw_lr: float = 1e-3,
        adamw_betas: Sequence[float] = (0.9, 0.999),
        adamw_eps: float = 1e-8,
        adamw_names: Sequence[str] = ("embedding",),
        weight_decay: float = 0.01,
        decoupled_weight_decay: bool = True,
        decay_biases_and_norms: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decoupled_weight_decay, decay_biases_and_norms)
        self.momentum = momentum
        self.nesterov = nesterov
        self.ns_coefficients = ns_coefficients
        self.ns_steps = ns_steps
        self.eps = eps
        self.adjust_lr_fn = adjust_lr_fn
        self.adamw_share = adamw_lr / lr
        self.adamw_names = tuple(adamw_names)
        self.adamw = AdamW(adamw_lr, adamw_betas, adamw_eps)

    @property
    def base_momentum(self) -> float | None:
        return self.momentum or None

    def initial_state(self, params: Parameters) -> State:
        tensors = {}
        for i, (name, p) in enumerate(zip(params.names, params.data, strict=True)):
            is_matrix = p.ndim > 1 and not any(word in name for word in self.adamw_names)
            for slot in ("momentum_buffer",) if is_matrix else self.adamw.slots:
                tensors[f"{slot}.{i}"] = torch.zeros_like(p)
        return State(tensors, params)

    def decay_rate(self, s: dict[str, Tensor], h: Hyper) -> float:
        return h.lr if "momentum_buffer" in s else h.lr * self.adamw_share

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        momentum = self.momentum if h.momentum is None else h.momentum
        adamw = self.adamw.coefficients(Hyper(h.step, h.lr * self.adamw_share))
        return h.lr, momentum, 1 - momentum, self.eps, *adamw

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        lr, momentum, forget, eps, *adamw = c
        if "momentum_buffer" not in s:
            return self.adamw.rule(p, g, s, tuple(adamw))
        m = s["momentum_buffer"].lerp_(g, forget)
        if self.nesterov:
            m = g.lerp(m, momentum)
        m = m / vector_norm(m, dim=tuple(range(self.lead, m.ndim)), keepdim=True).clamp_(min=eps)
        return self._orthogonal(m.flatten(self.lead + 1)).view_as(p) * (lr * self._adjustment(p.shape[self.lead :]))

    def _orthogonal(self, matrix: Tensor) -> Tensor:
        """U S V^T of norm 1 -> about U V^T."""
        a, b, c = self.ns_coefficients
        multiply = torch.baddbmm if self.lead else torch.addmm
        tall = matrix.shape[-2] > matrix.shape[-1]
        x = (matrix.mT if tall else matrix).to(torch.float32 if matrix.device.type == "cpu" else torch.bfloat16)
        for _ in range(self.ns_steps):
            gram = x @ x.mT
            x = multiply(x, multiply(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return (x.mT if tall else x).to(matrix.dtype, memory_format=torch.contiguous_format)

    def _adjustment(self, shape: torch.Size) -> float:
        rows, columns = shape[0], shape[1:].numel()
        if self.adjust_lr_fn == "match_rms_adamw":
            return float(0.2 * max(rows, columns) ** 0.5)
        ratio = rows / columns
        return float((ratio if self.adjust_lr_fn == "spectral_unclamped" else max(1.0, ratio)) ** 0.5)
