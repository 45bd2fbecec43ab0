"""The pictures of a run, as PNG. Matplotlib is loaded when the first is drawn, without pyplot and its global state.

Each function draws, writes the file whole or not at all, and returns the figure (which tests read). The colours are of
Okabe & Ito's palette, distinct for the colour-blind. Margins are set by hand: automatic layout draws everything twice.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nntrain.record.files import write_atomic
from nntrain.record.sparkline import logarithmic
from nntrain.record.words import clean, count, number, plural, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

DPI = 110
BLUE, ORANGE, GREEN, GREY, LIGHT = "#0072B2", "#D55E00", "#007A5A", "#555555", "#DDDDDD"
FEW_POINTS = 40  # up to here, every epoch gets a dot
MOST_POINTS = 20_000  # of more samples as many are drawn, evenly chosen
COUNTS_UP_TO = 20  # classes; beyond, the numbers in the cells would be too small to read
LABEL = 22  # characters of a class name


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> Figure:
    png = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box for such a character says enough
        figure.savefig(png, format="png", pil_kwargs={"compress_level": 3})
    write_atomic(path, png.getvalue())
    return figure


def _axes(figure: Figure, inches: tuple[float, float, float, float], x: str, y: str, title: str) -> Axes:
    """Axes at (left, bottom, width, height) in inches, labelled, with a faint grid and no box."""
    width, height = figure.get_size_inches()
    left, bottom, across, up = inches
    axes = figure.add_axes((left / width, bottom / height, across / width, up / height))
    axes.set_xlabel(x, parse_math=False)  # a column's name may well hold dollars
    axes.set_ylabel(y, parse_math=False)
    axes.set_title(title, fontsize=11, loc="left", parse_math=False)
    axes.grid(color=LIGHT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["top"].set_visible(False)
    axes.spines["right"].set_visible(False)
    return axes


def _whole_epochs(axes: Axes, epochs: Sequence[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    pad = 0.5 if len(epochs) < 3 else 0.02 * (epochs[-1] - epochs[0])
    axes.set_xlim(epochs[0] - pad, epochs[-1] + pad)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


def _plain_numbers(axis: Axis, *, log: bool = False) -> None:
    """`250k` and `0.0005` at the ticks; otherwise large and small values get an exponent far from where one looks."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    if log:
        axis.set_minor_formatter(NullFormatter())
    largest = max(abs(end) for end in axis.get_view_interval())
    if log or largest >= 1e4 or largest < 1e-2:
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def tick(value: float) -> str:
    """`0.0005`, `12.5`, `250k`, `1.5M`, `1e-07`."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit and abs(value) < 1e12:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


def learning_curves(
    history: Sequence[Mapping[str, Any]],
    monitor: str,
    best_epoch: int | None,
    path: Path,
    units: Mapping[str, str] | None = None,
) -> Figure:
    """Losses, and beside them the monitored metric (the first one where the loss is monitored), over the epochs.

    history: rows of `metrics.csv`, at least one. monitor: with or without `val_`. units: of metrics that have one
    ("rmse": "US$").
    """
    metrics = [key.removeprefix("val_") for key in history[0] if key.startswith("val_") and key != "val_loss"]
    wanted = monitor.removeprefix("val_")
    metric = wanted if wanted in metrics else next(iter(metrics), None)
    epochs = [int(row["epoch"]) for row in history]
    figure = _figure(11.0 if metric else 6.2, 4.2)
    panels = [("loss", 0.95), *([(metric, 6.4)] if metric else [])]
    dots: dict[str, Any] = {}
    if len(epochs) <= FEW_POINTS:
        dots = {"marker": "o", "markersize": 4 if len(epochs) < 20 else 2.5}
    star: dict[str, Any] = {"marker": "*", "markersize": 13, "markeredgecolor": "white", "linestyle": "none"}
    star["zorder"] = 5 if len(epochs) > 1 else 1.9  # a single dot is not to be hidden
    for name, left in panels:
        label = name.replace("_", " ")
        unit = (units or {}).get(name, "")
        axes = _axes(figure, (left, 0.6, 4.4, 3.15), "epoch", f"{label} ({unit})" if unit else label, label)
        drawn: list[float] = []
        for split, colour, said in (("train", BLUE, "training"), ("val", ORANGE, "validation")):
            values = [_number(row.get(f"{split}_{name}")) for row in history]
            if np.isfinite(values).any():
                axes.plot(epochs, values, color=colour, linewidth=1.6, label=said, **dots)
                drawn += values
        log = logarithmic(drawn)
        if log:
            axes.set_yscale("log")
        _plain_numbers(axes.yaxis, log=log)
        _whole_epochs(axes, epochs)
        if best_epoch in epochs:
            axes.axvline(best_epoch, color=GREEN, linewidth=1, linestyle="--")
            value = _number(history[epochs.index(best_epoch)].get(f"val_{name}"))
            if np.isfinite(value):
                said = f"best epoch {best_epoch}: {number(value)}"
                axes.plot([best_epoch], [value], color=GREEN, label=said, **star)
        if drawn:
            axes.legend(frameon=True, framealpha=0.85, edgecolor="none", fontsize=9, loc="best")
    return _save(figure, path)


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


def learning_rate(steps: Sequence[int], lrs: Sequence[float], path: Path) -> Figure:
    """The learning rate of every step given (at least one); logarithmic where all but its lowest tenth spans more than
    two decades: an exponential decay, and not a cosine that ends near 0."""
    figure = _figure(6.2, 3.4)
    axes = _axes(figure, (0.95, 0.6, 5.0, 2.4), "step", "learning rate", "learning rate")
    x, y = np.asarray(steps), np.asarray(lrs, dtype=float)
    if len(x) > MOST_POINTS:
        chosen = np.linspace(0, len(x) - 1, MOST_POINTS).astype(int)
        x, y = x[chosen], y[chosen]
    axes.plot(x, y, color=BLUE, linewidth=1.6, marker="o" if len(x) == 1 else None, markersize=4)
    log = logarithmic([float(np.quantile(y, 0.1)), float(y.max())])
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    if len(x) == 1:
        axes.set_xticks(x)
    _plain_numbers(axes.xaxis)
    _plain_numbers(axes.yaxis, log=log)
    return _save(figure, path)


def _short(name: str) -> str:
    """Cut in the middle: names of one kind often differ at their end."""
    return name if len(name) <= LABEL else f"{name[: LABEL // 2]}…{name[1 - LABEL // 2 :]}"


def confusion_matrix(counts: ArrayLike, classes: Sequence[str], path: Path, title: str = "confusion matrix") -> Figure:
    """counts: whole numbers [K, K], row: true class, column: predicted class. Colour: share of the true class (row)."""
    from matplotlib import colormaps

    table = np.asarray(counts)
    k = len(classes)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    names = [_short(clean(name)) for name in classes]
    every = -(-k // 100)
    font = 10.0 if k <= 12 else 8.0 if k <= 40 else 5.5
    cell = max(0.11, min(0.75, (5.5 if k <= 20 else 7.5 if k <= 40 else 10.0) / k))
    side = min(max(cell * k, 2.2), 11.0)
    longest = max(len(name) for name in names)
    label = longest * font * 0.58 / 72
    upright = label > 0.85 * side / k  # names that would run into each other stand on end
    left, bottom = label + 0.6, (label if upright else font / 72) + 0.65
    figure = _figure(left + side + 1.1, bottom + side + 0.5)
    axes = _axes(figure, (left, bottom, side, side), "predicted class", "true class", title)
    axes.grid(False)
    image = axes.imshow(share, cmap=colormaps["Blues"], vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    ticks = range(0, k, every)
    axes.set_xticks(ticks, names[::every], fontsize=font, rotation=90 if upright else 0, parse_math=False)
    axes.set_yticks(ticks, names[::every], fontsize=font, parse_math=False)
    axes.tick_params(length=2)
    if k <= COUNTS_UP_TO:
        widest = max(len(str(n)) for n in table.flat)
        size = min(11.0, side / k * 72 / (0.68 * max(widest, 2)))
        for (i, j), n in np.ndenumerate(table):
            if n:
                colour = "white" if share[i, j] > 0.55 else "#222222"
                axes.text(j, i, str(n), ha="center", va="center", fontsize=size, color=colour)
    width, height = figure.get_size_inches()
    bar = figure.add_axes(((left + side + 0.15) / width, bottom / height, 0.16 / width, side / height))
    figure.colorbar(image, cax=bar, label="share of the true class", ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.tick_params(labelsize=8)
    return _save(figure, path)


def label_scores(
    scores: Mapping[str, ArrayLike], labels: Sequence[str], path: Path, title: str = "labels", most: int = 40
) -> Figure:
    """Precision and recall of each label, a bar each, the rarest label last; of more labels the `most` frequent.

    scores: `precision`, `recall` and `support` (samples that have it), each [K].
    """
    support = np.asarray(scores["support"], dtype=float)
    order = np.argsort(-support, kind="stable")[:most]
    k = len(order)
    names = [f"{_short(clean(labels[i]))} ({count(support[i])})" for i in order]
    font = 9.0 if k <= 20 else 7.5
    left = max(len(name) for name in names) * font * 0.58 / 72 + 0.35
    up = max(1.0, 0.34 * k) if k <= 20 else 0.24 * k
    figure = _figure(left + 6.4, up + 1.05)
    some = f"the {most} most frequent of {len(labels)} {title}" if k < len(labels) else title
    axes = _axes(figure, (left, 0.6, 4.8, up), "share", "", f"{some} (samples that have it)")
    axes.grid(False, axis="y")
    rows = np.arange(k)
    for name, shift, colour in (("precision", -0.2, BLUE), ("recall", 0.2, ORANGE)):
        axes.barh(rows + shift, np.asarray(scores[name], dtype=float)[order], 0.36, color=colour, label=name)
    axes.set_yticks(rows, names, fontsize=font, parse_math=False)
    axes.set_ylim(k - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _save(figure, path)


def predicted_against_true(
    true: ArrayLike, predicted: ArrayLike, name: str, unit: str, path: Path, split: str = ""
) -> Figure:
    """One regression target in its own unit, both [N]: predicted against true with the diagonal, and the residuals."""
    y, p = np.asarray(true, dtype=float).ravel(), np.asarray(predicted, dtype=float).ravel()
    finite = np.isfinite(y) & np.isfinite(p)
    y, p = y[finite], p[finite]
    whole = len(y)
    if whole > MOST_POINTS:
        chosen = np.linspace(0, whole - 1, MOST_POINTS).astype(int)
        y, p = y[chosen], p[chosen]
    name = shorten(clean(name), 30)
    said = f" ({unit})" if unit else ""
    drawn = plural(whole, "sample") if whole == len(y) else f"{count(len(y))} of {count(whole)} samples"
    drawn += f" of {split}" if split else ""
    figure = _figure(11.0, 4.6)
    dots: dict[str, Any] = {"linestyle": "none", "marker": "o", "markeredgewidth": 0, "color": BLUE}
    dots |= {"markersize": 4.5 if len(y) < 1000 else 2.0, "alpha": 0.6 if len(y) < 1000 else 0.2}
    left = _axes(figure, (0.95, 0.65, 4.2, 3.45), f"true {name}{said}", f"predicted {name}{said}", f"{name}, {drawn}")
    left.plot(y, p, label="samples", **dots)
    if len(y):
        ends = [min(y.min(), p.min()), max(y.max(), p.max())]
        left.plot(ends, ends, color=ORANGE, linewidth=1.4, label="perfect")
    residual = f"true minus predicted{said}"
    right = _axes(figure, (6.35, 0.65, 3.2, 3.45), f"predicted {name}{said}", residual, "residuals")
    right.plot(p, y - p, **dots)
    right.axhline(0, color=ORANGE, linewidth=1.4)
    width, height = figure.get_size_inches()
    side = figure.add_axes((9.6 / width, 0.65 / height, 1.2 / width, 3.45 / height), sharey=right)
    side.hist(y - p, bins=int(np.clip(2 * len(y) ** 0.5, 6, 50)), orientation="horizontal", color=BLUE, alpha=0.6)
    side.axis("off")
    marks = left.legend(frameon=True, framealpha=0.85, edgecolor="none", fontsize=9, loc="upper left")
    for handle in marks.get_lines():
        handle.set_alpha(1)
        handle.set_markersize(5)
    for axes in (left, right):
        axes.locator_params(nbins=6)
        _plain_numbers(axes.xaxis)
        _plain_numbers(axes.yaxis)
    return _save(figure, path)
