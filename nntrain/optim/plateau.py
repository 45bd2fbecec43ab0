"""The one schedule that follows the training: lower the learning rate where a metric stops improving."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nntrain.optim.duration import Duration
from nntrain.optim.schedule import Factor, Schedule

Observer = Callable[[dict[str, Any], float], dict[str, Any]]  # state, the epoch's value -> the new state


@dataclass
class _Progress:
    """factor: on the learning rate. best: value so far. bad: epochs without a better one. cooldown: epochs left."""

    factor: float = 1.0
    best: float | None = None
    bad: int = 0
    cooldown: int = 0


class Plateau(Schedule):
    """lr * factor^n after n plateaus: more than `patience` epochs without an improvement.

    The run holds the state, a small dict for JSON: `initial_state()`, then what the `observer` makes of it after each
    epoch. The learning rate is what the plan gives, which has the warm-up, times `state["factor"]`.
    threshold: least improvement that counts, as a share of the best ("rel") or in the metric's unit ("abs").
    cooldown: epochs after a drop that are not counted. min_factor: never below lr * min_factor.
    patience_*, cooldown_*: at most one unit each, taken up to whole epochs; none is 5 epochs, and 0.
    """

    def __init__(
        self,
        factor: float = 0.1,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        min_factor: float = 0.0,
        patience_steps: int | None = None,
        patience_epochs: float | None = None,
        patience_percent: float | None = None,
        cooldown_steps: int | None = None,
        cooldown_epochs: float | None = None,
        cooldown_percent: float | None = None,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        super().__init__(warmup_steps, warmup_epochs, warmup_percent)
        self.drop = factor
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.min_factor = min_factor
        self.patience = Duration("patience", patience_steps, patience_epochs, patience_percent)
        self.cooldown = Duration("cooldown", cooldown_steps, cooldown_epochs, cooldown_percent)

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        return lambda position: 1.0

    def initial_state(self) -> dict[str, Any]:
        return asdict(_Progress())

    def observer(self, total_steps: int, steps_per_epoch: int, direction: Literal["min", "max"]) -> Observer:
        """What to call after each epoch with the state and the monitored metric, of which `direction` is better.

        A value that is not finite is no improvement.
        """
        patience = self.patience.resolve(total_steps, steps_per_epoch, default=5 * steps_per_epoch)
        cooldown = self.cooldown.resolve(total_steps, steps_per_epoch, default=0)
        patience_epochs, cooldown_epochs = math.ceil(patience / steps_per_epoch), math.ceil(cooldown / steps_per_epoch)

        def observe(state: dict[str, Any], value: float) -> dict[str, Any]:
            now = _Progress(**state)
            now.bad += 1
            if math.isfinite(value) and self._better(value, now.best, direction):
                now.best, now.bad = value, 0
            if now.cooldown > 0:
                now.cooldown, now.bad = now.cooldown - 1, 0
            if now.bad > patience_epochs:
                now.factor = max(now.factor * self.drop, min(self.min_factor, now.factor))
                now.cooldown, now.bad = cooldown_epochs, 0
            return asdict(now)

        return observe

    def _better(self, value: float, best: float | None, direction: Literal["min", "max"]) -> bool:
        if best is None:
            return True
        margin = self.threshold * (abs(best) if self.threshold_mode == "rel" else 1)
        return value < best - margin if direction == "min" else value > best + margin
