"""The pictures of a sweep, as PNG: the metric against each setting, parallel coordinates, the learning curves.

Drawn once, at the end. Three jobs or three hundred are to be readable, so every picture shows all of them pale and the
best one in colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nntrain.record.axes import LARGE, NORMAL, SMALL, Axes, Entry, Scale, linear
from nntrain.record.canvas import BLUE, GREEN, GREY, ORANGE, WHITE, Box, Canvas
from nntrain.record.run_folder import safe_name
from nntrain.record.stamps import points, text_width
from nntrain.record.words import clean, number, plural
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.ranking import SEEDS, Contest, short_names
from nntrain.sweep.told.scale import Setting, round_ticks
from nntrain.sweep.told.words import figure, metric_words

MOST_PANELS = 9  # settings, of more those with the widest effect
MOST_AXES = 12
ACROSS = 3  # panels beside each other
MOST_CURVES = 400
FAR = 8.0  # quartile ranges from the others
STAR = 14.0
KEY = 0.3  # inches above the panels
DOT = 6.0
FAINT, DASHES = "#C8C8C8", (3.0, 3.0)  # of pruned jobs
BLUES = (0xD4, 0xE4, 0xF2), (0x1C, 0x5F, 0xA8)  # of the worst job, and of the best
GREYS = (0xDE, 0xDE, 0xDE), (0x8C, 0x8C, 0x8C)
Look = tuple[str, str, float, tuple[float, ...]]  # of a line: what it is, colour, width, dashes


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
    """A panel per setting: a dot per job, the mean of each value where jobs share it, the best job starred. Pruned jobs
    are daggers, as in the leaderboard, and in no mean where others ran to their end."""
    y, label = _metric(contest), metric_words(contest.monitor)
    shown = list(settings)
    if len(shown) > MOST_PANELS:
        shown = sorted(shown, key=lambda setting: -_effect(setting, y))[:MOST_PANELS]
    columns, rows = min(ACROSS, len(shown)), [shown[i : i + ACROSS] for i in range(0, len(shown), ACROSS)]
    across, up, above = 3.0, 2.5, 0.45
    below = [0.4 + max(_turned(setting, across) for setting in row) for row in rows]
    height = len(rows) * (up + above) + sum(below)
    canvas = Canvas(0.95 + columns * across + (columns - 1) * 0.75 + 0.25, height + KEY)
    scale, pruned = _value_scale(y, contest), np.array([outcome.pruned for _, outcome in contest.ranked])
    means = False
    for i, row in enumerate(rows):
        bottom = sum(below[i:]) + (len(rows) - 1 - i) * (up + above)
        for j, setting in enumerate(row):
            x, turned = setting.axis(_room(across)), _turned(setting, across)
            if turned:
                x = Scale(x.low, x.high, dict.fromkeys(x.ticks, ""), x.log)
            place, labels = (0.95 + j * (across + 0.75), bottom, across, up), ("", "" if j else label)
            axes = Axes(canvas, place, x, scale, labels, setting.title)
            means |= _dots(axes, setting, y, pruned)
            if turned:
                _upright_names(axes, setting)
    _key(canvas, points(72 * height), means=means, pruned=bool(pruned.any()))
    return canvas.save(path)


def _key(canvas: Canvas, bottom: float, *, means: bool, pruned: bool) -> None:
    """What the marks say, in one line above the panels."""
    left, middle, everywhere = points(72 * 0.95), bottom + points(72 * KEY / 2), _everywhere(canvas)
    entries = [("a job", True), ("the best", True), ("mean", means), ("pruned", pruned)]
    for said in (said for said, shown in entries if shown):
        if said == "mean":
            canvas.line([left - points(7), left + points(7)], [middle, middle], ORANGE, 2.0, everywhere)
        elif said == "pruned":
            _dagger(canvas, left, middle)
        else:
            star = said == "the best"
            canvas.dots([left], [middle], GREEN if star else BLUE, STAR if star else DOT, everywhere, star=star)
        left = canvas.write(left + points(12), middle, said, SMALL, up="centre")[2] + points(24)


def _dagger(canvas: Canvas, x: float, y: float) -> None:
    canvas.write(x, y, "†", LARGE, GREY, across="centre", up="centre")


def _dots(axes: Axes, setting: Setting, y: NDArray[np.float64], pruned: NDArray[np.bool_]) -> bool:
    """Whether there are means, of values that mostly several jobs have. pruned: [jobs]."""
    x, many = setting.places, len(y) > 100
    if setting.names:  # beside each other, not over each other
        x = x + 0.22 * np.random.default_rng(0).uniform(-1, 1, len(x)) * (len(x) > len(setting.names))
    size, alpha = (3.0, 0.35) if many else (5.0, 0.6)
    axes.canvas.dots(*axes.at(x[~pruned], y[~pruned]), BLUE, size, axes.everywhere, alpha=alpha)
    for at, value in zip(*axes.at(x[pruned], y[pruned]), strict=True):
        if axes.box[1] <= value <= axes.box[3]:
            _dagger(axes.canvas, at, value)
    whole = ~pruned if not pruned.all() else pruned
    places, ended = setting.places[whole], y[whole]
    distinct, counts = np.unique(places, return_counts=True)
    averaged = float(np.median(counts)) > 1 and len(distinct) <= 50
    if averaged:
        means = np.array([float(ended[places == value].mean()) for value in distinct])
        if not setting.names:
            axes.curve(distinct, means, ORANGE, 1.2)
        for at, mean in zip(*axes.at(distinct, means), strict=True):
            axes.canvas.line([at - points(7), at + points(7)], [mean, mean], ORANGE, 2.0, axes.everywhere)
    axes.star(float(x[0]), float(y[0]), GREEN, STAR)
    return averaged


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
    """A line per job through its settings to its metric, the darker the better, pruned ones dashed; the best on top."""
    y, whole = _metric(contest), sum(not outcome.pruned for _, outcome in contest.ranked)  # which come first
    metric = Setting(metric_words(contest.monitor), y, log=_limits(y, contest)[2])
    shown = [*settings[:MOST_AXES], metric]
    width, height = max(4.5, 1.5 * (len(shown) - 1)), 3.3
    canvas = Canvas(width + 2.0, height + 1.0 + KEY)
    left, bottom = points(72 * 1.05), points(72 * 0.2)
    x = left + points(72 * width) * np.arange(len(shown)) / (len(shown) - 1)
    shares = np.stack([setting.shares() for setting in shown], axis=1)  # [jobs, axes]
    wobble = np.random.default_rng(0).uniform(-0.012, 0.012, shares.shape) * (len(y) > 8)
    wobble[:, -1] = 0
    places = bottom + points(72 * height) * (0.03 + 0.94 * (shares + wobble))
    everywhere = _everywhere(canvas)
    thin = 1.4 if len(y) <= 30 else 0.8
    for i in range(len(y) - 1, 0, -1):
        if i < whole:
            canvas.line(x, places[i], _shade(BLUES, (1 - i / (whole - 1)) ** 2), thin, everywhere)
        else:
            canvas.line(x, places[i], FAINT, thin, everywhere, DASHES)
    canvas.line(x, places[0], GREEN, 3.0, everywhere)
    canvas.dots(x, places[0], GREEN, 6.0, everywhere)
    top = bottom + points(72 * height)
    for at, setting in zip(x, shown, strict=True):
        canvas.upright(float(at), bottom, top, GREY)
        _ticks_beside(canvas, setting, float(at), (bottom, top), last=setting is metric)
    pruned = f", {len(y) - whole} pruned" if whole < len(y) else ""
    said = f"{plural(len(y), 'job')}{pruned}; best: {figure(float(y[0]), contest.monitor)}"
    canvas.write(left, top + points(40), said, LARGE)
    looks: list[Look] = [("a job, the darker the better", _shade(BLUES, 0.7), thin, ())] if whole > 1 else []
    looks += [("the best", GREEN, 3.0, ())] + ([("pruned", FAINT, thin, DASHES)] if pruned else [])
    _line_key(canvas, left, points(72 * (height + 1.0 + KEY / 2)), looks)
    return canvas.save(path)


def _line_key(canvas: Canvas, left: float, middle: float, looks: Sequence[Look]) -> None:
    """What the lines say, beside each other."""
    for said, colour, thick, dashes in looks:
        canvas.line([left, left + points(20)], [middle] * 2, colour, thick, _everywhere(canvas), dashes)
        left = canvas.write(left + points(26), middle, said, SMALL, up="centre")[2] + points(24)


def _everywhere(canvas: Canvas) -> Box:
    return 0.0, 0.0, float(canvas.width), float(canvas.height)


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
    values = np.concatenate([curve[:, 1] for curve in drawn]) if drawn else _metric(contest)
    canvas, x = Canvas(7.2, 4.4), linear(1 - pad, last + pad, most=8, whole=True)
    axes = Axes(canvas, (0.95, 0.6, 6.0, 3.35), x, _value_scale(values, contest), ("epoch", label), title)
    thin = 1.2 if len(drawn) <= 20 else 0.7
    for i, curve in reversed(list(enumerate(drawn))):
        shade = _shade(GREYS, 1 - i / len(drawn))
        canvas.line(*axes.at(*curve.T), shade, thin, axes.box)
        if len(curve) == 1:  # a line has no length
            canvas.dots(*axes.at(*curve.T), shade, DOT, axes.everywhere)
    axes.curves += [axes.at(*curve.T) for curve in drawn[:: -(-len(drawn) // 20) or 1]]
    _best_curve(axes, *pairs[0], curves[0])
    return canvas.save(path)


def _best_curve(axes: Axes, job: Job, outcome: Outcome, curve: NDArray[np.float64]) -> None:
    value, epoch = float(outcome.result["best_value"]), outcome.result.get("best_epoch")
    axes.curve(curve[:, 0], curve[:, 1], GREEN, 2.2, dots=5.0 if len(curve) < 20 else 0.0)
    if epoch is not None:
        axes.star(epoch, value, GREEN, STAR)
    names = short_names(list(job.varied))
    words = clean(" ".join(f"{names[key]}={said}" for key, said in job.varied.items()))
    said = f"#{job.number}  {words if len(words) <= 48 else words[:47] + '…'}: {number(value)}"
    axes.legend([Entry(said, GREEN, 2.2)])


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


def _value_scale(values: NDArray[np.float64], contest: Contest) -> Scale:
    low, high, log = _limits(values, contest)
    return Scale(low, high, round_ticks(low, high, log=True), log=True) if log else linear(low, high)


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
    return (float(np.exp(low)), float(np.exp(high)), True) if log else (low, high, False)


def _metric(contest: Contest) -> NDArray[np.float64]:
    """The monitored metric of each job, best first, [jobs]."""
    return np.array([float(outcome.result["best_value"]) for _, outcome in contest.ranked])
