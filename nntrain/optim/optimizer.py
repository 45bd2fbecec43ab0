"""What every optimizer is: a pure rule from (parameters, gradients, state, hyperparameters) to an update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nntrain.optim.parameters import Parameters

FUSED_DEVICES = ("cpu", "cuda")

Coefficients = tuple[float | Tensor, ...]  # in a stack float32 tensors, an entry per member, that broadcast


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
    """An optimizer's state: named tensors, which are all that a resumed run needs: `State(saved, params)`.

    A name without a dot is a vector in the layout of the parameters (`exp_avg`) or one value for all (`mu_product`);
    `<slot>.<i>` belongs to parameter `i` alone.
    views: for the vectors, one view per parameter. own: for each parameter, the tensors that concern it, by slot.
    since: for each parameter, after how many updates of the others it joined; empty where all are there from the start.
    """

    def __init__(self, tensors: Mapping[str, Tensor], params: Parameters, since: Sequence[int] = ()) -> None:
        self.tensors = dict(tensors)
        self.since = tuple(since) if any(since) else ()
        vectors = {n: t for n, t in self.tensors.items() if "." not in n and t.shape == params.flat.shape}
        self.views = {name: params.split(vector) for name, vector in vectors.items()}
        self.own: list[dict[str, Tensor]] = [
            {name: views[i] for name, views in self.views.items()} for i in range(len(params))
        ]
        for name, tensor in self.tensors.items():
            slot, dot, i = name.rpartition(".")
            if dot:
                self.own[int(i)][slot] = tensor


class Optimizer:
    """Holds hyperparameters and nothing else: all state is an argument, so a step depends on what it is given alone.

    A subclass names its `slots` (state vectors, zero at the start; they may depend on the constructor's arguments) and
    gives `coefficients`, the numbers of a step, and `rule`, which computes with them. An elementwise rule is called
    once on the flat vector of all parameters; another (`elementwise = False`) once per parameter. `needs_closure`: see
    `lbfgs.py`, which has `minimize` for `update`.

    Many networks can train as one (`nntrain/stack/update.py`): the same rule then computes with a leading axis of
    members, `lead` being 1, not 0. So a rule reads no number but those it is given, and `coefficients` is arithmetic
    that arrays know: `**`, and `where` for a choice by value. `fixed`: numbers that all members have in common.

    weight_decay: shrinks the weights, never biases and norms unless `decay_biases_and_norms`. Coupled: added to the
    gradient as weight_decay * p. Decoupled (Loshchilov & Hutter 2019): p shrinks by lr * weight_decay * p first.
    """

    slots: tuple[str, ...] = ()
    elementwise: ClassVar[bool] = True
    needs_closure: ClassVar[bool] = False
    fixed: ClassVar[tuple[str, ...]] = ()
    lead = 0

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

    @property
    def base_momentum(self) -> float | None:
        """Own momentum or first beta, which a schedule may replace step by step; None where there is none."""
        return None

    def initial_state(self, params: Parameters) -> State:
        """A zero vector in the layout of `params` for each slot."""
        return State({slot: torch.zeros_like(params.flat) for slot in self.slots}, params)

    def coefficients(self, h: Hyper) -> tuple[float, ...]:
        """The numbers that `rule` computes with in the step `h`, each in double precision."""
        raise NotImplementedError

    def rule(self, p: Tensor, g: Tensor, s: dict[str, Tensor], c: Coefficients) -> Tensor:
        """What to subtract from `p`, given its gradient `g`. Advances `s` in place, leaves `p` and `g`."""
        raise NotImplementedError

    def fused(
        self,
        p: list[Tensor],
        g: list[Tensor],
        s: dict[str, list[Tensor]],
        h: Hyper,
        weight_decay: float,
        found_inf: Tensor | None,
    ) -> None:
        """The same update, decay included, by one kernel of torch, in place. Only called where `has_fused` says so."""
        raise NotImplementedError

    def has_fused(self, device: torch.device) -> bool:
        return False

    def averaged(self, state: State, step: int) -> Tensor | None:
        """A vector in the layout of the parameters that is to be evaluated in their place after `step` updates, where
        the method has one."""
        return None

    def decay_rate(self, s: dict[str, Tensor], h: Hyper) -> float:
        """The learning rate that scales decoupled decay of the parameter whose state is `s`."""
        return h.lr

    def update(
        self, params: Parameters, grads: Sequence[Tensor], state: State, h: Hyper, found_inf: Tensor | None = None
    ) -> None:
        """Advance `params` and `state` in place by one step.

        grads: one per parameter, in layout order, of any strides; they are not changed. found_inf: float32 scalar on
        the device; where it is 1, not 0, parameters and state stay as they are, without a sync. None: the caller has
        made sure of the gradients.
        """
        rates = params.rates
        before = params.flat.clone() if rates is not None else None
        self._update(params, grads, state, h, found_inf)
        if rates is not None and before is not None:  # what a learning rate of so much less would have done
            params.flat.copy_(torch.lerp(before, params.flat, rates))

    def _update(
        self, params: Parameters, grads: Sequence[Tensor], state: State, h: Hyper, found_inf: Tensor | None
    ) -> None:
        if self.has_fused(params.flat.device):
            self._update_fused(params, grads, state, h, found_inf)
        elif found_inf is None:
            self._update_by_rule(params, grads, state, h)
        else:
            live = [params.flat, *state.tensors.values()]
            before = [t.clone() for t in live]
            self._update_by_rule(params, grads, state, h)
            for now, old in zip(live, before, strict=True):
                now.copy_(torch.where(found_inf == 0, now, old))

    def _update_by_rule(self, params: Parameters, grads: Sequence[Tensor], state: State, h: Hyper) -> None:
        c = self.coefficients(h)
        if self.elementwise and not state.since:
            g = params.gather(grads)
            if self.weight_decay:
                end = len(params.flat) if self.decay_biases_and_norms else params.decayed
                self._decay(params.flat[:end], g[:end], h.lr)
            params.flat.sub_(self.rule(params.flat, g, state.tensors, c))
            return
        own, decayed = h, self._decayed(params)
        for i, (p, g, s) in enumerate(zip(params.data, grads, state.own, strict=True)):
            if state.since:
                own = replace(h, step=h.step - state.since[i])
                c = self.coefficients(own)
            if i < decayed and self.weight_decay:
                g = g.clone()
                self._decay(p, g, self.decay_rate(s, own))
            p.sub_(self.rule(p, g, s, c))

    def _decay(self, p: Tensor, g: Tensor, lr: float) -> None:
        if self.decoupled_weight_decay:
            p.mul_(1 - lr * self.weight_decay)
        else:
            g.add_(p, alpha=self.weight_decay)

    def _update_fused(
        self, params: Parameters, grads: Sequence[Tensor], state: State, h: Hyper, found_inf: Tensor | None
    ) -> None:
        # The kernels walk raw memory: a gradient that autograd left expanded or transposed must be laid out first.
        g = [grad if grad.is_contiguous() else grad.contiguous() for grad in grads]
        decayed = self._decayed(params) if self.weight_decay else 0
        if state.since:
            self._update_joined(params, g, state, h, decayed, found_inf)
            return
        if decayed == 0 or decayed == len(g):
            self.fused(params.data, g, state.views, h, self.weight_decay if decayed else 0.0, found_inf)
            return
        for part, decay in ((slice(0, decayed), self.weight_decay), (slice(decayed, None), 0.0)):
            chosen = {name: slot[part] for name, slot in state.views.items()}
            self.fused(params.data[part], g[part], chosen, h, decay, found_inf)

    def _update_joined(
        self, params: Parameters, g: list[Tensor], state: State, h: Hyper, decayed: int, found_inf: Tensor | None
    ) -> None:
        """The fused update where some parameters joined later, whose own steps are fewer."""
        kinds = [(i < decayed, since) for i, since in enumerate(state.since)]
        for kind in dict.fromkeys(kinds):
            part = [i for i, other in enumerate(kinds) if other == kind]
            chosen = {name: [slot[i] for i in part] for name, slot in state.views.items()}
            own, decay = replace(h, step=h.step - kind[1]), self.weight_decay if kind[0] else 0.0
            self.fused([params.data[i] for i in part], [g[i] for i in part], chosen, own, decay, found_inf)

    def _decayed(self, params: Parameters) -> int:
        """How many of the parameters, in layout order, weight decay applies to."""
        return len(params) if self.decay_biases_and_norms else params.weights


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where the condition holds, else `no`; for arrays, which stacks compute with, entry by entry."""
    if isinstance(condition, bool):
        return yes if condition else no
    return np.where(condition, yes, no)
