"""What a sweep leaves when it ends: tables, pictures, and a model that is opened like a run's."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from fakes import fake_training

from nntrain.cli import main
from nntrain.record.files import WriteError, write_json
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome, finished

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\nepochs: 1\nbatch_size: 64\n"


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def sweep(*words: str) -> int:
    return main(["fit", "config=mine.yaml", "run_dir=out", "-m", "hydra/launcher=basic", *words])


def test_a_sweep_is_opened_like_a_run(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep("optimizer.lr=0.001,0.1", "seed=1,2") == 0
    out = capsys.readouterr().out
    best = json.loads((cwd / "out" / "sweep.json").read_text())["best"]
    for said in (f"best    #{best} optimizer.lr=0.1", "plots   out/plots", "nntrain predict out input=FILE"):
        assert said in out
    rows = list(csv.DictReader((cwd / "out" / "sweep.csv").read_text().splitlines()))
    assert [(row["optimizer.lr"], row["seed"], row["status"]) for row in rows[::3]] == [
        ("0.001", "1", "done"),
        ("0.1", "2", "done"),
    ]
    names = {"metric_by_setting.png", "parallel_coordinates.png", "learning_curves.png"}
    assert {path.name for path in (cwd / "out" / "plots").iterdir()} == names
    assert (cwd / "out" / "best.safetensors").samefile(cwd / "out" / str(best) / "best.safetensors")

    assert main(["eval", "out", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert main(["eval", f"out/{best}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"] == whole["metrics"]


def test_a_sweep_that_is_killed_has_its_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def how(job: Job) -> None:
        if job.number == 1:
            rows = csv.DictReader(Path("out/sweep.csv").read_text().splitlines())
            seen.extend([json.loads(Path("out/sweep.json").read_text()), [row["status"] for row in rows]])

    fake_training(monkeypatch, how)
    assert sweep("seed=1,2") == 0
    so_far, statuses = seen
    assert (so_far["so_far"], [job["ended"] for job in so_far["jobs"]]) == (True, ["done"])
    assert statuses == ["done", "not run"]
    assert "so_far" not in json.loads(Path("out/sweep.json").read_text())


def test_the_time_is_that_of_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake_training(monkeypatch)
    monkeypatch.setattr("nntrain.cli.perf_counter", lambda: perf_counter() - 180)
    assert sweep("seed=1,2") == 0
    assert "2 jobs, 0 failed, in 3 min 0" in capsys.readouterr().out


def test_a_disk_that_refuses_the_pictures_does_not_fail_the_sweep(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> None:
        raise WriteError("cannot write plots: No space left on device")

    monkeypatch.setattr("nntrain.sweep.told.plots.draw", refuse)
    assert sweep("seed=1,2") == 0
    out = capsys.readouterr().out
    assert "note  cannot write plots: No space left on device" in out
    assert "model   out/best.safetensors" in out


def test_the_model_of_a_job_that_cross_validates_is_its_best_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    def how(job: Job) -> Outcome:
        model = job.folder / "fold_1" / "best.safetensors"
        model.parent.mkdir(parents=True)
        model.write_text(f"fold 1 of {job.number}")
        result: dict[str, Any] = {"monitor": "val_loss", "best_value": 1.0 - job.number, "checkpoint": str(model)}
        result |= {"val": {"loss": 1.0 - job.number}, "epochs_run": 1, "seconds": 0.1}
        write_json(job.folder / "result.json", result)
        return finished(job.number, result)

    fake_training(monkeypatch, how)
    assert sweep("seed=1,2", "data.folds=2") == 0
    assert Path("out/best.safetensors").read_text() == "fold 1 of 1"
