"""What a sweep leaves when it ends: tables, pictures, and a model that is opened like a run's."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.record.files import WriteError

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


def test_a_disk_that_refuses_the_pictures_does_not_fail_the_sweep(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> None:
        raise WriteError("cannot write plots: No space left on device")

    monkeypatch.setattr("nntrain.sweep.plots.draw", refuse)
    assert sweep("seed=1,2") == 0
    out = capsys.readouterr().out
    assert "note  cannot write plots: No space left on device" in out
    assert "model   out/best.safetensors" in out
