"""Which jobs make a contest, and how contests are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from standings import composed, ended

from nntrain.record.run_folder import safe_name
from nntrain.sweep.job import Job
from nntrain.sweep.told.comparable import VALIDATED
from nntrain.sweep.told.ranking import contests

TABLE = {"name": "table", "path": "/here/x.csv", "target": "a", "split_seed": 0, "val": 0.15}


def titles(jobs: Sequence[Job]) -> list[str]:
    return [contest.title for contest in contests(jobs, ended(jobs, lambda varied: 0.5))]


def of(space: Mapping[str, Sequence[Any]], **data: Any) -> list[str]:
    return titles(composed(space, data=TABLE | data))


def test_targets_of_one_table_do_not_compete() -> None:
    assert of({"data.target": ["a", "b"], "seed": [1, 2]}) == ["data.target=a", "data.target=b"]


@pytest.mark.parametrize("key", VALIDATED)
def test_jobs_that_validate_other_rows_do_not_compete(key: str) -> None:
    assert of({f"data.{key}": ["one", "two"]}) == [f"data.{key}=one", f"data.{key}=two"]


@pytest.mark.parametrize("key", ["split_seed", "numeric", "drop", "one_hot_max", "labels"])
def test_other_settings_of_the_data_and_other_draws_of_its_splits_do(key: str) -> None:
    assert of({f"data.{key}": ["one", "two"]}) == [""]


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ({"data.path": ["/here/x.csv", "/here/y.csv"]}, ["x.csv", "y.csv"]),
        ({"data.path": ["/1/x.csv", "/2/x.csv"]}, ["/1/x.csv", "/2/x.csv"]),
        ({"data.path": ["/1/x.csv", "/1/y.csv"], "data.val": [0.1, 5]}, [
            *("x.csv, data.val=0.1", "x.csv, data.val=5", "y.csv, data.val=0.1", "y.csv, data.val=5"),
        ]),
        ({"config": ["x", "y"], "data.folds": [None, 5]}, ["data.folds=null", "data.folds=5"]),
        ({"data.target": [["a", "b"], "c"]}, ['data.target=["a", "b"]', "data.target=c"]),
        ({"data.val_path": ["/1/new.csv", "/1/old.csv"]}, ["data.val_path=new.csv", "data.val_path=old.csv"]),
    ],
)  # fmt: skip
def test_what_tells_contests_apart(space: Mapping[str, Sequence[Any]], expected: list[str]) -> None:
    assert of(space) == expected


def test_data_of_other_kinds_is_told_apart_by_its_name() -> None:
    sources = [TABLE, {"name": "bundled", "dataset": "iris", "val": 0.3}]
    jobs = [job for i, data in enumerate(sources) for job in composed({"seed": [i]}, data=data)]
    numbered = [Job(i, job.words, job.varied, job.folder, job.config) for i, job in enumerate(jobs)]
    assert titles(numbered) == ["x.csv", "iris"]


@pytest.mark.parametrize("targets", [["a b", "a-b", "A B"], [1, "1"], ["p" * 90 + "1", "p" * 90 + "2"]])
def test_no_two_have_a_title_or_a_folder_of_plots_in_common(targets: list[Any]) -> None:
    found = of({"data.target": targets})
    assert len({safe_name(title).lower() for title in found}) == len(targets)
