"""Schedules that fall once, over the whole training or a part of it, and stay at their end."""

from __future__ import annotations

import math

from nntrain.optim.duration import Duration
from nntrain.optim.schedule import Factor, Schedule


class Decay(Schedule):
    """From lr to lr * end_factor along `curve`, over a length counted from the end of the warm-up.

    end_factor: 0 to 1. decay_steps, decay_epochs, decay_percent: at most one; none is all that the training has left.
    """

    def __init__(
        self,
        end_factor: float = 0.0,
        decay_steps: int | None = None,
        decay_epochs: float | None = None,
        decay_percent: float | None = None,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        super().__init__(warmup_steps, warmup_epochs, warmup_percent)
        self.end_factor = end_factor
        self.decay = Duration("decay", decay_steps, decay_epochs, decay_percent)

    def curve(self, x: float) -> float:
        """What is left of the fall, 1 to 0, at the fraction `x` of its length, 0 to 1."""
        raise NotImplementedError

    def factor(self, horizon: int, total_steps: int, steps_per_epoch: int, warmup: int) -> Factor:
        length = max(self.decay.resolve(total_steps, steps_per_epoch, default=horizon), 1)
        end, curve = self.end_factor, self.curve
        return lambda position: end + (1 - end) * curve(position / length) if position < length else end


class Linear(Decay):
    def curve(self, x: float) -> float:
        return 1 - x


class Cosine(Decay):
    """Loshchilov & Hutter 2017 without restarts."""

    def curve(self, x: float) -> float:
        return (1 + math.cos(math.pi * x)) / 2


class Polynomial(Decay):
    """power: 1 is linear; above 1 falls faster at first."""

    def __init__(
        self,
        power: float = 2.0,
        end_factor: float = 0.0,
        decay_steps: int | None = None,
        decay_epochs: float | None = None,
        decay_percent: float | None = None,
        warmup_steps: int | None = None,
        warmup_epochs: float | None = None,
        warmup_percent: float | None = None,
    ) -> None:
        super().__init__(
            end_factor, decay_steps, decay_epochs, decay_percent, warmup_steps, warmup_epochs, warmup_percent
        )
        self.power = power

    def curve(self, x: float) -> float:
        return math.pow(1 - x, self.power)
