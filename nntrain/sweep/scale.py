"""The values of a setting on an axis of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nntrain.record.axes import tick
from nntrain.record.run_plots import short
from nntrain.record.words import clean
from nntrain.sweep.ranking import SEEDS

MOST_NAMES = 12  # categories that are named at an axis
LOG_RANGE = 4.0  # numbers that span less are on a linear scale


@dataclass(frozen=True)
class Scale:
    """The values of one setting as places on an axis.

    values: as written, one per job. places: finite numbers, one per job; positions 0, 1, ... of categories.
    """

    key: str
    places: NDArray[np.float64]
    names: tuple[str, ...] = ()  # of categories, by their positions
    log: bool = False

    @classmethod
    def of(cls, key: str, values: Sequence[str]) -> Scale:
        """Numbers where all are, on a logarithmic scale where they lie more evenly so; categories else.

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

    def shares(self) -> NDArray[np.float64]:
        """The places from 0 to 1."""
        x = np.log(self.places) if self.log else self.places
        span = x.max() - x.min()
        return (x - x.min()) / span if span else np.full_like(x, 0.5)

    def ticks(self, most: int = 7) -> list[tuple[float, str]]:
        """Places with their labels: every value where these are few, else round ones."""
        if self.names:
            every = -(-len(self.names) // MOST_NAMES)
            return [(float(i), short(clean(name))) for i, name in list(enumerate(self.names))[::every]]
        distinct = np.unique(self.places)
        if len(distinct) > most:
            distinct = round_values(distinct[0], distinct[-1], log=self.log)
        return [(float(value), tick(float(f"{value:.4g}"))) for value in distinct]


def round_values(low: float, high: float, *, log: bool) -> NDArray[np.float64]:
    """Some round numbers from `low` to `high`: powers of ten where there are several, 1-2-5 steps of them, or even."""
    from matplotlib.ticker import MaxNLocator

    if log:
        decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        for digits in ([1], [1, 3], [1, 2, 5]):
            found = np.sort(np.outer(10.0**decades, digits).ravel())
            found = found[(found >= low * 0.999) & (found <= high * 1.001)]
            if len(found) > 2:
                return found[:: -(-len(found) // 6)]
    found = np.asarray(MaxNLocator(5).tick_values(low, high), dtype=float)
    return found[(found >= low) & (found <= high)]


def _number(text: str) -> float | None:
    try:
        value = float(text.replace("_", ""))
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _natural(name: str) -> tuple[bool, float, str]:
    value = _number(name)
    return value is None, value or 0.0, name if value is None else ""


def _log_like(places: NDArray[np.float64]) -> bool:
    """Positive numbers that lie more evenly by their logarithms: 1e-4, 1e-3, 1e-2, or 16, 32, 64."""
    distinct = np.unique(places)
    if len(distinct) < 2 or distinct[-1] / distinct[0] < LOG_RANGE:
        return False
    if len(distinct) == 2:
        return bool(distinct[-1] / distinct[0] >= 10)
    shares = [(x - x[0]) / (x[-1] - x[0]) for x in (distinct, np.log(distinct))]
    even = np.linspace(0, 1, len(distinct))
    linear, logarithmic = (float(np.abs(share - even).mean()) for share in shares)
    return logarithmic < linear
