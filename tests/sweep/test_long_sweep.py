"""A hundred jobs in one process leave nothing behind: no memory, no open file, no thread, no tensor."""

from __future__ import annotations

import gc
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from nntrain.cli import main
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.workers import work

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\nepochs: 1\nbatch_size: 64\n"
JOBS, SETTLED = 100, 20  # by when caches and pools are filled


def held() -> dict[str, int]:
    """What this process holds now. memory: resident, in bytes."""
    gc.collect()
    return {
        "memory": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "tensors": sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects()),
    }


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_hundred_jobs_leave_nothing_in_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(RECIPE)
    real, seen = work.train_alone, []

    def watched(job: Job, *rest: Any) -> Outcome:
        outcome = real(job, *rest)
        if job.number + 1 in (SETTLED, JOBS):
            seen.append(held())
        return outcome

    monkeypatch.setattr(work, "train_alone", watched)
    words = [f"seed=range({JOBS})", "run_dir=out", "hydra/launcher=basic", "quiet=true"]
    assert main(["fit", "config=mine.yaml", *words, "-m"]) == 0
    settled, last = seen
    assert last.pop("memory") - settled.pop("memory") < 10 * 2**20
    assert all(last[what] <= settled[what] for what in last), (settled, last)
