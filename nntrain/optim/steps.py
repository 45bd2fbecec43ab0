"""Schedules without an end of their own: drops at given times, exponential and inverse square root decay."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from nntrain.optim.duration import Duration, reject_two_units
from nntrain.optim.schedule import Factor, Schedule


class Step(Schedule):
    """lr * gamma^n after n times the length `every`, counted from the start of the training.

    every_steps, every_epochs, every_percent: at most one; none is 30 percent: three drops.
    """

    absolute = True

    def __init__(
        self,
        gamma: float = 0.1,
        every_steps: int | None = None,
        every_epochs: float | None = None,
        every_percent: float | None = None,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        super().__init__(warmup_steps, warmup_epochs, warmup_percent)
        self.gamma = gamma
        self.every = Duration("every", every_steps, every_epochs, every_percent)

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        length = max(self.every.resolve(total_steps, steps_per_epoch, default=round(0.3 * total_steps)), 1)
        gamma = self.gamma
        return lambda position: float(gamma ** (position // length))


class Multistep(Schedule):
    """lr * gamma^n after n of the milestones, counted from the start of the training.

    milestones_steps, milestones_epochs, milestones_percent: at most one list; none is 50 and 75 percent.
    """

    absolute = True

    def __init__(
        self,
        gamma: float = 0.1,
        milestones_steps: Sequence[int] | None = None,
        milestones_epochs: Sequence[float] | None = None,
        milestones_percent: Sequence[float] | None = None,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        super().__init__(warmup_steps, warmup_epochs, warmup_percent)
        reject_two_units("milestones", milestones_steps, milestones_epochs, milestones_percent)
        self.gamma = gamma
        self.milestones = (
            [Duration("milestones", steps, None, None) for steps in milestones_steps or ()]
            + [Duration("milestones", None, epochs, None) for epochs in milestones_epochs or ()]
            + [Duration("milestones", None, None, percent) for percent in milestones_percent or ()]
        )
        if milestones_steps is None and milestones_epochs is None and milestones_percent is None:
            self.milestones = [Duration("milestones", None, None, percent) for percent in (50, 75)]

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        times = sorted(m.resolve(total_steps, steps_per_epoch, default=0) for m in self.milestones)
        gamma = self.gamma
        return lambda position: float(gamma ** bisect_right(times, position))


class Exponential(Schedule):
    """lr * gamma^(time / period), falling smoothly from the end of the warm-up.

    period_steps, period_epochs, period_percent: at most one; none is one epoch.
    """

    def __init__(
        self,
        gamma: float = 0.95,
        period_steps: int | None = None,
        period_epochs: float | None = None,
        period_percent: float | None = None,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        super().__init__(warmup_steps, warmup_epochs, warmup_percent)
        self.gamma = gamma
        self.period = Duration("period", period_steps, period_epochs, period_percent)

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        length = max(self.period.resolve(total_steps, steps_per_epoch, default=steps_per_epoch), 1)
        gamma = self.gamma
        return lambda position: float(gamma ** (position / length))


class InverseSqrt(Schedule):
    """lr * sqrt(scale / (scale + time since the warm-up)) (Vaswani et al. 2017, for scale = warm-up).

    scale_steps, scale_epochs, scale_percent: at most one; none is the length of the warm-up, or one epoch without one.
    """

    def __init__(
        self,
        scale_steps: int | None = None,
        scale_epochs: float | None = None,
        scale_percent: float | None = None,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        super().__init__(warmup_steps, warmup_epochs, warmup_percent)
        self.scale = Duration("scale", scale_steps, scale_epochs, scale_percent)

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        scale = max(self.scale.resolve(total_steps, steps_per_epoch, default=warmup or steps_per_epoch), 1)
        return lambda position: float((scale / (scale + position)) ** 0.5)
