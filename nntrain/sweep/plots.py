"""The pictures of a sweep, as PNG: the metric against each setting, parallel coordinates, the learning curves.

Drawn once, at the end; matplotlib is loaded then. Three jobs or three hundred are to be readable, so every picture
shows all of them in grey and the best in colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nntrain.record.canvas import BLUE, GREEN, GREY, ORANGE
from nntrain.record.plots import _axes, _figure, _plain_numbers, _save
from nntrain.record.run_folder import safe_name
from nntrain.record.words import clean, number, plural
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.ranking import SEEDS, Contest, short_names
from nntrain.sweep.scale import Scale, round_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

MOST_PANELS = 9  # settings, of more those with the widest effect
ACROSS = 3
MOST_CURVES = 400
FAR = 8.0  # quartile ranges from the others


def draw(found: Sequence[Contest], folder: Path) -> None:
    """All pictures of a sweep, into `folder`; of several contests each into a folder of its own in there.

    Raises WriteError when the disk refuses.
    """
    for contest in found:
        pairs, to = contest.ranked, folder / safe_name(contest.title) if contest.title else folder
        scales = [Scale.of(key, [job.varied.get(key, "") for job, _ in pairs]) for key in _varied(pairs)]
        metric_by_setting(contest, scales, to / "metric_by_setting.png")
        if len(scales) > 1:
            parallel_coordinates(contest, scales, to / "parallel_coordinates.png")
        learning_curves(contest, to / "learning_curves.png")


def _varied(pairs: Sequence[tuple[Job, Outcome]]) -> list[str]:
    """Keys with more than one value here; seeds last."""
    keys = dict.fromkeys(key for job, _ in pairs for key in job.varied)
    several = [key for key in keys if len({job.varied.get(key) for job, _ in pairs}) > 1]
    return sorted(several, key=lambda key: key in SEEDS)


def metric_by_setting(contest: Contest, scales: Sequence[Scale], path: Path) -> Figure:
    """A panel per setting: a dot per job, the mean of each value where jobs share it, the best job starred."""
    y = _metric(contest)
    effects = {scale.key: _effect(scale, y) for scale in scales}
    shown = [*scales] if len(scales) <= MOST_PANELS else sorted(scales, key=lambda s: -effects[s.key])[:MOST_PANELS]
    columns, rows = min(ACROSS, max(1, len(shown))), -(-max(1, len(shown)) // ACROSS)
    across, up = 3.0, 2.5
    below = 0.85 if any(_aslant(scale, across) for scale in shown) else 0.4
    figure = _figure(0.95 + columns * across + (columns - 1) * 0.75 + 0.25, rows * (up + below + 0.45))
    label = contest.monitor.replace("_", " ")
    low, high, log = _limits(y, contest)
    for i, scale in enumerate(shown):
        left = 0.95 + (i % ACROSS) * (across + 0.75)
        bottom = (rows - 1 - i // ACROSS) * (up + below + 0.45) + below
        said = label if i % ACROSS == 0 else ""
        axes = _axes(figure, (left, bottom, across, up), "", said, scale.title)
        _dots(axes, scale, y)
        _value_axis(axes, low, high, log=log)
        _scale_axis(axes, scale, across)
    return _save(figure, path)


def _dots(axes: Axes, scale: Scale, y: NDArray[np.float64]) -> None:
    x = scale.places
    if scale.names:  # beside each other, not over each other
        x = x + 0.22 * np.random.default_rng(0).uniform(-1, 1, len(x)) * (len(x) > len(scale.names))
    many = len(x) > 100
    dots: dict[str, Any] = {"linestyle": "none", "marker": "o", "markeredgewidth": 0, "color": BLUE}
    axes.plot(x, y, **dots, markersize=3 if many else 5, alpha=0.35 if many else 0.6)
    distinct = np.unique(scale.places)
    if len(distinct) < len(x) and len(distinct) <= 50:
        means = [float(y[scale.places == value].mean()) for value in distinct]
        line: dict[str, Any] = {"linestyle": "none" if scale.names else "-", "marker": "_", "markersize": 14}
        axes.plot(distinct, means, color=ORANGE, linewidth=1.2, markeredgewidth=2, **line)
    axes.plot(x[:1], y[:1], marker="*", markersize=14, markeredgecolor="white", color=GREEN, linestyle="none")


def _scale_axis(axes: Axes, scale: Scale, across: float) -> None:
    """Ticks at the values themselves; names that would run into each other stand aslant."""
    if scale.log:
        axes.set_xscale("log")
    ticks = scale.ticks()
    aslant = _aslant(scale, across)
    axes.minorticks_off()
    turned: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if aslant else {}
    axes.set_xticks([at for at, _ in ticks], [name for _, name in ticks], fontsize=8.5, parse_math=False, **turned)
    if scale.names:
        axes.set_xlim(-0.6, len(scale.names) - 0.4)


def _aslant(scale: Scale, across: float) -> bool:
    ticks = scale.ticks()
    return max(len(name) for _, name in ticks) * 0.085 * len(ticks) > across


def _effect(scale: Scale, y: NDArray[np.float64]) -> float:
    """How far the metric's ranks move with the setting: the spread of their means over its values, or over thirds."""
    ranks = np.argsort(np.argsort(y)) / max(1, len(y) - 1)
    parts = scale.places if scale.names else np.floor(scale.shares() * 2.999)
    return float(np.std([ranks[parts == part].mean() for part in np.unique(parts)]))


def parallel_coordinates(contest: Contest, scales: Sequence[Scale], path: Path) -> Figure:
    """A line per job through its settings to its metric, coloured by it; the best on top."""
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    y = _metric(contest)
    axis_of_metric = Scale(contest.monitor.replace("_", " "), y, log=_limits(y, contest)[2])
    shown = [*scales[: MOST_PANELS + 3], axis_of_metric]
    width = max(4.5, 1.5 * (len(shown) - 1))
    figure = _figure(width + 2.0, 4.4)
    axes = _axes(figure, (1.05, 0.2, width, 3.3), "", "", "")
    axes.axis("off")
    axes.set_xlim(0, len(shown) - 1)
    axes.set_ylim(-0.05, 1.05)
    columns = np.stack([scale.shares() for scale in shown], axis=1)  # [jobs, axes]
    wobble = np.random.default_rng(0).uniform(-0.012, 0.012, columns.shape) * (len(y) > 8)
    wobble[:, -1] = 0
    order = np.arange(len(y))[::-1]  # the best is drawn last
    goodness = 1 - np.argsort(np.argsort(y if contest.lower else -y)) / max(1, len(y) - 1)
    colours = colormaps["Blues"](0.2 + 0.75 * goodness)
    lines = [np.column_stack([np.arange(len(shown)), columns[i] + wobble[i]]) for i in order]
    thin = 1.4 if len(y) <= 30 else 0.8
    axes.add_collection(
        LineCollection(lines, colors=colours[order], linewidths=thin, alpha=0.75 if len(y) <= 60 else 0.4)
    )
    axes.plot(range(len(shown)), columns[0] + wobble[0], color=GREEN, linewidth=3, marker="o", markersize=6)
    for i, scale in enumerate(shown):
        axes.axvline(i, color=GREY, linewidth=1, zorder=3)
        _ticks_beside(axes, scale, i, last=i == len(shown) - 1)
    said = f"{plural(len(y), 'job')}; best: {number(float(y[0]))}"
    axes.set_title(said, fontsize=11, loc="left", pad=38, parse_math=False)
    return _save(figure, path)


def _ticks_beside(axes: Axes, scale: Scale, at: int, *, last: bool) -> None:
    x = np.log(scale.places) if scale.log else scale.places
    low, span = x.min(), (x.max() - x.min()) or 1.0
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
    for value, name in scale.ticks(5):
        share = ((np.log(value) if scale.log else value) - low) / span if x.max() > x.min() else 0.5
        side: dict[str, Any] = {"ha": "left" if last else "right"}
        axes.text(
            at + (0.04 if last else -0.04), share, name, va="center", fontsize=8, bbox=box, parse_math=False, **side
        )
    name = scale.title
    axes.text(
        at, 1.09, name if len(name) < 14 else name.replace(".", ".\n", 1), ha="center", fontsize=9, parse_math=False
    )


def learning_curves(contest: Contest, path: Path) -> Figure:
    """The monitored metric over the epochs of every job, the best one's on top; of very many jobs some."""
    from matplotlib.collections import LineCollection

    pairs = contest.ranked
    if len(pairs) > MOST_CURVES:
        pairs = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, MOST_CURVES).astype(int))]
    curves = [_curve(job.folder / "metrics.csv", contest.monitor) for job, _ in pairs]
    label = contest.monitor.replace("_", " ")
    title = f"{label} of {plural(len(contest.ranked), 'job')}"
    if len(pairs) < len(contest.ranked):
        title += f" ({len(pairs)} drawn)"
    figure = _figure(7.2, 4.4)
    axes = _axes(figure, (0.95, 0.6, 6.0, 3.35), "epoch", label, title)
    drawn = [curve for curve in curves if len(curve)]
    if drawn:
        thin = 1.2 if len(drawn) <= 20 else 0.7 if len(drawn) <= 100 else 0.5
        axes.add_collection(
            LineCollection(drawn[::-1], colors=GREY, linewidths=thin, alpha=0.5 if len(drawn) < 60 else 0.3)
        )
        every = np.concatenate([curve[:, 1] for curve in drawn])
        _curve_limits(axes, every, max(curve[-1, 0] for curve in drawn), contest)
    if len(curves[0]):
        best, outcome = pairs[0]
        few: dict[str, Any] = {"marker": "o", "markersize": 4} if len(curves[0]) < 20 else {}
        said = f"#{best.number}  {_short_words(best)}: {number(outcome.result['best_value'])}"
        axes.plot(*curves[0].T, color=GREEN, linewidth=2.2, label=said, **few)
        if (at := outcome.result.get("best_epoch")) is not None:
            star: dict[str, Any] = {"marker": "*", "markersize": 14, "markeredgecolor": "white", "linestyle": "none"}
            axes.plot([at], [outcome.result["best_value"]], color=GREEN, zorder=5, **star)
        axes.legend(
            frameon=True,
            framealpha=0.85,
            edgecolor="none",
            fontsize=9,
            loc="best" if len(drawn) < 60 else "upper right",
        )
    return _save(figure, path)


def _curve(path: Path, column: str) -> NDArray[np.float64]:
    """Epochs and finite values of one column of a `metrics.csv`, [epochs, 2]; none where it cannot be read."""
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        names = header.split(",")
        x, y = names.index("epoch"), names.index(column)
        cells = [line.split(",") for line in lines]
        points = np.array([(float(c[x]), float(c[y])) for c in cells if len(c) == len(names) and c[y]])
    except (OSError, ValueError):
        return np.empty((0, 2))
    return points[np.isfinite(points[:, 1])] if len(points) else np.empty((0, 2))


def _curve_limits(axes: Axes, values: NDArray[np.float64], epochs: float, contest: Contest) -> None:
    from matplotlib.ticker import MaxNLocator

    low, high, log = _limits(values, contest)
    _value_axis(axes, low, high, log=log)
    pad = 0.5 if epochs < 3 else 0.02 * epochs
    axes.set_xlim(1 - pad, epochs + pad)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


def _value_axis(axes: Axes, low: float, high: float, *, log: bool) -> None:
    if log:
        axes.set_yscale("log")
        axes.set_yticks(round_values(low, high, log=True))
        axes.minorticks_off()
    axes.set_ylim(low, high)
    _plain_numbers(axes.yaxis, log=log)


def _limits(values: NDArray[np.float64], contest: Contest) -> tuple[float, float, bool]:
    """Ends of an axis, and whether it is logarithmic: of losses that span a decade. Values that are worse than all
    others by far lie outside, or nothing else could be seen."""
    log = contest.lower and bool(values.min() > 0 and values.max() > 10 * values.min())
    x = np.log(values) if log else values
    low, high = float(x.min()), float(x.max())
    q1, q3 = np.quantile(x, [0.25, 0.75])
    if (reach := FAR * float(q3 - q1)) and len(x) >= 8:
        low, high = (low, min(high, q3 + reach)) if contest.lower else (max(low, q1 - reach), high)
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    low, high = low - pad, high + pad
    return (float(np.exp(low)), float(np.exp(high)), log) if log else (low, high, log)


def _metric(contest: Contest) -> NDArray[np.float64]:
    """The monitored metric of each job, best first, [jobs]."""
    return np.array([float(outcome.result["best_value"]) for _, outcome in contest.ranked])


def _short_words(job: Job) -> str:
    names = short_names(list(job.varied))
    words = clean(" ".join(f"{names[key]}={value}" for key, value in job.varied.items()))
    return words if len(words) <= 48 else words[:47] + "…"
