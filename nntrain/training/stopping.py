"""Which epoch is the best, and how long to wait for a better one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from nntrain.training.state import LoopState


@dataclass(frozen=True)
class Stopping:
    """monitor: name of a validation metric. patience: epochs without improvement, None: never stop. See the option
    files of early_stopping."""

    monitor: str
    direction: Literal["min", "max"]
    patience: int | None = None
    min_delta: float = 0.0
    start_epoch: int = 1
    restore_best: bool = True

    def improves(self, value: float, best: float | None, by: float = 0.0) -> bool:
        """Whether `value` beats `best` by more than `by`. What is not finite never does."""
        if not math.isfinite(value):
            return False
        if best is None:
            return True
        return value < best - by if self.direction == "min" else value > best + by

    def observe(self, loop: LoopState, value: float) -> bool:
        """Note the epoch's value in `loop`; True where it is the best so far.

        Any better value makes a better model; only one better by more than min_delta is worth further waiting.
        """
        better = self.improves(value, loop.best_value)
        if better:
            loop.best_value, loop.best_epoch = value, loop.epoch
        if worth := self.improves(value, loop.waiting_from, self.min_delta):
            loop.waiting_from = value
        # patience runs from start_epoch, so that a slow start does not use it up
        loop.bad_epochs = 0 if worth or loop.epoch < self.start_epoch else loop.bad_epochs + 1
        return better
