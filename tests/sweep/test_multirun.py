"""Sweeps: which jobs run, what each leaves behind, and what happens where one fails or is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\nepochs: 1\nbatch_size: 64\n"
CONTRACT = {
    "config.yaml",
    "environment.json",
    "metrics.csv",
    "best.safetensors",
    "last",
    "result.json",
    "plots",
    "log.txt",
}


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def sweep(*words: str) -> tuple[int, dict[str, Any]]:
    """Exit status and sweep.json of a sweep in the folder `out`."""
    status = main(["fit", "config=mine.yaml", *words, "run_dir=out", "-m"])
    found: dict[str, Any] = json.loads(Path("out/sweep.json").read_text())
    found["jobs"].sort(key=lambda job: job["job"])
    return status, found


def varied(found: dict[str, Any]) -> list[str]:
    return [" ".join(job["varied"]) for job in found["jobs"]]


def test_every_combination_is_a_run_with_all_its_files(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = sweep("optimizer=adam,sgd", "seed=1,2", "model.widths=[4],[4,4]")
    assert status == 0
    assert found["sweep_dir"] == str(cwd / "out")
    assert varied(found)[:2] == ["optimizer=adam seed=1 model.widths=[4]", "optimizer=adam seed=1 model.widths=[4,4]"]
    assert len(set(varied(found))) == 8
    for number, job in enumerate(found["jobs"]):
        folder = cwd / "out" / str(number)
        assert (job["job"], job["run_dir"], job["status"], job["error"]) == (number, str(folder), 0, None)
        assert {path.name for path in folder.iterdir()} == CONTRACT
        result = json.loads((folder / "result.json").read_text())
        assert {key: job[key] for key in ("best_value", "val", "test")} == {
            key: result[key] for key in ("best_value", "val", "test")
        }
    assert {path.name for path in (cwd / "out").iterdir()} == {"sweep.json", *map(str, range(8))}
    out = capsys.readouterr().out
    assert "8 jobs, 0 failed" in out
    best = min(found["jobs"], key=lambda job: job["best_value"])
    assert f"nntrain eval out/{best['job']}" in out


def test_a_job_is_the_run_that_its_words_would_be_alone(cwd: Path) -> None:
    _, found = sweep("seed=3,4")
    assert main(["fit", "config=mine.yaml", "seed=4", "run_dir=alone", "quiet=true"]) == 0
    alone = json.loads((cwd / "alone" / "result.json").read_text())
    assert found["jobs"][1]["val"] == alone["val"]
    assert (cwd / "alone" / "best.safetensors").stat().st_size > 0


AXES = {
    "seed=range(1,4)": ["seed=1", "seed=2", "seed=3"],
    "optimizer.lr=choice(0.1,0.01)": ["optimizer.lr=0.1", "optimizer.lr=0.01"],
    "optimizer=glob(ada*,exclude=adam*)": [f"optimizer={name}" for name in ("adadelta", "adafactor", "adagrad")],
    "name='a, b',c": ["name='a, b'", "name=c"],
    "model.activation={name:elu,alpha:0.5},tanh": ["model.activation={name:elu,alpha:0.5}", "model.activation=tanh"],
    "model.norm=none": [""],
}


@pytest.mark.parametrize("word", AXES)
def test_the_axes_of_a_sweep(word: str) -> None:
    status, found = sweep(word)
    assert status == 0
    assert varied(found) == AXES[word]


def test_a_sweep_over_recipes_and_their_own_settings(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cwd / "other one.yaml").write_text(RECIPE.replace("widths: [4]", "widths: [5]") + "name: other")
    status = main(["fit", "config=mine.yaml,'other one.yaml'", "optimizer=adam,sgd", "-m", "--json"])
    out, err = capsys.readouterr()
    assert status == 0
    found = json.loads(out)
    jobs = sorted(found["jobs"], key=lambda job: job["job"])
    assert [job["varied"][0] for job in jobs] == ["config=mine.yaml"] * 2 + ["config='other one.yaml'"] * 2
    assert Path(found["sweep_dir"]).parent == cwd / "runs" / "mine"
    configs = [(Path(job["run_dir"]) / "config.yaml").read_text() for job in jobs]
    assert ["name: other" in text and "[5]" in text for text in configs] == [False, False, True, True]
    assert "4 jobs, 0 failed" in err


def test_the_digits_are_swept_where_no_recipe_is_named(cwd: Path) -> None:
    assert main(["fit", "data.dataset=iris", "epochs=1,2", "batch_size=64", "run_dir=out", "-m"]) == 0
    assert "name: digits" in (cwd / "out" / "1" / "config.yaml").read_text()


def test_paths_with_special_characters(cwd: Path) -> None:
    name = "it's, a=b größe.yaml"
    (cwd / name).write_text(RECIPE)
    assert main(["fit", f"config={name}", "seed=1,2", "run_dir=to, w=e'p", "-m"]) == 0
    assert (cwd / "to, w=e'p" / "1" / "best.safetensors").is_file()


MISTAKES = {
    "optimizer.lr=0.1,fast,-1": [
        "'fast' is not a number above 0 (command line: optimizer.lr",
        "-1 is not a number above",
    ],
    "optimizer=adam,sdg": ["optimizer: unknown optimizer 'sdg'; did you mean 'sgd'?"],
    "optimizer=adam,sgd optimizer.nesterov=true": ["optimizer.nesterov: optimizer adam has no setting 'nesterov'"],
    "config=mine.yaml,digts": ["config: there is no recipe 'digts'; did you mean 'digits'?"],
    "optimizer=glob(x*)": ["optimizer: no name matches (choices: adadelta, "],
    "seed=glob(*)": ["seed: no name matches (glob() chooses among recipes or a group's options)"],
    "seed=1,2 model.dropout=3": ["model.dropout: 3 is not a number"],
    "seed=1,2 epoch=3,4": ["epoch: there is no such section or setting; did you mean 'epochs'?"],
    "optimizer.lr=interval(0,1)": ["BasicSweeper does not support sweep type : INTERVAL_SWEEP"],
    "seed=1,2 hydra.nope=3": ["Could not override 'hydra.nope'"],
    "seed=1,2 hydra.sweep.dir=x": ["hydra.sweep.dir=x: a folder is chosen by run_dir=..."],
    "seed=1,2 hydra/launcher=nope": ["Could not find 'hydra/launcher/nope'"],
    "seed=1,2 hydra.launcher._target_=os.system": ["'_target_' is refused"],
    "model.activation={_target_:a},relu": ["model.activation: is refused"],
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_in_any_combination_is_said_before_anything_runs(
    words: str, cwd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "config=mine.yaml", *words.split(), "-m"]) == 2
    said = capsys.readouterr().err.splitlines()
    for message in MISTAKES[words]:
        assert any(message in line for line in said), said
    assert not list(cwd.glob("runs/*/*"))


def test_a_folder_that_is_not_empty_is_left_alone(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cwd / "out").mkdir()
    (cwd / "out" / "mine.txt").touch()
    assert main(["fit", "config=mine.yaml", "seed=1,2", "run_dir=out", "-m"]) == 2
    assert "run_dir: " in (said := capsys.readouterr().err)
    assert "is not empty; choose another folder for the sweep" in said


def test_a_job_that_fails_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    status, found = sweep("batch_size=64,5000,32")  # more than there are samples: only the data can tell
    assert status == 2
    assert [job["status"] for job in found["jobs"]] == [0, 2, 0]
    assert "batch_size: 5000 is larger than the training split" in found["jobs"][1]["error"]
    out = capsys.readouterr().out
    assert "3 jobs, 1 failed" in out
    assert "#1    batch_size=5000  failed: batch_size: 5000" in out


def test_a_fault_of_ours_in_a_job_leaves_its_traceback(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nntrain.verbs.fit as verb

    real = verb.fit

    def broken(config: Any, *rest: Any) -> Any:
        if config["seed"] == 1:
            raise ZeroDivisionError("a bug")
        return real(config, *rest)

    monkeypatch.setattr(verb, "fit", broken)
    status, found = sweep("seed=1,2", "batch_size=64,5000")
    assert status == 1  # a fault of ours weighs more than a mistake
    assert [job["status"] for job in found["jobs"]] == [1, 1, 0, 2]
    assert found["jobs"][0]["error"].startswith("ZeroDivisionError: a bug; see ")
    assert "Traceback" in (cwd / "out" / "0" / "traceback.txt").read_text()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_sweep_and_keeps_what_was_done(number: int, status: int, cwd: Path) -> None:
    words = [sys.executable, "-m", "nntrain.cli", "fit", "config=mine.yaml", "epochs=2,100000,3", "run_dir=out", "-m"]
    sweeping = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = cwd / "out" / "1" / "metrics.csv"
    deadline = time.monotonic() + 60
    while not (log.is_file() and log.read_text().count("\n") > 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    sweeping.send_signal(number)
    out, err = sweeping.communicate(timeout=60)
    assert (sweeping.returncode, err) == (status, "")
    jobs = json.loads((cwd / "out" / "sweep.json").read_text())["jobs"]
    assert [(job["job"], job["status"]) for job in jobs] == [(0, 0), (1, status)]
    assert jobs[1]["error"] == f"interrupted; go on with: nntrain fit resume={cwd / 'out' / '1'}"
    assert (cwd / "out" / "1" / "last").is_dir()
    assert not (cwd / "out" / "2").exists()
    assert "2 jobs, 1 failed" in out
