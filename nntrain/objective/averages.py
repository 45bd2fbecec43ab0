"""Means and ratios that metrics are made of; none waits for the device."""

from __future__ import annotations

import torch
from torch import Tensor


def real(x: Tensor) -> torch.dtype:
    """The widest real type that the device has."""
    return torch.float32 if x.device.type == "mps" else torch.float64  # mps has no float64


def weighted_mean(x: Tensor, weights: Tensor | None) -> Tensor:
    """Mean over the samples, dimension 0."""
    if weights is None:
        return x.mean(0)
    w = weights.to(x.dtype)
    return w @ x / w.sum()


def ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where b is 0."""
    return torch.where(b > 0, a / torch.where(b > 0, b, 1.0), 0.0)


def found_scores(hits: Tensor, predicted: Tensor, support: Tensor) -> dict[str, Tensor]:
    """`precision`, `recall`, `f1` (0 where nothing was there to find) and `support` of each class or label, [K], by how
    many samples were rightly found, predicted and there, [K] each."""
    return {
        "precision": ratio(hits, predicted),
        "recall": ratio(hits, support),
        "f1": ratio(2 * hits, predicted + support),
        "support": support,
    }


def mean_over(values: Tensor, present: Tensor) -> Tensor:
    """Mean of the values that are present; nan where none is."""
    return torch.where(present, values, 0.0).sum() / present.sum()
