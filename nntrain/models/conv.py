"""The convolutional layer that `cnn` and `resnet` are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from nntrain.errors import UserError, unknown
from nntrain.models.activations import activation as make_activation
from nntrain.models.members import conv2d, dropout_channels
from nntrain.models.norms import PICTURE_NORMS, shifts
from nntrain.models.norms import norm as make_norm

DOWNSAMPLES = ("none", "stride", "max", "average")


def said(choice: str | Mapping[str, Any]) -> str:
    """The name of an activation or a norm, whichever way it was chosen."""
    return choice if isinstance(choice, str) else str(choice["name"])


def average(x: Tensor) -> Tensor:
    """The mean over all places: [B, C, H, W] -> [B, C].

    Not `x.mean((2, 3))`: its gradient lies channels-first, and beside channels-last outputs every elementwise kernel
    on the way back takes up to ten times as long.
    """
    return F.avg_pool2d(x, x.shape[2:]).flatten(1)


class ConvBlock(nn.Conv2d):
    """Convolution, norm, activation, dropout of whole channels, perhaps halving: [B, C, H, W] -> [B, width, h, w], or
    for a stack of networks as `members.py` lays out their pictures.

    kernel: odd; borders are padded with zeros, so that a picture keeps its size. downsample halves it: `stride` in the
    convolution (rounded up), `max` and `average` over 2 by 2 places (rounded down). The greatest is taken before norm
    and activation, which leaves them a quarter of the work; with a rising activation and no norm it is the same as
    after them. The average is taken after them: of what is before them it would be a coarser convolution.
    dropout: probability of dropping a channel; neighbouring places of one say too much alike (Tompson et al. 2015).

    One module and not four: see `mlp.Hidden`. `family` and `gain` tell the initialiser what follows the weights.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        kernel: int,
        activation: str | Mapping[str, Any],
        norm: str | Mapping[str, Any],
        downsample: str = "none",
        dropout: float = 0.0,
    ) -> None:
        if downsample not in DOWNSAMPLES:
            raise UserError(unknown("downsample", downsample, DOWNSAMPLES))
        made = make_activation(activation)
        channels = width * made.pieces
        normalise = make_norm(norm, channels, PICTURE_NORMS)
        stride = 2 if downsample == "stride" else 1
        super().__init__(inputs, channels, kernel, stride, kernel // 2, bias=not shifts(normalise))
        self.norm = normalise
        self.activation = made.function
        self.downsample = downsample
        self.dropout = dropout
        self.family = made.family
        self.gain = made.gain

        parts = [f"conv {kernel}x{kernel}, {width}" + (f" x {made.pieces}" if made.pieces > 1 else "")]
        parts += {"stride": ["stride 2"], "max": ["max pool"]}.get(downsample, [])
        parts += [] if normalise is None else [f"{said(norm)} norm"]
        parts += [] if said(activation) == "identity" else [said(activation)]
        parts += (["average pool"] if downsample == "average" else []) + ([f"dropout {dropout:g}"] if dropout else [])
        self.kind = ", ".join(parts)

    def halved(self, size: int) -> int:
        """The output's height or width for that of an input."""
        return {"none": size, "stride": -(-size // 2)}.get(self.downsample, size // 2)

    def forward(self, x: Tensor) -> Tensor:
        y = conv2d(x, self.weight, self.bias, self.stride, (self.kernel_size[0] // 2,) * 2)
        if self.downsample == "max":
            y = F.max_pool2d(y, 2)
        if self.norm is not None:
            y = self.norm(y)
        y = self.activation(y)
        if self.downsample == "average":
            y = F.avg_pool2d(y, 2)
        if self.dropout:
            y = dropout_channels(y, self.dropout, self.training, len(self.weight))
        return y
