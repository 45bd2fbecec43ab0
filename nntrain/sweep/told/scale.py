"""The values of a setting, and of a metric, on an axis of a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nntrain.record import axes
from nntrain.record.axes import linear, tick
from nntrain.record.words import clean, shorten
from nntrain.sweep.told.ranking import SEEDS

MOST_NAMES = 12  # categories that are named at an axis
NAME = 16  # characters of one
MOST_TICKS = 7
WIDE = 1000.0  # characters: there is room for all
LOG_RANGE = 4.0  # numbers that span less are on a linear scale
SPREAD = 0.05  # free on either side of the values


@dataclass(frozen=True)
class Setting:
    """The values of one setting as places on an axis.

    places: finite numbers, one per job; positions 0, 1, ... of categories. names: of categories, by their positions.
    """

    key: str
    places: NDArray[np.float64]
    names: tuple[str, ...] = ()
    log: bool = False

    @classmethod
    def of(cls, key: str, values: Sequence[str]) -> Setting:
        """Values as written, one per job: numbers where all are, on a logarithmic scale where they lie more evenly so;
        categories else.

        Seeds are categories, for no trend is to be seen in them; so is a 0 beside numbers that want a logarithm.
        """
        numbers = [_number(value) for value in values]
        places = np.array([value for value in numbers if value is not None])
        if key not in SEEDS and len(places) == len(values):
            if not _log_like(places[places > 0]):
                return cls(key, places)
            if (places > 0).all():
                return cls(key, places, log=True)
        names = sorted(dict.fromkeys(values), key=_natural)
        at = {name: float(i) for i, name in enumerate(names)}
        return cls(key, np.array([at[value] for value in values]), tuple(names))

    @property
    def title(self) -> str:
        return "recipe" if self.key == "config" else self.key

    def axis(self, room: float = WIDE) -> axes.Scale:
        """From the least to the greatest value, a little space around them. room: see `ticks`."""
        low, high = float(self.places.min()), float(self.places.max())
        if self.names:
            return axes.Scale(-0.6, len(self.names) - 0.4, self.ticks(room))
        if self.log:
            spread = (high / low) ** SPREAD
            return axes.Scale(low / spread, high * spread, self.ticks(room), log=True)
        spread = SPREAD * (high - low) or 0.5
        return axes.Scale(low - spread, high + spread, self.ticks(room))

    def shares(self, values: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Places, all of them where none are given, from 0 at the least to 1 at the greatest."""
        of = self.places if values is None else values
        x, ends = (np.log(part) if self.log else part for part in (of, self.places))
        span = ends.max() - ends.min()
        return np.asarray((x - ends.min()) / span if span else np.full_like(x, 0.5))

    def ticks(self, room: float = WIDE) -> dict[float, str]:
        """Places with their labels: every value where these are few and fit into `room` characters, else round."""
        if self.names:
            every = -(-len(self.names) // MOST_NAMES)
            return {float(i): shorten(clean(self.names[i]), NAME) for i in range(0, len(self.names), every)}
        distinct = np.unique(self.places)
        found = {float(value): tick(float(f"{value:.4g}")) for value in distinct[: MOST_TICKS + 1]}
        if len(distinct) <= MOST_TICKS and (2 + max(map(len, found.values()))) * len(found) <= room:
            return found
        return round_ticks(float(distinct[0]), float(distinct[-1]), log=self.log)


def round_ticks(low: float, high: float, *, log: bool) -> dict[float, str]:
    """Some round numbers from `low` to `high`: powers of ten where there are several, 1-3 or 1-2-5 steps, or even."""
    if log:
        decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        for digits in ([1], [1, 3], [1, 2, 5]):
            found = np.sort(np.outer(10.0**decades, digits).ravel())
            found = found[(found >= low * 0.999) & (found <= high * 1.001)]
            if len(found) > 2:
                return {float(v): tick(float(f"{v:.4g}")) for v in found[:: -(-len(found) // 6)]}
    return linear(low, high, most=5).ticks


def _number(text: str) -> float | None:
    try:
        value = float(text.replace("_", ""))
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _natural(name: str) -> list[tuple[bool, float, str]]:
    """Names in the order of the numbers that they are, or have: [8] before [16]."""
    parts = [name] if _number(name) is not None else re.split(r"(\d+)", name)
    values = [(part, _number(part)) for part in parts]
    return [(value is None, value or 0.0, part if value is None else "") for part, value in values]


def _log_like(places: NDArray[np.float64]) -> bool:
    """Positive numbers that lie more evenly by their logarithms: 1e-4, 1e-3, 1e-2, or 16, 32, 64."""
    distinct = np.unique(places)
    if len(distinct) < 2 or distinct[-1] / distinct[0] < LOG_RANGE:
        return False
    if len(distinct) == 2:
        return bool(distinct[-1] / distinct[0] >= 10)
    shares = [(x - x[0]) / (x[-1] - x[0]) for x in (distinct, np.log(distinct))]
    even = np.linspace(0, 1, len(distinct))
    linear_, logarithmic = (float(np.abs(share - even).mean()) for share in shares)
    return logarithmic < linear_
