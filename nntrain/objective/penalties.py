"""Penalties on weights, limits on gradients and on weight vectors: a few operations over lists of tensors, none syncs.

`weights` are matrices and larger tensors, not biases and norms.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def penalty(weights: Sequence[Tensor], l1: float = 0.0, l2: float = 0.0) -> Tensor:
    """l1 * sum |w| + l2 * sum w^2 over all weights (of which there is at least one), 0-d."""
    absolute = torch.stack(torch._foreach_norm(list(weights), 1)).sum()
    squares = torch.stack(torch._foreach_norm(list(weights), 2)).square().sum()
    return l1 * absolute + l2 * squares


@torch.no_grad()
def add_penalty_gradients(
    grads: Sequence[Tensor], params: Sequence[Tensor], weights: int, l1: float = 0.0, l2: float = 0.0
) -> list[Tensor]:
    """`grads` plus the penalty's gradient l1 * sign(w) + 2 * l2 * w, sign(0) = 0, for the first `weights` of `params`.

    Out of place; one gradient per parameter.
    """
    w, total, rest = list(params[:weights]), list(grads[:weights]), list(grads[weights:])
    if l2 and w:
        total = list(torch._foreach_add(total, w, alpha=2 * l2))
    if l1 and w:
        total = list(torch._foreach_add(total, torch._foreach_sign(w), alpha=l1))
    return total + rest


def global_norm(tensors: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm of all tensors as one vector, 0-d."""
    norms = torch.stack(torch._foreach_norm(list(tensors)))
    return norms.square().sum().sqrt()


@torch.no_grad()
def clip_by_norm(grads: Sequence[Tensor], limit: float) -> list[Tensor]:
    """Gradients scaled down together where their global norm exceeds `limit` (Pascanu et al. 2013), out of place."""
    scale = (limit / (global_norm(grads) + 1e-6)).clamp(max=1.0)
    return list(torch._foreach_mul(list(grads), scale))


@torch.no_grad()
def clip_by_value(grads: Sequence[Tensor], limit: float) -> list[Tensor]:
    """Every entry limited to [-limit, limit], out of place."""
    return list(torch._foreach_clamp_max(torch._foreach_clamp_min(list(grads), -limit), limit))


@torch.no_grad()
def max_norm_(weights: Sequence[Tensor], limit: float) -> None:
    """After an update: scale every unit's incoming weight vector, a row of [out, in, ...], back to norm `limit` where
    it is longer (Srivastava et al. 2014, sec. 5.1), in place."""
    for weight in weights:
        weight.renorm_(2, 0, limit)
