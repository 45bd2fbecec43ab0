"""The pictures of a sweep, as PNG: the metric against each setting, parallel coordinates, the learning curves.

Drawn once, at the end. Three jobs or three hundred are to be readable, so every picture shows all of them pale and the
best one in colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nntrain.record.axes import LARGE, NORMAL, SMALL, Axes, Scale, linear
from nntrain.record.canvas import BLUE, GREEN, GREY, ORANGE, WHITE, Canvas
from nntrain.record.run_folder import safe_name
from nntrain.record.stamps import points, text_width
from nntrain.record.words import clean, number, plural, shorten
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.key import HEIGHT as KEY
from nntrain.sweep.told.key import Mark, arrow_mark, dot_mark, everywhere, line_mark, write_key
from nntrain.sweep.told.ranking import SEEDS, Contest, short_names
from nntrain.sweep.told.scale import Setting
from nntrain.sweep.told.view import View, view_of
from nntrain.sweep.told.words import figure, metric_words

MOST_PANELS = 9  # settings, of more those with the widest effect
MOST_AXES = 12
ACROSS = 3  # panels beside each other
MOST_CURVES = 400
STAR = 14.0
DOT = 6.0
FAINT, DASHES = "#C8C8C8", (3.0, 3.0)  # of pruned jobs
BLUES = (0xD4, 0xE4, 0xF2), (0x1C, 0x5F, 0xA8)  # of the worst job, and of the best
GREYS = (0xDE, 0xDE, 0xDE), (0x8C, 0x8C, 0x8C)


def draw(found: Sequence[Contest], folder: Path) -> None:
    """All pictures of a sweep, into `folder`; of several contests each into a folder of its own in there.

    Raises WriteError when the disk refuses.
    """
    for contest in found:
        pairs, to = contest.ranked, folder / safe_name(contest.title) if contest.title else folder
        settings = [Setting.of(key, [job.varied.get(key, "") for job, _ in pairs]) for key in _varied(pairs)]
        metric_by_setting(contest, settings, to / "metric_by_setting.png")
        if len(settings) > 1:
            parallel_coordinates(contest, settings, to / "parallel_coordinates.png")
        if contest.monitor.startswith("val_"):  # what a network costs has no course
            learning_curves(contest, to / "learning_curves.png")


def _varied(pairs: Sequence[tuple[Job, Outcome]]) -> list[str]:
    """Keys with more than one value here, or all where no other is; seeds last."""
    keys = list(dict.fromkeys(key for job, _ in pairs for key in job.varied))
    several = [key for key in keys if len({job.varied.get(key) for job, _ in pairs}) > 1]
    return sorted(several or keys[:1], key=lambda key: key in SEEDS)


def metric_by_setting(contest: Contest, settings: Sequence[Setting], path: Path) -> Canvas:
    """A panel per setting: a dot per job, the median of each value where jobs share it, the best job starred. Pruned
    jobs are daggers, as in the leaderboard, and in no median where others ran to their end. Jobs that are worse by far
    are arrows at the edge."""
    y, label = _metric(contest), metric_words(contest.monitor)
    shown = list(settings)
    if len(shown) > MOST_PANELS:
        shown = sorted(shown, key=lambda setting: -_effect(setting, y))[:MOST_PANELS]
    columns, rows = min(ACROSS, len(shown)), [shown[i : i + ACROSS] for i in range(0, len(shown), ACROSS)]
    across, up, above = 3.0 if columns > 1 else 5.5, 2.5, 0.45  # one panel is as wide as its key
    below = [0.4 + max(_turned(setting, across) for setting in row) for row in rows]
    height = len(rows) * (up + above) + sum(below)
    canvas = Canvas(0.95 + columns * across + (columns - 1) * 0.75 + 0.25, height + KEY)
    view, pruned = view_of(y, lower=contest.lower), np.array([outcome.pruned for _, outcome in contest.ranked])
    panels: list[Axes] = []
    medians = False
    for i, row in enumerate(rows):
        bottom = sum(below[i:]) + (len(rows) - 1 - i) * (up + above)
        for j, setting in enumerate(row):
            x, turned = setting.axis(_room(across)), _turned(setting, across)
            if turned:
                x = Scale(x.low, x.high, dict.fromkeys(x.ticks, ""), x.log)
            place, labels = (0.95 + j * (across + 0.75), bottom, across, up), ("", "" if j else label)
            axes = Axes(canvas, place, x, view.scale, labels, setting.title)
            medians |= _dots(axes, setting, y, pruned, view)
            if turned:
                _upright_names(axes, setting)
            panels.append(axes)
    beyond = view.beyond(y)
    marks = [dot_mark("a job", BLUE, DOT), dot_mark("the best", GREEN, STAR, star=True)]
    marks += [line_mark("median", ORANGE, 2.0)] if medians else []
    marks += [Mark("pruned", _dagger)] if (pruned & ~beyond).any() else []
    marks += [arrow_mark(f"{plural(int(beyond.sum()), 'job')} beyond the edge", up=view.lower)] if beyond.any() else []
    write_key(canvas, panels[0].box[0], points(72 * height), marks)
    return canvas.save(path)


def _arrow(axes: Axes, at: float, view: View) -> None:
    """A value that lies beyond the edge."""
    axes.canvas.arrow(at, axes.box[3 if view.lower else 1], up=view.lower)


def _dagger(canvas: Canvas, x: float, y: float) -> None:
    canvas.write(x, y, "†", LARGE, GREY, across="centre", up="centre")


def _dots(axes: Axes, setting: Setting, y: NDArray[np.float64], pruned: NDArray[np.bool_], view: View) -> bool:
    """Whether there are medians, of values that mostly several jobs have. pruned: [jobs]."""
    x, many, canvas = setting.places, len(y) > 100, axes.canvas
    if setting.names:  # beside each other, not over each other
        x = x + 0.22 * np.random.default_rng(0).uniform(-1, 1, len(x)) * (len(x) > len(setting.names))
    size, alpha = (3.0, 0.35) if many else (5.0, 0.6)
    beyond = view.beyond(y)
    whole = ~pruned & ~beyond
    canvas.dots(*axes.at(x[whole], y[whole]), BLUE, size, axes.everywhere, alpha=alpha)
    for at, value in zip(*axes.at(x[pruned & ~beyond], y[pruned & ~beyond]), strict=True):
        _dagger(canvas, at, value)
    for at in np.unique(np.round(axes.at(x[beyond], y[beyond])[0])):
        _arrow(axes, float(at), view)
    averaged = _medians(axes, setting, y, ~pruned if not pruned.all() else pruned)
    axes.star(float(x[0]), float(y[0]), GREEN, STAR)
    return averaged


def _medians(axes: Axes, setting: Setting, y: NDArray[np.float64], of: NDArray[np.bool_]) -> bool:
    """Of each value, which one job that diverged does not move; whether there are any. of: which jobs, [jobs]."""
    places, ended = setting.places[of], y[of]
    distinct, counts = np.unique(places, return_counts=True)
    if np.median(counts) <= 1 or len(distinct) > 50:
        return False
    medians = np.array([float(np.median(ended[places == value])) for value in distinct])
    if not setting.names:
        axes.curve(distinct, medians, ORANGE, 1.2)
    for at, median in zip(*axes.at(distinct, medians), strict=True):
        axes.canvas.line([at - points(7), at + points(7)], [median, median], ORANGE, 2.0, axes.everywhere)
    return True


def _room(across: float) -> float:
    """Characters, about, that fit below an axis of so many inches."""
    return points(72 * across) / text_width("0", NORMAL)


def _turned(setting: Setting, across: float) -> float:
    """The height in inches of names that would run into each other and so stand on end; 0 where they do not."""
    widths = [text_width(name, NORMAL) + points(6) for name in setting.ticks(_room(across)).values()]
    crowded = bool(setting.names) and max(widths) * len(widths) > points(72 * across)
    return max(widths) / points(72) if crowded else 0.0


def _upright_names(axes: Axes, setting: Setting) -> None:
    ticks = setting.ticks()
    for at, name in zip(axes.places(axes.x, ticks), ticks.values(), strict=True):
        axes.canvas.write(at, axes.box[1] - points(8), name, SMALL, across="right", up="centre", turned=True)


def _effect(setting: Setting, y: NDArray[np.float64]) -> float:
    """How far the metric's ranks move with the setting: the spread of their means over its values, or over thirds."""
    ranks = np.argsort(np.argsort(y)) / max(1, len(y) - 1)
    parts = setting.places if setting.names else np.floor(setting.shares() * 2.999)
    return float(np.std([ranks[parts == part].mean() for part in np.unique(parts)]))


def parallel_coordinates(contest: Contest, settings: Sequence[Setting], path: Path) -> Canvas:
    """A line per job through its settings to its metric, the darker the better, pruned ones dashed; the best on top.
    Jobs that are worse by far end where the axis does."""
    y, whole = _metric(contest), sum(not outcome.pruned for _, outcome in contest.ranked)  # which come first
    view = view_of(y, lower=contest.lower)
    beyond = view.beyond(y)
    ends = float(y[~beyond].min()), float(y[~beyond].max())
    metric = Setting(metric_words(contest.monitor), np.clip(y, *ends), log=view.log)
    shown = [*settings[:MOST_AXES], metric]
    width, height = max(4.5, 1.5 * (len(shown) - 1)), 3.3
    canvas = Canvas(width + 2.0, height + 1.0 + KEY)
    left, bottom = points(72 * 1.05), points(72 * 0.2)
    x = left + points(72 * width) * np.arange(len(shown)) / (len(shown) - 1)
    shares = np.stack([setting.shares() for setting in shown], axis=1)  # [jobs, axes]
    wobble = np.random.default_rng(0).uniform(-0.012, 0.012, shares.shape) * (len(y) > 8)
    wobble[:, -1] = 0
    places = bottom + points(72 * height) * (0.03 + 0.94 * (shares + wobble))
    thin = 1.4 if len(y) <= 30 else 0.8
    for i in range(len(y) - 1, 0, -1):
        if i < whole:
            canvas.line(x, places[i], _shade(BLUES, (1 - i / (whole - 1)) ** 2), thin, everywhere(canvas))
        else:
            canvas.line(x, places[i], FAINT, thin, everywhere(canvas), DASHES)
    canvas.line(x, places[0], GREEN, 3.0, everywhere(canvas))
    canvas.dots(x, places[0], GREEN, 6.0, everywhere(canvas))
    top = bottom + points(72 * height)
    for at, setting in zip(x, shown, strict=True):
        canvas.upright(float(at), bottom, top, GREY)
        _ticks_beside(canvas, setting, float(at), (bottom, top), last=setting is metric)
    pruned = f", {len(y) - whole} pruned" if whole < len(y) else ""
    far = f", {int(beyond.sum())} worse than the axis" if beyond.any() else ""
    said = f"{plural(len(y), 'job')}{pruned}{far}; best: {figure(float(y[0]), contest.monitor)}"
    canvas.write(left, top + points(40), said, LARGE)
    marks = [line_mark("a job, the darker the better", _shade(BLUES, 0.7), thin)] if whole > 1 else []
    marks += [line_mark("the best", GREEN, 3.0)] + ([line_mark("pruned", FAINT, thin, DASHES)] if pruned else [])
    write_key(canvas, left, points(72 * (height + 1.0)), marks)
    return canvas.save(path)


def _shade(shades: tuple[tuple[int, ...], tuple[int, ...]], share: float) -> str:
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*shades, strict=True))


def _ticks_beside(canvas: Canvas, setting: Setting, at: float, ends: tuple[float, float], *, last: bool) -> None:
    """The values left of an axis, of the last one right of it, and its name above."""
    bottom, top = ends
    ticks = setting.ticks()
    for share, name in zip(setting.shares(np.array(list(ticks))), ticks.values(), strict=True):
        y, width = bottom + (top - bottom) * (0.03 + 0.94 * float(share)), text_width(name, SMALL)
        start = at + points(4) if last else at - points(4) - width
        canvas.fill((start - 2, y - points(5), start + width + 2, y + points(5)), WHITE, 0.75)
        canvas.write(start, y, name, SMALL, up="centre")
    first, dot, rest = setting.title.partition(".")
    lines = [first + dot, rest] if rest and len(setting.title) >= 14 else [setting.title]
    for i, line in enumerate(reversed(lines)):
        canvas.write(at, top + points(8 + 12 * i), line, SMALL, across="centre")


def learning_curves(contest: Contest, path: Path) -> Canvas:
    """The monitored metric over the epochs of every job, the best one's on top; of very many jobs some."""
    pairs = contest.ranked
    if len(pairs) > MOST_CURVES:
        pairs = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, MOST_CURVES).astype(int))]
    curves = [_curve(job.folder / "metrics.csv", contest.monitor) for job, _ in pairs]
    drawn = [curve for curve in curves if len(curve)]
    label = metric_words(contest.monitor)
    title = f"{label} of {plural(len(contest.ranked), 'job')}"
    if len(pairs) < len(contest.ranked):
        title += f" ({len(pairs)} drawn)"
    last = max((curve[-1, 0] for curve in drawn), default=1.0)
    pad = 0.5 if last < 3 else 0.02 * last
    view = view_of(np.concatenate([curve[:, 1] for curve in drawn]) if drawn else _metric(contest), lower=contest.lower)
    if beyond := sum(bool(view.beyond(curve[:, 1]).all()) for curve in drawn):
        title += f", {beyond} beyond the edge"
    canvas, x = Canvas(7.2, 4.25 + KEY), linear(1 - pad, last + pad, most=8, whole=True)
    axes = Axes(canvas, (0.95, 0.6, 6.0, 3.35), x, view.scale, ("epoch", label), title)
    thin = 1.2 if len(drawn) <= 20 else 0.7
    for i, curve in reversed(list(enumerate(drawn))):
        shade = _shade(GREYS, 1 - i / len(drawn))
        canvas.line(*axes.at(*curve.T), shade, thin, axes.box)
        if view.beyond(curve[:, 1]).all():
            _arrow(axes, float(axes.at(curve[-1:, 0], curve[-1:, 1])[0][0]), view)
        elif len(curve) == 1:  # a line has no length
            canvas.dots(*axes.at(*curve.T), shade, DOT, axes.everywhere)
    write_key(canvas, axes.box[0], points(72 * 4.25), [_best_curve(axes, *pairs[0], curves[0])])
    return canvas.save(path)


def _best_curve(axes: Axes, job: Job, outcome: Outcome, curve: NDArray[np.float64]) -> Mark:
    """And what is to be said of it."""
    value, epoch = float(outcome.result["best_value"]), outcome.result.get("best_epoch")
    axes.curve(curve[:, 0], curve[:, 1], GREEN, 2.2, dots=5.0 if len(curve) < 20 else 0.0)
    if epoch is not None:
        axes.star(epoch, value, GREEN, STAR)
    names = short_names(list(job.varied))
    words = clean(" ".join(f"{names[setting]}={said}" for setting, said in job.varied.items()))
    return line_mark(f"#{job.number}  {shorten(words, 48)}: {number(value)}", GREEN, 2.2)


def _curve(path: Path, column: str) -> NDArray[np.float64]:
    """Epochs and finite values of one column of a `metrics.csv`, [epochs, 2]; none where it cannot be read."""
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        names = header.split(",")
        x, y = names.index("epoch"), names.index(column)
        cells = [line.split(",") for line in lines]
        found = np.array([(float(c[x]), float(c[y])) for c in cells if len(c) == len(names) and c[y]])
    except (OSError, ValueError):
        return np.empty((0, 2))
    return found[np.isfinite(found[:, 1])] if len(found) else np.empty((0, 2))


def _metric(contest: Contest) -> NDArray[np.float64]:
    """The monitored metric of each job, best first, [jobs]."""
    return np.array([float(outcome.result["best_value"]) for _, outcome in contest.ranked])
