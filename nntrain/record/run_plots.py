"""The pictures that every run leaves, as PNG. Each function draws, writes the file whole or not at all, and returns the
canvas (which tests read)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nntrain.record.axes import DESCENT, LABEL_PAD, NORMAL, SPREAD, Axes, Entry, Scale, fitted, linear
from nntrain.record.canvas import BLACK, BLUE, GREEN, ORANGE, Box, Canvas, packed
from nntrain.record.sparkline import logarithmic
from nntrain.record.stamps import points, text_width
from nntrain.record.words import clean, count, number, plural, shorten

FEW_POINTS = 40  # up to here, every epoch gets a dot
MOST_POINTS = 20_000  # of more samples as many are drawn, evenly chosen
COUNTS_UP_TO = 20  # classes; beyond, the numbers in the cells would be too small to read
LABEL = 22  # characters of a class name
STAR = 13.0
DARK = "#222222"


def learning_curves(
    history: Sequence[Mapping[str, Any]],
    monitor: str,
    best_epoch: int | None,
    path: Path,
    units: Mapping[str, str] | None = None,
) -> Canvas:
    """Losses, and beside them the monitored metric (the first one where the loss is monitored), over the epochs.

    history: rows of `metrics.csv`, at least one. monitor: with or without `val_`. units: of metrics that have one
    ("rmse": "US$").
    """
    metrics = [key.removeprefix("val_") for key in history[0] if key.startswith("val_") and key != "val_loss"]
    wanted = monitor.removeprefix("val_")
    metric = wanted if wanted in metrics else next(iter(metrics), None)
    canvas = Canvas(11.0 if metric else 6.2, 4.2)
    for name, left in [("loss", 0.95), *([(metric, 6.4)] if metric else [])]:
        _panel(canvas, left, history, name, best_epoch, (units or {}).get(name, ""))
    return canvas.save(path)


def _panel(
    canvas: Canvas, left: float, history: Sequence[Mapping[str, Any]], name: str, best_epoch: int | None, unit: str
) -> None:
    """Training and validation of one metric."""
    epochs = [int(row["epoch"]) for row in history]
    curves = {split: [number_or_nan(row.get(f"{split}_{name}")) for row in history] for split in ("train", "val")}
    drawn = {split: values for split, values in curves.items() if np.isfinite(values).any()}
    everything = [value for values in drawn.values() for value in values]
    label = name.replace("_", " ")
    labels = ("epoch", f"{label} ({unit})" if unit else label)
    y = fitted(everything, log=logarithmic(everything))
    axes = Axes(canvas, (left, 0.6, 4.4, 3.15), whole_epochs(epochs), y, labels, label)
    dot = 0.0 if len(epochs) > FEW_POINTS else 5.0 if len(epochs) < 20 else 3.5
    entries: list[Entry] = []
    best, value = (best_epoch, curves["val"][epochs.index(best_epoch)]) if best_epoch in epochs else (None, np.nan)
    has_star = bool(np.isfinite(value))
    if best is not None:
        axes.upright(best, GREEN)
    if best is not None and has_star and len(epochs) == 1:  # a single dot is not to be hidden
        axes.star(best, value, GREEN, STAR)
    for split, colour, said in (("train", BLUE, "training"), ("val", ORANGE, "validation")):
        if split in drawn:
            axes.curve(epochs, drawn[split], colour, dots=dot)
            entries.append(Entry(said, colour, 1.6, dot))
    if best is not None and has_star:
        if len(epochs) > 1:
            axes.star(best, value, GREEN, STAR)
        entries.append(Entry(f"best epoch {best}: {number(value)}", GREEN, dot=STAR, star=True))
    if drawn:
        axes.legend(entries)


def whole_epochs(epochs: Sequence[int]) -> Scale:
    pad = 0.5 if len(epochs) < 3 else 0.02 * (epochs[-1] - epochs[0])
    return linear(epochs[0] - pad, epochs[-1] + pad, most=8, whole=True)


def number_or_nan(value: Any) -> float:
    return np.nan if value is None else float(value)


def learning_rate(steps: Sequence[int], lrs: Sequence[float], path: Path) -> Canvas:
    """The learning rate of every step given (at least one); logarithmic where all but its lowest tenth spans more than
    two decades: an exponential decay, and not a cosine that ends near 0."""
    x, y = _thinned(np.asarray(steps, dtype=float), np.asarray(lrs, dtype=float))
    log = logarithmic([float(np.quantile(y, 0.1)), float(y.max())])
    canvas = Canvas(6.2, 3.4)
    span = (x[-1] - x[0]) * SPREAD
    ends = (x[0] - 0.5, x[0] + 0.5) if len(x) == 1 else (x[0] - span, x[-1] + span)
    across = linear(*map(float, ends), whole=len(x) == 1)
    up = fitted(y[y > 0] if log else y, log=log, from_zero=not log)
    labels = ("step", "learning rate")
    Axes(canvas, (0.95, 0.6, 5.0, 2.4), across, up, labels, "learning rate").curve(
        x, y, BLUE, dots=5.0 if len(x) == 1 else 0.0
    )
    return canvas.save(path)


def _thinned(*values: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """At most MOST_POINTS of each."""
    if len(values[0]) <= MOST_POINTS:
        return values
    chosen = np.linspace(0, len(values[0]) - 1, MOST_POINTS).astype(int)
    return tuple(some[chosen] for some in values)


def short(name: str) -> str:
    """Cut in the middle: names of one kind often differ at their end."""
    return name if len(name) <= LABEL else f"{name[: LABEL // 2]}…{name[1 - LABEL // 2 :]}"


def confusion_matrix(counts: ArrayLike, classes: Sequence[str], path: Path, title: str = "confusion matrix") -> Canvas:
    """counts: whole numbers [K, K], row: true class, column: predicted class. Colour: share of the true class (row)."""
    table, k = np.asarray(counts), len(classes)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    names = [short(clean(name)) for name in classes]
    font = 10.0 if k <= 12 else 8.0 if k <= 40 else 5.5
    cell = max(0.11, min(0.75, (5.5 if k <= 20 else 7.5 if k <= 40 else 10.0) / k))
    side = min(max(cell * k, 2.2), 11.0)
    label = max(text_width(name, font) for name in names) / points(72)
    upright = label > 0.85 * side / k  # names that would run into each other stand on end
    left, bottom = label + 0.6, (label if upright else font / 72) + 0.65
    canvas = Canvas(left + side + 1.1, bottom + side + 0.5)
    box: Box = tuple(round(points(72 * inch)) for inch in (left, bottom, left + side, bottom + side))  # type: ignore[assignment]
    _cells(canvas, box, share)
    canvas.across(box[0], box[2], box[1])
    canvas.upright(box[0], box[1], box[3])
    _class_names(canvas, box, names, font, upright)
    canvas.write(box[0], box[3] + points(6.0), title, 11.0)
    if k <= COUNTS_UP_TO:
        _counts(canvas, box, table, share)
    _colour_bar(canvas, (box[2] + points(0.15 * 72), box[1], box[2] + points(0.31 * 72), box[3]))
    return canvas.save(path)


def _cells(canvas: Canvas, box: Box, share: NDArray[np.float64]) -> None:
    """The matrix [K, K] as squares, their colour by the share, the first row on top."""
    left, bottom, right, top = (int(end) for end in box)
    k = len(share)
    columns = np.arange(right - left) * k // (right - left)
    ends = [canvas.height - top + (top - bottom) * i // k for i in range(k + 1)]
    colours = packed(blues()[np.minimum((share * 256).astype(int), 255)])
    for start, end, row in zip(ends, ends[1:], colours, strict=False):
        canvas.packed[start:end, left:right] = row[columns]


@cache
def blues() -> NDArray[np.uint8]:
    """256 colours from white to dark blue, [256, 3]."""
    from matplotlib import colormaps

    found: NDArray[np.uint8] = np.rint(colormaps["Blues"](np.arange(256))[:, :3] * 255).astype(np.uint8)
    return found


def _class_names(canvas: Canvas, box: Box, names: Sequence[str], font: float, upright: bool) -> None:
    left, bottom, right, top = box
    k, every = len(names), -(-len(names) // 100)
    lowest, leftmost = bottom, left
    for i in range(0, k, every):
        x, y = left + (i + 0.5) / k * (right - left), top - (i + 0.5) / k * (top - bottom)
        canvas.upright(x, bottom - points(2.0), bottom)
        canvas.across(left - points(2.0), left, y)
        said = names[i]
        if upright:
            length, middle = text_width(said, font), x + points(font) * 0.36
            ink = canvas.write(middle, bottom - points(5.5) - length, said, font, turned=True)
        else:
            ink = canvas.write(x, bottom - points(5.5), said, font, across="centre", up="top")
        lowest = min(lowest, ink[1])
        ink = canvas.write(left - points(5.5), y, said, font, across="right", up="centre")
        leftmost = min(leftmost, ink[0])
    below, beside = lowest - points(LABEL_PAD + (0.0 if upright else DESCENT)), leftmost - points(4.0) - 3
    canvas.write((left + right) / 2, below, "predicted class", NORMAL, across="centre", up="top")
    canvas.write(beside, (bottom + top) / 2, "true class", NORMAL, across="centre", turned=True)


def _counts(canvas: Canvas, box: Box, table: NDArray[Any], share: NDArray[np.float64]) -> None:
    left, bottom, right, top = box
    k = len(table)
    widest = max(len(str(n)) for n in table.flat)
    size = min(11.0, (right - left) / points(1.0) / k / (0.68 * max(widest, 2)))
    for (i, j), n in np.ndenumerate(table):
        if n:
            x, y = left + (j + 0.5) / k * (right - left), top - (i + 0.5) / k * (top - bottom)
            colour = "#FFFFFF" if share[i, j] > 0.55 else DARK
            canvas.write(x, y, str(n), round(size, 1), colour, across="centre", up="centre")


def _colour_bar(canvas: Canvas, box: Box) -> None:
    left, bottom, right, top = (float(round(end)) for end in box)
    rows, columns = slice(canvas.height - int(top), canvas.height - int(bottom)), slice(int(left), int(right))
    levels = np.linspace(255, 0, int(top - bottom)).round().astype(int)
    canvas.packed[rows, columns] = packed(blues()[levels])[:, None]
    for x in (left, right):
        canvas.upright(x, bottom, top)
    for y in (bottom, top):
        canvas.across(left, right, y)
    furthest = right + points(7.0)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = bottom + share * (top - bottom)
        canvas.across(right, right + points(3.5), y)
        furthest = max(furthest, canvas.write(right + points(7.0), y, f"{share:.2f}", 8.0, up="centre")[2])
    base, middle = furthest + points(4.0 + NORMAL * 0.8), (bottom + top) / 2
    canvas.write(base, middle, "share of the true class", NORMAL, BLACK, across="centre", turned=True)


def predicted_against_true(
    true: ArrayLike, predicted: ArrayLike, name: str, unit: str, path: Path, split: str = ""
) -> Canvas:
    """One regression target in its own unit, both [N]: predicted against true with the diagonal, and the residuals."""
    y, p = np.asarray(true, dtype=float).ravel(), np.asarray(predicted, dtype=float).ravel()
    finite = np.isfinite(y) & np.isfinite(p)
    whole = int(finite.sum())
    y, p = _thinned(y[finite], p[finite])
    name = shorten(clean(name), 30)
    said = f" ({unit})" if unit else ""
    drawn = plural(whole, "sample") if whole == len(y) else f"{count(len(y))} of {count(whole)} samples"
    drawn += f" of {split}" if split else ""
    canvas = Canvas(11.0, 4.6)
    size, alpha = (4.5, 0.6) if len(y) < 1000 else (2.0, 0.2)
    labels = (f"true {name}{said}", f"predicted {name}{said}")
    ends = [min(y.min(), p.min()), max(y.max(), p.max())] if len(y) else []
    across, up, residual = (fitted(values, most=6) for values in ([*y, *ends], [*p, *ends], [*(y - p), 0.0]))
    left = Axes(canvas, (0.95, 0.65, 4.2, 3.45), across, up, labels, f"{name}, {drawn}")
    canvas.dots(*left.at(y, p), BLUE, size, left.everywhere, alpha=alpha)
    left.curve(ends, ends, ORANGE, 1.4)
    left.legend([Entry("samples", BLUE, dot=5.0), Entry("perfect", ORANGE, line=1.4)], "ul")
    labels = (f"predicted {name}{said}", f"true minus predicted{said}")
    right = Axes(canvas, (6.35, 0.65, 3.2, 3.45), fitted(p, most=6), residual, labels, "residuals")
    canvas.dots(*right.at(p, y - p), BLUE, size, right.everywhere, alpha=alpha)
    right.curve([right.x.low, right.x.high], [0.0, 0.0], ORANGE, 1.4)
    _histogram(canvas, points(9.6 * 72), points(1.2 * 72), right, y - p)
    return canvas.save(path)


def _histogram(canvas: Canvas, left: float, width: float, axes: Axes, values: NDArray[np.float64]) -> None:
    """How often the values occur, as bars to the right, on the upright scale of the axes beside it."""
    counts, edges = np.histogram(values, bins=int(np.clip(2 * len(values) ** 0.5, 6, 50)))
    _, places = axes.at(np.zeros_like(edges), edges)
    for amount, bottom, top in zip(counts, places, places[1:], strict=False):
        if amount:
            canvas.fill((left, bottom, left + width * amount / counts.max() / 1.05, top), BLUE, 0.6)
