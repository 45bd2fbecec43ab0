"""What a sweep leaves when it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import fake_training

from nntrain.cli import main
from nntrain.record.files import write_json
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome, finished


def test_the_model_of_a_job_that_cross_validates_is_its_best_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def how(job: Job) -> Outcome:
        model = job.folder / "fold_1" / "best.safetensors"
        model.parent.mkdir(parents=True)
        model.write_text(f"fold 1 of {job.number}")
        result: dict[str, Any] = {"monitor": "val_loss", "best_value": 1.0 - job.number, "checkpoint": str(model)}
        result |= {"val": {"loss": 1.0 - job.number}, "epochs_run": 1, "seconds": 0.1}
        write_json(job.folder / "result.json", result)
        return finished(job.number, result)

    monkeypatch.chdir(tmp_path)
    fake_training(monkeypatch, how)
    assert main(["fit", "config=iris", "seed=1,2", "data.folds=2", "run_dir=out", "hydra/launcher=basic", "-m"]) == 0
    assert Path("out/best.safetensors").read_text() == "fold 1 of 1"
