"""The picture of a growing: the monitored metric of training and validation against the size of the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nntrain.record.axes import Axes, Entry, Scale, fitted
from nntrain.record.canvas import BLUE, GREEN, LIGHT, ORANGE, Canvas
from nntrain.record.sparkline import logarithmic
from nntrain.record.words import number
from nntrain.sweep.grow.growth import PARTS, Growth, Part, Step

STAR, DOT, SMALL_DOT = 14.0, 5.0, 3.0


def growth_curves(growth: Growth, path: Path) -> Canvas | None:
    """Means over the seeds with bars of one standard deviation, and a dot for each run; the ground is shaded from where
    overfitting starts. Sizes that are multiplied stand at equal distances. None where no run had a number.

    Raises WriteError when the disk refuses.
    """
    steps, axis = [step for step in growth.steps if step.val], growth.axis
    if growth.best is None:
        return None
    values = [value for step in steps for part in PARTS for value in getattr(step, part).values()]
    log = logarithmic(values)  # whose axis would have to go down very far for a bar
    values += [end for step in steps for part in PARTS for end in _bar(step, part)[log:]]
    metric, title = growth.monitor.removeprefix("val_").replace("_", " "), axis.title
    said = f"{metric} against {title}"
    if growth.seeds > 1:
        said += f", mean and standard deviation of {growth.seeds} seeds"
    canvas = Canvas(7.2, 4.2)
    x, y = _sizes(steps, log=not axis.by), fitted(values, log=log)
    axes = Axes(canvas, (0.95, 0.6, 5.9, 3.15), x, y, (title, metric), said)
    entries = []
    if growth.overfits is not None:
        _shade(axes, growth.steps[growth.overfits].value)
        entries.append(Entry("overfitting", LIGHT, line=8.0))
    for part, colour, name in zip(PARTS, (BLUE, ORANGE), ("training", "validation"), strict=True):
        _curve(axes, steps, part, colour)
        entries.append(Entry(name, colour, 1.6, DOT))
    best = growth.steps[growth.best]
    axes.star(best.value, best.mean("val"), GREEN, STAR)
    label = f"best: {axis.said(best.value)}, {number(best.mean('val'))}"
    axes.legend([*entries, Entry(label, GREEN, dot=STAR, star=True)])
    return canvas.save(path)


def _sizes(steps: Sequence[Step], *, log: bool) -> Scale:
    """An axis with every size marked."""
    sizes = [step.value for step in steps]
    ticks, low, high = {size: f"{size:g}" for size in sizes}, min(sizes), max(sizes)
    if log:
        pad = (high / low) ** 0.05 if high > low else 2.0
        return Scale(low / pad, high * pad, ticks, log=True)
    pad = 0.05 * (high - low) or 0.5
    return Scale(low - pad, high + pad, ticks)


def _shade(axes: Axes, start: float) -> None:
    _, bottom, right, top = axes.box
    axes.canvas.fill((axes.places(axes.x, [start])[0], bottom + 1, right, top), LIGHT, 0.6)


def _curve(axes: Axes, steps: Sequence[Step], part: Part, colour: str) -> None:
    x = np.array([step.value for step in steps])
    axes.curve(x, [step.mean(part) for step in steps], colour, dots=DOT)
    low, high = np.array([_bar(step, part) for step in steps]).T
    axes.bars(x, np.maximum(low, axes.y.low), high, colour)  # a logarithmic axis has no place for what is below zero
    runs: list[tuple[float, float]] = [(step.value, one) for step in steps for one in getattr(step, part).values()]
    every: NDArray[np.float64] = np.array(runs)
    dots = axes.at(every[:, 0], every[:, 1])
    axes.curves += [(dots[0][i : i + 1], dots[1][i : i + 1]) for i in range(len(every))]
    axes.canvas.dots(*dots, colour, SMALL_DOT, axes.everywhere, alpha=0.5)


def _bar(step: Step, part: Part) -> tuple[float, float]:
    """A standard deviation below the mean, and above it."""
    mean, spread = step.mean(part), step.spread(part) or 0.0
    return mean - spread, mean + spread
