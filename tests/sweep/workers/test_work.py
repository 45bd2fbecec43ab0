"""What a worker does with the jobs that it is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.workers.work import train_unit


@pytest.mark.parametrize("count", [1, 2])
def test_a_finished_job_is_told_of_and_left_as_it_is(count: int, tmp_path: Path) -> None:
    jobs = [Job(number, (), {}, tmp_path / str(number), {}) for number in range(count)]
    result = {"val": {"loss": 0.5}, "best_value": 0.5}
    for job in jobs:
        job.folder.mkdir()
        (job.folder / "result.json").write_text(json.dumps(result))
        (job.folder / "best.safetensors").touch()  # and no state, as with checkpoint.resumable=false
    ended: list[Outcome] = []
    assert train_unit(jobs, [], ended.append) == 0
    assert ended == [Outcome(job.number, result=result) for job in jobs]
    assert all((job.folder / "best.safetensors").is_file() for job in jobs)
