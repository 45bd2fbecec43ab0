"""Unfreezing: from some epoch on, layers train that stood still before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from nntrain.optim.optimizer import State
from nntrain.optim.parameters import Parameters
from nntrain.training.state import LoopState, TrainState
from nntrain.training.step import Program


@dataclass(frozen=True)
class Stage:
    """layer: as people know it. parts: its modules and parameters, dotted names in the network. epoch: the first in
    which it trains."""

    layer: str
    parts: tuple[str, ...]
    epoch: int

    def holds(self, name: str) -> bool:
        return any(name == part or name.startswith(f"{part}.") for part in self.parts)


@dataclass(frozen=True)
class Thawing:
    """stages: a layer each. steps: of an epoch. rates: factors on the learning rate of parameters by name, empty where
    all are 1."""

    stages: tuple[Stage, ...]
    steps: int
    rates: Mapping[str, float] = field(default_factory=dict)

    def still(self, epoch: int) -> list[str]:
        """The parts of the network that do not train in an epoch."""
        return [part for stage in self.stages if stage.epoch > epoch for part in stage.parts]

    def since(self, name: str) -> int:
        """How many updates the others had when the parameter of that name joined them."""
        return next((self.steps * (stage.epoch - 1) for stage in self.stages if stage.holds(name)), 0)


def epoch_of(loop: LoopState) -> int:
    """The epoch whose layers a saved state is about: layers begin to train with the first step of theirs."""
    return loop.epoch if loop.position else loop.epoch - 1


def thaw(program: Program, state: TrainState, thawing: Thawing, epoch: int) -> list[str]:
    """Let train what trains in an epoch, and make `state` that of it; the layers that did not train before.

    What trained keeps its state of the optimizer and its average. What joins starts afresh: its updates are counted
    from here, and the average of weights that stood still is these weights.
    """
    network, old = program.network, state.params
    network.hold(thawing.still(epoch))
    new = Parameters(network.named_parameters(), thawing.rates)
    joined = [name for name in new.names if name not in old.names]
    since = [thawing.since(name) for name in new.names]
    state.optimizer = carried(state.optimizer, old, program.optimizer.initial_state(new), new, since)
    if state.average is not None:
        average = new.flat.clone()
        copy_views(state.average, old, average, new)
        state.average = average
    state.params = new
    state.frozen = {name: p.data for name, p in network.named_parameters() if not p.requires_grad}
    return [stage.layer for stage in thawing.stages if any(map(stage.holds, joined))]


def carried(was: State, old: Parameters, fresh: State, new: Parameters, since: Sequence[int]) -> State:
    """An optimizer's state in a new layout: of what was there before its own, of the rest the fresh one."""
    tensors = dict(fresh.tensors)
    for name, tensor in was.tensors.items():
        slot, dot, i = name.rpartition(".")
        if dot:
            tensors[f"{slot}.{new.names.index(old.names[int(i)])}"] = tensor
        else:
            copy_views(tensor, old, tensors[name], new)
    return State(tensors, new, since)


def copy_views(vector: Tensor, old: Parameters, to: Tensor, new: Parameters) -> None:
    """Every parameter's part of one vector into its place in another."""
    places = dict(zip(new.names, new.split(to), strict=True))
    for name, view in zip(old.names, old.split(vector), strict=True):
        places[name].copy_(view)
