"""Whether trainings can be stacked, told from what was built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nntrain.models import members as layers
from nntrain.models.activations import Maxout
from nntrain.models.cnn import CNN
from nntrain.models.conv import ConvBlock
from nntrain.models.inputs import PixelInput, TableInput
from nntrain.models.linear import Linear
from nntrain.models.mlp import MLP, Hidden
from nntrain.models.network import Network
from nntrain.models.norms import BatchNorm, PictureBatchNorm
from nntrain.models.resnet import Residual, ResNet
from nntrain.objective.objective import Objective
from nntrain.stack.augmented import settings_of
from nntrain.stack.losses import criterion_of
from nntrain.stack.member import Member
from nntrain.stack.network import RATES
from nntrain.stack.update import structure

STACKABLE: tuple[type[nn.Module], ...] = (
    *(Network, MLP, Hidden, Linear, nn.ModuleList, PixelInput, TableInput, BatchNorm, Maxout),
    *(CNN, ResNet, Residual, ConvBlock, PictureBatchNorm),
    *(layers.Linear, layers.LayerNorm, layers.RMSNorm, layers.GroupNorm, layers.PReLU, layers.Embedding),
)
OWN = {*RATES, "kind", "training", "single"}  # attributes of modules that may differ: they are said, or stacked


def why_not(members: Sequence[Member]) -> str | None:
    """Why these cannot be trained as one program, or None where they can."""
    for member in members:
        if said := _alone(member):
            return said
    first = members[0]
    for what, of in SHARED.items():
        own = of(first)
        if any(of(member) != own for member in members[1:]):
            return f"{what} differs"
    return None


def by_kind(members: Sequence[Member]) -> list[Member]:
    """In an order in which members of one kind are neighbours: one call then does for all of them."""
    return sorted(members, key=_kind)


def _kind(member: Member) -> tuple[Any, ...]:
    objective: Any = member.program.objective
    changes = None if member.augment is None else settings_of(member.augment)
    return len(member.train), len(member.val), repr((criterion_of(objective), objective.label_smoothing, changes))


def _alone(member: Member) -> str | None:
    """Why this one is trained alone, whoever the others are."""
    program, state, course = member.program, member.state, member.course
    for module in program.network.modules():
        if type(module) not in STACKABLE:
            return f"{type(module).__name__} layers are not stacked"
    if not isinstance(program.objective, Objective):
        return "reconstructions are not stacked"
    if program.optimizer.needs_closure:
        return "the optimizer evaluates the loss several times in a step"
    if state.loss_scale is not None:
        return "the loss is scaled (fp16)"
    if state.frozen or state.optimizer.since or state.params.rates is not None or course.thawing is not None:
        return "some layers stand still, or learn at rates of their own"
    if program.network.from_features:
        return "the network is given features that were computed once"
    if member.train.streamed or member.val.streamed:
        return "samples are read from disk"
    if member.loop.position:
        return "one stands inside an epoch"
    return None


def _layers(member: Member) -> list[Any]:
    network = member.program.network
    return [(name, type(module), _settings(module)) for name, module in network.named_modules()]


def _settings(module: nn.Module) -> dict[str, Any]:
    """What is no tensor, and fixed for all members."""
    found = {key: value for key, value in vars(module).items() if not key.startswith("_") and key not in OWN}
    return {key: _plain(value) for key, value in found.items()}


def _plain(value: Any) -> Any:
    return (value.func, value.args, value.keywords) if isinstance(value, partial) else value


def _columns(member: Member) -> list[Any]:
    """Which columns of a table are taken how: what the input layer holds, but for how it standardises pictures."""
    layer = member.program.network.input
    return [] if isinstance(layer, PixelInput) else [value.tolist() for value in layer.buffers()]


def _like(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
    """What one sample is."""
    return tensor.shape[1:], tensor.dtype


SHARED: dict[str, Callable[[Member], Any]] = {
    "the device": lambda m: (m.program.device, m.program.asks),
    "the precision": lambda m: m.program.precision,
    "the shape of the network": lambda m: (m.state.params.names, m.state.params.shapes),
    "a layer": _layers,
    "how columns are taken": _columns,
    "the optimizer": lambda m: structure(m.program.optimizer),
    "the data": lambda m: (_like(m.train.inputs), _like(m.train.targets), _like(m.val.inputs)),
    "what is predicted": lambda m: (m.program.objective.task.kind, m.program.objective.task.classes),
    "whether samples are changed or mixed": lambda m: m.augment and (type(m.augment), m.augment.mixes),
    "the batch size": lambda m: (m.course.batch_size, m.course.accumulate),
    "whether weights are averaged": lambda m: (m.program.ema > 0, m.course.swa_start is not None),
}
