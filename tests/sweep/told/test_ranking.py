"""Which jobs compete, in which order, and what is told from the best."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from standings import CLOSE_SPACE, CONFIG, close, ended, jobs_of, loss_of, result

from nntrain.objective.metrics import METRICS
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.ranking import LOWER_IS_BETTER, contests, short_names


def test_the_directions_are_those_of_the_metrics() -> None:
    assert {name for name, metric in METRICS.items() if metric.direction == "min"} == LOWER_IS_BETTER


def test_runs_that_differ_by_seed_alone_are_one_row() -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-3", "1e-2"], "seed": [0, 1, 2], "data.split_seed": [5, 6]})
    (contest,) = contests(jobs, ended(jobs, loss_of))
    assert [row.setting for row in contest.rows] == [{"optimizer.lr": "1e-2"}, {"optimizer.lr": "1e-3"}]
    best = contest.rows[0]
    assert len(best.values) == 6
    values = [loss_of(job.varied) for job in jobs if job.varied["optimizer.lr"] == "1e-2"]
    assert best.mean == pytest.approx(sum(values) / 6)
    assert best.std == pytest.approx((sum((v - best.mean) ** 2 for v in values) / 5) ** 0.5)


def test_folds_are_replicates_too(tmp_path: Path) -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-3", "1e-2"]}, tmp_path)
    outcomes = {}
    for job, values in zip(jobs, ([0.5, 0.6, 0.7], [0.1, 0.3, 0.2]), strict=True):
        for i, value in enumerate(values):
            (job.folder / f"fold_{i}").mkdir(parents=True)
            (job.folder / f"fold_{i}" / "result.json").write_text(json.dumps({"best_value": value}))
        outcomes[job.number] = Outcome(job.number, result=result(sum(values) / 3, folds=3))
    best, other = contests(jobs, outcomes)[0].rows
    assert (len(best.values), best.mean) == (3, pytest.approx(0.2))
    assert best.std == pytest.approx(0.1)
    assert other.told is not None


@pytest.mark.parametrize(("monitor", "first"), [("val_loss", "1e-2"), ("val_accuracy", "1e-1")])
def test_which_way_is_better_is_the_metrics(monitor: str, first: str) -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-3", "1e-2", "1e-1"]})
    (contest,) = contests(jobs, ended(jobs, loss_of, monitor))
    assert contest.rows[0].setting == {"optimizer.lr": first}
    assert contest.ranked[0][0].varied == {"optimizer.lr": first}


def test_what_is_far_worse_is_told_and_what_is_close_is_not() -> None:
    jobs = jobs_of(CLOSE_SPACE)
    rows = contests(jobs, ended(jobs, close))[0].rows
    assert [row.told for row in rows] == [None, False, True]


def test_test_scores_rank_nothing() -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-3", "1e-2"]})
    outcomes = ended(jobs, loss_of)
    outcomes[0].result["test"] = {"loss": 0.0001}
    assert contests(jobs, outcomes)[0].rows[0].setting == {"optimizer.lr": "1e-2"}


def test_failed_jobs_and_those_without_a_value_have_no_rank() -> None:
    jobs = jobs_of({"seed": [0, 1, 2, 3]})
    outcomes = {0: Outcome(0, 2, "a mistake"), 1: Outcome(1, result=result(None)), 2: Outcome(2, result=result(0.5))}
    (contest,) = contests(jobs, outcomes)
    assert [job.number for job, _ in contest.ranked] == [2]
    assert len(contest.rows[0].jobs) == 4
    assert contests(jobs, {}) == []


def test_a_pruned_run_is_in_no_mean_of_those_that_ran_to_their_end() -> None:
    jobs = jobs_of({"seed": [0, 1, 2]})
    outcomes = {n: Outcome(n, result=result(value)) for n, value in enumerate((0.5, 0.7, 0.1))}
    outcomes[2].pruned = True
    (contest,) = contests(jobs, outcomes)
    (row,) = contest.rows
    assert (row.mean, len(row.values), row.pruned) == (pytest.approx(0.6), 2, False)
    assert [job.number for job, _ in contest.ranked] == [0, 1, 2]


def with_config(jobs: list[Job], **section: Any) -> list[Job]:
    """Sections with `None` in them take the job's varied value."""
    filled = []
    for job in jobs:
        own = {
            name: {key: job.varied["config"] if value is None else value for key, value in entries.items()}
            for name, entries in section.items()
        }
        filled.append(Job(job.number, job.words, job.varied, job.folder, CONFIG | own))
    return filled


def test_recipes_of_other_data_do_not_compete() -> None:
    jobs = with_config(
        jobs_of({"config": ["iris", "wine"], "optimizer.lr": ["1e-3", "1e-2"]}),
        data={"name": "bundled", "dataset": None},
    )
    found = contests(jobs, ended(jobs, loss_of))
    assert [(contest.title, len(contest.rows)) for contest in found] == [("iris", 2), ("wine", 2)]


def test_recipes_of_the_same_data_do() -> None:
    jobs = jobs_of({"config": ["a.yaml", "b.yaml"]})
    (contest,) = contests(jobs, ended(jobs, loss_of))
    assert (contest.title, [row.setting for row in contest.rows]) == ("", [{"config": "a.yaml"}, {"config": "b.yaml"}])


def test_values_of_other_losses_do_not_compete_where_the_loss_is_monitored() -> None:
    jobs = with_config(jobs_of({"config": ["squared", "huber"]}), loss={"name": None})
    assert [contest.title for contest in contests(jobs, ended(jobs, loss_of))] == ["loss squared", "loss huber"]
    assert len(contests(jobs, ended(jobs, loss_of, "val_rmse"))) == 1


def test_metrics_do_not_compete_with_each_other() -> None:
    jobs = jobs_of({"early_stopping.monitor": ["loss", "accuracy"]})
    outcomes = {0: Outcome(0, result=result(0.5)), 1: Outcome(1, result=result(0.9, "val_accuracy"))}
    assert [contest.title for contest in contests(jobs, outcomes)] == ["val loss", "val accuracy"]


def test_short_names() -> None:
    keys = ["config", "optimizer.lr", "seed", "model.dropout", "augment.dropout"]
    assert list(short_names(keys).values()) == ["recipe", "lr", "seed", "model.dropout", "augment.dropout"]


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_value_that_is_not_finite_has_no_rank(value: float) -> None:
    jobs = jobs_of({"seed": [0, 1, 2]})
    outcomes = {n: Outcome(n, result=result(best)) for n, best in enumerate([value, 1.0, 2.0])}
    (contest,) = contests(jobs, outcomes)
    assert [job.number for job, _ in contest.ranked] == [1, 2]
    assert contest.rows[0].std == pytest.approx(0.5**0.5)
