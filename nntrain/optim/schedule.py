"""What every schedule is: the learning rate as a pure function of the step, after a linear warm-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from nntrain.optim.duration import Duration

Factor = Callable[[int], float]  # position (0, 1, ...) -> what the base learning rate is multiplied by


class Schedule:
    """Holds settings and nothing else; `plan` turns them into the function of the step for one training.

    Warm-up of w steps: update 1 has lr / w, update w the full rate of what follows, which then starts from there
    (position 0 is update w). So a warm-up of 0 and of 1 are the same. A schedule that counts from the start of the
    training (`absolute`: drops at given epochs) is not shifted by its warm-up.
    The last update has position horizon - 1: a decay to 0 would reach it one update after the last, so none is wasted.

    warmup_steps, warmup_epochs, warmup_percent: at most one of them; none is no warm-up.
    """

    absolute: ClassVar[bool] = False

    def __init__(
        self,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        self.warmup = Duration("warmup", warmup_steps, warmup_epochs, warmup_percent)

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        """The course after the warm-up, over `horizon` >= 1 positions; `warmup` in steps."""
        raise NotImplementedError

    def momentum(self, horizon: int, total_steps: int, steps_per_epoch: int) -> Factor | None:
        """The momentum at each position, where the schedule moves it."""
        return None

    def plan(self, total_steps: int, steps_per_epoch: int, base_lr: float, base_momentum: float | None = None) -> Plan:
        """Resolve every duration once. What it returns is cheap to call, holds no state and takes any step >= 1.

        base_momentum: `Optimizer.base_momentum`; where that is None no momentum is moved.
        """
        return Plan(self, total_steps, steps_per_epoch, base_lr, base_momentum)


class Plan:
    """A schedule laid over one training: called with a step (1, 2, ...) it gives the learning rate, and the momentum or
    None, which is the optimizer's own.

    An array of base learning rates gives an array of rates, each as it would be alone.
    """

    def __init__(
        self, schedule: Schedule, total_steps: int, steps_per_epoch: int, base_lr: float, base_momentum: float | None
    ) -> None:
        self.schedule = schedule
        self.total_steps = total_steps
        self.steps_per_epoch = steps_per_epoch
        self.base_lr = base_lr
        self.base_momentum = base_momentum
        warmup = schedule.warmup.resolve(total_steps, steps_per_epoch, default=0)
        self._peak = max(warmup, 1)
        self._start = 1 if schedule.absolute else self._peak
        horizon = max(total_steps - self._start + 1, 1)
        self._factor = schedule.factor(horizon, total_steps, steps_per_epoch, warmup)
        moved = schedule.momentum(horizon, total_steps, steps_per_epoch)
        self._momentum = moved if base_momentum is not None else None
        self._ramp = base_lr * self._factor(self._peak - self._start) / self._peak

    def __call__(self, step: int) -> tuple[float, float | None]:
        position = step - self._start
        lr = self.base_lr * self._factor(position) if step >= self._peak else self._ramp * step
        return lr, None if self._momentum is None else self._momentum(max(position, 0))

    @property
    def moves_momentum(self) -> bool:
        return self._momentum is not None

    def shares_course(self, other: Plan) -> bool:
        """Whether the two differ in their base learning rates and momenta alone."""
        return self._settings() == other._settings()

    def _settings(self) -> tuple[object, ...]:
        length = self.total_steps, self.steps_per_epoch
        return type(self.schedule), vars(self.schedule), *length, self.base_momentum is None


class Constant(Schedule):
    """The same learning rate throughout."""

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        return lambda position: 1.0
