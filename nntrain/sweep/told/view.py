"""What of a metric a picture shows: the good values so that they can be told from each other, and whatever is far off
at the edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nntrain.record.axes import Scale, linear
from nntrain.sweep.told.scale import round_ticks

USUAL = 2 / 3  # of the values: an axis is made for these
REACH = 5.0  # how many times as far from the best as they it reaches
LOG_REACH = 2.0  # a logarithmic one, which has brought together what is far apart
DECADE = 10.0  # the ratio of the ends from where on an axis is logarithmic
ROOM = 100.0  # the ratio of the ends that one of those has room for, whatever is usual
WORTH = 2.0  # how many times as long an axis of all values is, at least, where some are left out
FEW = 8  # values, of which all are shown
PAD = 0.06  # free on either side


@dataclass(frozen=True)
class View:
    """low, high: the ends of the axis. lower: whether less is better. log: whether the axis is logarithmic."""

    low: float
    high: float
    lower: bool
    log: bool = False

    @property
    def scale(self) -> Scale:
        if self.log:
            return Scale(self.low, self.high, round_ticks(self.low, self.high, log=True), log=True)
        return linear(self.low, self.high)

    def beyond(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of them lie outside."""
        found = np.asarray(values, dtype=float)
        return np.asarray((found < self.low) | (found > self.high))


def view_of(values: ArrayLike, *, lower: bool) -> View:
    """The best, and all that is not far worse: networks that diverge, by a steep learning rate say, leave the others no
    room. Of losses that span a decade on a logarithmic axis.

    values: finite, at least one. lower: whether less is better.
    """
    cost = np.sort(np.asarray(values, dtype=float) * (1 if lower else -1))
    log = lower and bool(cost[0] > 0 and cost[-1] > DECADE * cost[0])
    x = np.log(cost) if log else cost
    best, usual = float(x[0]), float(x[int(USUAL * (len(x) - 1))])
    reach = max(LOG_REACH * (usual - best), np.log(ROOM)) if log else REACH * (usual - best)
    if reach > 0 and len(x) >= FEW and float(x[-1]) > best + WORTH * reach:
        x = x[x <= best + reach]
    worst = float(x[-1])
    pad = PAD * (worst - best) or 0.05 * abs(best) or 0.5
    if log:
        return View(float(np.exp(best - pad)), float(np.exp(worst + pad)), lower, log=True)
    low, high = (best, worst) if lower else (-worst, -best)
    return View(low - pad, high + pad, lower)
