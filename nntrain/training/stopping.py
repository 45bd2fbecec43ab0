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

    def improves(self, value: float, best: float | None) -> bool:
        """Whether `value` beats `best` by more than min_delta. NaN is never an improvement."""
        if math.isnan(value):
            return False
        if best is None:
            return True
        return value < best - self.min_delta if self.direction == "min" else value > best + self.min_delta

    def observe(self, loop: LoopState, value: float) -> bool:
        """Note the epoch's value in `loop`; True where it is the best so far."""
        better = self.improves(value, loop.best_value)
        if better:
            loop.best_value, loop.best_epoch = value, loop.epoch
        # patience runs from start_epoch, so that a slow start does not use it up
        loop.bad_epochs = 0 if better or loop.epoch < self.start_epoch else loop.bad_epochs + 1
        return better
