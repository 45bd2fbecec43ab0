"""The optimizers of M networks as one: the same rule, its numbers tensors with an entry per member.

Members share the class of their optimizer and its structure, that is every setting but its numbers: the switches
`nesterov`, `amsgrad`, `centered`, `decoupled_weight_decay`, `decay_biases_and_norms`, and of Muon `adjust_lr_fn`,
`adamw_names`, `ns_coefficients` and `ns_steps`. All else may differ: lr, momentum, betas, eps, decay and so on, be it
0. Without momentum SGD and RMSprop keep no state for it; beside members that do, it is there and changes nothing.
L-BFGS cannot be stacked.

Legend: M members, P numbers in the flat vector of a member's parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nntrain.optim.optimizer import Hyper, Optimizer, State
from nntrain.optim.parameters import Parameters


def structure(optimizer: Optimizer) -> dict[str, Any]:
    """What members of a stack must have in common, by attribute; compared by `==`."""
    kinds: dict[str, Any] = {"class": type(optimizer)}
    for name, value in vars(optimizer).items():
        if isinstance(value, Optimizer):
            kinds[name] = structure(value)
        elif name == "slots":  # they follow from the switches, and from whether there is momentum
            continue
        elif not _is_number(value) or name in optimizer.fixed:
            kinds[name] = value
    return kinds


def by_name(states: Sequence[Mapping[str, Tensor]]) -> dict[str, list[Tensor]]:
    """The tensors of all members by name, zeros for a member that has none of that name."""
    fullest = max(states, key=len)
    return {
        name: [state[name] if name in state else torch.zeros_like(like) for state in states]
        for name, like in fullest.items()
    }


def merged(optimizers: Sequence[Optimizer]) -> Optimizer:
    """One optimizer with the numbers of all: float64 [M] where they differ. AssertionError where structures do."""
    first = optimizers[0]
    assert all(structure(other) == structure(first) for other in optimizers)
    one = copy(first)
    one.lead, one.slots = 1, max((optimizer.slots for optimizer in optimizers), key=len)
    for name, value in vars(first).items():
        values = [getattr(other, name) for other in optimizers]
        if isinstance(value, Optimizer):
            setattr(one, name, merged(values))
        elif _is_number(value) and any(other != value for other in values):
            setattr(one, name, np.array(values, dtype=np.float64))
    return one


class StackedOptimizer:
    """The optimizers and states of M members, which it advances together.

    tensors: the states, by name as in `State`, each [M, ...]; zeros where a member has none of that name. Its own
    `State` can be made of its row of those that it has, which every update then advances. params: of any member, for
    the layout, which all share.
    """

    def __init__(self, optimizers: Sequence[Optimizer], states: Sequence[State], params: Parameters) -> None:
        assert params.rates is None
        assert not any(state.since for state in states)
        assert not optimizers[0].needs_closure
        self.members = len(optimizers)
        self.optimizer = merged(optimizers)
        self.weight_decay = np.array([optimizer.weight_decay for optimizer in optimizers])
        self.optimizer.weight_decay = 0.0  # done here, for all
        self.tensors = {name: torch.stack(own) for name, own in by_name([state.tensors for state in states]).items()}
        self.params = params
        alike = not any(_is_array(v) for name, v in vars(self.optimizer).items() if name != "lr")
        self.fusible = alike and self.optimizer.has_fused(params.flat.device)

    def keep(self, rows: Tensor) -> None:
        """Go on with the members of these rows, in this order; what they compute is not changed to the bit.

        rows: int64 [new M]. The states are new tensors; the old ones stay as they are.
        """
        self.tensors = {name: tensor[rows] for name, tensor in self.tensors.items()}
        self.members = len(rows)
        index = rows.cpu().numpy()
        self.weight_decay = self.weight_decay[index]
        self.optimizer = _of_rows(self.optimizer, index)

    def part(self, start: int, stop: int) -> StackedOptimizer:
        """Of the members in rows start ... stop - 1 alone, whose states are views of these."""
        part = copy(self)
        part.tensors = {name: tensor[start:stop] for name, tensor in self.tensors.items()}
        part.members = stop - start
        part.weight_decay = self.weight_decay[start:stop]
        part.optimizer = _of_rows(self.optimizer, slice(start, stop))
        return part

    @torch.no_grad()
    def update(self, flat: Tensor, grads: Tensor, h: Hyper, found_inf: Tensor | None = None) -> None:
        """Advance the parameters `flat` [M, P] and the states by one step.

        grads: [M, P], contiguous, zero in the gaps of the layout; they are changed. Rows may have a further gap at
        their end, as those of the states then do. h: lr float64 [M]; step and momentum each one number for all or an
        array [M]. What is one number must stay so through a run: an array of equal ones rounds otherwise. found_inf:
        float32 [M]; where it is 1, not 0, the member stays as it is.
        """
        if found_inf is None:
            self._update(flat, grads, h)
            return
        live = [flat, *self.tensors.values()]
        before = [t.clone() for t in live]
        self._update(flat, grads, h)
        for now, old in zip(live, before, strict=True):
            now.copy_(torch.where(_column(found_inf, now.ndim - 1) == 0, now, old))

    def _update(self, flat: Tensor, grads: Tensor, h: Hyper) -> None:
        if not self.optimizer.elementwise:
            self._update_each(flat, grads, h)
            return
        if self.weight_decay.any():
            end = flat.shape[1] if self.optimizer.decay_biases_and_norms else self.params.decayed
            self._decay(flat[:, :end], grads[:, :end], h.lr)
        if self.fusible and not _is_array(h.step) and not _is_array(h.momentum):
            self._update_fused(flat, grads, h)
            return
        c = [_column(x, 1) for x in self._numbers(self.optimizer.coefficients(h))]
        s = {name: tensor if tensor.ndim > 1 else tensor[:, None] for name, tensor in self.tensors.items()}
        flat.sub_(self.optimizer.rule(flat, grads, s, tuple(c)))

    def _update_fused(self, flat: Tensor, grads: Tensor, h: Hyper) -> None:
        """By one kernel of torch, which knows one learning rate: steps at rate 1 from 0, each member's then scaled."""
        steps = torch.zeros_like(flat)
        s = {name: [tensor] for name, tensor in self.tensors.items()}
        self.optimizer.fused([steps], [grads], s, Hyper(h.step, 1.0, h.momentum), 0.0, None)
        (lr,) = self._numbers((h.lr,))
        flat.addcmul_(steps, _column(lr, 1))

    def _update_each(self, flat: Tensor, grads: Tensor, h: Hyper) -> None:
        """Parameter by parameter, each [M, *shape]."""
        numbers = self._numbers(self.optimizer.coefficients(h))
        decayed = len(self.params) if self.optimizer.decay_biases_and_norms else self.params.weights
        for i, (p, g) in enumerate(zip(self.params.split(flat), self.params.split(grads), strict=True)):
            s = {name.partition(".")[0]: t for name, t in self.tensors.items() if name.endswith(f".{i}")}
            if self.weight_decay.any() and i < decayed:
                self._decay(p, g, self.optimizer.decay_rate(s, h))
            p.sub_(self.optimizer.rule(p, g, s, tuple(_column(x, p.ndim - 1) for x in numbers)))

    def _decay(self, p: Tensor, g: Tensor, lr: Any) -> None:
        if self.optimizer.decoupled_weight_decay:
            (kept,) = self._numbers((1 - lr * self.weight_decay,))
            p.mul_(_column(kept, p.ndim - 1))
        else:
            (decay,) = self._numbers((self.weight_decay,))
            g.addcmul_(p, _column(decay, p.ndim - 1))

    def _numbers(self, numbers: Sequence[Any]) -> Tensor:
        """Of K numbers, each for all members or an array [M], one tensor float32 [K, M] on the device."""
        table = np.empty((len(numbers), self.members), dtype=np.float32)
        for row, number in zip(table, numbers, strict=True):
            row[:] = number
        device = self.params.flat.device
        return torch.from_numpy(table).to(device, non_blocking=device.type == "cuda")  # staged: nothing is waited for


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)


def _column(numbers: Tensor, axes: int) -> Tensor:
    """[M] -> [M, 1, ...] with so many axes of 1."""
    return numbers.view(-1, *[1] * axes)


def _of_rows(optimizer: Optimizer, rows: NDArray[np.int64] | slice) -> Optimizer:
    """A merged optimizer of fewer members."""
    one = copy(optimizer)
    for name, value in vars(optimizer).items():
        if isinstance(value, Optimizer):
            setattr(one, name, _of_rows(value, rows))
        elif _is_array(value):
            setattr(one, name, value[rows])
    return one
