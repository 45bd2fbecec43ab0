"""Convolutional networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from nntrain.errors import UserError, unknown
from nntrain.models.conv import ConvBlock, average
from nntrain.models.members import Linear, apart, side_by_side
from nntrain.models.mlp import Hidden

POOLINGS = ("average", "max", "flatten")


class CNN(nn.Module):
    """Stages of convolutions, each of which ends by halving the picture; pooling; a dense head: [B, C, H, W] ->
    [B, outputs], or for a stack of networks [M, B, C, H, W] -> [M, B, outputs].

    inputs: (C, H, W). depth: number of stages. width: channels of the first; each further one has `growth` times as
    many. convs: convolutions per stage, with kernels of kernel by kernel places (odd, and no larger than the longer
    side of a picture, but for 3). downsample: how a stage's last convolution halves the picture: max, average, stride
    or none (see `ConvBlock`). norm: none, batch, group or layer, before the activation. dropout: probability of
    dropping a channel after a stage, one number or one per stage. pooling: of the last stage's places: average, max,
    or flatten, which keeps them all. The head is `head_depth` hidden layers of `head_width` units with dropout
    `head_dropout`, then a linear one.
    """

    takes_pictures: ClassVar[bool] = True
    channels_last: ClassVar[bool] = True

    def __init__(
        self,
        inputs: Sequence[int],
        outputs: int,
        depth: int = 3,
        width: int = 32,
        growth: float = 2.0,
        convs: int = 1,
        kernel: int = 3,
        downsample: str = "max",
        norm: str | Mapping[str, Any] = "batch",
        activation: str | Mapping[str, Any] = "relu",
        dropout: float | Sequence[float] = 0.0,
        pooling: str = "average",
        head_depth: int = 0,
        head_width: int = 128,
        head_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        drops = [float(dropout)] * depth if isinstance(dropout, int | float) else [float(p) for p in dropout]
        if len(drops) != depth:
            raise UserError(
                f"model.dropout has {len(drops)} entries for {depth} stage{'s' * (depth != 1)}; "
                "give one number, or one per stage"
            )
        if pooling not in POOLINGS:
            raise UserError(unknown("pooling", pooling, POOLINGS))
        self.pooling = pooling
        self.blocks = nn.ModuleList()
        into, *size = inputs
        if kernel > max(3, *size):
            raise UserError(self._too_wide(kernel, inputs))
        for stage, drop in enumerate(drops):
            out = max(1, round(width * growth**stage))
            for i in range(convs):
                last = i == convs - 1
                made = (downsample, drop) if last else ("none", 0.0)
                block = ConvBlock(into, out, kernel, activation, norm, *made)
                into, size = out, [block.halved(side) for side in size]
                if min(size) < 1:
                    raise UserError(self._too_small(len(self.blocks), depth, inputs))
                self.blocks.append(block)
        if pooling == "flatten":
            into *= size[0] * size[1]
        self.dense = nn.ModuleList()
        for _ in range(head_depth):
            self.dense.append(Hidden(into, head_width, activation, "none", head_dropout, skip=False, branches=1))
            into = head_width
        self.head = Linear(into, outputs)

    @staticmethod
    def _too_small(block: int, depth: int, inputs: Sequence[int]) -> str:
        _, height, width = inputs
        return (
            f"model: layer blocks.{block} would shrink pictures to nothing: {depth} stages that halve them need at "
            f"least {2**depth}x{2**depth} pixels, and the data has {height}x{width} (height x width); lower "
            "model.depth, or set model.downsample=stride or none"
        )

    @staticmethod
    def _too_wide(kernel: int, inputs: Sequence[int]) -> str:
        _, height, width = inputs
        return (
            f"model: layer blocks.0 has kernels larger than a picture: {kernel}x{kernel} needs one with a side of at "
            f"least {kernel} pixels, and the data has {height}x{width} (height x width); lower model.kernel"
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """The building blocks from input to head, by their names in the network's body."""
        numbered = (("blocks", self.blocks), ("dense", self.dense))
        return (*(f"{name}.{i}" for name, blocks in numbered for i in range(len(blocks))), "head")

    def pool(self, x: Tensor) -> Tensor:
        """The last stage's places as one vector: [B, C, H, W] -> [B, F]."""
        if self.pooling == "flatten":
            return x.flatten(1)
        return average(x) if self.pooling == "average" else F.max_pool2d(x, x.shape[2:]).flatten(1)

    def features(self, x: Tensor) -> Tensor:
        """What the head takes: [B, F], or for a stack of networks [M, B, F]."""
        members = len(x) if x.ndim == 5 else None
        if members is not None:
            x = side_by_side(x)
        for block in self.blocks:
            x = block(x)
        x = self.pool(x)
        if members is not None:
            x = apart(x, members)
        for layer in self.dense:
            x = layer(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))  # type: ignore[no-any-return]
