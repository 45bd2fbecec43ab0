"""Jobs of one sweep that were trained on other data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from standings import jobs_of

from nntrain.data.fingerprint import of_files
from nntrain.errors import UserError
from nntrain.sweep.job import Job
from nntrain.sweep.kept.same_data import check_data, mixed


def trained(job: Job, on: str, at: str = "2026-01-01T00:00:00", part: str = "") -> None:
    (job.folder / part).mkdir(parents=True, exist_ok=True)
    (job.folder / part / "environment.json").write_text(json.dumps({"data_fingerprint": on, "started": at}))


def test_jobs_that_were_trained_before_the_data_changed_are_named(tmp_path: Path) -> None:
    jobs = jobs_of({"seed": [0, 1, 2, 3]}, tmp_path)
    for job in jobs[:3]:
        trained(job, "old")
    assert mixed(jobs) == []
    trained(jobs[1], "new", "2026-01-02T00:00:00", part="fold_0")
    assert mixed(jobs) == []  # what the run itself says counts
    trained(jobs[1], "new", "2026-01-02T00:00:00")
    (said,) = mixed(jobs)
    assert said.startswith("the data has changed during this sweep: jobs 0, 2 were trained on what it was before")


def test_jobs_with_other_settings_of_the_data_may_have_other_data(tmp_path: Path) -> None:
    iris = jobs_of({"seed": [0]}, tmp_path, data={"name": "bundled", "dataset": "iris"})
    digits = jobs_of({"seed": [0]}, tmp_path / "more")
    trained(iris[0], "one")
    trained(digits[0], "other")
    assert mixed([*iris, *digits]) == []


def test_what_a_folder_does_not_say_is_not_compared(tmp_path: Path) -> None:
    jobs = jobs_of({"seed": [0, 1]}, tmp_path)
    trained(jobs[0], "old")
    jobs[1].folder.mkdir()
    (jobs[1].folder / "environment.json").write_text("{")
    assert mixed(jobs) == []


def test_a_table_that_was_edited_is_said_before_the_rest_trains_on_it(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("x,y\n1,2\n")
    jobs = jobs_of({"seed": [0, 1]}, tmp_path, data={"name": "table", "path": str(table), "val_path": None})
    trained(jobs[0], of_files(table))
    check_data(jobs, {0}, "again")
    table.write_text("x,y\n1,3\n")
    check_data(jobs, {0, 1}, "again")  # nothing is left to train
    with pytest.raises(UserError, match=r"rows\.csv has changed since job 0 was trained on it.*start a new one: again"):
        check_data(jobs, {0}, "again")
    table.unlink()
    check_data(jobs, {0}, "again")
