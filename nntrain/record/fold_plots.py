"""The pictures of a cross-validation, as PNG: the learning curves of all folds, and how their scores scatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from nntrain.record.axes import Axes, Entry, Scale, fitted, linear
from nntrain.record.canvas import BLUE, GREEN, ORANGE, Canvas
from nntrain.record.run_plots import number_or_nan, whole_epochs
from nntrain.record.sparkline import logarithmic
from nntrain.record.words import number, plural

DOT = 6.0
LOOKS = (("train", BLUE, "training"), ("val", ORANGE, "validation"))
SPLITS = (("val", ORANGE, -0.08), ("test", BLUE, 0.08))  # and how far from the fold's place


def learning_curves(
    logs: Sequence[Sequence[Mapping[str, Any]]], best: Sequence[int | None], monitor: str, path: Path
) -> Canvas:
    """Losses, and beside them the monitored metric (the first one where the loss is monitored), of every fold.

    logs: of each fold its rows of `metrics.csv`, at least one. best: of each its best epoch. monitor: `val_rmse`.
    """
    metrics = [key.removeprefix("val_") for key in logs[0][0] if key.startswith("val_") and key != "val_loss"]
    wanted = monitor.removeprefix("val_")
    metric = wanted if wanted in metrics else next(iter(metrics), None)
    canvas = Canvas(11.0 if metric else 6.2, 4.2)
    for name, left in [("loss", 0.95), *([(metric, 6.4)] if metric else [])]:
        _curves(canvas, left, logs, best, name)
    return canvas.save(path)


def _curves(
    canvas: Canvas, left: float, logs: Sequence[Sequence[Mapping[str, Any]]], best: Sequence[int | None], name: str
) -> None:
    """Training and validation of one metric, a line per fold."""
    found = {split: [[number_or_nan(row.get(f"{split}_{name}")) for row in log] for log in logs] for split, *_ in LOOKS}
    everything = [value for folds in found.values() for values in folds for value in values]
    longest, label = max(logs, key=len), name.replace("_", " ")
    epochs = [int(row["epoch"]) for row in longest]
    y, title = fitted(everything, log=logarithmic(everything)), f"{label} of {plural(len(logs), 'fold')}"
    axes = Axes(canvas, (left, 0.6, 4.4, 3.15), whole_epochs(epochs), y, ("epoch", label), title)
    entries = []
    for split, colour, said in LOOKS:
        if not np.isfinite(np.concatenate([np.asarray(values) for values in found[split]])).any():
            continue
        for values in found[split]:
            axes.curve(epochs[: len(values)], values, colour, 1.0, dots=4.0 if len(epochs) < 20 else 0.0)
        entries.append(Entry(said, colour, 1.0))
    ends = [(epoch, values[epoch - 1]) for epoch, values in zip(best, found["val"], strict=True) if epoch]
    if ends:
        canvas.dots(*axes.at(*zip(*ends, strict=True)), GREEN, DOT, axes.everywhere)
        entries.append(Entry("best epochs", GREEN, dot=DOT))
    axes.legend(entries)


def scores(results: Sequence[Mapping[str, Any]], metric: str, path: Path) -> Canvas:
    """A metric of validation and test by fold, and behind them the mean of each split with its standard deviation.

    results: what `result.json` of each fold holds.
    """
    k, label = len(results), metric.replace("_", " ")
    found = {split: [number_or_nan((result[split] or {}).get(metric)) for result in results] for split, *_ in SPLITS}
    over = {split: (fmean(values), stdev(values)) for split, values in found.items() if np.isfinite(values).all()}
    ends = [mean + sign * std for mean, std in over.values() for sign in (-1, 1)]
    y = fitted([*(value for values in found.values() for value in values), *ends])
    canvas = Canvas(7.2, 4.0)
    axes = Axes(canvas, (0.95, 0.6, 6.0, 2.95), _places(k), y, ("fold", label), f"{label} by fold")
    entries = []
    for split, colour, shift in SPLITS:
        if np.isfinite(found[split]).any():
            x = np.arange(k) + shift
            canvas.dots(*axes.at(x, found[split]), colour, DOT, axes.everywhere)
            axes.curves.append(axes.at(x, found[split]))
        if split in over:
            mean, std = over[split]
            axes.bars([k + shift], [mean - std], [mean + std], colour, 1.8)
            canvas.dots(*axes.at([k + shift], [mean]), colour, 1.5 * DOT, axes.everywhere)
            entries.append(Entry(f"{split}: {number(mean)} ± {number(std)}", colour, dot=DOT))
    if entries:
        axes.legend(entries)
    return canvas.save(path)


def _places(k: int) -> Scale:
    """Of folds 0 to k - 1, and then of the mean."""
    plain = linear(-0.5, k - 0.5, most=12, whole=True)
    return Scale(-0.5, k + 0.5, {**plain.ticks, float(k): "mean"})
