"""What becomes of one input column: numbers scaled, categories coded. Fitted on training rows alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.data.tables.columns import Column, Kind

Scaling = Literal["standard", "quantile", "robust", "none"]

QUANTILES = 1001
EDGE = 1e-4  # the outermost quantiles map to +-3.72 standard deviations


@dataclass(frozen=True)
class NumericEncoder:
    """value -> (value - center) / scale, or by quantiles to a standard normal; missing values become the median, and
    where training had some, a second column says 1 for missing, 0 for present."""

    name: str
    kind: Kind
    median: float
    center: float
    scale: float
    indicator: bool
    quantiles: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    date_format: str | None = None

    @property
    def width(self) -> int:
        return 2 if self.indicator else 1

    def encode(self, column: Column, out: NDArray[np.float32]) -> None:
        """Fill out, float32 [N, width]."""
        missing = np.isnan(column.values)
        values = np.where(missing, self.median, column.values)
        if self.quantiles:
            out[:, 0] = np.interp(values, self.quantiles, self.scores)
        else:
            values -= self.center
            values /= self.scale
            out[:, 0] = values
        if self.indicator:
            out[:, 1] = missing

    def state(self) -> dict[str, Any]:
        return {"encoder": "numeric", **asdict(self)}


@dataclass(frozen=True)
class CategoryEncoder:
    """value -> 1 + its place in `categories`; 0 for missing values and for those never seen in training."""

    name: str
    categories: tuple[str, ...]

    @property
    def cardinality(self) -> int:
        return 1 + len(self.categories)

    def encode(self, column: Column, out: NDArray[np.float32]) -> None:
        """Fill out, float32 [N], with codes."""
        slots = {name: i + 1 for i, name in enumerate(self.categories)}
        table = np.array([slots.get(name, 0) for name in column.categories] + [0], dtype=np.float32)
        out[:] = table[column.values]  # missing is -1: the last entry

    def state(self) -> dict[str, Any]:
        return {"encoder": "category", **asdict(self)}


def fit_numeric(column: Column, scaling: Scaling) -> NumericEncoder:
    """From the training rows of a numeric, boolean or date column."""
    missing = np.isnan(column.values)
    values = column.values[~missing] if missing.any() else column.values
    indicator = bool(missing.any())
    if len(values) == 0:
        return NumericEncoder(column.name, column.kind, 0.0, 0.0, 1.0, indicator, date_format=column.date_format)
    median = float(np.median(values))
    center, scale = 0.0, 1.0
    quantiles: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    if scaling == "standard":
        # the statistics of the imputed column; computed around the median, which keeps large offsets exact
        shifted = values - median
        count = len(column)
        mean = float(shifted.sum()) / count
        center = median + mean
        scale = float(np.sqrt(max(0.0, float(np.dot(shifted, shifted)) / count - mean**2)))
    elif scaling == "robust":
        low, high = np.quantile(values, (0.25, 0.75))
        center, scale = median, float(high - low) or float(values.std())
    elif scaling == "quantile":
        quantiles, scores = _normal_scores(values)
    tiny = 1e-12 * max(1.0, abs(center))
    return NumericEncoder(
        column.name,
        column.kind,
        median,
        center,
        scale if scale > tiny else 1.0,
        indicator,
        quantiles,
        scores,
        column.date_format,
    )


def _normal_scores(values: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Values at evenly spaced probabilities, and the standard normal's values there; ties get their mean score."""
    probabilities = np.linspace(0, 1, min(QUANTILES, max(2, len(values))))
    normal = torch.special.ndtri(torch.from_numpy(np.clip(probabilities, EDGE, 1 - EDGE))).numpy()
    points, place = np.unique(np.quantile(values, probabilities), return_inverse=True)
    scores = np.bincount(place, weights=normal) / np.bincount(place)
    return tuple(points.tolist()), tuple(scores.tolist())


def fit_categories(column: Column, limit: int) -> CategoryEncoder:
    """The categories of the training rows in sorted order; of more than `limit`, the most frequent."""
    counts = np.bincount(column.values[column.values >= 0], minlength=len(column.categories))
    seen = np.flatnonzero(counts)
    if len(seen) > limit:
        by_frequency = sorted(seen, key=lambda code: (-counts[code], column.categories[code]))
        seen = np.array(by_frequency[:limit])
    return CategoryEncoder(column.name, tuple(sorted(column.categories[code] for code in seen)))


def encoder_from_state(state: dict[str, Any]) -> NumericEncoder | CategoryEncoder:
    """What `state()` described."""
    if state["encoder"] == "category":
        return CategoryEncoder(str(state["name"]), tuple(map(str, state["categories"])))
    return NumericEncoder(
        name=str(state["name"]),
        kind=state["kind"],
        median=float(state["median"]),
        center=float(state["center"]),
        scale=float(state["scale"]),
        indicator=bool(state["indicator"]),
        quantiles=tuple(map(float, state["quantiles"])),
        scores=tuple(map(float, state["scores"])),
        date_format=state["date_format"],
    )
