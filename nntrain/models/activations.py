"""Activation functions: what each computes, and what initialisation must know of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nntrain.errors import UserError, unknown
from nntrain.models.members import PReLU

Family = Literal["rectifier", "sigmoidal", "selu", "linear"]


@dataclass(frozen=True)
class Activation:
    """An activation, ready to use.

    function: [B, pieces * width, ...] -> [B, width, ...]; a module where it has parameters of its own.
    family: decides the scheme of `init: auto`: He for rectifiers, Xavier for sigmoidal ones, LeCun for SELU and linear.
    gain: the factor on the weights before it. Published where there is a value (ReLU and leaky ReLU: He et al. 2015,
        tanh and sigmoid: as `torch.nn.init.calculate_gain`, SELU: 1, Klambauer et al. 2017), else `mean_square_gain`.
    pieces: how many times as wide the linear layer before it is (maxout).
    """

    function: Callable[[Tensor], Tensor]
    family: Family
    gain: float
    pieces: int = 1


def mean_square_gain(function: Callable[[Tensor], Tensor], pieces: int = 1) -> float:
    """1 / sqrt(E[f(z)^2]) for standard normal z: with it a layer hands on the mean square of its input.

    It is the reasoning of He et al. 2015, eq. 10, for any activation. With `pieces`, z is the greatest of that many
    independent normals, whose density is k * phi(z) * Phi(z)^(k - 1).
    """
    z = torch.linspace(-10, 10, 4001, dtype=torch.float64, device="cpu")
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi) * pieces * torch.special.ndtr(z) ** (pieces - 1)
    return 1 / math.sqrt(float(torch.trapezoid(function(z) ** 2 * density, z)))


class Maxout(nn.Module):
    """The greatest of `pieces` linear units (Goodfellow et al. 2013): [B, width * pieces, ...] -> [B, width, ...], or
    for a stack of networks [M, B, width * pieces] -> [M, B, width]."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        units = 2 if x.ndim == 3 else 1
        return torch.unflatten(x, units, (-1, self.pieces)).amax(units + 1)


def _identity(x: Tensor) -> Tensor:
    return x


def _measured(function: Callable[[Tensor], Tensor], family: Family = "rectifier") -> Activation:
    return Activation(function, family, mean_square_gain(function))


def _relu() -> Activation:
    return Activation(F.relu, "rectifier", math.sqrt(2))


def _leaky_relu(negative_slope: float = 0.01) -> Activation:
    function = partial(F.leaky_relu, negative_slope=negative_slope)
    return Activation(function, "rectifier", math.sqrt(2 / (1 + negative_slope**2)))


def _prelu(initial: float = 0.25) -> Activation:
    return Activation(PReLU(init=initial), "rectifier", math.sqrt(2 / (1 + initial**2)))


def _elu(alpha: float = 1.0) -> Activation:
    return _measured(partial(F.elu, alpha=alpha))


def _celu(alpha: float = 1.0) -> Activation:
    return _measured(partial(F.celu, alpha=alpha))


def _gelu(approximate: str = "none") -> Activation:
    return _measured(partial(F.gelu, approximate=approximate))


def _softplus(beta: float = 1.0) -> Activation:
    return _measured(partial(F.softplus, beta=beta))


def _hardtanh(low: float = -1.0, high: float = 1.0) -> Activation:
    return _measured(partial(F.hardtanh, min_val=low, max_val=high), "sigmoidal")


def _maxout(pieces: int = 2) -> Activation:
    return Activation(Maxout(pieces), "rectifier", mean_square_gain(_identity, pieces), pieces)


ACTIVATIONS: dict[str, Callable[..., Activation]] = {
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "relu6": lambda: _measured(F.relu6),
    "elu": _elu,
    "selu": lambda: Activation(F.selu, "selu", 1.0),
    "celu": _celu,
    "gelu": _gelu,
    "silu": lambda: _measured(F.silu),
    "mish": lambda: _measured(F.mish),
    "softplus": _softplus,
    "softsign": lambda: _measured(F.softsign, "sigmoidal"),
    "tanh": lambda: Activation(torch.tanh, "sigmoidal", 5 / 3),
    "sigmoid": lambda: Activation(torch.sigmoid, "sigmoidal", 1.0),
    "hardtanh": _hardtanh,
    "hardsigmoid": lambda: Activation(F.hardsigmoid, "sigmoidal", 1.0),
    "hardswish": lambda: _measured(F.hardswish),
    "identity": lambda: Activation(_identity, "linear", 1.0),
    "maxout": _maxout,
}


def activation(choice: str | Mapping[str, Any]) -> Activation:
    """`relu`, or `{name: leaky_relu, negative_slope: 0.2}` -> a new activation (its parameters are its own)."""
    settings = {"name": choice} if isinstance(choice, str) else dict(choice)
    name = settings.pop("name")
    if name not in ACTIVATIONS:
        raise UserError(unknown("activation", str(name), list(ACTIVATIONS)))
    return ACTIVATIONS[name](**settings)
