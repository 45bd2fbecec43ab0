"""The picture of a growing: the monitored metric of training and validation against the size of the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nntrain.record.canvas import BLUE, GREEN, LIGHT, ORANGE
from nntrain.record.plots import _axes, _figure, _plain_numbers, _save
from nntrain.record.sparkline import logarithmic
from nntrain.record.words import number
from nntrain.sweep.growth import PARTS, Growth, Part, Step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def growth_curves(growth: Growth, path: Path) -> Figure | None:
    """Mean over the seeds with a band of one standard deviation, and a dot for each run; the ground is shaded where
    overfitting starts. Sizes that are multiplied stand at equal distances. None where no run had a number."""
    steps, axis = [step for step in growth.steps if step.val], growth.axis
    if growth.best is None:
        return None
    metric = growth.monitor.removeprefix("val_").replace("_", " ")
    figure = _figure(7.2, 4.2)
    title = f"{metric} against {axis.title}"
    if growth.seeds > 1:
        title += f", mean and standard deviation of {growth.seeds} seeds"
    axes = _axes(figure, (0.95, 0.6, 5.9, 3.15), axis.title, metric, title)
    x = np.array([step.value for step in steps], dtype=float)
    drawn: list[float] = []
    for part, colour, said in zip(PARTS, (BLUE, ORANGE), ("training", "validation"), strict=True):
        drawn += _curve(axes, steps, x, part, colour, said)
    log = logarithmic(drawn)
    if log:
        axes.set_yscale("log")
    if not axis.by:
        axes.set_xscale("log", base=2)
    axes.set_xticks(x, [f"{value:g}" for value in x])
    axes.minorticks_off()
    _plain_numbers(axes.yaxis, log=log)
    if growth.overfits is not None:
        ends = axes.get_xlim()
        axes.axvspan(
            growth.steps[growth.overfits].value, ends[1], color=LIGHT, alpha=0.6, zorder=0, label="overfitting"
        )
        axes.set_xlim(ends)
    best = growth.steps[growth.best]
    label = f"best: {axis.said(best.value)}, {number(best.mean('val'))}"
    star: dict[str, Any] = {"marker": "*", "markersize": 13, "markeredgecolor": "white", "linestyle": "none"}
    axes.plot([best.value], [best.mean("val")], color=GREEN, label=label, zorder=5, **star)
    axes.legend(frameon=True, framealpha=0.85, edgecolor="none", fontsize=9, loc="best")
    return _save(figure, path)


def _curve(
    axes: Axes, steps: Sequence[Step], x: NDArray[np.float64], part: Part, colour: str, said: str
) -> list[float]:
    """One part's line, band and dots; the values drawn."""
    mean = np.array([step.mean(part) for step in steps])
    spread = np.array([step.spread(part) or 0.0 for step in steps])
    axes.plot(x, mean, color=colour, linewidth=1.6, marker="o", markersize=4, label=said)
    runs = [(step.value, value) for step in steps for value in getattr(step, part).values()]
    least = min(value for _, value in runs)  # a logarithmic axis has no place for what lies below zero
    axes.fill_between(x, np.maximum(mean - spread, least), mean + spread, color=colour, alpha=0.15, linewidth=0)
    axes.plot(*zip(*runs, strict=True), linestyle="none", marker="o", markersize=2.5, color=colour, alpha=0.5)
    return [value for _, value in runs]
