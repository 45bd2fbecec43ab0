"""Schedules that rise again: cosine with restarts, one cycle, triangles."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable

from nntrain.optim.duration import Duration
from nntrain.optim.schedule import Factor, Schedule


class CosineRestarts(Schedule):
    """SGDR (Loshchilov & Hutter 2017): half a cosine from lr to lr * end_factor, again and again.

    period_factor: each cycle is so much longer than the last, >= 1. peak_decay: and starts so much lower, above 0 to 1.
    period_steps, period_epochs, period_percent: the first cycle, at most one; none: three cycles fill the training.
    """

    def __init__(
        self,
        end_factor: float = 0.0,
        period_factor: float = 2.0,
        peak_decay: float = 1.0,
        period_steps: int | None = None,
        period_epochs: float | None = None,
        period_percent: float | None = None,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        super().__init__(warmup_steps, warmup_epochs, warmup_percent)
        self.end_factor = end_factor
        self.period_factor = period_factor
        self.peak_decay = peak_decay
        self.period = Duration("period", period_steps, period_epochs, period_percent)

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        third = math.ceil(horizon / (1 + self.period_factor + self.period_factor**2))  # rounded up: no fourth cycle
        starts, length = [0.0], float(max(self.period.resolve(total_steps, steps_per_epoch, default=third), 1))
        while starts[-1] < horizon:
            starts.append(starts[-1] + length)
            length *= self.period_factor
        end, decay = self.end_factor, self.peak_decay

        def factor(position: int) -> float:
            cycle = min(bisect_right(starts, position), len(starts) - 1) - 1
            x = min((position - starts[cycle]) / (starts[cycle + 1] - starts[cycle]), 1.0)
            return float(end + (1 - end) * decay**cycle * (1 + math.cos(math.pi * x)) / 2)

        return factor


class OneCycle(Schedule):
    """Smith & Topin 2018: from lr / div_factor up to lr, then down to lr / (div_factor * final_div_factor).

    Momentum goes the other way, between max_momentum and base_momentum, where `cycle_momentum` and the optimizer has
    one. three_phase: come down as one went up, and then fall to the end. anneal_strategy: "cos" or "linear".
    rise_steps, rise_epochs, rise_percent: at most one; none is 30 percent.
    """

    def __init__(
        self,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        anneal_strategy: str = "cos",
        three_phase: bool = False,
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        rise_steps: int | None = None,
        rise_epochs: float | None = None,
        rise_percent: float | None = None,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        super().__init__(warmup_steps, warmup_epochs, warmup_percent)
        self.low = 1 / div_factor
        self.end = self.low / final_div_factor
        self.anneal: Callable[[float], float] = _half_cosine if anneal_strategy == "cos" else float
        self.three_phase = three_phase
        self.cycle_momentum = cycle_momentum
        self.base_momentum = base_momentum
        self.max_momentum = max_momentum
        self.rise = Duration("rise", rise_steps, rise_epochs, rise_percent)

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        values = [self.low, 1.0, self.low, self.end] if self.three_phase else [self.low, 1.0, self.end]
        return self._course(values, self._corners(horizon, total_steps, steps_per_epoch))

    def momentum(self, horizon: int, total_steps: int, steps_per_epoch: int) -> Factor | None:
        if not self.cycle_momentum:
            return None
        values = [self.max_momentum, self.base_momentum, self.max_momentum]
        values += [self.max_momentum] if self.three_phase else []
        return self._course(values, self._corners(horizon, total_steps, steps_per_epoch))

    def _corners(self, horizon: int, total_steps: int, steps_per_epoch: int) -> list[int]:
        """Positions of the start, the peak (the last update of the rise), where three phases are back, and the end."""
        last = max(horizon - 1, 1)
        rise = self.rise.resolve(total_steps, steps_per_epoch, default=round(0.3 * total_steps))
        peak = min(max(rise - 1, 0), last)
        return [0, peak, min(2 * peak, last), last] if self.three_phase else [0, peak, last]

    def _course(self, values: list[float], corners: list[int]) -> Factor:
        anneal = self.anneal
        inner = corners[1:-1]

        def course(position: int) -> float:
            phase = bisect_right(inner, position)
            start, end = corners[phase], corners[phase + 1]
            x = min((position - start) / (end - start), 1.0) if end > start else 1.0
            return values[phase] + (values[phase + 1] - values[phase]) * anneal(x)

        return course


class Triangular(Schedule):
    """Cyclical learning rates (Smith 2017): straight up from lr * low_factor to lr and down again, over and over.

    peak_decay: each triangle is so much lower than the last, above 0 to 1; 0.5 is "triangular2".
    period_steps, period_epochs, period_percent: up and down, at most one; none: four triangles fill the training.
    """

    def __init__(
        self,
        low_factor: float = 0.1,
        peak_decay: float = 1.0,
        period_steps: int | None = None,
        period_epochs: float | None = None,
        period_percent: float | None = None,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        super().__init__(warmup_steps, warmup_epochs, warmup_percent)
        self.low_factor = low_factor
        self.peak_decay = peak_decay
        self.period = Duration("period", period_steps, period_epochs, period_percent)

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        quarter = math.ceil(horizon / 4)
        length = max(self.period.resolve(total_steps, steps_per_epoch, default=quarter), 1)
        low, decay = self.low_factor, self.peak_decay

        def factor(position: int) -> float:
            cycle, within = divmod(position, length)
            height = 1 - abs(2 * within / length - 1)
            return float(low + (1 - low) * height * decay**cycle)

        return factor


def _half_cosine(x: float) -> float:
    """0 to 1 along half a cosine."""
    return (1 - math.cos(math.pi * x)) / 2
