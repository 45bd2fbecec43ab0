"""How far a job is, by its file."""

from __future__ import annotations

from pathlib import Path

from nntrain.sweep.job import Job
from nntrain.sweep.workers.curve import curve_of


def test_whole_rows_count(tmp_path: Path) -> None:
    job = Job(0, (), {}, tmp_path, {"early_stopping": {"monitor": "loss"}})
    assert curve_of(job) == []
    (tmp_path / "metrics.csv").write_text("epoch,lr,val_loss\n1,0.1,0.5\n2,0.1,\n3,0.1,0.25\n4,0.1,0.")
    assert curve_of(job) == [(1, 0.5), (2, None), (3, 0.25)]
