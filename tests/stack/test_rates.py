"""Rates of many members beside those of each, over the table of schedules."""

from __future__ import annotations

import numpy as np
import pytest

from nntrain.optim.schedule import Plan
from nntrain.optim.table import SCHEDULES
from nntrain.stack.rates import StackedRates

TOTAL, PER_EPOCH = 60, 10


def plans(name: str, *, momentum: float | None = 0.9, warmup: int = 7) -> list[Plan]:
    return [SCHEDULES[name](warmup_steps=warmup).plan(TOTAL, PER_EPOCH, lr, momentum) for lr in (0.1, 0.3, 0.0007)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_members_that_differ_in_lr_are_one_course_and_get_their_own_rates_to_the_bit(name: str) -> None:
    alone = plans(name)
    rates = StackedRates(alone)
    for step in range(1, TOTAL + 5):
        lr, momentum = rates(step)
        assert lr.tolist() == [plan(step)[0] for plan in alone]
        assert momentum == alone[0](step)[1]


def test_one_course_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rates, asked = StackedRates(plans("cosine")), []
    call = Plan.__call__
    monkeypatch.setattr(Plan, "__call__", lambda plan, step: asked.append(step) or call(plan, step))
    rates(3)
    assert asked == [3]


def test_schedules_of_all_kinds_stand_beside_each_other() -> None:
    alone = [plan for name in SCHEDULES for plan in plans(name, momentum=0.8)]
    rates = StackedRates(alone)
    for step in (1, 7, 30, TOTAL):
        lr, momentum = rates(step)
        assert lr.tolist() == [plan(step)[0] for plan in alone]
        assert isinstance(momentum, np.ndarray)
        own = [plan(step)[1] for plan in alone]
        assert momentum.tolist() == [0.8 if moved is None else moved for moved in own]


def test_lengths_and_warmups_make_courses_of_their_own() -> None:
    alone = [
        *plans("cosine"),
        *plans("cosine", warmup=3),
        SCHEDULES["cosine"]().plan(2 * TOTAL, PER_EPOCH, 0.1),
    ]
    lr, _ = StackedRates(alone)(20)
    assert lr.tolist() == [plan(20)[0] for plan in alone]


def test_each_member_can_stand_at_a_step_of_its_own() -> None:
    alone = plans("one_cycle")
    lr, momentum = StackedRates(alone)(np.array([4, 50, 9]))
    expected = [plan(step) for plan, step in zip(alone, (4, 50, 9), strict=True)]
    assert lr.tolist() == [rate for rate, _ in expected]
    assert isinstance(momentum, np.ndarray)
    assert momentum.tolist() == [moved for _, moved in expected]


def test_those_that_stay_keep_their_rates_and_the_form_of_their_momentum() -> None:
    alone = [*plans("one_cycle"), *plans("step")]
    rates = StackedRates(alone)
    rates.keep([0, 2])
    lr, momentum = rates(11)
    assert lr.tolist() == [alone[0](11)[0], alone[2](11)[0]]
    assert isinstance(momentum, np.ndarray)


def test_without_a_momentum_none_is_moved() -> None:
    assert StackedRates(plans("one_cycle", momentum=None))(5)[1] is None
