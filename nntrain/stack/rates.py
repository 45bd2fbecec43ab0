"""The learning rates and momenta of M members at a step, each exactly as it is alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nntrain.optim.schedule import Plan

Step = int | NDArray[np.int64]
Momentum = float | NDArray[np.float64] | None


class StackedRates:
    """Called with a step, which is one number for all or an array [M]: learning rates float64 [M], and momentum.

    That is None where every member keeps its optimizer's own, a number where all follow one course at one step, else an
    array [M]; which of them it is stays so through a run. Members that differ in lr alone cost one call of a plan.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = list(plans)
        self._group()
        self._one_course = len(self._groups) == 1
        self._moves = any(plan.moves_momentum for plan in plans)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with the members of these rows, in this order."""
        self.plans = [self.plans[row] for row in rows]
        self._group()

    def __call__(self, step: Step) -> tuple[NDArray[np.float64], Momentum]:
        lr, momenta = np.empty(len(self.plans)), self._own.copy()
        for plan, rows, now in self._parts(step):
            lr[rows], moved = plan(now)
            if moved is not None:
                momenta[rows] = moved
        if not self._moves:
            return lr, None
        return lr, momenta if isinstance(step, np.ndarray) or not self._one_course else float(momenta[0])

    def _parts(self, step: Step) -> list[tuple[Plan, Any, int]]:
        """What to call: a plan, the rows that follow it, their step."""
        if isinstance(step, np.ndarray):
            return [(plan, row, int(step[row])) for row, plan in enumerate(self.plans)]
        return [(plan, rows, step) for plan, rows in self._groups]

    def _group(self) -> None:
        """The members of each course: one plan, whose base learning rates are an array, and their rows."""
        courses: list[list[int]] = []
        for row, plan in enumerate(self.plans):
            same = next((rows for rows in courses if self.plans[rows[0]].shares_course(plan)), None)
            if same is None:
                courses.append([row])
            else:
                same.append(row)
        self._groups = [self._joined(rows) for rows in courses]
        self._own = np.array([plan.base_momentum or 0.0 for plan in self.plans])

    def _joined(self, rows: list[int]) -> tuple[Plan, Any]:
        first = self.plans[rows[0]]
        if len(rows) == 1:
            return first, rows[0]
        base: Any = np.array([self.plans[row].base_lr for row in rows])
        return first.schedule.plan(first.total_steps, first.steps_per_epoch, base, first.base_momentum), np.array(rows)
