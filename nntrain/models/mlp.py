"""Multi-layer perceptrons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from nntrain.errors import UserError, unknown
from nntrain.models.activations import activation as make_activation
from nntrain.models.members import Linear, dropout, linear
from nntrain.models.norms import norm as make_norm
from nntrain.models.norms import shifts

SHAPES = ("constant", "funnel", "widening", "diamond")
NARROWEST = 8  # no shape narrows below width / NARROWEST, however deep: a bottleneck would starve the layers behind it


def hidden_widths(depth: int, width: int, shape: str) -> tuple[int, ...]:
    """How wide each hidden layer is; `width` is the widest of them.

    constant: all alike. funnel: geometric from `width` down, halving per layer up to four layers (256, 128, 64, 32),
    spread from width to width / 8 with more. widening: the funnel reversed. diamond: widening to the middle, then a
    funnel.

    >>> hidden_widths(3, 256, "funnel"), hidden_widths(5, 64, "diamond")
    ((256, 128, 64), (16, 32, 64, 32, 16))
    """
    if shape == "constant":
        return (width,) * depth
    if shape == "funnel":
        ratio = min(2.0, NARROWEST ** (1 / max(depth - 1, 1)))
        return tuple(max(1, round(width / ratio**i)) for i in range(depth))
    if shape == "widening":
        return hidden_widths(depth, width, "funnel")[::-1]
    if shape == "diamond":
        falling = hidden_widths((depth + 1) // 2, width, "funnel")
        return falling[::-1] + falling[depth % 2 :]
    raise UserError(unknown("shape", shape, SHAPES))


class Hidden(nn.Linear):
    """One hidden layer: linear, norm, activation, dropout, and with `skip` its input added: [B, inputs] -> [B, width],
    or for a stack of networks [M, B, inputs] -> [M, B, width].

    One module and not four: calling a module costs as much as a small kernel. `family` and `gain` tell the initialiser
    what follows the weights. Where the input is not as wide as the output, the skip is a learned projection.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        activation: str | Mapping[str, Any],
        norm: str | Mapping[str, Any],
        dropout: float,
        skip: bool,
        branches: int,
    ) -> None:
        made = make_activation(activation)
        normalise = make_norm(norm, width * made.pieces)
        super().__init__(inputs, width * made.pieces, bias=not shifts(normalise))
        self.norm = normalise
        self.activation = made.function
        self.dropout = dropout
        self.skip = skip
        self.projection = Linear(inputs, width, bias=False) if skip and inputs != width else None
        self.family = made.family
        # n branches add up, and so do their means: with 1/n of the gain each, the signal grows e-fold at most.
        self.gain = made.gain / branches if skip else made.gain

        parts = [f"linear {width}" if made.pieces == 1 else f"linear {width} x {made.pieces}"]
        parts += [] if normalise is None else [f"{_name(norm)} norm"]
        parts += [_name(activation), *([f"dropout {dropout:g}"] if dropout else []), *(["skip"] if skip else [])]
        self.kind = ", ".join(parts)

    def forward(self, x: Tensor) -> Tensor:
        y = linear(x, self.weight, self.bias)
        if self.norm is not None:
            y = self.norm(y)
        y = self.activation(y)
        if self.dropout:
            y = dropout(y, self.dropout, self.training)
        if self.skip:
            y = y + (x if self.projection is None else self.projection(x))
        return y


def _name(choice: str | Mapping[str, Any]) -> str:
    return choice if isinstance(choice, str) else str(choice["name"])


class MLP(nn.Module):
    """Hidden layers of `Hidden`, then a linear head: [B, inputs] or [B, C, H, W] with C * H * W = inputs ->
    [B, outputs].

    depth: number of hidden layers; 0 is one linear layer. width, shape: see `hidden_widths`. widths: every hidden
    layer's width, in place of depth, width and shape. activation: a name of ACTIVATIONS, or a mapping with its
    settings. norm: none, batch, layer or rms, before the activation. dropout: probability of dropping a hidden unit,
    one number or one per hidden layer. input_dropout: the same for inputs. residual: every hidden layer but the first
    adds its input to its output.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        depth: int = 2,
        width: int = 128,
        shape: str = "constant",
        widths: Sequence[int] | None = None,
        activation: str | Mapping[str, Any] = "relu",
        norm: str | Mapping[str, Any] = "none",
        dropout: float | Sequence[float] = 0.0,
        input_dropout: float = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        layers = tuple(widths) if widths is not None else hidden_widths(depth, width, shape)
        drops = [float(dropout)] * len(layers) if isinstance(dropout, int | float) else [float(p) for p in dropout]
        if len(drops) != len(layers):
            raise UserError(
                f"model.dropout has {len(drops)} entries for {len(layers)} hidden layer{'s' * (len(layers) != 1)}; "
                "give one number, or one per layer"
            )
        self.input_dropout = input_dropout
        self.hidden = nn.ModuleList()
        into = inputs
        for i, (out, drop) in enumerate(zip(layers, drops, strict=True)):
            skip = residual and i > 0
            self.hidden.append(Hidden(into, out, activation, norm, drop, skip, branches=len(layers) - 1))
            into = out
        self.head = Linear(into, outputs)

    @property
    def layers(self) -> tuple[str, ...]:
        """The building blocks from input to head, by their names in the network's body."""
        return (*(f"hidden.{i}" for i in range(len(self.hidden))), "head")

    def features(self, x: Tensor) -> Tensor:
        """What the head takes: [B, last width], or for a stack of networks [M, B, last width]."""
        if x.ndim > 3:
            x = x.flatten(-3)
        if self.input_dropout:
            x = dropout(x, self.input_dropout, self.training)
        for layer in self.hidden:
            x = layer(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))  # type: ignore[no-any-return]
