"""The training states of M members as one: row i of every tensor is member i's.

Legend: M members, P numbers in the flat vector of a member's parameters, W of them in a row with its gap.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nntrain.models.members import Rows
from nntrain.objective.objective import Objective
from nntrain.optim.optimizer import State
from nntrain.stack.augmented import StackedAugment
from nntrain.stack.batches import Samples, StackedBatch
from nntrain.stack.draws import Noise, draws_for
from nntrain.stack.limits import Limits
from nntrain.stack.losses import StackedObjective
from nntrain.stack.member import Member
from nntrain.stack.network import put, stacked_network
from nntrain.stack.parameters import StackedParameters, row_width
from nntrain.stack.rates import StackedRates
from nntrain.stack.update import StackedOptimizer, by_name

OPTIMIZER = "optimizer."


class Stack:
    """Every member's own network, parameters, buffers and states are views of its row, so that whatever works on one
    training (saving, evaluating, locating a fault) works on a member at any time.

    members: in the order of the rows. entered: whether batches are what the networks' bodies take. tensors: by name as
    in `TrainState.tensors`, [M, W] or [M, ...], those of the optimizer left to `optimizer`.
    """

    def __init__(self, members: Sequence[Member], entered: bool = False) -> None:
        self.entered = entered
        self.members = list(members)
        self.layout = members[0].state.params
        states = by_name([_tensors(member) for member in members])
        joined = {name: self._joined(name, own) for name, own in states.items()}
        self.tensors = {name: tensor for name, tensor in joined.items() if not name.startswith(OPTIMIZER)}
        optimizers, own = [m.program.optimizer for m in members], [m.state.optimizer for m in members]
        self.optimizer = StackedOptimizer(optimizers, own, self.layout)
        self.optimizer.tensors = {name: joined[OPTIMIZER + name] for name in self.optimizer.tensors}
        self.rates = StackedRates([member.course.rates for member in members])
        self._parts: dict[tuple[int, int], Part] = {}
        self._bind()

    def part(self, start: int, stop: int) -> Part:
        """Members start ... stop - 1 as one network."""
        key = (start, stop)
        if key not in self._parts:
            self._parts[key] = Part(self, start, stop)
        return self._parts[key]

    def weights(self, rows: Sequence[int]) -> list[dict[str, Tensor]]:
        """Copies of what the model files of these members hold: parameters and buffers by name."""
        if not rows:
            return []
        index = torch.tensor(rows, device=self.layout.flat.device)
        names = list(self.members[0].program.network.state_dict())
        buffers = {name: self.tensors[f"buffers.{name}"][index] for name in names if name not in self.layout.names}
        vectors = self.tensors["params"][index].detach()
        found = []
        for i, vector in enumerate(vectors):
            own = dict(zip(self.layout.names, self.layout.split(vector), strict=True))
            found.append({name: own[name] if name in own else buffers[name][i] for name in names})
        return found

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with the members of these rows alone. The others get tensors of their own."""
        for row in set(range(len(self.members))) - set(rows):
            _bind(self.members[row], {name: own.clone() for name, own in self._row(row).items()})
        if not rows:
            self.members = []
            return
        index = torch.tensor(rows, device=self.layout.flat.device)
        self.members = [self.members[row] for row in rows]
        self.layout = self.members[0].state.params
        self.tensors = {name: tensor[index] for name, tensor in self.tensors.items()}
        self.optimizer.keep(index)
        self.rates.keep(rows)
        self._bind()

    def _bind(self) -> None:
        self._parts = {}
        for row, member in enumerate(self.members):
            _bind(member, self._row(row))

    def _row(self, row: int) -> dict[str, Tensor]:
        """What is one member's, by name as in `TrainState.tensors`."""
        size, has = len(self.layout.flat), self.members[row].state.optimizer.tensors
        own = {OPTIMIZER + name: tensor for name, tensor in self.optimizer.tensors.items() if name in has}
        return {name: t[row, :size] if _is_vector(name, t[0]) else t[row] for name, t in (self.tensors | own).items()}

    def _joined(self, name: str, tensors: Sequence[Tensor]) -> Tensor:
        if not _is_vector(name, tensors[0]):
            return torch.stack(list(tensors))
        joined = tensors[0].new_zeros(len(tensors), row_width(self.layout))
        for row, tensor in zip(joined, tensors, strict=True):
            row[: len(tensor)] = tensor
        return joined


class Part:
    """Neighbours in a stack as one network, with all that a step of theirs needs.

    network: its parameters are `params.views`. rows: of the batch that it is given. noise: on standardised inputs, None
    for none. random: whether some member draws, so that seeds are wanted. augment: None for none.
    """

    def __init__(self, stack: Stack, start: int, stop: int) -> None:
        self.start, self.stop = start, stop
        self.members = stack.members[start:stop]
        programs = [member.program for member in self.members]
        self.program = programs[0]
        self.tensors = {name: tensor[start:stop] for name, tensor in stack.tensors.items()}
        self.params = StackedParameters(stack.layout, self.tensors["params"])
        self.rows = Rows()
        self.draws = draws_for(len(programs), self.rows, self.program.device)
        buffers = {
            name.removeprefix("buffers."): tensor
            for name, tensor in self.tensors.items()
            if name.startswith("buffers.")
        }
        networks = [program.network for program in programs]
        self.network = stacked_network(networks, self.params, buffers, self.draws, stack.entered)
        noises = [program.input_noise for program in programs]
        self.noise = Noise(noises, self.draws, self.program.device) if any(noises) else None
        self.random = any(program.random for program in programs)
        objectives = [program.objective for program in programs]
        self.objective = StackedObjective([o for o in objectives if isinstance(o, Objective)])
        self.limits = Limits(programs, stack.layout)
        self.augment = None if self.members[0].augment is None else StackedAugment(self.members)
        whole = len(self.members) == len(stack.members)
        self.optimizer = stack.optimizer if whole else stack.optimizer.part(start, stop)

    def take(self, samples: Samples, places: Tensor) -> StackedBatch:
        """Samples by their places, int64 [M, B], as they train."""
        if self.augment is None:
            return samples.take(places)
        return self.augment.take(samples, places, samples.first[self.start : self.stop])


def _tensors(member: Member) -> dict[str, Tensor]:
    """What training moves, by name; constants of the data (how inputs are standardised) are none of it."""
    moved = {f"buffers.{name}" for name in member.program.network.state_dict()}
    tensors = member.state.tensors()
    return {name: t for name, t in tensors.items() if not name.startswith("buffers.") or name in moved}


def _is_vector(name: str, tensor: Tensor) -> bool:
    """Whether a member's tensor is laid out like its parameters, [P] or with the gap [W]."""
    slot = name.removeprefix(OPTIMIZER)
    return tensor.ndim == 1 and (name in ("params", "average") or (slot != name and "." not in slot))


def _bind(member: Member, row: dict[str, Tensor]) -> None:
    """Make these tensors, which hold the same, the member's own."""
    state, network = member.state, member.program.network
    state.params.rebind(row["params"])
    own = {name.removeprefix(OPTIMIZER): tensor for name, tensor in row.items() if name.startswith(OPTIMIZER)}
    state.optimizer = State(own, state.params, state.optimizer.since)
    state.found_inf, state.skipped, state.average = row["found_inf"], row["skipped"], row.get("average")
    for name in state.buffers:
        if f"buffers.{name}" in row:
            state.buffers[name] = row[f"buffers.{name}"]
            put(network, name, state.buffers[name])
