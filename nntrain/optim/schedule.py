"""What every schedule is: the learning rate as a pure function of the step, after a linear warm-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from nntrain.optim.duration import Duration

Plan = Callable[[int], tuple[float, float | None]]  # step (1, 2, ...) -> lr, momentum (None: the optimizer's own)
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
        """Resolve every duration once. The function it returns is cheap, holds no state and takes any step >= 1.

        base_momentum: `Optimizer.base_momentum`; where that is None no momentum is moved.
        """
        warmup = self.warmup.resolve(total_steps, steps_per_epoch, default=0)
        peak = max(warmup, 1)
        start = 1 if self.absolute else peak
        horizon = max(total_steps - start + 1, 1)
        factor = self.factor(horizon, total_steps, steps_per_epoch, warmup)
        momentum = self.momentum(horizon, total_steps, steps_per_epoch) if base_momentum is not None else None
        ramp = base_lr * factor(peak - start) / peak

        def at(step: int) -> tuple[float, float | None]:
            position = step - start
            lr = base_lr * factor(position) if step >= peak else ramp * step
            return lr, None if momentum is None else momentum(max(position, 0))

        return at


class Constant(Schedule):
    """The same learning rate throughout."""

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        return lambda position: 1.0
