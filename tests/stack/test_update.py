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
from nntrain.stack.update import StackedOptimizer, merged, structure

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
        for key, tensor in run.state.tensors.items():
            torch.testing.assert_close(stack.optimizer.tensors[key][row], tensor, rtol=rtol, atol=1e-6)


@pytest.mark.parametrize(("name", "options"), STRUCTURES, ids=str)
def test_members_move_as_they_do_alone(name: str, options: dict[str, Any]) -> None:
    alone, stack = members(name, **options), Stack(members(name, **options))
    for step in range(1, STEPS + 1):
        stack.step(step)
    for run in alone:
        run.train(range(1, STEPS + 1))
    assert_same(stack, alone)


@pytest.mark.parametrize("moved", [None, 0.6])
@pytest.mark.parametrize(
    ("name", "options"),
    [("sgd", {}), ("sgd", {"nesterov": True}), ("sgd", {"dampening": 0.5}), ("rmsprop", {}), ("muon", {})],
    ids=str,
)
def test_members_without_momentum_move_beside_others_as_they_do_alone(
    name: str, options: dict[str, Any], moved: float | None
) -> None:
    """moved: where a schedule takes the momentum of those that have one."""
    momenta = (0.0, 0.9, 0.0)

    def runs() -> list[Run]:
        return [Run(OPTIMIZERS[name](momentum=own, **options), seed=i) for i, own in enumerate(momenta)]

    alone, stack = runs(), Stack(runs())
    now = None if moved is None else np.where(np.array(momenta) > 0, moved, 0.0)
    for step in range(1, STEPS + 1):
        stack.step(step, momentum=now)
    for run, own in zip(alone, momenta, strict=True):
        run.train(range(1, STEPS + 1), momentum=moved if own else None)
    assert_same(stack, alone)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("name", [name for name in STEPWISE if name != "rprop"])
def test_each_member_decays_its_weights_as_it_does_alone(name: str, decoupled: bool, everything: bool) -> None:
    def runs() -> list[Run]:
        kind = OPTIMIZERS[name]
        return [
            Run(kind(0.01, weight_decay=d, decoupled_weight_decay=decoupled, decay_biases_and_norms=everything), seed=i)
            for i, d in enumerate((0.3, 0.0, 0.1))
        ]

    alone, stack = runs(), Stack(runs())
    for step in range(1, 6):
        stack.step(step)
    for run in alone:
        run.train(range(1, 6))
    assert_same(stack, alone)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "adagrad"])
def test_torchs_kernel_serves_where_only_rates_and_decay_differ(name: str) -> None:
    def runs() -> list[Run]:
        return [Run(OPTIMIZERS[name](lr=0.01 * (i + 1), weight_decay=0.1 * i), seed=i) for i in range(MEMBERS)]

    alone, stack = runs(), Stack(runs())
    assert stack.optimizer.fusible
    for step in range(1, STEPS + 1):
        stack.step(step)
    for run in alone:
        run.train(range(1, STEPS + 1))
    assert_same(stack, alone)


@pytest.mark.parametrize("name", MOVED)
def test_schedules_move_the_momentum_of_each_member(name: str) -> None:
    alone, stack = members(name), Stack(members(name))
    for step in range(1, 11):
        stack.step(step, momentum=np.array([0.5, 0.6 + step / 100, 0.9]))
    for step in range(1, 11):
        for run, momentum in zip(alone, (0.5, 0.6 + step / 100, 0.9), strict=True):
            run.train(range(step, step + 1), momentum=momentum)
    assert_same(stack, alone)


@pytest.mark.parametrize("name", STEPWISE)
def test_members_can_stand_at_steps_of_their_own(name: str) -> None:
    alone, resumed = members(name), members(name)
    for run, done in zip(resumed, (0, 3, 40), strict=True):
        run.train(range(1, done + 1))
    stack = Stack(resumed)
    for step in range(1, 11):
        stack.step(np.array([0, 3, 40]) + step)
    for run, done in zip(alone, (0, 3, 40), strict=True):
        run.train(range(1, done + 11))
    assert_same(stack, alone)


@pytest.mark.parametrize("alike", [False, True], ids=["rule", "kernel"])
@pytest.mark.parametrize("name", STEPWISE)
def test_members_that_stay_do_not_feel_that_others_leave(name: str, alike: bool) -> None:
    def stacked() -> Stack:
        return Stack(
            [Run(OPTIMIZERS[name](lr=0.01 * (i + 1)), seed=i) for i in range(MEMBERS)] if alike else members(name)
        )

    whole, compacted = stacked(), stacked()
    for step in range(1, 11):
        if step == 4:
            compacted.keep([0, 2])
        if step == 7:
            compacted.keep([1])
        whole.step(step)
        compacted.step(step)
    assert torch.equal(compacted.flat[0], whole.flat[2])
    assert all(torch.equal(t[0], whole.optimizer.tensors[key][2]) for key, t in compacted.optimizer.tensors.items())


def test_a_part_steps_with_views_of_the_whole() -> None:
    whole, parted = Stack(members("nadam")), Stack(members("nadam"))
    for step in range(1, 6):
        whole.step(step)
        for rows in (slice(0, 1), slice(1, 3)):
            runs = parted.runs[rows]
            grads = torch.stack([run.params.gather(run.gradients(step)) for run in runs])
            h = Hyper(step, np.array([run.optimizer.lr for run in runs]))  # type: ignore[arg-type]
            parted.optimizer.part(rows.start, rows.stop).update(parted.flat[rows], grads, h)
    assert torch.equal(parted.flat, whole.flat)
    assert all(torch.equal(t, whole.optimizer.tensors[key]) for key, t in parted.optimizer.tensors.items())


@pytest.mark.parametrize("name", ["sgd", "nadam", "muon"])
def test_found_inf_holds_one_member_and_no_other(name: str) -> None:
    held, free = Stack(members(name)), Stack(members(name))
    held.step(1)
    free.step(1)
    before = [held.flat[1].clone(), *(tensor[1].clone() for tensor in held.optimizer.tensors.values())]
    held.step(2, found_inf=torch.tensor([0.0, 1.0, 0.0]))
    free.step(2)
    after = [held.flat, *held.optimizer.tensors.values()]
    assert all(torch.equal(tensor[1], old) for tensor, old in zip(after, before, strict=True))
    assert all(map(torch.equal, (held.flat[0], held.flat[2]), (free.flat[0], free.flat[2])))


@pytest.mark.parametrize(
    ("name", "switch"),
    [
        ("adam", {"amsgrad": True}),
        ("adamw", {"decoupled_weight_decay": False}),
        ("sgd", {"nesterov": True}),
        ("rmsprop", {"centered": True}),
        ("lion", {"decay_biases_and_norms": True}),
        ("muon", {"ns_steps": 4}),
        ("muon", {"adjust_lr_fn": "match_rms_adamw"}),
    ],
)
def test_switches_are_structure(name: str, switch: dict[str, Any]) -> None:
    assert structure(OPTIMIZERS[name](**switch)) != structure(OPTIMIZERS[name]())


@pytest.mark.parametrize("name", STEPWISE)
def test_numbers_are_no_structure(name: str) -> None:
    assert structure(OPTIMIZERS[name](**numbers(name, 1))) == structure(OPTIMIZERS[name]())


@pytest.mark.parametrize(("name", "options"), STRUCTURES, ids=str)
def test_numbers_of_a_step_are_computed_in_double_precision_as_alone(name: str, options: dict[str, Any]) -> None:
    optimizers = [run.optimizer for run in members(name, **options)]
    lr: Any = np.array([optimizer.lr for optimizer in optimizers])
    for step in (1, 2, 6, 7, 100):
        together = merged(optimizers).coefficients(Hyper(step, lr))
        alone = [optimizer.coefficients(Hyper(step, optimizer.lr)) for optimizer in optimizers]
        for found, expected in zip(together, zip(*alone, strict=True), strict=True):
            np.testing.assert_allclose(np.broadcast_to(found, MEMBERS), expected, rtol=1e-10)


def test_lbfgs_cannot_be_stacked() -> None:
    with pytest.raises(AssertionError):
        Stack([Run(OPTIMIZERS["lbfgs"](), seed=0)])
