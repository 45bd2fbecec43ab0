"""What a sweep comes to, on the screen: the table of each contest, and who failed by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from nntrain.config.schema.search import COSTS
from nntrain.folder import shown
from nntrain.record.layout import FAINT, GOOD, STRONG, WARNING, Page, grid, heading
from nntrain.record.words import clean, count, duration, number, numbers_text, plural, wrapped
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.files import status_word
from nntrain.sweep.told.legend import findings, legend, mark_of
from nntrain.sweep.told.ranking import Contest, Row, contests, has_model, short_names
from nntrain.sweep.told.words import figure, metric_words

SHOWN = 20  # rows of a table on the screen; sweep.csv has them all
FAILED, REASON = 8, 2  # reasons for failing that are shown, and lines of each after its first
WHOLE = " (all of it is in sweep.json)"
TABLES = 4  # of contests
TIME = "time"
EARLY = "pruned", "out of time"  # how a job ends before its last epoch, with a model


def leaderboard(
    jobs: Sequence[Job],
    outcomes: Mapping[int, Outcome],
    page: Page,
    *,
    took: str = "",
    total: int | None = None,
) -> list[Text]:
    """The table of each contest, best first, with what its marks mean, and who failed by what. What holds of several
    tables alike stands below the last. took: `in 2.4 s`. total: of jobs, where more are to come than these."""
    words = [status_word(outcomes.get(job.number)) for job in jobs]
    words += ["not run"] * ((total or 0) - len(jobs))
    done = sum(words.count(word) for word in ("done", *EARLY))
    whole = "interrupted" not in words and "not run" not in words
    said = [plural(len(jobs), "job") if whole else f"{count(done)} of {plural(len(words), 'job')} done"]
    said.append(f"{words.count('failed')} failed")
    said += [f"{words.count(word)} {word}" for word in (*EARLY, "interrupted", "not run") if word in words]
    said += [took] if took else []
    lines = [Text(""), heading(", ".join(said), page)]
    found = contests(jobs, outcomes)
    tables = found[:TABLES]
    drawn = [_table(contest, page) for contest in tables]
    legends = [
        legend(contest, contest.rows[:SHOWN], page, timed=TIME in table[0].plain.split())
        for contest, table in zip(tables, drawn, strict=True)
    ]
    common = [line for line in legends[0] if all(line in other for other in legends)] if len(tables) > 1 else []
    for contest, table, own in zip(tables, drawn, legends, strict=True):
        lines += [Text(""), *_said([clean(contest.title)], page, STRONG)] if contest.title else []
        lines += table
        lines += _said([*(text for text in own if text not in common), *findings(contest)], page)
    if len(found) > TABLES:
        lines += [Text(""), Text(f"and {len(found) - TABLES} more tables; sweep.json has them all", FAINT)]
    if any(contest.by_loss for contest in found):
        common.append(
            "values of different losses cannot be compared; early_stopping.monitor=accuracy (or rmse) ranks all"
        )
    lines += [Text(""), *_said(common, page)] if common else []
    return [*lines, *failures(jobs, outcomes, page)]


def _said(texts: Sequence[str], page: Page, style: str = FAINT) -> list[Text]:
    return [Text(line, style) for text in texts for line in wrapped(text, page.width)]


Column = tuple[str, str, list[str]]  # title, alignment, cells


def _table(contest: Contest, page: Page) -> list[Text]:
    """As much of it as fits: where space is short the test score goes first, then time and epochs, and what was varied
    is told in one column."""
    rows = contest.rows[:SHOWN]
    keys = list(dict.fromkeys(key for row in contest.rows for key in row.setting))
    if contest.title:  # what all rows share is in the title
        keys = [key for key in keys if len({row.setting.get(key) for row in contest.rows}) > 1]
    several = any(len(row.jobs) > 1 or len(row.values) > 1 for row in contest.rows)
    columns = _columns(contest, rows, page)
    runs = ["runs"] if several else []
    second = ["second"] if len(contest.metrics) > 1 else []
    names = short_names(keys)
    apart: list[Column] = [(names[key], "l", [row.setting.get(key, "") for row in rows]) for key in keys]
    told = [" ".join(f"{names[key]}={row.setting.get(key, '')}" for key in keys) or "-" for row in rows]
    together: list[Column] = [("varied", "l", told)]
    layouts = [
        (["rank"], varied, [*runs, "value", "mark", *second, *rest, "folder"])
        for varied in (apart, together)
        for rest in (["epoch", "time", "test"], ["epoch", "time"], ["epoch"], [])
    ]
    for first, varied, last in layouts:
        chosen = [*(columns[name] for name in first), *varied, *(columns[name] for name in last)]
        if _width(chosen) <= page.width:
            break
    flexible = max(
        range(1, 1 + len(varied)), key=lambda i: max(map(cell_len, (chosen[i][0], *chosen[i][2]))), default=1
    )
    header = [title for title, _, _ in chosen]
    body = [list(cells) for cells in zip(*(cells for _, _, cells in chosen), strict=True)]
    lines = grid(
        header, body, "".join(side for _, side, _ in chosen), page, flexible=flexible if varied else len(chosen) - 1
    )
    lines[1].stylize(GOOD)
    if (more := len(contest.rows) - len(rows)) > 0:
        lines.append(Text(f"and {more} more; sweep.csv has them all", FAINT))
    return lines


def _columns(contest: Contest, rows: Sequence[Row], page: Page) -> dict[str, Column]:
    sign = "+-" if page.ascii_only else "±"
    metric = contest.monitor.removeprefix("val_")
    tested = _test_metric(contest, metric)

    means = [figure(row.mean, metric) for row in rows]
    widest = max(map(len, means))

    def spread(row: Row) -> str:
        said = figure(row.mean, metric)
        std = "" if row.std is None else f" {sign} {like(row.std, said)}"
        return said.rjust(widest) + std

    def test(row: Row) -> str:
        values = row.scores("test", tested)
        return number(sum(values) / len(values)) if values else "-"

    def epoch(row: Row) -> str:
        best, ran = row.over("best_epoch"), row.over("epochs_run")
        return "-" if best is None or ran is None else f"{best:.0f} / {ran:.0f}"

    def runs(row: Row) -> str:
        n, folds = len(row.values), len(row.values) // len(row.counted)
        return f"{n} of {folds * len(row.jobs)}" if len(row.counted) < len(row.jobs) else str(n)

    def column(title: str, side: str, cell: Callable[[Row], str]) -> Column:
        return title, side, [cell(row) for row in rows]

    return {
        "rank": ("", "r", [str(place) for place in range(1, len(rows) + 1)]),
        "runs": column("n" if any(len(row.values) > len(row.counted) for row in rows) else "runs", "r", runs),
        "value": column(metric_words(contest.monitor), "l", spread),
        "mark": column("", "l", lambda row: mark_of(row, contest, page)),
        "second": column(_second(contest), "r", lambda row: figure(abs(row.second), "".join(contest.metrics[1:]))),
        "epoch": column("best epoch", "r", epoch),
        "time": column(TIME, "r", lambda row: duration(row.over("seconds") or 0.0)),
        "test": column(f"test {metric_words(tested)}", "r", test),
        "folder": column("folder", "l", lambda row: numbers_text([job.number for job in row.jobs])),
    }


def _second(contest: Contest) -> str:
    metric = contest.metrics[-1] if contest.metrics else ""
    return metric if metric in COSTS else metric_words(f"val_{metric}")


def _test_metric(contest: Contest, metric: str) -> str:
    """The monitored one; where that is the loss, or a cost, the first metric there is, which says more to people."""
    first = next(iter(contest.rows[0].outcomes.values())).result.get("test") or {}
    return next((name for name in first if name != "loss"), metric) if metric in ("loss", *COSTS) else metric


def failures(jobs: Sequence[Job], outcomes: Mapping[int, Outcome], page: Page) -> list[Text]:
    """A line per reason, with the jobs that failed by it."""
    reasons: dict[str, list[int]] = {}
    for job in jobs:
        if reason := _reason(job, outcomes.get(job.number)):
            reasons.setdefault(reason, []).append(job.number)
    lines = [Text(""), Text("failed", WARNING)] if reasons else []
    for reason, numbers in list(reasons.items())[:FAILED]:
        told = numbers_text(numbers)
        label = f"{len(numbers)} jobs (#{told})" if told.endswith("...") else f"#{told}"
        first, *rest = wrapped(f"{label}: {reason}", page.width - 4)
        if len(rest) > REASON:
            last = " ".join(rest[REASON - 1 : REASON + 1])
            rest[REASON - 1 :] = [page.cut(last, page.width - 4 - cell_len(WHOLE)) + WHOLE]
        lines += [Text("  " + first), *(Text("    " + line) for line in rest)]
    if len(reasons) > FAILED:
        lines.append(Text(f"  and {len(reasons) - FAILED} more; sweep.json has them all", FAINT))
    return lines


def _reason(job: Job, outcome: Outcome | None) -> str:
    """Why a job has no place in the table; "" where it has, or has not run to its end."""
    if outcome is None or outcome.interrupted or has_model(outcome):
        return ""
    if not outcome.status:
        return f"{outcome.result.get('monitor', 'the monitored metric')} was never a number"
    said = outcome.error or f"exit status {outcome.status}"
    for path in (str(job.folder), shown(job.folder)):
        said = said.replace(path, "its folder")
    return clean(said)


def like(std: float, mean: str) -> str:
    """A standard deviation with as many decimals as its mean."""
    digits, _, exponent = mean.partition("e")
    if exponent or std >= 1e6:
        return number(std)
    return f"{std:,.{len(digits.partition('.')[2])}f}"


def _width(columns: Sequence[Column]) -> int:
    return sum(max(map(cell_len, (title, *cells))) + 2 for title, _, cells in columns) - 2
