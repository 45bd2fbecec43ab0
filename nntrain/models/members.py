"""Layers of one network, or of M networks of the same shape at once: their parameters then carry a leading member axis,
and so does what they take and return.

Legend: M members, B samples in a batch. Whether there is a member axis is told by the parameters' axes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Drop = Callable[[Tensor], Tensor]  # what drops units of a stack, each member's at its own rate


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x [B, in], weight [out, in], bias [out] -> [B, out]; x [M, B, in], weight [M, out, in], bias [M, out] -> [M, B,
    out]."""
    if weight.ndim == 2:
        return F.linear(x, weight, bias)
    # the transposed product: its gradient for the weights comes as they lie in memory
    return (torch.bmm(weight, x.mT) if bias is None else torch.baddbmm(bias.unsqueeze(2), weight, x.mT)).mT


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
