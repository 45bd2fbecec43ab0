"""Normalisation of a layer's outputs, placed before the activation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from nntrain.errors import UserError, unknown
from nntrain.models.members import ALIGNED, GroupNorm, LayerNorm, RMSNorm, Rows


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation (Ioffe & Szegedy 2015) that a training batch of one sample does not break.

    One sample has no variance: it is normalised by the running statistics, which it leaves as they are.
    [B, width], or for a stack of networks [M, B, width], whose statistics are [M, width]. rows: of a stack's batch.
    """

    rows: Rows

    def __init__(self, width: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__(width, eps=eps, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 2:
            return self._stacked(x)
        if self.training and x.shape[0] == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)

    def _stacked(self, x: Tensor) -> Tensor:
        members, batch, width = x.shape
        samples = self.rows.count
        learns = self.training and samples > 1
        mean, variance, counts = self.running_mean, self.running_var, self.num_batches_tracked
        assert mean is not None
        assert variance is not None
        assert counts is not None
        if learns:
            counts.add_(1)
        units = x.mT.reshape(1, members * width, batch)[:, :, :samples]  # each unit a channel
        scale, shift = self.weight.reshape(-1), self.bias.reshape(-1)
        momentum = self.momentum or 0.0
        y = F.batch_norm(units, mean.view(-1), variance.view(-1), scale, shift, learns, momentum, self.eps)
        return F.pad(y, (0, batch - samples)).view(members, width, batch).mT


class PictureBatchNorm(nn.BatchNorm2d):
    """The same for pictures [B, C, H, W], whose channels are averaged over samples and places: it is one picture of
    one place that has no variance. For a stack of networks, see `members.py`, the statistics are [M, C]."""

    rows: Rows

    def __init__(self, width: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__(width, eps=eps, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 2:
            return self._stacked(x)
        if self.training and x.numel() == x.shape[1]:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)

    def _stacked(self, x: Tensor) -> Tensor:
        (batch, channels, *places), own = x.shape, self.weight.numel()
        samples, gap = self.rows.count, -channels % ALIGNED  # channels that fill a vector register up
        learns = self.training and samples * places[0] * places[1] > 1
        whole = gap == 0 and samples == batch
        # Not by slices, whose gradients are not channels-last.
        y = x if whole else F.pad(x, (0, 0, 0, 0, 0, gap, 0, samples - batch))
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        four = (self.running_mean, self.running_var, self.weight, self.bias)
        mean, variance, scale, shift = (F.pad(values.flatten(), (0, channels + gap - own)) for values in four)
        y = F.batch_norm(y, mean, variance, scale, shift, learns, self.momentum or 0.0, self.eps)
        if learns:
            self.num_batches_tracked.add_(1)
            self.running_mean.copy_(mean[:own].view_as(self.running_mean))
            self.running_var.copy_(variance[:own].view_as(self.running_var))
        return y if whole else F.pad(y, (0, 0, 0, 0, 0, -gap, 0, batch - samples))


def _layer(width: int, eps: float = 1e-5) -> nn.Module:
    return LayerNorm(width, eps=eps)


def _picture_layer(width: int, eps: float = 1e-5) -> nn.Module:
    return GroupNorm(1, width, eps=eps)  # over a picture's channels and places


def _group(width: int, groups: int = 8, eps: float = 1e-5) -> nn.Module:
    if width % groups:
        raise UserError(f"model.norm: {groups} groups do not divide {width} channels; choose groups that do")
    return GroupNorm(groups, width, eps=eps)


def _rms(width: int, eps: float = 1e-6) -> nn.Module:
    return RMSNorm(width, eps=eps)


def _none(width: int) -> None:
    return None


Norms = dict[str, Callable[..., nn.Module | None]]
NORMS: Norms = {"none": _none, "batch": BatchNorm, "layer": _layer, "rms": _rms}
PICTURE_NORMS: Norms = {"none": _none, "batch": PictureBatchNorm, "group": _group, "layer": _picture_layer}


def norm(choice: str | Mapping[str, Any], width: int, table: Norms = NORMS) -> nn.Module | None:
    """`batch`, or `{name: batch, momentum: 0.05}` -> a module for outputs [B, width] (with PICTURE_NORMS [B, width, H,
    W]); None for `none`."""
    settings = {"name": choice} if isinstance(choice, str) else dict(choice)
    name = settings.pop("name")
    if name not in table:
        raise UserError(unknown("norm", str(name), list(table)))
    return table[name](width, **settings)


def shifts(module: nn.Module | None) -> bool:
    """Whether the norm adds a shift of its own, which makes a bias before it idle."""
    return getattr(module, "bias", None) is not None
