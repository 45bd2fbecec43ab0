"""The classification models of torchvision, by name, with a head of their own."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from nntrain.errors import UserError, unknown_of_many
from nntrain.models.conv import average
from nntrain.models.initializers import OwnScheme
from nntrain.models.norms import PictureBatchNorm
from nntrain.models.weights import backbone_names

# torchvision's containers: what they hold counts as building blocks. Any other class of theirs is one block.
OPENED = ("Sequential", "ModuleList", "AnyStage", "Encoder")
USUAL = 224  # pixels a side of the pictures that they were published for, but for inception_v3's 299


class Backbone(OwnScheme):
    """A classification model of torchvision, its last layer replaced by a linear head: [B, C, H, W] -> [B, outputs].

    inputs: (C, H, W); where C is not 3 the first convolution takes C channels. architecture: the model's name, such as
    resnet18. `trunk` is torchvision's model without its last layer, so that names within it are torchvision's.
    Auxiliary heads (googlenet, inception_v3) are left out.

    Raises UserError for an unknown architecture, and for a size of pictures that it does not take.
    """

    takes_pictures: ClassVar[bool] = True
    channels_last: ClassVar[bool] = True
    own_parts = ("trunk",)

    def __init__(self, inputs: Sequence[int], outputs: int, architecture: str = "resnet18") -> None:
        super().__init__()
        if architecture not in (names := backbone_names()):
            raise UserError(f"model.architecture: {unknown_of_many('backbone', architecture, names)}")
        self.architecture = architecture
        self.inputs = tuple(inputs)
        self.trunk, self.removed, width = make_trunk(architecture, self.inputs)
        self.head = nn.Linear(width, outputs)
        smaller = min(self.inputs[1:]) < USUAL  # which all of them take, and larger ones
        if smaller and (layer := failing(self.trunk, self.inputs)) is not None:
            raise UserError(_unfit(architecture, self.inputs, layer))

    def blocks(self) -> Iterator[tuple[str, nn.Module]]:
        """The building blocks from input to head, by name, those without parameters included."""
        yield from _blocks("trunk", self.trunk, top=True)
        yield "head", self.head

    @property
    def layers(self) -> tuple[str, ...]:
        """The building blocks that have parameters, by name; a parameter that is in none of them (a vision
        transformer's class token) stands for itself."""
        blocks = tuple(name for name, _ in self.blocks())
        named = [name for name, _ in self.named_parameters()]
        owners = (next((block for block in blocks if name.startswith(f"{block}.")), name) for name in named)
        return tuple(dict.fromkeys(owners))

    def features(self, x: Tensor) -> Tensor:
        """What the head takes: [B, F]."""
        return self.trunk(x)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x))  # type: ignore[no-any-return]

    def draw(self, seed: int) -> None:
        """torchvision's own initial weights for the trunk, from a seed. The head is left."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh, _, _ = make_trunk(self.architecture, self.inputs)
        self.trunk.load_state_dict(fresh.state_dict())

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Published weights (see `weights.published`) by the names of this body, auxiliary heads left out.

        For grey pictures the first convolution's weights are summed over the colours, which is what it computes of a
        grey picture in colour. A vision transformer's positions are interpolated to its own picture size.
        """
        found = {name: value for name, value in state.items() if not re.match("aux|AuxLogits", name)}
        if "encoder.pos_embedding" in found:
            found["encoder.pos_embedding"] = self._positions(found["encoder.pos_embedding"])
        first = f"{_first_convolution(self.trunk)[0]}.weight"
        if self.inputs[0] == 1:
            found[first] = found[first].sum(1, keepdim=True)
        head = f"{self.removed}."
        renamed = {
            f"head.{name.removeprefix(head)}" if name.startswith(head) else f"trunk.{name}": value
            for name, value in found.items()
        }
        if "head.weight" in renamed:  # a squeezenet's last layer is a convolution of one place
            renamed["head.weight"] = renamed["head.weight"].flatten(1)
        return renamed

    def _positions(self, table: Tensor) -> Tensor:
        """Position embeddings [1, 1 + places, D] for the number of places that this trunk has."""
        places = self.get_parameter("trunk.encoder.pos_embedding").shape[1] - 1
        if table.shape[1] - 1 == places:
            return table
        there, here = (round(n**0.5) for n in (table.shape[1] - 1, places))
        grid = table[:, 1:].transpose(1, 2).unflatten(2, (there, there))  # type: ignore[no-untyped-call]
        resized = F.interpolate(grid, (here, here), mode="bicubic", align_corners=True)
        return torch.cat([table[:, :1], resized.flatten(2).transpose(1, 2)], 1)


def make_trunk(architecture: str, inputs: tuple[int, ...]) -> tuple[nn.Module, str, int]:
    """torchvision's model without its last layer, the name of that, and how many features it took."""
    from torchvision import models

    channels, height, width = inputs
    settings: dict[str, Any] = {}
    if architecture in ("googlenet", "inception_v3"):
        settings = {"aux_logits": False, "init_weights": True}
    elif architecture.startswith("vit_"):
        settings = {"image_size": _vit_size(architecture, height, width)}
    elif architecture.startswith("maxvit"):
        settings = {"input_size": _maxvit_size(architecture, height, width)}
    with _Countable() if architecture.startswith("regnet") else nullcontext():
        trunk = models.get_model(architecture, weights=None, **settings)
    if architecture.startswith("squeezenet"):  # its last layer is a convolution, before the mean over all places
        removed, features = "classifier.1", int(trunk.classifier[1].in_channels)
        trunk.classifier[2] = nn.Identity()
    else:
        removed, last = [(name, m) for name, m in trunk.named_modules() if isinstance(m, nn.Linear)][-1]
        features = last.in_features
    _replace(trunk, removed, nn.Identity())
    if channels != 3:
        _adapt(trunk, channels)
    for name, module in list(trunk.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            _replace(trunk, name, PictureBatchNorm(module.num_features, module.momentum or 0.0, module.eps))
        elif isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
            _replace(trunk, name, Average())
    return trunk, removed, features


class _Countable(TorchFunctionMode):
    """New tensors on the CPU: a regnet counts its blocks by them, and the meta device has no values to count by."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        return func(*args, **(given | {"device": "cpu"} if func in (torch.arange, torch.tensor) else given))


class Average(nn.Module):
    """The mean over all places, [B, C, H, W] -> [B, C, 1, 1]: as nn.AdaptiveAvgPool2d(1), see `conv.average`."""

    def forward(self, x: Tensor) -> Tensor:
        return average(x)[:, :, None, None]


def _replace(model: nn.Module, name: str, new: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, new)


def _first_convolution(trunk: nn.Module) -> tuple[str, nn.Conv2d]:
    return next((name, m) for name, m in trunk.named_modules() if isinstance(m, nn.Conv2d))


def _adapt(trunk: nn.Module, channels: int) -> None:
    """Let the first convolution take that many channels, with the weights of the colours in turn."""
    name, old = _first_convolution(trunk)
    shape = old.out_channels, old.kernel_size, old.stride, old.padding
    new = nn.Conv2d(channels, *shape, bias=old.bias is not None)  # type: ignore[arg-type]
    with torch.no_grad():
        new.weight.copy_(old.weight[:, [i % old.in_channels for i in range(channels)]])
        if new.bias is not None and old.bias is not None:
            new.bias.copy_(old.bias)
    _replace(trunk, name, new)


def _vit_size(architecture: str, height: int, width: int) -> int:
    patch = int(architecture.rpartition("_")[2])
    if height != width or height % patch:
        raise UserError(
            f"model: backbone {architecture} takes square pictures whose side is a multiple of {patch} pixels, and the "
            f"data has {height}x{width} (height x width)"
        )
    return height


def _maxvit_size(architecture: str, height: int, width: int) -> tuple[int, int]:
    if height % 224 or width % 224:
        raise UserError(
            f"model: backbone {architecture} takes pictures whose sides are multiples of 224 pixels, and the data has "
            f"{height}x{width} (height x width)"
        )
    return height, width


def _blocks(name: str, module: nn.Module, top: bool = False) -> Iterator[tuple[str, nn.Module]]:
    if top or type(module).__name__ in OPENED:
        for child, inner in module.named_children():
            yield from _blocks(f"{name}.{child}", inner)
    elif not isinstance(module, nn.Identity):  # the place of what was removed
        yield name, module


@torch.no_grad()
def failing(trunk: nn.Module, inputs: tuple[int, ...]) -> str | None:
    """The layer that pictures of that size do not pass, by its name in the trunk; None where they pass. Of the shapes
    alone: nothing is computed, and no memory taken."""
    reached: list[str] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, args, name=name: reached.append(name))
        for name, module in trunk.named_modules()
        if name and not any(True for _ in module.children())
    ]
    tensors = {**dict(trunk.named_parameters()), **dict(trunk.named_buffers())}
    shapes = {name: tensor.to("meta") for name, tensor in tensors.items()}
    training = trunk.training
    trunk.eval()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            functional_call(trunk, shapes, (torch.empty(1, *inputs, device="meta"),))
    except (RuntimeError, ValueError, AssertionError):  # whatever a layer says of a picture that is too small
        return reached[-1] if reached else ""
    finally:
        trunk.train(training)
        for hook in hooks:
            hook.remove()
    return None


def _unfit(architecture: str, inputs: tuple[int, ...], layer: str) -> str:
    """What to say of pictures that a layer of the trunk does not take; the least square that it does, by bisection."""
    channels, height, width = inputs
    with torch.device("meta"):
        trunk, _, _ = make_trunk(architecture, inputs)
    low, high = min(height, width), USUAL
    while high - low > 1:
        middle = (low + high) // 2
        passes = failing(trunk, (channels, middle, middle)) is None
        low, high = (low, middle) if passes else (middle, high)
    return (
        f"model: backbone {architecture} cannot take pictures of {height}x{width} (height x width): layer {layer} "
        f"would have nothing left; at least {high}x{high} needed (where the source has data.size, that enlarges them)"
    )
