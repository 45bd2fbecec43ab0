"""The pictures of a search, as PNG: how it went, which settings mattered, and the metric against each; for two metrics
what can be had of one for how much of the other."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nntrain.record.canvas import BLUE, GREEN, GREY, LIGHT, ORANGE
from nntrain.record.plots import new_axes, new_figure, plain_numbers, save_figure
from nntrain.record.run_plots import short
from nntrain.record.words import clean
from nntrain.sweep.search.importance import Importance
from nntrain.sweep.search.space import Axis
from nntrain.sweep.search.study import failed
from nntrain.sweep.told.view import view_of
from nntrain.sweep.told.words import metric_words, searched_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from optuna.trial import FrozenTrial

    from nntrain.sweep.search.study import Study

ACROSS = 3  # panels of slices side by side
KEY = 0.35  # inches above the panels
FRONT = "best trade-offs"
DOT: dict[str, Any] = {"linestyle": "none", "markeredgewidth": 0, "markersize": 5}


def draw(study: Study, found: Sequence[Importance], to: Path) -> None:
    """All that can be drawn of a search, into the folder `to`; of two metrics each picture for either, and what can be
    had of one for how much of the other. found: for each metric, as far as it can be told. Raises WriteError when the
    disk refuses."""
    metrics, trials = study.goal.metrics, study.trials
    best = {trial.number for trial in study.optuna.best_trials} if len(metrics) == 2 else set()
    if best:
        pareto(trials, best, metrics, to / "pareto_front.png")
    for place, metric in enumerate(metrics):
        own, name = Told(trials, metric, study.goal.lower[place], place, best), f"_{metric}" * (len(metrics) == 2)
        history(own, to / f"search_history{name}.png")
        slices(own, study.axes, to / f"search_slices{name}.png")
    for one in found:
        if one.shares:
            importance(one, to / f"search_importance{f'_{one.metric}' * (len(metrics) == 2)}.png")


@dataclass(frozen=True)
class Told:
    """Trials with one of the metrics that they are compared by. place: of that among a trial's values. front: numbers
    of the best trade-offs, where there are two metrics."""

    trials: Sequence[FrozenTrial]
    metric: str
    lower: bool
    place: int = 0
    front: Set[int] = frozenset()

    @property
    def label(self) -> str:
        return searched_words(self.metric)

    def value(self, trial: FrozenTrial) -> float | None:
        """Of a pruned one what it had at its end."""
        return trial.values[self.place] if trial.values else None

    def done(self) -> list[tuple[int, FrozenTrial, float]]:
        """Those that ran to their end, each with its place and its value."""
        return [(i, t, t.values[self.place]) for i, t in enumerate(self.trials) if t.state.name == "COMPLETE"]


def history(told: Told, path: Path) -> Figure:
    """The metric of each trial as they were drawn, and the best so far; a pruned one by what it had at its end."""
    figure = new_figure(7.2, 4.2 + KEY)
    axes = new_axes(figure, (0.95, 0.6, 5.9, 3.15), "trial", told.label, "history of the search")
    _dots(axes, told, list(enumerate(told.trials)))
    if done := told.done():
        x, values = [i for i, _, _ in done], np.array([value for _, _, value in done])
        best = np.minimum.accumulate(values) if told.lower else np.maximum.accumulate(values)
        axes.step(
            [*x, len(told.trials) - 1], [*best, best[-1]], where="post", color=GREEN, linewidth=1.6, label="best so far"
        )
    lost = [i for i, trial in enumerate(told.trials) if failed(trial)]
    if lost:
        at_the_bottom: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        axes.plot(lost, [0] * len(lost), linestyle="none", marker="x", color=GREY, label="failed", **at_the_bottom)
    _finish(axes, told.lower)
    _key(figure)
    return save_figure(figure, path)


def slices(told: Told, space: Sequence[Axis], path: Path) -> Figure:
    """The metric against each setting, a panel each below the key of its marks; the best trial is starred, of two
    metrics the best trade-offs stand out."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    across = min(ACROSS, len(space))
    rows = -(-len(space) // across)
    figure = new_figure(max(5.0, 3.5 * across + 0.5), 3.3 * rows + KEY)
    best = min(told.done(), key=lambda one: one[2] * (1 if told.lower else -1), default=None)
    for i, axis in enumerate(space):
        left, bottom = 0.9 + 3.5 * (i % across), 0.65 + 3.3 * (rows - 1 - i // across)
        label = told.label * (i % across == 0)
        axes = new_axes(figure, (left, bottom, 2.6, 2.3), short(clean(axis.key)), label, "")
        places = {choice: place for place, choice in enumerate(axis.choices)}
        at = {
            trial.number: places.get(value, value)
            for trial in told.trials
            if (value := trial.params.get(axis.key, None)) is not None
        }
        _dots(axes, told, [(at[trial.number], trial) for trial in told.trials if trial.number in at])
        if best is not None and not told.front:
            star: dict[str, Any] = {"marker": "*", "markersize": 13, "markeredgecolor": "white", "linestyle": "none"}
            axes.plot([at[best[1].number]], [best[2]], color=GREEN, zorder=5, label="the best", **star)
        if axis.choices:
            axes.set_xticks(
                range(len(axis.choices)), [short(clean(choice)) for choice in axis.choices], parse_math=False
            )
            axes.set_xlim(-0.6, len(axis.choices) - 0.4)
        elif axis.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(numticks=4))
        elif axis.whole:
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
        if not axis.choices:
            plain_numbers(axes.xaxis, log=axis.log)
        if beyond := _focus(axes, told.lower):
            axes.set_title(f"{beyond} beyond the edge", fontsize=9, color=GREY)
        plain_numbers(axes.yaxis, log=axes.get_yscale() == "log")
    _key(figure)
    return save_figure(figure, path)


def importance(found: Importance, path: Path) -> Figure:
    """A bar for each setting, the one that matters most on top."""
    shares, label = found.shares, searched_words(found.metric)
    names = [short(clean(key)) for key in shares]
    left, up = max(len(name) for name in names) * 10 * 0.58 / 72 + 0.35, max(1.0, 0.36 * len(names))
    when = found.when
    figure = new_figure(left + 4.6, up + 1.05)
    title = f"what the {label} depends on"
    axes = new_axes(figure, (left, 0.6, 4.0, up), f"share of its variation {when}".rstrip(), "", title)
    axes.grid(False, axis="y")
    rows = np.arange(len(names))
    axes.barh(rows, list(shares.values()), 0.6, color=BLUE)
    axes.set_yticks(rows, names, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    return save_figure(figure, path)


def pareto(trials: Sequence[FrozenTrial], best: set[int], metrics: Sequence[str], path: Path) -> Figure:
    """Both metrics of every trial. best: numbers of those that no other trial beats in both."""
    figure = new_figure(6.2, 4.4 + KEY)
    labels = [metric_words(metric) for metric in metrics]
    axes = new_axes(figure, (0.95, 0.6, 4.9, 3.35), labels[1], labels[0], "what can be had for what")
    done = [trial for trial in trials if trial.state.name == "COMPLETE"]
    rest = [trial for trial in done if trial.number not in best]
    front = sorted((trial for trial in done if trial.number in best), key=lambda trial: trial.values[1])
    axes.plot([t.values[1] for t in rest], [t.values[0] for t in rest], marker="o", color=LIGHT, label="beaten", **DOT)
    points = [t.values[1] for t in front], [t.values[0] for t in front]
    axes.plot(*points, color=GREEN, linewidth=1.2, marker="o", markersize=6, label=FRONT)
    if metrics[1] == "parameters" and max(points[0], default=1) > 10 * min(points[0], default=1):
        axes.set_xscale("log")
    plain_numbers(axes.xaxis, log=axes.get_xscale() == "log")
    plain_numbers(axes.yaxis)
    _key(figure)
    return save_figure(figure, path)


def _dots(axes: Axes, told: Told, placed: Sequence[tuple[Any, FrozenTrial]]) -> None:
    kinds: dict[str, list[tuple[Any, float]]] = {}
    for x, trial in placed:
        if (value := told.value(trial)) is not None:
            kinds.setdefault(FRONT if trial.number in told.front else trial.state.name, []).append((x, value))
    for kind, colour, said in (("COMPLETE", BLUE, "trial"), ("PRUNED", ORANGE, "pruned"), (FRONT, GREEN, FRONT)):
        if found := kinds.get(kind):
            look = DOT | {"alpha": 0.5 if kind == "PRUNED" else 0.85} | ({"markersize": 9} if kind == FRONT else {})
            axes.plot(*zip(*found, strict=True), marker="o", color=colour, label=said, **look)


def _focus(axes: Axes, lower: bool) -> int:
    """What is seen of the values, as in the pictures of a sweep; whatever is far off is marked at the edge. How many
    trials these are."""
    lines = [line for line in axes.get_lines() if line.get_marker() == "o"]
    x, values = np.concatenate([*(np.asarray(line.get_xydata(), float) for line in lines), np.empty((0, 2))]).T
    if not len(values):
        return 0
    view = view_of(values[np.isfinite(values)], lower=lower)
    axes.set_yscale("log" if view.log else "linear")
    axes.set_ylim(view.low, view.high)
    beyond = x[view.beyond(values)]
    if len(beyond):
        marker, edge = ("^", view.high) if lower else ("v", view.low)
        look: dict[str, Any] = {"linestyle": "none", "marker": marker, "color": GREY, "clip_on": False}
        axes.plot(beyond, [edge] * len(beyond), label="beyond the edge", **look)
    return len(beyond)


def _finish(axes: Axes, lower: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    _focus(axes, lower)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    plain_numbers(axes.yaxis, log=axes.get_yscale() == "log")


def _key(figure: Figure) -> None:
    """What the marks are, in one line above all that is drawn, where it covers nothing."""
    marks = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
    if marks:
        figure.legend(handles=list(marks.values()), loc="upper left", ncols=len(marks), frameon=False, fontsize=9)
