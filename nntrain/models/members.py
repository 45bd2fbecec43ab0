"""Layers of one network, or of M networks of the same shape at once: their parameters then carry a leading member axis,
and so does what they take and return.

Legend: M members, B samples in a batch. Whether there is a member axis is told by the parameters' axes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ALIGNED = 16  # floats in a cache line: products round otherwise where their rows lie otherwise in theirs


@dataclass
class Rows:
    """How many rows of a stack's batch are samples; those after them only fill it up."""

    count: int = 0


Drop = Callable[[Tensor], Tensor]  # what drops units of a stack, each member's at its own rate


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x [B, in], weight [out, in], bias [out] -> [B, out]; x [M, B, in], weight [M, out, in], bias [M, out] -> [M, B,
    out]."""
    if weight.ndim == 2:
        return F.linear(x, weight, bias)
    units = x.mT if x.shape[2] % ALIGNED == 0 else x.mT.contiguous()
    if 1 in weight.shape[1:]:  # no matrix: of such products torch rounds those of one member otherwise than of several
        y = (weight.unsqueeze(3) * units.unsqueeze(1)).sum(2)
        return (y if bias is None else y + bias.unsqueeze(2)).mT
    # the transposed product: its gradient for the weights comes as they lie in memory
    return (torch.bmm(weight, units) if bias is None else torch.baddbmm(bias.unsqueeze(2), weight, units)).mT


def dropout(x: Tensor, rate: float | Drop, training: bool) -> Tensor:
    """Zeros with probability `rate`, the rest scaled up to the same mean."""
    if callable(rate):
        return rate(x) if training else x
    return F.dropout(x, rate, training)


class Linear(nn.Linear):
    """[B, in] -> [B, out], or [M, B, in] -> [M, B, out]."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class LayerNorm(nn.LayerNorm):
    """[B, width] -> [B, width], or [M, B, width] -> [M, B, width]."""

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 1:
            return super().forward(x)
        y = F.layer_norm(x, self.normalized_shape, None, None, self.eps)
        return torch.addcmul(self.bias.unsqueeze(1), y, self.weight.unsqueeze(1))


class RMSNorm(nn.RMSNorm):
    """[B, width] -> [B, width], or [M, B, width] -> [M, B, width]."""

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 1:
            return super().forward(x)
        return F.rms_norm(x, self.normalized_shape, None, self.eps) * self.weight.unsqueeze(1)


class PReLU(nn.PReLU):
    """One slope, of any shape; or one a member, of [M, ...]."""

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 1:
            return super().forward(x)
        return torch.where(x > 0, x, self.weight.view(-1, *[1] * (x.ndim - 1)) * x)


class Embedding(nn.Embedding):
    """Codes int64 [B] -> [B, width], or [M, B] -> [M, B, width], each member's from a table of its own."""

    def forward(self, codes: Tensor) -> Tensor:
        if self.weight.ndim == 2:
            return super().forward(codes)
        members, rows, width = self.weight.shape
        first = torch.arange(0, members * rows, rows, device=codes.device)
        return F.embedding(codes + first.unsqueeze(1), self.weight.reshape(-1, width))
