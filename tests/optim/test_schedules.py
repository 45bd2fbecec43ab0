"""Schedules against closed forms and torch's own, and what all of them promise."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from nntrain.errors import UserError
from nntrain.optim.duration import Duration
from nntrain.optim.plateau import Plateau
from nntrain.optim.table import SCHEDULES

TOTAL, PER_EPOCH = 60, 6


def rates(name: str, total: int = TOTAL, per_epoch: int = PER_EPOCH, base: float = 1.0, **options: Any) -> list[float]:
    plan = SCHEDULES[name](**options).plan(total, per_epoch, base)
    return [plan(step)[0] for step in range(1, total + 1)]


def torch_rates(kind: type, total: int = TOTAL, **options: Any) -> tuple[list[float], list[float]]:
    """Learning rate and momentum of each step, as torch's scheduler gives them."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
    scheduler = kind(optimizer, **options)
    lrs, momenta = [], []
    for _ in range(total):
        lrs.append(float(optimizer.param_groups[0]["lr"]))
        momenta.append(float(optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own closing step warns
            if len(lrs) < total:
                scheduler.step()
    return lrs, momenta


PARITY: list[tuple[str, dict[str, Any], type, dict[str, Any]]] = [
    ("step", {"every_steps": 7, "gamma": 0.5}, lr_scheduler.StepLR, {"step_size": 7, "gamma": 0.5}),
    (
        "multistep",
        {"milestones_steps": [30, 11], "gamma": 0.3},
        lr_scheduler.MultiStepLR,
        {"milestones": [11, 30], "gamma": 0.3},
    ),
    ("exponential", {"period_steps": 1, "gamma": 0.9}, lr_scheduler.ExponentialLR, {"gamma": 0.9}),
    ("polynomial", {"power": 1.7, "decay_steps": 40}, lr_scheduler.PolynomialLR, {"total_iters": 40, "power": 1.7}),
    (
        "linear",
        {"end_factor": 0.2, "decay_steps": 40},
        lr_scheduler.LinearLR,
        {"start_factor": 1.0, "end_factor": 0.2, "total_iters": 40},
    ),
    ("cosine", {"end_factor": 0.1}, lr_scheduler.CosineAnnealingLR, {"T_max": TOTAL, "eta_min": 0.1}),
    (
        "cosine_restarts",
        {"period_steps": 9, "end_factor": 0.1},
        lr_scheduler.CosineAnnealingWarmRestarts,
        {"T_0": 9, "T_mult": 2, "eta_min": 0.1},
    ),
    ("cosine_restarts", {"period_steps": 9, "period_factor": 1}, lr_scheduler.CosineAnnealingWarmRestarts, {"T_0": 9}),
    ("triangular", {"period_steps": 10}, lr_scheduler.CyclicLR, {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 5}),
    (
        "triangular",
        {"period_steps": 10, "peak_decay": 0.5},
        lr_scheduler.CyclicLR,
        {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 5, "mode": "triangular2"},
    ),
    ("one_cycle", {}, lr_scheduler.OneCycleLR, {"max_lr": 1.0, "total_steps": TOTAL}),
    (
        "one_cycle",
        {"anneal_strategy": "linear", "rise_percent": 40},
        lr_scheduler.OneCycleLR,
        {"max_lr": 1.0, "total_steps": TOTAL, "pct_start": 0.4, "anneal_strategy": "linear"},
    ),
    (
        "one_cycle",
        {"three_phase": True, "div_factor": 10, "final_div_factor": 100},
        lr_scheduler.OneCycleLR,
        {"max_lr": 1.0, "total_steps": TOTAL, "three_phase": True, "div_factor": 10, "final_div_factor": 100},
    ),
]


@pytest.mark.parametrize(("name", "options", "kind", "torch_options"), PARITY)
def test_goes_like_torch(name: str, options: dict[str, Any], kind: type, torch_options: dict[str, Any]) -> None:
    assert rates(name, **options) == pytest.approx(torch_rates(kind, **torch_options)[0], abs=1e-9)


@pytest.mark.parametrize("three_phase", [False, True])
def test_one_cycle_moves_momentum_like_torch(three_phase: bool) -> None:
    plan = SCHEDULES["one_cycle"](three_phase=three_phase).plan(TOTAL, PER_EPOCH, 1.0, base_momentum=0.9)
    expected = torch_rates(lr_scheduler.OneCycleLR, max_lr=1.0, total_steps=TOTAL, three_phase=three_phase)[1]
    assert [plan(step)[1] for step in range(1, TOTAL + 1)] == pytest.approx(expected, abs=1e-9)


def test_one_cycle_leaves_an_optimizer_without_momentum_alone() -> None:
    assert SCHEDULES["one_cycle"]().plan(TOTAL, PER_EPOCH, 1.0, base_momentum=None)(5)[1] is None
    assert SCHEDULES["one_cycle"](cycle_momentum=False).plan(TOTAL, PER_EPOCH, 1.0, base_momentum=0.9)(5)[1] is None


def test_inverse_sqrt_is_that_of_the_transformer() -> None:
    w = 8
    expected = [min(step / w, (w / step) ** 0.5) for step in range(1, TOTAL + 1)]
    assert rates("inverse_sqrt", warmup_steps=w) == pytest.approx(expected)


def test_constant_is_constant() -> None:
    assert set(rates("constant", base=0.3)) == {0.3}


def test_warm_up_rises_in_a_straight_line_and_then_the_schedule_starts() -> None:
    lr = rates("cosine", base=0.5, warmup_steps=10)
    assert lr[:10] == pytest.approx([0.05 * step for step in range(1, 11)])
    assert lr[9:] == pytest.approx([0.25 * (1 + math.cos(math.pi * i / 51)) for i in range(51)])


def test_drops_happen_at_their_epochs_with_or_without_warm_up() -> None:
    plain = rates("multistep", milestones_epochs=[3, 6])
    warm = rates("multistep", milestones_epochs=[3, 6], warmup_epochs=1)
    assert plain[17] == 1.0
    assert plain[18] == pytest.approx(0.1)
    assert warm[PER_EPOCH - 1 :] == plain[PER_EPOCH - 1 :]


def test_what_is_left_out_has_the_documented_default() -> None:
    assert rates("step") == rates("step", every_percent=30)
    assert rates("multistep") == rates("multistep", milestones_percent=[50, 75])
    assert rates("exponential") == rates("exponential", period_epochs=1)
    assert rates("one_cycle") == rates("one_cycle", rise_percent=30)
    assert rates("inverse_sqrt") == rates("inverse_sqrt", scale_epochs=1)
    assert rates("triangular") == rates("triangular", period_percent=25)
    assert sum(lr == 1.0 for lr in rates("cosine_restarts")) == 3


def test_a_decay_to_0_wastes_no_update() -> None:
    for name in ("linear", "polynomial", "cosine"):
        assert rates(name)[-1] > 0
        assert rates(name, decay_percent=50)[30:] == [0.0] * 30


@pytest.mark.parametrize(
    ("given_as", "steps"),
    [
        ({"steps": 25}, 25),
        ({"epochs": 2}, 20),
        ({"epochs": 0.25}, 2),
        ({"percent": 5}, 10),
        ({"percent": 100}, 200),
        ({}, 7),
        ({"steps": 0}, 0),
    ],
)
def test_durations_come_in_three_units(given_as: dict[str, Any], steps: int) -> None:
    units = {"steps": None, "epochs": None, "percent": None} | given_as
    assert Duration("warmup", **units).resolve(total_steps=200, steps_per_epoch=10, default=7) == steps


def test_two_units_at_once_are_refused() -> None:
    words = (
        r"schedule: give exactly one of warmup_steps, warmup_epochs, warmup_percent; "
        r"got warmup_steps=5 and warmup_epochs=1"
    )
    for name in SCHEDULES:
        with pytest.raises(UserError, match=words):
            SCHEDULES[name](warmup_steps=5, warmup_epochs=1)
    with pytest.raises(UserError, match="exactly one of milestones_steps, milestones_epochs, milestones_percent"):
        SCHEDULES["multistep"](milestones_steps=[5], milestones_percent=[50])


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    total=st.integers(1, 300),
    per_epoch=st.integers(1, 60),
    warmup=st.integers(0, 350),
    base=st.floats(1e-6, 10),
)
def test_rates_are_finite_never_negative_and_never_above_the_base(
    name: str, total: int, per_epoch: int, warmup: int, base: float
) -> None:
    plan = SCHEDULES[name](warmup_steps=warmup).plan(total, per_epoch, base, base_momentum=0.9)
    for step in range(1, total + 20):  # beyond the end too
        lr, momentum = plan(step)
        assert 0 <= lr <= base * (1 + 1e-12)
        assert momentum is None or 0 < momentum < 1
    assert plan(1)[0] > 0


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(SCHEDULES)), warmup=st.integers(1, 100), per_epoch=st.integers(1, 50))
def test_warm_up_runs_into_what_follows(name: str, warmup: int, per_epoch: int) -> None:
    plan = SCHEDULES[name](warmup_steps=warmup).plan(400, per_epoch, 1.0)
    peak = plan(warmup)[0]
    assert [plan(step)[0] for step in range(1, warmup)] == pytest.approx([peak * s / warmup for s in range(1, warmup)])
    if not SCHEDULES[name].absolute:
        assert peak == pytest.approx(SCHEDULES[name]().plan(400 - warmup, per_epoch, 1.0)(1)[0])


@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("mode", ["rel", "abs"])
@pytest.mark.parametrize("cooldown", [0, 3])
def test_plateau_drops_like_torch(direction: str, mode: str, cooldown: int) -> None:
    g = torch.Generator().manual_seed(1)
    sign = 1 if direction == "min" else -1
    values = [5 + sign * (2 / (1 + i) + 0.2 * float(torch.randn((), generator=g))) for i in range(60)]
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    options: dict[str, Any] = {"threshold": 0.01, "threshold_mode": mode}
    peer = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=direction, factor=0.5, patience=3, cooldown=cooldown, min_lr=0.01, **options
    )
    schedule = Plateau(factor=0.5, patience_epochs=3, cooldown_epochs=cooldown, min_factor=0.01, **options)
    observe = schedule.observer(total_steps=600, steps_per_epoch=10, direction=direction)
    state = schedule.initial_state()
    for value in values:
        peer.step(value)
        state = json.loads(json.dumps(observe(state, value)))  # as a resumed run would find it
        assert state["factor"] == pytest.approx(optimizer.param_groups[0]["lr"])
    assert state["factor"] < 0.1


def test_plateau_takes_no_value_that_is_not_finite_for_an_improvement() -> None:
    schedule = Plateau(patience_epochs=1)
    observe = schedule.observer(100, 10, "min")
    state = observe(schedule.initial_state(), 1.0)
    for value in (math.nan, -math.inf):
        state = observe(state, value)
    assert state["best"] == 1.0
    assert state["factor"] == pytest.approx(0.1)


def test_plateau_leaves_the_state_it_is_given_alone() -> None:
    schedule = Plateau()
    observe = schedule.observer(100, 10, "min")
    first = observe(schedule.initial_state(), 1.0)
    kept = dict(first)
    observe(first, 0.5)
    assert first == kept


@pytest.mark.parametrize("options", [{"patience_epochs": 2}, {"patience_steps": 15}, {"patience_percent": 2}])
def test_the_patience_of_plateau_is_taken_up_to_whole_epochs(options: dict[str, Any]) -> None:
    schedule = Plateau(**options)
    observe = schedule.observer(total_steps=1000, steps_per_epoch=10, direction="min")
    state = schedule.initial_state()
    factors = []
    for _ in range(4):
        state = observe(state, 1.0)
        factors.append(state["factor"])
    assert factors == pytest.approx([1, 1, 1, 0.1])
