"""Initial weights: schemes, and `initialize`, which applies one to a network."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from nntrain.errors import UserError
from nntrain.models.activations import Family
from nntrain.seeding import derive, generator

EMBEDDING_STD = 0.1
Size = tuple[int, ...]


def fans(shape: Size) -> tuple[int, int]:
    """Inputs and outputs that a weight [out, in, *kernel] connects per unit: (in * kernel, out * kernel)."""
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


class Initializer:
    """Draws a weight [out, in, *kernel], given what follows it. Biases start at `bias`.

    gain: factor on the scheme's standard deviation; "auto": that of the activation that follows (1 for the last layer).
    """

    note: ClassVar[str | None] = None

    def __init__(self, gain: float | str = "auto", bias: float = 0.0) -> None:
        self.gain = gain
        self.bias_value = bias

    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        raise NotImplementedError

    def bias(self, shape: Size, fan_in: int, g: Generator) -> Tensor:
        return torch.full(shape, self.bias_value)

    def embedding(self, shape: Size, g: Generator) -> Tensor:
        """Small normal rows; row 0, for values never seen, starts neutral."""
        table = torch.empty(shape).normal_(0, EMBEDDING_STD, generator=g)
        table[0] = 0
        return table

    def chosen_gain(self, gain: float) -> float:
        return gain if isinstance(self.gain, str) else self.gain


def _normal(shape: Size, std: float, g: Generator) -> Tensor:
    return torch.empty(shape).normal_(0, std, generator=g)


def _uniform(shape: Size, std: float, g: Generator) -> Tensor:
    bound = math.sqrt(3) * std
    return torch.empty(shape).uniform_(-bound, bound, generator=g)


def xavier_std(shape: Size) -> float:
    """sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16)."""
    return math.sqrt(2 / sum(fans(shape)))


def fan_in_std(shape: Size) -> float:
    """sqrt(1 / fan_in) (LeCun et al. 1998, sec. 4.6; with a rectifier's gain He et al. 2015, eq. 10)."""
    return 1 / math.sqrt(fans(shape)[0])


class XavierNormal(Initializer):
    def __init__(self, gain: float | str = 1.0, bias: float = 0.0) -> None:
        super().__init__(gain, bias)

    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        return _normal(shape, self.chosen_gain(gain) * xavier_std(shape), g)


class XavierUniform(XavierNormal):
    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        return _uniform(shape, self.chosen_gain(gain) * xavier_std(shape), g)


class HeNormal(Initializer):
    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        return _normal(shape, self.chosen_gain(gain) * fan_in_std(shape), g)


class HeUniform(Initializer):
    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        return _uniform(shape, self.chosen_gain(gain) * fan_in_std(shape), g)


class LeCunNormal(HeNormal):
    def __init__(self, gain: float | str = 1.0, bias: float = 0.0) -> None:
        super().__init__(gain, bias)


class LeCunUniform(HeUniform):
    def __init__(self, gain: float | str = 1.0, bias: float = 0.0) -> None:
        super().__init__(gain, bias)


class Auto(Initializer):
    """He before rectifiers, Xavier before tanh, sigmoid and their like, LeCun before SELU and in the last layer; a
    network's own scheme where it has one (see `OwnScheme`)."""

    def __init__(self, distribution: str = "normal", gain: float | str = "auto", bias: float = 0.0) -> None:
        super().__init__(gain, bias)
        self.draw = _uniform if distribution == "uniform" else _normal

    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        std = xavier_std(shape) if family == "sigmoidal" else fan_in_std(shape)
        return self.draw(shape, self.chosen_gain(gain) * std, g)


class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer, times the gain (Saxe et al. 2014)."""

    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        return nn.init.orthogonal_(torch.empty(shape), self.chosen_gain(gain), generator=g)


class Sparse(Initializer):
    """Each unit has `connections` non-zero incoming weights, normal with variance gain^2 / connections
    (Martens 2010, sec. 5)."""

    def __init__(self, connections: int = 15, gain: float | str = "auto", bias: float = 0.0) -> None:
        super().__init__(gain, bias)
        self.connections = connections

    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        units, fan_in = shape[0], fans(shape)[0]
        kept = min(self.connections, fan_in)
        chosen = torch.rand(units, fan_in, generator=g).topk(kept, dim=1).indices
        values = _normal((units, kept), self.chosen_gain(gain) * kept**-0.5, g)
        return torch.zeros(units, fan_in).scatter_(1, chosen, values).view(shape)


class Normal(Initializer):
    def __init__(self, std: float = 0.05, mean: float = 0.0, bias: float = 0.0) -> None:
        super().__init__(bias=bias)
        self.std, self.mean = std, mean

    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        return _normal(shape, self.std, g) + self.mean


class TruncatedNormal(Normal):
    """Normal draws outside two standard deviations are drawn again, which leaves a standard deviation of 0.88 * std."""

    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        a, b = self.mean - 2 * self.std, self.mean + 2 * self.std
        return nn.init.trunc_normal_(torch.empty(shape), self.mean, self.std, a, b, generator=g)


class Uniform(Initializer):
    def __init__(self, low: float = -0.05, high: float = 0.05, bias: float = 0.0) -> None:
        super().__init__(bias=bias)
        self.low, self.high = low, high

    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        return torch.empty(shape).uniform_(self.low, self.high, generator=g)


class Constant(Initializer):
    note = (
        "init constant: all units of a layer start alike, get the same gradient and stay alike, "
        "so each layer works as one unit; any other init breaks the symmetry"
    )

    def __init__(self, value: float = 0.01, bias: float = 0.0) -> None:
        super().__init__(bias=bias)
        self.value = value

    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        return torch.full(shape, self.value)


class Torch(Initializer):
    """torch's own: weights and biases uniform within +-1 / sqrt(fan_in), embeddings standard normal."""

    def __init__(self) -> None:
        super().__init__()

    def weight(self, shape: Size, family: Family, gain: float, g: Generator) -> Tensor:
        return self.bias(shape, fans(shape)[0], g)

    def bias(self, shape: Size, fan_in: int, g: Generator) -> Tensor:
        bound = fan_in**-0.5
        return torch.empty(shape).uniform_(-bound, bound, generator=g)

    def embedding(self, shape: Size, g: Generator) -> Tensor:
        return _normal(shape, 1.0, g)


INITIALIZERS: dict[str, type[Initializer]] = {
    "auto": Auto,
    "xavier_normal": XavierNormal,
    "xavier_uniform": XavierUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "lecun_normal": LeCunNormal,
    "lecun_uniform": LeCunUniform,
    "orthogonal": Orthogonal,
    "normal": Normal,
    "truncated_normal": TruncatedNormal,
    "uniform": Uniform,
    "sparse": Sparse,
    "constant": Constant,
    "torch": Torch,
}


class OwnScheme(nn.Module):
    """A network that has initial weights of its own, which `init: auto` leaves it: those of `own_parts`.

    With another choice its linear, convolutional, embedding and norm layers follow that choice, and its other
    parameters (class tokens, layer scales, tables of positions) still start as it says.
    """

    own_parts: ClassVar[tuple[str, ...]]

    def draw(self, seed: int) -> None:
        """Set all parameters of `own_parts`, and nothing else, from a seed."""
        raise NotImplementedError


WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
DETERMINISTIC = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.PReLU)


@torch.no_grad()
def initialize(network: nn.Module, initializer: Initializer, seed: int) -> list[str]:
    """Set every parameter of `network`, in place; returns sentences for the user.

    The parameter at `position` in `network.named_parameters()` is drawn from `generator(seed, "init", position)`. A
    linear or convolutional layer tells what follows it by its attributes `family` and `gain`; without them it is
    linear with gain 1. Norms start at 1 (at 0 where their attribute `zero_init` says so) and 0 with fresh running
    statistics. A network with a scheme of its own comes first: see `OwnScheme`. Any other layer with parameters is a
    UserError.
    """
    positions = {id(p): i for i, p in enumerate(network.parameters())}
    drawn: set[nn.Module] = set()
    for module in network.modules():
        if isinstance(module, OwnScheme):
            module.draw(derive(seed, "init"))
            drawn |= {inner for part in module.own_parts for inner in module.get_submodule(part).modules()}

    def stream(p: Tensor) -> Generator:
        return generator(seed, "init", positions[id(p)])

    for module in network.modules():
        if module in drawn and isinstance(initializer, Auto):
            continue
        if isinstance(module, WEIGHTED):
            w, b = module.weight, module.bias
            family: Family = getattr(module, "family", "linear")
            w.copy_(initializer.weight(tuple(w.shape), family, getattr(module, "gain", 1.0), stream(w)))
            if b is not None:
                b.copy_(initializer.bias(tuple(b.shape), fans(w.shape)[0], stream(b)))
        elif isinstance(module, nn.Embedding):
            module.weight.copy_(initializer.embedding(tuple(module.weight.shape), stream(module.weight)))
        elif isinstance(module, DETERMINISTIC):
            module.reset_parameters()
            if getattr(module, "zero_init", False):
                nn.init.zeros_(module.weight)
        elif module not in drawn and any(True for _ in module.parameters(recurse=False)):
            raise UserError(
                f"init: there is no rule to initialise {type(module).__name__}; a network is made of linear, "
                "convolutional, embedding and norm layers, and PReLU"
            )
    return [initializer.note] if initializer.note and positions else []
