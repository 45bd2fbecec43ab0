"""What is said below the table of a contest: what its marks mean and by which test, and what to make of its best."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from nntrain.folder import shown
from nntrain.record.layout import Page
from nntrain.sweep.told.edges import edge_words
from nntrain.sweep.told.ranking import Contest, Row
from nntrain.sweep.told.significance import LEVEL

REPLICATES = {"seed": "seeds", "data.split_seed": "splits"}


def mark_of(row: Row, contest: Contest, page: Page) -> str:
    """The mark of a row."""
    return _rank_mark(row, contest, page) + (_dagger(page) if row.pruned else "")


def _rank_mark(row: Row, contest: Contest, page: Page) -> str:
    if row is contest.rows[0]:
        return page.star
    if not contest.trade_offs.isdisjoint(row.outcomes):
        return _diamond(page)
    if row.told is None:
        return "?" if any(len(other.values) > 1 for other in contest.rows) else ""
    return "" if row.told else _alike(page)


def _dagger(page: Page) -> str:
    return "x" if page.ascii_only else "†"


def _diamond(page: Page) -> str:
    return "o" if page.ascii_only else "◆"


def _alike(page: Page) -> str:
    return "~" if page.ascii_only else "≈"


def legend(contest: Contest, rows: Sequence[Row], page: Page, *, timed: bool = True) -> list[str]:
    """What the columns and marks mean. rows: those that are shown. timed: whether their time is."""
    marks = []
    if any(row.pruned for row in rows):
        marks.append(f"{_dagger(page)} pruned: ended early, so ranked after all that ran to their end")
    return [*marks, *_trade_offs(contest, page), *_differences(contest, page), *(_time(rows) if timed else ())]


def findings(contest: Contest) -> list[str]:
    """What to know of its best before it is taken."""
    return [*_best_run(contest), *edge_words(contest)]


def _trade_offs(contest: Contest, page: Page) -> Iterator[str]:
    if not contest.trade_offs or len(contest.rows) == 1:
        return
    first, second = contest.metrics
    if len(contest.trade_offs) == len(contest.rows[0].outcomes):
        yield f"{page.star} no other is better in {first} or in {second}"
    else:
        yield (
            f"{page.star} {_diamond(page)} best trade-offs of {first} and {second}: no other is better in both; "
            f"{page.star} is the best by {first}, the first of the two"
        )


def _differences(contest: Contest, page: Page) -> Iterator[str]:
    """What is told from the best, and by which test."""
    rivals = contest.rows[1:]
    alike, unknown = sum(row.told is False for row in rivals), sum(row.told is None for row in rivals)
    if rivals and unknown == len(rivals):
        many = "too few runs" if any(len(row.values) > 1 for row in contest.rows) else "one run each"
        yield f"{many}, so differences may be chance; {_advice(contest)}"
        return
    replicates = _replicates(contest)
    among = f" over {len(rivals)} comparisons" if len(rivals) > 1 else ""
    test = f"one-sided t tests, paired where {' and '.join(replicates)} are shared, {LEVEL:.0%}{among}"
    if alike:
        yield f"{_alike(page)} cannot be told from the best ({test}); {_more(replicates)}"
    elif rivals and not unknown:
        yield f"all others are worse than the best ({test})"
    if unknown:
        again = f"; {_resume(contest)}" if any(len(row.values) == 1 and _lacks(row) for row in contest.rows) else ""
        yield f"? a single run says nothing about chance{again}"


def _replicates(contest: Contest) -> list[str]:
    """What the runs of a row differ by."""
    jobs = [[job for job in row.jobs if job.number in row.counted] for row in contest.rows]
    found = [
        name
        for key, name in REPLICATES.items()
        if any(len({job.varied.get(key) for job in together}) > 1 for together in jobs)
    ]
    folds = any(len(row.values) > len(row.counted) for row in contest.rows)
    return [*found, "folds"] if folds else found or ["seeds"]


def _more(replicates: Sequence[str]) -> str:
    """What would tell more: the jobs of a sweep are given when it starts, and folds when their data is cut."""
    if replicates == ["folds"]:
        return "a new sweep of these over more splits (data.split_seed=range(3)) tells more"
    return f"a new sweep of these with more {replicates[0]} tells more"


def _advice(contest: Contest) -> str:
    """What would bring the runs that are needed to tell."""
    if any(map(_lacks, contest.rows)):
        return _resume(contest)
    if contest.metrics:
        return "the last command below runs the best again"
    return "a new sweep with seed=range(3) runs each three times"


def _lacks(row: Row) -> bool:
    """Whether runs of it failed, or did not come to their end."""
    return len(row.outcomes) < len(row.jobs)


def _resume(contest: Contest) -> str:
    folder = contest.rows[0].jobs[0].folder.parent
    return f"nntrain fit resume={shlex.quote(shown(folder))} runs those that are missing"


def _best_run(contest: Contest) -> Iterator[str]:
    """Of the best single run, whose model is kept, what the table does not show."""
    best = contest.ranked[0][0]
    place = next(place for place, row in enumerate(contest.rows, 1) if best.number in row.outcomes)
    splits = {job.config.get("data", {}).get("split_seed") for job, _ in contest.ranked}
    if place > 1:
        yield f"#{best.number}, the best single run, is of row {place}; row 1 has the best mean"
    if len(splits) > 1:
        yield f"each run is validated on its own split; that of #{best.number}, the best one, may be easy"


def _time(rows: Sequence[Row]) -> Iterator[str]:
    """Members of a stack with equally many epochs have the same time to the last digit."""
    seconds = [o.result["seconds"] for row in rows for o in row.outcomes.values() if o.result.get("seconds")]
    if len(set(seconds)) < len(seconds):
        yield "time: of runs that trained together as one program, each one's share of it"
