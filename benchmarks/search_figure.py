"""Validation loss against the epochs that a search has spent, from what `search.py` measured.

    python benchmarks/search_figure.py        results/search.png again, from results/search.json

A line for each seed goes from where random search came to its best to where the other search had reached that; a ring
is what the other came to in the end. Where the results hold the whole course, its median and range are drawn behind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from common import RESULTS
from numpy.typing import NDArray

from nntrain.record.axes import tick
from nntrain.record.canvas import BLUE, GREEN, GREY
from nntrain.record.plots import new_axes, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COURSE = "best so far, by epochs spent"
COLOURS = {"random": BLUE, "tpe": GREEN}
DOT: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 6}
Runs = Sequence[Mapping[str, Any]]


def draw(runs: Mapping[str, Runs], path: Path) -> Figure:
    """A panel for each set of data. runs: of each, what `search.one_seed` gave for every seed."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = new_figure(max(6.6, 0.4 + 4.6 * len(runs)), 4.4)  # the legend's width at least
    for i, (name, seeds) in enumerate(runs.items()):
        label = "" if i else "best validation loss so far"
        axes = new_axes(figure, (0.95 + 4.6 * i, 1.15, 3.6, 2.8), "epochs spent by all trials", label, name)
        axes.set_yscale("log")
        if all(COURSE in one for one in seeds):
            _courses(axes, seeds)
        _seeds(axes, seeds)
        axes.set_xlim(0, None)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    lines, words = figure.axes[0].get_legend_handles_labels()
    figure.legend(lines, words, loc="lower center", ncols=2, frameon=False, fontsize=9)
    return save_figure(figure, path)


def _seeds(axes: Axes, seeds: Runs) -> None:
    """Of each seed where random search came to its best, and where the other did."""
    for one in (one for one in seeds if one["reached after"] is not None):
        ends = [one["random reached it after"], one["reached after"]]
        axes.plot(ends, [one["mark"]] * 2, color=GREY, linewidth=1.0)
    for kind, at, value, said, face in (
        ("random", "random reached it after", "mark", "random search at its best", BLUE),
        ("tpe", "reached after", "mark", "TPE with Hyperband, as good as that", GREEN),
        ("tpe", "epochs of all trials", "best", "TPE with Hyperband in the end", "white"),
    ):
        points = [(one[at], one[value]) for one in seeds if one[at] is not None]
        axes.plot(*np.array(points).T, color=COLOURS[kind], markerfacecolor=face, label=said, **DOT)
    half = float(np.median([one["budget"] for one in seeds])) / 2
    axes.axvline(half, color=GREY, linewidth=1.0, linestyle=":", label="the bar: half of random search's epochs")


def _courses(axes: Axes, seeds: Runs) -> None:
    """The median and the range over the seeds of both searches."""
    for kind, end in (("random", "budget"), ("tpe", "epochs of all trials")):
        courses = [{int(at): value for at, value in one[COURSE][kind].items()} for one in seeds]
        spent, best = _side_by_side(courses, min(one[end] for one in seeds))
        axes.fill_between(spent, best.min(0), best.max(0), step="post", color=COLOURS[kind], alpha=0.15, linewidth=0)
        axes.step(spent, np.median(best, 0), where="post", color=COLOURS[kind], linewidth=1.6)


def _side_by_side(courses: Sequence[Mapping[int, float]], end: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The numbers of epochs, up to `end`, at which the best of some seed changes, from where all have one on; and what
    each seed's best was by then, [seeds, places]."""
    first = max(min(course) for course in courses)
    spent = np.unique([end, *(at for course in courses for at in course if first <= at <= end)])
    best = [[min(value for at, value in course.items() if at <= place) for place in spent] for course in courses]
    return spent, np.array(best)


def main() -> None:
    kept = json.loads((RESULTS / "search.json").read_text(encoding="utf-8"))
    draw(kept["runs"], RESULTS / "search.png")


if __name__ == "__main__":
    main()
