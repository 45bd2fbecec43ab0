"""The jobs of a sweep by merit: runs that differ by seed or fold alone are one row, with its mean and its spread.

Jobs compete where their values mean the same: one metric on the same validation rows, or as many others by
`data.split_seed`; the loss of the validation split only within one loss. So a sweep may hold several contests. The test
split ranks nothing.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, isfinite
from pathlib import Path
from statistics import mean, stdev

from nntrain.config.schema.search import COSTS
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.search.searched import SEARCHED, undominated
from nntrain.sweep.told.comparable import Key, comparable, titles
from nntrain.sweep.told.significance import LEVEL, chances_of_worse

SEEDS = ("seed", "data.split_seed", "data.fold")  # what makes another run of the same setting
LOWER_IS_BETTER = frozenset({"loss", "log_loss", "rmse", "mae"})  # of all metrics; their table itself needs torch


@dataclass(frozen=True)
class Row:
    """A setting with the jobs that ran it. outcomes: those that ended with a model, by job. values: the monitored
    metric by replicate, of the jobs that count (see `counting`). told: whether the setting is worse than the best; None
    where that cannot be told. p: of that test, before it is held against LEVEL / (rows - 1)."""

    setting: Mapping[str, str]
    jobs: tuple[Job, ...]
    outcomes: Mapping[int, Outcome]
    values: Mapping[Hashable, float]
    told: bool | None = None
    p: float | None = None

    @property
    def pruned(self) -> bool:
        """Whether all of its jobs were."""
        return all(outcome.pruned for outcome in self.outcomes.values())

    @cached_property
    def counted(self) -> Mapping[int, Outcome]:
        """The outcomes that its figures are made of, by job."""
        return counting(self.outcomes)

    @cached_property
    def mean(self) -> float:
        return mean(self.values.values())

    @property
    def std(self) -> float | None:
        """With n - 1; None of a single run."""
        return stdev(self.values.values()) if len(self.values) > 1 else None

    @cached_property
    def second(self) -> float:
        """Of a search by two metrics the second, less being better; 0 where there is none."""
        return mean(second_of(outcome) for outcome in self.counted.values())

    def over(self, key: str) -> float | None:
        """The mean of a figure of `result.json` over the jobs that have it."""
        found = [value for outcome in self.counted.values() if (value := outcome.result.get(key)) is not None]
        return mean(found) if found else None

    def scores(self, split: str, metric: str) -> list[float]:
        """A metric of a split, of each job that has it."""
        found = [(outcome.result.get(split) or {}).get(metric) for outcome in self.counted.values()]
        return [value for value in found if value is not None]


@dataclass(frozen=True)
class Contest:
    """Rows whose values can be compared, best first. title: what tells it from others, "" where it is the only one.
    by_loss: whether there are others that differ in the loss alone, so that another metric would rank them all."""

    title: str
    monitor: str
    rows: tuple[Row, ...]
    by_loss: bool = False

    @property
    def lower(self) -> bool:
        return lower_is_better(self.monitor)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What a search compared these by, one or two; none of another sweep."""
        return tuple(next(iter(self.rows[0].outcomes.values())).result.get(SEARCHED) or ())

    @cached_property
    def trade_offs(self) -> frozenset[int]:
        """Of a search by two metrics: the jobs of the settings that no other beats in both."""
        if len(self.metrics) < 2:
            return frozenset()
        sign = 1 if self.lower else -1
        front = undominated([(sign * row.mean, row.second) for row in self.rows])
        return frozenset(number for place in front for number in self.rows[place].outcomes)

    @cached_property
    def ranked(self) -> list[tuple[Job, Outcome]]:
        """Every job that ended with a model, the best value first, pruned ones after all that were not."""
        pairs = [(job, row.outcomes[job.number]) for row in self.rows for job in row.jobs if job.number in row.outcomes]
        sign = 1 if self.lower else -1

        def place(pair: tuple[Job, Outcome]) -> tuple[bool, float, float, int]:
            job, outcome = pair
            return outcome.pruned, sign * outcome.result["best_value"], second_of(outcome), job.number

        return sorted(pairs, key=place)


def lower_is_better(monitor: str) -> bool:
    return monitor.removeprefix("val_") in LOWER_IS_BETTER or monitor in COSTS


def second_of(outcome: Outcome) -> float:
    """See `Row.second`."""
    searched = outcome.result.get(SEARCHED) or {}
    if len(searched) < 2:
        return 0.0
    name, value = list(searched.items())[1]
    return inf if value is None else float(value) if lower_is_better(name) else -float(value)


def counting(outcomes: Mapping[int, Outcome]) -> Mapping[int, Outcome]:
    """Those that were not pruned, for what others would have come to is not known; all where all were."""
    return {number: outcome for number, outcome in outcomes.items() if not outcome.pruned} or outcomes


def has_model(outcome: Outcome | None) -> bool:
    """Whether a job ended with a model and a finite value of the monitored metric; a pruned one did."""
    if outcome is None or outcome.status:
        return False
    value = outcome.result.get("best_value")
    return value is not None and isfinite(value)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """`lr` for optimizer.lr, where no other key ends so; `recipe` for config."""
    last = [key.rpartition(".")[2] for key in keys]
    short = {key: end if last.count(end) == 1 else key for key, end in zip(keys, last, strict=True)}
    return {key: "recipe" if key == "config" else name for key, name in short.items()}


def contests(jobs: Sequence[Job], outcomes: Mapping[int, Outcome]) -> list[Contest]:
    """All that ended with a model, in the order in which each contest's first job stands in the sweep."""
    apart: dict[Key, list[Job]] = {}
    for job in jobs:
        if has_model(outcomes.get(job.number)):
            apart.setdefault(comparable(job, outcomes[job.number]), []).append(job)
    called = titles(apart)
    return [
        Contest(
            called[key],
            key[0],
            tuple(_rows(together, jobs, outcomes, key[0])),
            by_loss=sum(other[:2] == key[:2] for other in apart) > 1,
        )
        for key, together in apart.items()
    ]


def _rows(finished: Sequence[Job], jobs: Sequence[Job], outcomes: Mapping[int, Outcome], monitor: str) -> Iterable[Row]:
    """The rows of one contest, best mean first, pruned ones after all others, each held against the first."""
    numbers = {job.number for job in finished}
    settings: dict[tuple[tuple[str, str], ...], list[Job]] = {_setting(job): [] for job in finished}
    for job in jobs:  # with those that failed, so that a row says how many of its runs it is about
        if (found := settings.get(_setting(job))) is not None:
            found.append(job)
    rows = [
        Row(dict(setting), tuple(every), {job.number: outcomes[job.number] for job in own}, _values(own, outcomes))
        for setting, every in settings.items()
        if (own := [job for job in every if job.number in numbers])
    ]
    lower = lower_is_better(monitor)
    rows.sort(key=lambda row: (row.pruned, row.mean if lower else -row.mean, row.second))
    return [rows[0], *_compared(rows[1:], rows[0], lower)]


def _compared(rows: Sequence[Row], best: Row, lower: bool) -> list[Row]:
    """Each with whether it is worse than the best.

    With Bonferroni's correction the truly best setting is among those not told from the best with a probability of
    1 - LEVEL, whichever came out first: it is left out only where one of its rivals beats it by chance (S. S. Gupta's
    subset selection, 1965).
    """
    chances = chances_of_worse([row.values for row in rows], best.values, lower=lower)
    return [
        replace(row, p=p, told=None if p is None else p < LEVEL / len(rows))
        for row, p in zip(rows, chances, strict=True)
    ]


def _setting(job: Job) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in job.varied.items() if key not in SEEDS)


def _values(jobs: Sequence[Job], outcomes: Mapping[int, Outcome]) -> dict[Hashable, float]:
    """The monitored metric of every replicate that counts: a job by its seeds, or each fold of one that has them."""
    values: dict[Hashable, float] = {}
    counted = counting({job.number: outcomes[job.number] for job in jobs})
    for job in (job for job in jobs if job.number in counted):
        seeds: tuple[Hashable, ...] = tuple(job.varied.get(key) for key in SEEDS)
        if seeds in values or (*seeds, 0) in values:
            seeds = (*seeds, "job", job.number)
        result = outcomes[job.number].result
        folds = _folds(job.folder, int(result.get("folds") or 0))
        if folds is None:
            values[seeds] = float(result["best_value"])
        else:
            values |= {(*seeds, i): value for i, value in enumerate(folds)}
    return values


def _folds(folder: Path, count: int) -> list[float] | None:
    """The best value of each fold of a run; None where it has none, or they cannot be read."""
    found = []
    for i in range(count):
        try:
            value = json.loads((folder / f"fold_{i}" / "result.json").read_text(encoding="utf-8"))["best_value"]
        except (OSError, ValueError, KeyError):
            return None
        if value is None or not isfinite(value):
            return None
        found.append(float(value))
    return found or None
