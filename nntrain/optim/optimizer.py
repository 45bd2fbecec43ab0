"""What every optimizer is: a pure rule from (parameters, gradients, state, hyperparameters) to an update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nntrain.optim.parameters import Parameters


@dataclass(slots=True)
class Hyper:
    """What may change from step to step.

    step: updates done, this one included: 1, 2, ... lr: learning rate.
    momentum: momentum of SGD and RMSprop, first beta of the Adam family; None keeps the optimizer's own.
    """

    step: int
    lr: float
    momentum: float | None = None


class State:
    """An optimizer's state: named tensors, and for those in the layout of the parameters one view per parameter."""

    def __init__(self, tensors: Mapping[str, Tensor], params: Parameters) -> None:
        self.tensors = dict(tensors)
        self.views = {name: params.split(t) for name, t in self.tensors.items() if t.shape == params.flat.shape}

    def of(self, i: int) -> dict[str, Tensor]:
        """The state of parameter `i` alone: its views, and the tensors named `<slot>.<i>` as `<slot>`."""
        own = {name: views[i] for name, views in self.views.items()}
        return own | {n.rpartition(".")[0]: t for n, t in self.tensors.items() if n.rpartition(".")[2] == str(i)}


class Optimizer:
    """Holds hyperparameters and nothing else: all state is an argument, so a step depends on what it is given alone.

    A subclass names its `slots` (state vectors, zero at the start) and gives `rule`. An elementwise rule is called
    once on the flat vector of all parameters; another (`elementwise = False`) once per parameter.

    weight_decay: shrinks the weights, never biases and norms unless `decay_biases_and_norms`. Coupled: added to the
    gradient as weight_decay * p. Decoupled (Loshchilov & Hutter 2019): p shrinks by lr * weight_decay * p first.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    elementwise: ClassVar[bool] = True

    def __init__(
        self,
        lr: float,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases_and_norms: bool = False,
    ) -> None:
        self.lr = lr
        self.weight_decay = weight_decay
        self.decoupled_weight_decay = decoupled_weight_decay
        self.decay_biases_and_norms = decay_biases_and_norms

    def initial_state(self, params: Parameters) -> State:
        """A zero vector in the layout of `params` for each slot."""
        return State({slot: torch.zeros_like(params.flat) for slot in self.slots}, params)

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], h: Hyper) -> Tensor:
        """What to subtract from `p`, given its gradient `g` of the same shape. Advances `s` in place, leaves `p` and `g`."""
        raise NotImplementedError

    def fused(
        self, p: list[Tensor], g: list[Tensor], s: dict[str, list[Tensor]], h: Hyper, weight_decay: float, found_inf: Tensor | None
    ) -> None:
        """The same update, decay included, by one kernel of torch, in place. Only called where `has_fused` says so."""
        raise NotImplementedError

    def has_fused(self, device: torch.device) -> bool:
        return False

    def update(
        self, params: Parameters, grads: Sequence[Tensor], state: State, h: Hyper, found_inf: Tensor | None = None
    ) -> None:
        """Advance `params` and `state` in place by one step.

        grads: one per parameter, in layout order; they are not changed. found_inf: float32 scalar on the device; where
        it is not 0 the parameters stay as they are, without a sync. None: the caller has made sure of the gradients.
        """
        decayed = len(params) if self.decay_biases_and_norms else params.weights
        if self.has_fused(params.flat.device):
            self._update_fused(params, list(grads), state, h, decayed, found_inf)
        elif self.elementwise:
            end = len(params.flat) if self.decay_biases_and_norms else params.decayed
            g = params.gather(grads)
            self._decay(params.flat[:end], g[:end], h)
            _subtract(params.flat, self.rule(params.flat, g, state.tensors, h), found_inf)
        else:
            for i, (p, g) in enumerate(zip(params.views, grads, strict=True)):
                if i < decayed and self.weight_decay:
                    g = g.clone()
                    self._decay(p, g, h)
                _subtract(p, self.rule(p, g, state.of(i), h), found_inf)

    def _decay(self, p: Tensor, g: Tensor, h: Hyper) -> None:
        if not self.weight_decay:
            return
        if self.decoupled_weight_decay:
            p.mul_(1 - h.lr * self.weight_decay)
        else:
            g.add_(p, alpha=self.weight_decay)

    def _update_fused(
        self, params: Parameters, grads: list[Tensor], state: State, h: Hyper, decayed: int, found_inf: Tensor | None
    ) -> None:
        views: list[Tensor] = list(params.views)
        if not self.weight_decay or decayed == len(views):
            self.fused(views, grads, state.views, h, self.weight_decay, found_inf)
            return
        for part, decay in ((slice(0, decayed), self.weight_decay), (slice(decayed, None), 0.0)):
            if views[part]:
                chosen = {name: slot[part] for name, slot in state.views.items()}
                self.fused(views[part], grads[part], chosen, h, decay, found_inf)


def _subtract(p: Tensor, delta: Tensor, found_inf: Tensor | None) -> None:
    p.sub_(delta if found_inf is None else torch.where(found_inf == 0, delta, 0.0))
