"""Layers of one network, or of M networks of the same shape at once: their parameters then carry a leading member axis,
and so does what they take and return.

Legend: M members, G groups, B samples in a batch. Whether there is a member axis is told by the parameters' axes.

Pictures of a stack lie side by side, [B, G * C, H, W]: the first C channels are the first member's, those of the groups
after the last member are blank; a convolution is one in groups (see `groups_of`).
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


def groups_of(members: int, device: torch.device) -> int:
    """How many groups the pictures of so many members are: on the CPU a multiple of its threads, and at least two.

    oneDNN divides groups among threads, and takes other kernels for one group: so filled up, what a member computes is
    the same to the bit whoever is beside it.
    """
    return members + -members % max(2, torch.get_num_threads()) if device.type == "cpu" else members


def side_by_side(x: Tensor) -> Tensor:
    """Pictures [M, B, C, H, W] -> [B, G * C, H, W], channels-last."""
    gap = groups_of(len(x), x.device) - len(x)
    return F.pad(x.permute(1, 3, 4, 0, 2), (0, 0, 0, gap)).flatten(3).permute(0, 3, 1, 2)


def apart(x: Tensor, members: int) -> Tensor:
    """What was made of such pictures, [B, G * F] -> [M, B, F]."""
    return torch.unflatten(x, 1, (groups_of(members, x.device), -1)).transpose(0, 1)[:members]


def filled(values: Tensor, groups: int) -> Tensor:
    """[M, ...] -> [G, ...] with 0 for those that are blank."""
    return F.pad(values, (*(0, 0) * (values.ndim - 1), 0, groups - len(values)))


def wider(x: Tensor, more: int, groups: int) -> Tensor:
    """Pictures [B, G * C, H, W] -> [B, G * (C + more), H, W]: blank channels after those of each group."""
    places = torch.unflatten(x.permute(0, 2, 3, 1), 3, (groups, -1))
    return F.pad(places, (0, more)).flatten(3).permute(0, 3, 1, 2)


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, ...], padding: tuple[int, ...]) -> Tensor:
    """x [B, C, H, W], weight [out, C, k, k] -> [B, out, h, w]; x [B, G * C, H, W], weight [M, out, C, k, k] -> [B, G *
    out, h, w]."""
    if weight.ndim == 4:
        return F.conv2d(x, weight, bias, stride, padding)
    groups = x.shape[1] // weight.shape[2]
    weight = filled(weight, groups)
    if weight.shape[2] == 1:  # for groups of one channel oneDNN's kernels depend on their number
        weight, x = F.pad(weight, (0, 0, 0, 0, 0, 1)), wider(x, 1, groups)
    bias = None if bias is None else filled(bias, groups).flatten()
    return F.conv2d(x, weight.flatten(0, 1), bias, stride, padding, groups=groups)


def dropout_channels(x: Tensor, rate: float | Drop, training: bool, members: int) -> Tensor:
    """Zeros whole channels of pictures [B, C, H, W], or of those of a stack."""
    if not callable(rate):
        return F.dropout2d(x, rate, training)
    if not training:
        return x
    groups = groups_of(members, x.device)
    kept = rate(x.new_ones(members, len(x), x.shape[1] // groups))
    return x * filled(kept, groups).transpose(0, 1).flatten(1)[:, :, None, None]


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


class GroupNorm(nn.GroupNorm):
    """[B, C, H, W] of the same shape, or [B, G * C, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 1:
            return super().forward(x)
        groups = x.shape[1] // self.num_channels
        scale, shift = filled(self.weight, groups).flatten(), filled(self.bias, groups).flatten()
        return F.group_norm(x, self.num_groups * groups, scale, shift, self.eps)


class PReLU(nn.PReLU):
    """One slope, of any shape; or one a member, of [M, ...] and of pictures [B, G * C, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 1:
            return super().forward(x)
        if x.ndim == 4:
            return self._pictures(x)
        return torch.where(x > 0, x, self.weight.view(-1, *[1] * (x.ndim - 1)) * x)

    def _pictures(self, x: Tensor) -> Tensor:
        groups = groups_of(len(self.weight), x.device)
        places = torch.unflatten(x.permute(0, 2, 3, 1), 3, (groups, -1)).permute(3, 0, 1, 2, 4)
        below = places.clamp(max=0).flatten(1)  # a group in one piece: its slope's gradient adds up in one order
        sloped = (filled(self.weight, groups) * below).view(places.shape)
        return F.relu(x) + sloped.permute(1, 2, 3, 0, 4).flatten(3).permute(0, 3, 1, 2)


class Embedding(nn.Embedding):
    """Codes int64 [B] -> [B, width], or [M, B] -> [M, B, width], each member's from a table of its own."""

    def forward(self, codes: Tensor) -> Tensor:
        if self.weight.ndim == 2:
            return super().forward(codes)
        members, rows, width = self.weight.shape
        first = torch.arange(0, members * rows, rows, device=codes.device)
        return F.embedding(codes + first.unsqueeze(1), self.weight.reshape(-1, width))
