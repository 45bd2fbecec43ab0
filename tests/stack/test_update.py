"""Stacked optimizers beside the same ones alone, over the table."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nntrain.optim.optimizer import Hyper, Optimizer
from nntrain.optim.parameters import Parameters
from nntrain.optim.table import OPTIMIZERS
from nntrain.stack.update import StackedOptimizer

STEPWISE = [name for name, kind in OPTIMIZERS.items() if not kind.needs_closure]
MOVED = [name for name in STEPWISE if OPTIMIZERS[name]().base_momentum is not None]
STRUCTURES: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in STEPWISE),
    ("sgd", {"momentum": 0.0}),
    ("sgd", {"nesterov": True}),
    ("sgd", {"dampening": 0.5}),
    ("adam", {"amsgrad": True}),
    ("radam", {"betas": (0.9, 0.8)}),
    ("rmsprop", {"momentum": 0.9, "centered": True}),
    ("asgd", {"t0": 5.0, "lambd": 0.1}),
    ("adafactor", {"eps1": 1e-3}),
    ("muon", {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"}),
]
MEMBERS, STEPS = 3, 30


class Net(nn.Module):
    """A bag of parameters: two matrices, an embedding, a vector."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        shapes = {"bias": (5,), "wide": (5, 3), "tall": (3, 17), "embedding": (4, 2)}
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.randn(shape, generator=g)))


class Run:
    """A member alone, and what the stack is to make of it."""

    def __init__(self, optimizer: Optimizer, seed: int) -> None:
        self.optimizer = optimizer
        self.params = Parameters(Net(seed).named_parameters())
        self.state = optimizer.initial_state(self.params)
        self.seed = seed

    def gradients(self, step: int) -> list[Tensor]:
        g = torch.Generator().manual_seed(1000 * self.seed + step)
        return [torch.randn(p.shape, generator=g) for p in self.params.data]

    def train(self, steps: range, lr: float | None = None, momentum: float | None = None) -> None:
        for step in steps:
            h = Hyper(step, self.optimizer.lr if lr is None else lr, momentum)
            self.optimizer.update(self.params, self.gradients(step), self.state, h)


class Stack:
    """The same members in one program."""

    def __init__(self, runs: list[Run]) -> None:
        self.runs = runs
        self.flat = torch.stack([run.params.flat for run in runs])
        self.optimizer = StackedOptimizer([r.optimizer for r in runs], [r.state for r in runs], runs[0].params)

    def step(self, step: Any, momentum: Any = None, found_inf: Tensor | None = None) -> None:
        steps = np.broadcast_to(step, len(self.runs))
        pairs = zip(self.runs, steps, strict=True)
        grads = torch.stack([run.params.gather(run.gradients(int(own))) for run, own in pairs])
        lr: Any = np.array([run.optimizer.lr for run in self.runs])
        self.optimizer.update(self.flat, grads, Hyper(step, lr, momentum), found_inf)

    def keep(self, rows: list[int]) -> None:
        index = torch.tensor(rows)
        self.runs, self.flat = [self.runs[row] for row in rows], self.flat[index]
        self.optimizer.keep(index)


def numbers(name: str, member: int, **options: Any) -> dict[str, Any]:
    """Every number of an optimizer's settings, another one for each member."""
    chosen = {}
    for key, parameter in signature(OPTIMIZERS[name]).parameters.items():
        value, factor = options.get(key, parameter.default), 0.95**member
        if isinstance(value, float):
            chosen[key] = value * factor
        elif isinstance(value, tuple) and isinstance(value[0], float) and key not in OPTIMIZERS[name].fixed:
            chosen[key] = tuple(number * factor for number in value)
        elif key in options:
            chosen[key] = value
    return {key: value for key, value in chosen.items() if key not in OPTIMIZERS[name].fixed}


def members(name: str, **options: Any) -> list[Run]:
    return [Run(OPTIMIZERS[name](**numbers(name, i, **options)), seed=i) for i in range(MEMBERS)]


def assert_same(stack: Stack, alone: list[Run], rtol: float = 1e-5) -> None:
    for row, run in enumerate(alone):
        torch.testing.assert_close(stack.flat[row], run.params.flat, rtol=rtol, atol=1e-6)
        for key, tensor in stack.optimizer.tensors.items():
            torch.testing.assert_close(tensor[row], run.state.tensors[key], rtol=rtol, atol=1e-6)


@pytest.mark.parametrize(("name", "options"), STRUCTURES, ids=lambda value: str(value))
def test_members_move_as_they_do_alone(name: str, options: dict[str, Any]) -> None:
    alone, stack = members(name, **options), Stack(members(name, **options))
    for step in range(1, STEPS + 1):
        stack.step(step)
    for run in alone:
        run.train(range(1, STEPS + 1))
    assert_same(stack, alone)
