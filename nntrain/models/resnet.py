"""Residual networks for small pictures (He et al. 2016, "Deep residual learning for image recognition", sec. 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from nntrain.errors import UserError
from nntrain.models.activations import activation as make_activation
from nntrain.models.conv import ConvBlock, average
from nntrain.models.members import Linear, apart, side_by_side, wider

CHANNELS = (16, 32, 64)  # of the three stages, times the width multiplier


class Residual(nn.Module):
    """x -> activation(shortcut(x) + f(x)), f two 3x3 convolutions with norms: [B, C, H, W] -> [B, width, h, w].

    Where the picture is halved, the shortcut takes every second place and pads the new channels with zeros: it has no
    parameters (option A of the paper). dropout: of channels between the two convolutions. zero_init: the last norm
    starts at 0, so that the block starts as its shortcut (Goyal et al. 2017, sec. 5.1).
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        halve: bool,
        activation: str | Mapping[str, Any],
        norm: str | Mapping[str, Any],
        dropout: float,
        zero_init: bool,
    ) -> None:
        super().__init__()
        made = make_activation(activation)
        if made.pieces > 1:
            raise UserError("model.activation: maxout has no place after a sum; choose another for a resnet")
        self.first = ConvBlock(inputs, width, 3, activation, norm, "stride" if halve else "none", dropout)
        self.second = ConvBlock(width, width, 3, "identity", norm)
        self.second.family, self.second.gain = made.family, made.gain
        if zero_init:
            assert self.second.norm is not None
            self.second.norm.zero_init = True  # type: ignore[assignment]
        self.activation = made.function
        self.halve = halve
        self.more = width - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x))
        if self.halve:
            x = F.avg_pool2d(x, 1, stride=2)  # every second place; a slice's gradient would not be channels-last
        if self.more:
            groups = x.shape[1] // self.first.in_channels  # networks of a stack side by side
            x = F.pad(x, (0, 0, 0, 0, 0, self.more)) if groups == 1 else wider(x, self.more, groups)
        return self.activation(x + y)


class ResNet(nn.Module):
    """One 3x3 convolution, three stages of (depth - 2) / 6 `Residual` blocks, the mean over all places, a linear head:
    [B, C, H, W] -> [B, outputs], or for a stack of networks [M, B, C, H, W] -> [M, B, outputs].

    inputs: (C, H, W). depth: 8, 14, 20, ..., 56: layers with weights. The stages have 16, 32 and 64 channels times
    `width_multiplier`; the second and the third halve the picture (rounded up, so that any size will do). norm: batch,
    group or layer. dropout, zero_init: see `Residual`.
    """

    takes_pictures: ClassVar[bool] = True
    channels_last: ClassVar[bool] = True

    def __init__(
        self,
        inputs: Sequence[int],
        outputs: int,
        depth: int = 20,
        width_multiplier: float = 1.0,
        activation: str | Mapping[str, Any] = "relu",
        norm: str | Mapping[str, Any] = "batch",
        dropout: float = 0.0,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise UserError(f"model.depth: {depth} is no depth of a resnet, which is 8, 14, 20, ... (6n + 2)")
        widths = resnet_widths(width_multiplier)
        self.stem = ConvBlock(inputs[0], widths[0], 3, activation, norm)
        self.blocks = nn.ModuleList()
        into = widths[0]
        for stage, width in enumerate(widths):
            for i in range((depth - 2) // 6):
                halve = stage > 0 and i == 0
                self.blocks.append(Residual(into, width, halve, activation, norm, float(dropout), zero_init))
                into = width
        self.head = Linear(into, outputs)

    @property
    def layers(self) -> tuple[str, ...]:
        """The building blocks from input to head, by their names in the network's body."""
        return ("stem", *(f"blocks.{i}" for i in range(len(self.blocks))), "head")

    def features(self, x: Tensor) -> Tensor:
        """What the head takes: [B, F], or for a stack of networks [M, B, F]."""
        members = len(x) if x.ndim == 5 else None
        x = self.stem(x if members is None else side_by_side(x))
        for block in self.blocks:
            x = block(x)
        return average(x) if members is None else apart(average(x), members)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))  # type: ignore[no-any-return]


def resnet_widths(multiplier: float) -> tuple[int, ...]:
    """Channels of the three stages.

    >>> resnet_widths(0.5)
    (8, 16, 32)
    """
    return tuple(max(1, round(channels * multiplier)) for channels in CHANNELS)
