"""What a growing says at its end: the table of its steps, the best, and where overfitting starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from nntrain.record.layout import GOOD, Page, facts, grid, heading
from nntrain.record.words import count, duration, number, plural
from nntrain.sweep.grow.growth import PARTS, Growth, Part, Step
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.files import status_word
from nntrain.sweep.told.leaderboard import failures, like

LARGER_HELP = (
    "larger networks were not brought to what a smaller one reaches; a norm or a smaller learning rate may help"
)


def growth_lines(
    growth: Growth, jobs: Sequence[Job], outcomes: Mapping[int, Outcome], page: Page, *, took: str
) -> list[Text]:
    """All of it. took: `in 2.4 s`."""
    failed = [status_word(outcomes.get(job.number)) for job in jobs].count("failed")
    told = [plural(len(growth.steps), "size"), plural(len(jobs), "run"), f"{failed} failed", *([took] if took else [])]
    return [
        Text(""),
        heading(f"growing {growth.axis.title}: {', '.join(told)}", page),
        *_table(growth, page),
        *failures(jobs, outcomes, page),
        Text(""),
        *facts(verdict(growth, page), page),
    ]


def _table(growth: Growth, page: Page) -> list[Text]:
    metric = growth.monitor.removeprefix("val_").replace("_", " ")
    several = growth.seeds * growth.folds > 1
    header = [
        growth.axis.title,
        *(["folds" if growth.folds > 1 else "runs"] if several else []),
        f"train {metric}",
        f"val {metric}",
        "",
    ]
    header += ["best epoch", "parameters", "time"]
    rows = [
        [
            f"{step.value:g}",
            *([str(len(step.val))] if several else []),
            *(_spread(step, part, page) for part in PARTS),
            page.star if place == growth.best else "",
            "-" if step.epochs is None else f"{step.epochs:.0f}",
            "-" if step.parameters is None else count(step.parameters),
            "-" if step.seconds is None else duration(step.seconds),
        ]
        for place, step in enumerate(growth.steps)
    ]
    lines = grid(header, rows, "rr"[: 1 + several] + "lll" + "rrr", page)
    if growth.best is not None:
        lines[1 + growth.best].stylize(GOOD)
    return lines


def _spread(step: Step, part: Part, page: Page) -> str:
    """Mean and standard deviation."""
    if not getattr(step, part):
        return "-"
    spread, said, sign = step.spread(part), number(step.mean(part)), "+-" if page.ascii_only else "±"
    return said + ("" if spread is None else f" {sign} {like(spread, said)}")


def verdict(growth: Growth, page: Page) -> list[tuple[str, str]]:
    """What came of it, label and text."""
    if growth.best is None:
        return [("ended", growth.ended)]
    steps, said = growth.steps, growth.axis.said
    best, metric = steps[growth.best], growth.monitor.replace("_", " ")
    told = [("best", f"{said(best.value)}: {metric} {_spread(best, 'val', page)}")]
    if growth.alike is not None and growth.alike != growth.best:
        smaller = steps[growth.alike]
        text = f"{said(smaller.value)} cannot be told from it by {growth.replicates}: {metric} "
        told.append(("smallest", text + _spread(smaller, "val", page)))
    return [*told, ("overfitting", _overfitting(growth)), ("ended", growth.ended)]


def _overfitting(growth: Growth) -> str:
    assert growth.best is not None
    steps, said = growth.steps, growth.axis.said
    largest = max(place for place, step in enumerate(steps) if step.val)
    best, last = said(steps[growth.best].value), said(steps[largest].value)
    if growth.overfits is not None:
        start = said(steps[growth.overfits].value)
        return f"from {start} on: validation is worse than with {best}, training is not"
    if growth.hard is not None:
        return f"none, but from {said(steps[growth.hard].value)} on training is worse too: {LARGER_HELP}"
    if growth.best == largest:
        return f"none up to {last}, which is the best"
    if growth.seeds * growth.folds == 1:
        return "a single seed cannot tell it from chance; grow.seeds=3 would"
    return f"none that shows up to {last}: validation is not worse than with {best} beyond chance"
