"""The picture of a growing: the monitored metric of training and validation against the size of the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nntrain.record.axes import Axes, Scale, fitted
from nntrain.record.canvas import BLUE, GREEN, LIGHT, ORANGE, Canvas
from nntrain.record.sparkline import logarithmic
from nntrain.record.stamps import points
from nntrain.record.words import number
from nntrain.sweep.grow.growth import PARTS, Growth, Part, Step
from nntrain.sweep.told.key import HEIGHT, dot_mark, line_mark, write_key

STAR, DOT, SMALL_DOT = 14.0, 5.0, 3.0


def growth_curves(growth: Growth, path: Path) -> Canvas | None:
    """Means over seeds and folds with bars from the least to the greatest, and a dot for each run; the ground is shaded
    from where overfitting starts. Sizes that are multiplied stand at equal distances. None where no run had a number.

    Raises WriteError when the disk refuses.
    """
    steps, axis = [step for step in growth.steps if step.val], growth.axis
    if growth.best is None:
        return None
    values = [value for step in steps for part in PARTS for value in getattr(step, part).values()]
    metric, title = growth.monitor.removeprefix("val_").replace("_", " "), axis.title
    said = f"{metric} against {title}"
    if growth.seeds * growth.folds > 1:
        said += f", mean and range of {growth.replicates}"
    canvas = Canvas(7.2, 4.05 + HEIGHT)
    x, y = _sizes(steps, log=not axis.by), fitted(values, log=logarithmic(values))
    axes = Axes(canvas, (0.95, 0.6, 5.9, 3.15), x, y, (title, metric), said)
    marks = []
    if growth.overfits is not None:
        _shade(axes, growth.steps[growth.overfits].value)
        marks.append(line_mark("overfitting", LIGHT, 6.0))
    for part, colour, name in zip(PARTS, (BLUE, ORANGE), ("training", "validation"), strict=True):
        _curve(axes, steps, part, colour)
        marks.append(line_mark(name, colour, 1.6, dot=DOT))
    best = growth.steps[growth.best]
    axes.star(best.value, best.mean("val"), GREEN, STAR)
    label = f"best: {axis.said(best.value)}, {number(best.mean('val'))}"
    write_key(canvas, axes.box[0], points(72 * 4.05), [*marks, dot_mark(label, GREEN, STAR, star=True)])
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
    runs = [sorted(getattr(step, part).values()) for step in steps]
    axes.bars(x, [of[0] for of in runs], [of[-1] for of in runs], colour)
    every = np.array([(size, one) for size, of in zip(x, runs, strict=True) for one in of])
    axes.canvas.dots(*axes.at(every[:, 0], every[:, 1]), colour, SMALL_DOT, axes.everywhere, alpha=0.5)
