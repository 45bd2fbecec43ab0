"""Decoders: an autoencoder is an encoder, all of a body but its head, with its mirror image as head.

So the encoder's weights have the names that they have in the network for a task, and are reused by these names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from nntrain.errors import UserError
from nntrain.models.cnn import CNN
from nntrain.models.conv import ConvBlock
from nntrain.models.mlp import MLP, Hidden
from nntrain.models.network import Network

Choice = str | Mapping[str, Any]
CAN = ("mlp", "cnn")  # whose layers can be mirrored


class Decoder(nn.Module):
    """The mirror image of an encoder: its code [B, F] -> [B, outputs], or pictures [B, C, H, W].

    layers: from the code to the inputs; the last k of them undo the first k layers of the encoder.
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, code: Tensor) -> Tensor:
        for layer in self.layers:
            code = layer(code)
        return code

    def below(self, body: nn.Module, x: Tensor, layer: int) -> Tensor:
        """What the encoder's layer of that number, from 0, is given for the inputs x."""
        for step in encoder_steps(body)[:layer]:
            x = step(x)
        return x

    def pair(self, body: nn.Module, x: Tensor, layer: int) -> Tensor:
        """The inputs x of a layer of the encoder, reconstructed from its outputs by its counterpart alone."""
        mirror = self.layers[len(self.layers) - 1 - layer]
        return mirror(encoder_steps(body)[layer](x))  # type: ignore[no-any-return]


def mirror(
    name: str, settings: Mapping[str, Any], body: nn.Module, inputs: int | Sequence[int], outputs: int
) -> Decoder:
    """The decoder of an encoder that was built by `settings`, those of model `name`.

    inputs: as the body was given, a number or (C, H, W). outputs: how many numbers are to be reconstructed. Hidden
    layers have the encoder's widths, activation and norm; the last is linear. Raises UserError for a body that cannot
    be mirrored.
    """
    if isinstance(body, MLP):
        return Decoder(_mirrored_dense(body, settings, outputs))
    if isinstance(body, CNN) and not isinstance(inputs, int):
        return Decoder(_mirrored_convolutions(body, settings, inputs))
    raise UserError(f"objective: the layers of model {name} cannot be mirrored by a decoder; use {' or '.join(CAN)}")


def encoder_layers(body: nn.Module) -> tuple[str, ...]:
    """The names of the encoder's layers in the body, from the inputs on: all that greedy training trains by turns."""
    if isinstance(body, MLP):
        return tuple(f"hidden.{i}" for i in range(len(body.hidden)))
    assert isinstance(body, CNN)
    return (*(f"blocks.{i}" for i in range(len(body.blocks))), *(f"dense.{i}" for i in range(len(body.dense))))


def encoder_steps(body: nn.Module) -> list[Callable[[Tensor], Tensor]]:
    """The encoder's layers as functions one after the other; what has no weights belongs to the layer behind it."""
    if isinstance(body, MLP):
        first, *rest = _hidden(body.hidden)
        return [lambda x: first(x.flatten(1) if x.ndim > 2 else x), *rest]
    assert isinstance(body, CNN)
    steps: list[Callable[[Tensor], Tensor]] = list(body.blocks)
    if len(body.dense):
        first, *rest = _hidden(body.dense)
        steps += [lambda x: first(body.pool(x)), *rest]
    return steps


def _mirrored_dense(body: MLP, settings: Mapping[str, Any], outputs: int) -> list[nn.Module]:
    hidden = _hidden(body.hidden)
    if not hidden:
        raise UserError("objective: without hidden layers there is no code to learn; set model.depth to at least 1")
    widths = [*(layer.in_features for layer in hidden), body.head.in_features]  # the last is the code's
    norm = settings.get("norm", "none")
    return [*_backwards(widths, settings, norm), nn.Linear(widths[1], outputs)]


def _backwards(widths: Sequence[int], settings: Mapping[str, Any], norm: Choice) -> list[Hidden]:
    """Hidden layers from the last width back to the second."""
    activation = settings.get("activation", "relu")
    pairs = zip(widths[:1:-1], widths[-2:0:-1], strict=True)
    return [Hidden(into, out, activation, norm, 0.0, skip=False, branches=1) for into, out in pairs]


def _hidden(layers: nn.ModuleList) -> list[Hidden]:
    return [layer for layer in layers if isinstance(layer, Hidden)]


def _mirrored_convolutions(body: CNN, settings: Mapping[str, Any], inputs: Sequence[int]) -> list[nn.Module]:
    activation, norm = settings.get("activation", "relu"), settings.get("norm", "batch")
    blocks = [block for block in body.blocks if isinstance(block, ConvBlock)]
    sizes = [(int(inputs[1]), int(inputs[2]))]
    for block in blocks:
        sizes.append((block.halved(sizes[-1][0]), block.halved(sizes[-1][1])))
    widths = [*(layer.in_features for layer in _hidden(body.dense)), body.head.in_features]  # from pooling to the code
    height, width = sizes[-1]
    deepest = widths[0] // (height * width) if body.pooling == "flatten" else widths[0]
    channels = [*(block.in_channels for block in blocks), deepest]

    layers: list[nn.Module] = [*_backwards(widths, settings, "none")]
    layers.append(Unpool(widths[min(1, len(widths) - 1)], (deepest, height, width), activation))
    for i in reversed(range(len(blocks))):
        made: tuple[Choice, Choice] = (activation, norm) if i else ("identity", "none")
        layers.append(Up(channels[i + 1], channels[i], blocks[i].kernel_size[0], *made, size=sizes[i]))
    return layers


class Unpool(Hidden):
    """A hidden layer as wide as a map: [B, inputs] -> [B, C, H, W]; pooling left nothing of its places."""

    def __init__(self, inputs: int, shape: tuple[int, int, int], activation: Choice) -> None:
        channels, height, width = shape
        super().__init__(inputs, channels * height * width, activation, "none", 0.0, skip=False, branches=1)
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).view(-1, *self.shape)


class Up(ConvBlock):
    """The nearest places of a map to `size`, then a convolution: [B, C, h, w] -> [B, width, *size].

    Resizing meets any size exactly, odd ones too, and leaves no chequered pattern as transposed convolutions do (Odena
    et al. 2016).
    """

    def __init__(
        self, inputs: int, width: int, kernel: int, activation: Choice, norm: Choice, size: tuple[int, int]
    ) -> None:
        super().__init__(inputs, width, kernel, activation, norm)
        self.size = size
        self.kind = f"resize to {size[0]}x{size[1]}, {self.kind}"

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[2:]) != self.size:
            x = F.interpolate(x, self.size)
        return super().forward(x)


def train_layer(network: Network, layer: int) -> None:
    """Let the encoder's layer of that number and its counterpart train, and all others stand still."""
    names = encoder_layers(network.body)
    decoder = network.body.head
    assert isinstance(decoder, Decoder)
    mirrored = [f"head.layers.{i}" for i in range(len(decoder.layers))]
    trained = {f"body.{names[layer]}", f"body.{mirrored[len(mirrored) - 1 - layer]}", *(() if layer else ("input",))}
    every = ("input", *(f"body.{name}" for name in (*names, *mirrored)))
    network.frozen = tuple(name for name in every if name not in trained)
    for name in every:
        network.get_submodule(name).requires_grad_(name in trained)
