"""Sweeps: which jobs run, what each leaves behind, and what happens where one fails."""

from __future__ import annotations

import gc
import json
import os
import pickle
import shlex
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes import fake_training

from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.record.files import WriteError
from nntrain.sweep import sweep as sweeps
from nntrain.sweep.job import Job
from nntrain.sweep.kept.manifest import Manifest
from nntrain.sweep.outcome import SAVED, Outcome
from nntrain.sweep.sweep import Sweep
from nntrain.sweep.told.board import Board
from nntrain.sweep.workers.processes import Workers

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\nepochs: 1\nbatch_size: 64\n"
HERE = "hydra/launcher=basic"  # in this process, which has imported torch already
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
    status = main(["fit", "config=mine.yaml", *words, "run_dir=out", HERE, "-m"])
    found: dict[str, Any] = json.loads(Path("out/sweep.json").read_text())
    found["jobs"].sort(key=lambda job: job["job"])
    return status, found


def varied(found: dict[str, Any]) -> list[str]:
    return [" ".join(job["varied"]) for job in found["jobs"]]


def test_every_combination_is_a_run_with_all_its_files(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = sweep("optimizer=adam,sgd", "model.widths=[4],[4,4]")
    assert status == 0
    assert found["sweep_dir"] == str(cwd / "out")
    assert varied(found) == [
        *("optimizer=adam model.widths=[4]", "optimizer=adam model.widths=[4,4]"),
        *("optimizer=sgd model.widths=[4]", "optimizer=sgd model.widths=[4,4]"),
    ]
    for number, job in enumerate(found["jobs"]):
        folder = cwd / "out" / str(number)
        assert (job["job"], job["run_dir"], job["status"], job["error"]) == (number, str(folder), 0, None)
        assert {path.name for path in folder.iterdir()} == CONTRACT
        result = json.loads((folder / "result.json").read_text())
        assert {key: job[key] for key in ("best_value", "val", "test")} == {
            key: result[key] for key in ("best_value", "val", "test")
        }
    best = min(found["jobs"], key=lambda job: job["best_value"])
    assert found["best"] == best["job"]
    assert (cwd / "out" / "best.safetensors").read_bytes() == Path(best["run_dir"], "best.safetensors").read_bytes()
    files = {path.name for path in (cwd / "out").iterdir()} - set("0123")
    assert files == {"jobs.jsonl", "sweep.json", "sweep.csv", "best.safetensors", "plots", "log.txt"}
    assert "4 jobs, 0 failed" in capsys.readouterr().out


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
    "name='a, b',c": ["name=a, b"],  # and the other is the same network
    "model.activation={name:elu,alpha:0.5},tanh": ["model.activation={name:elu,alpha:0.5}", "model.activation=tanh"],
    "seed=choice(1)": ["seed=1"],
}


@pytest.mark.parametrize("word", AXES)
def test_the_axes_of_a_sweep(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(monkeypatch)
    status, found = sweep(word)
    assert status == 0
    assert varied(found) == AXES[word]


def test_a_sweep_over_recipes_and_their_own_settings(
    cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configs: list[Any] = []
    fake_training(monkeypatch, lambda job: configs.append(job.config))
    (cwd / "other one.yaml").write_text(RECIPE.replace("widths: [4]", "widths: [5]") + "name: other")
    status = main(["fit", "config=mine.yaml,'other one.yaml'", "optimizer=adam,sgd", HERE, "-m", "--json"])
    out, err = capsys.readouterr()
    assert status == 0
    found = json.loads(out)
    jobs = sorted(found["jobs"], key=lambda job: job["job"])
    assert [job["varied"][0] for job in jobs] == ["config=mine.yaml"] * 2 + ["config=other one.yaml"] * 2
    assert Path(found["sweep_dir"]).parent == cwd / "runs" / "mine"
    assert [(config["name"], config["model"]["widths"]) for config in configs] == [("mine", [4])] * 2 + [
        ("other", [5])
    ] * 2
    assert "4 jobs, 0 failed" in err


def test_the_digits_are_swept_where_no_recipe_is_named(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(monkeypatch, lambda job: Outcome(job.number, 2, job.config["name"]))
    assert main(["fit", "epochs=1,2", "run_dir=out", HERE, "-m"]) == 2
    assert [job["error"] for job in json.loads(Path("out/sweep.json").read_text())["jobs"]] == ["digits"] * 2


def test_paths_with_special_characters(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(monkeypatch)
    name = "it's, a=b größe.yaml"
    (cwd / name).write_text(RECIPE)
    assert main(["fit", f"config={name}", "seed=1,2", "run_dir='to, w=e\\'p'", HERE, "-m"]) == 0
    assert (cwd / "to, w=e'p" / "1" / "best.safetensors").is_file()


def test_jobs_that_are_identical_run_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ran = fake_training(monkeypatch)
    status, found = sweep("optimizer.lr=0.1,0.10,1e-1,0.2", "quiet=false")
    assert (status, ran) == (0, [0, 3])
    assert [job["job"] for job in found["jobs"]] == [0, 3]
    said = "note 2 jobs are identical to others, and not run twice: job 1 is job 0, job 2 is job 0"
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_name_makes_no_other_network(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ran = fake_training(monkeypatch)
    sweep("name=a,b", "seed=1,2")
    assert len(ran) == 2
    said = "2 jobs are identical to others, and not run twice: job 2 is job 0, job 3 is job 1"
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_word_that_another_takes_the_place_of_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = fake_training(monkeypatch)
    sweep("optimizer.lr=0.1,0.2,0.3", "optimizer.lr=0.4,0.5", "epochs=1", "epochs=1")
    assert len(ran) == 2
    out = capsys.readouterr().out
    assert "note  optimizer.lr=0.1,0.2,0.3 does not count: optimizer.lr=0.4,0.5 stands after it\n" in out
    assert "epochs" not in out


def test_what_is_tried_instead_of_the_recipes_search_is_said(
    cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch)
    (cwd / "mine.yaml").write_text(f'{RECIPE}search: {{optimizer.lr: "interval(0.1, 1)"}}\n')
    assert varied(sweep("optimizer.lr=0.1,0.2")[1]) == ["optimizer.lr=0.1", "optimizer.lr=0.2"]
    said = "optimizer.lr: 0.1,0.2 (command line) instead of interval(0.1, 1) (mine.yaml, line 5)"
    for text in (capsys.readouterr().out, Path("out/log.txt").read_text()):
        assert said in " ".join(text.split())


def test_quiet_leaves_the_result(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake_training(monkeypatch)
    sweep("seed=1,2", "quiet=true")
    out = capsys.readouterr().out
    assert "2 jobs, 0 failed" in out
    assert "#0" not in out.partition("2 jobs, 0 failed")[0]


MISTAKES = {
    "optimizer.lr=0.1,fast,-1": [
        "'fast' is not a number above 0 (command line: optimizer.lr",
        "-1 is not a number above",
    ],
    "optimizer=adam,sdg": ["optimizer: unknown optimizer 'sdg'; did you mean 'sgd'?"],
    "optimizer=adam,sgd optimizer.nesterov=true": ["optimizer.nesterov: optimizer adam has no setting 'nesterov'"],
    "optimizer=sgd optimizer.momentum=0,0.9 optimizer.nesterov=true,false seed=1,2": ["optimizer.nesterov: "],
    "config=mine.yaml,digts": [
        "config: there is no recipe 'digts'; did you mean 'digits'? (recipes: ",
        "or a YAML file of your own) (command line: config=mine.yaml,digts)",
    ],
    "config=mine.yaml,mien": ["config: there is no recipe 'mien'; did you mean 'mine'?"],
    "optimizer=glob(x*)": ["optimizer: no name matches (choices: adadelta, "],
    "seed=glob(*)": ["seed: no name matches (glob() chooses among recipes or a group's options)"],
    "seed=1,2 model.dropout=3": ["model.dropout: 3 is not a number"],
    "seed=1,2 epoch=3,4": ["epoch: there is no such section or setting; did you mean 'epochs'?"],
    "lr=0.1,0.2": ["lr: there is no such section or setting; did you mean 'optimizer.lr'?"],
    "optimizer.lrr=range(3)": ["optimizer.lrr: optimizer adam has no setting 'lrr'; did you mean 'optimizer.lr'?"],
    "seed=1": ["-m: nothing varies; give a setting several values (optimizer.lr=0.01,0.001, seed=range(3)"],
    "seed=1,2 seed=3": ["-m: nothing varies (seed=1,2 does not count: seed=3 stands after it); give a setting several"],
    "seed=range(3,3)": ["seed: range(3,3) has no values: it ends where it begins"],
    "optimizer.lr=0.1,,0.2": ["optimizer.lr: 0.1,,0.2 cannot be read: a value is missing after '0.1,' (command line"],
    "optimizer.lr=[0.1,0.2]": ["; a list in brackets is one value: a sweep is written optimizer.lr=0.1,0.2 -m (comm"],
    "grow=none,depth": [
        "grow: is a sweep by itself, and cannot be swept; give one value, without -m (command line: gr"
    ],
    "search.optimizer.lr=interval(0.1,1)": [
        "search.optimizer.lr: on the command line write the setting itself: optimizer.lr=interval(...) (command line: "
    ],
    "search.space.optimizer.lr=interval(0.1,1)": [
        "write the setting itself: optimizer.lr=interval(...) (command line: "
    ],
    "search.n_trials=interval(1,3) seed=1,2": ["search.n_trials: a sweep has one search; give one value (command line"],
    "optimizer.lr=0.1,1 search.sampler=grid hydra/sweeper=optuna": [
        "search.sampler: a grid is tried by hydra/sweeper=basic, the default; leave out hydra/sweeper=optuna (command "
    ],
    "search={space:{optimizer.lr:intervall(0,1)}}": [
        "there is no function 'intervall'; did you mean 'interval(LOW, HIGH)'? (functions: choice, ",
        "tag) (command line: search={space:{optimizer.lr:intervall(0,1)}})",
    ],
    "run_dir=a,b": [
        "run_dir: is the folder of the whole sweep, and cannot be swept; name one; a comma in its name needs quotes: "
        "run_dir=\"'a,b'\" (command line: run_dir=a,b)"
    ],
    "run_dir=choice(a,b) seed=1,2": [
        "run_dir: is the folder of the whole sweep, and cannot be swept; name one (command "
    ],
    "run_dir=range(2)": ["run_dir: is the folder of the whole sweep, and cannot be swept"],
    "search.n_trials=3": ["search: there is nothing to search; name settings and their values"],
    "seed=range(1000) batch_size=range(1,1001)": [
        "-m: 1,000 of seed x 1,000 of batch_size are 1,000,000 jobs, and a grid has 100,000 at most; draw from them by "
        "hydra/sweeper=optuna search.n_trials=..."
    ],
    "data=iris,wine": [
        "data: unknown data 'wine'; it is a data set: write data=bundled data.dataset=wine (command line"
    ],
    "optimizer.lr=interval(0.1,1) hydra/sweeper=basic": [
        "optimizer.lr: interval(0.1,1) is drawn from, and a grid has listed values; leave out hydra/sweeper=basic, or "
        "write choice(...) or range(...) (command line: optimizer.lr=interval(0.1,1))"
    ],
    "seed=1,2 hydra.nope=3": [
        "hydra.nope: Hydra has no such setting (a sweep is set up by hydra.launcher and hydra.sweep"
    ],
    "seed=1,2 hydra.launchr.workers=2": [
        "hydra.launchr: Hydra has no such setting; did you mean 'hydra.launcher'? (comma"
    ],
    "seed=1,2 hydra/lancher=basic": ["hydra/lancher: Hydra has no such group; did you mean 'hydra/launcher'? (command"],
    "seed=1,2 hydra/launcher=joblib": ["hydra/launcher: unknown launcher 'joblib'; here it is called 'parallel'"],
    "seed=1,2 hydra/launcher=basic,parallel": ["hydra/launcher: a sweep has one launcher; give one name (basic, "],
    "seed=1,2 hydra.sweep.subdir=x": ["hydra.sweep.subdir=x: a folder is chosen by run_dir=..."],
    "seed=1,2 hydra.sweep.dir=x": ["hydra.sweep.dir=x: a folder is chosen by run_dir=..."],
    "seed=1,2 hydra/launcher=nope": ["hydra/launcher: unknown launcher 'nope'"],
    "seed=1,2 hydra/launcher=parallel hydra.launcher.workers=0": [
        "hydra.launcher.workers: 0 is not a whole number of at least 1 or null (command line: hydra.launcher.workers=0)"
    ],
    "seed=1,2 hydra/launcher=parallel hydra.launcher.workers=two": [
        "hydra.launcher.workers: 'two' is not a whole number of at least 1 or null"
    ],
    "seed=1,2 hydra.launcher=basic": ["hydra.launcher: a launcher is chosen by hydra/launcher=basic (command"],
    "seed=1,2 hydra.launcher.workers=1,2": ["hydra.launcher.workers: 1,2 are several values; a sweep is set up once"],
    "seed=1,2 hydra.launcher.workers=[": ["hydra.launcher.workers: [ cannot be read: '[' is not closed"],
    "optimizer.lr=interval(0.1,1) hydra.sweeper.n_trials=0": [
        "search.n_trials: 0 is not a whole number of at least 1 (command line: hydra.sweeper.n_trials=0)"
    ],
    "seed=1,2 hydra.launcher._target_=os.system": ["'_target_' is refused"],
    "model.activation={_target_:a},relu": ["model.activation: is refused"],
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_in_any_combination_is_said_before_anything_runs(
    words: str, cwd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher = [] if "launcher" in words else [HERE]
    assert main(["fit", "config=mine.yaml", *shlex.split(words), *launcher, "-m"]) == 2
    said = capsys.readouterr().err.splitlines()
    for message in MISTAKES[words]:
        assert any(message in line for line in said), said
    assert not list(cwd.glob("runs/*/*"))


def test_every_value_out_of_range_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["optimizer.lr=-1,0.1,-2", "model.dropout=0.1,7", "epochs=0,1"]
    assert main(["fit", "config=mine.yaml", *words, HERE, "-m"]) == 2
    said = capsys.readouterr().err
    assert all(f"{key}: {value} is not" in said for key, value in (("optimizer.lr", -1), ("optimizer.lr", -2)))
    assert "model.dropout: 7 is not" in said
    assert "epochs: 0 is not" in said
    assert "nntrain: 4 mistakes; nothing was run" in said


def test_a_disk_that_is_full_for_a_while_ends_no_sweep(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran, write = fake_training(monkeypatch), sweeps.write_json

    def refusing(path: Path, value: Any) -> None:
        if len(ran) < 3:
            raise WriteError("the disk is full")
        write(path, value)

    monkeypatch.setattr(sweeps, "write_json", refusing)
    status, found = sweep("seed=range(3)")
    assert (status, len(found["jobs"])) == (0, 3)
    assert capsys.readouterr().out.count("the disk is full; the sweep goes on") == 1


def test_a_disk_that_stays_full_leaves_the_table_and_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusing(path: Path, value: Any) -> None:
        raise WriteError(f"cannot write {path.name}: the disk is full")

    fake_training(monkeypatch, lambda job: Outcome(1, 2, "no space") if job.number == 1 else None)
    monkeypatch.setattr(sweeps, "write_json", refusing)
    assert main(["fit", "config=mine.yaml", "seed=1,2", "run_dir=out", HERE, "-m"]) == 2
    out, err = capsys.readouterr()
    assert "2 jobs, 1 failed" in out
    said = "cannot write sweep.json: the disk is full; nntrain fit resume=out writes what is missing of the report"
    assert said in " ".join(out.split())
    assert err == "nntrain: some jobs failed; run them again with: nntrain fit resume=out\n"


def test_a_search_whose_next_jobs_cannot_be_written_down_says_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusing(*_: object) -> None:
        raise WriteError("cannot write jobs.jsonl: the disk is full")

    fake_training(monkeypatch)
    monkeypatch.setattr(sweeps, "add_jobs", refusing)
    search = ["optimizer.lr=interval(0.01,1)", "search.n_trials=3", "search.batch=1"]
    assert main(["fit", "config=mine.yaml", *search, "run_dir=out", HERE, "-m"]) == 2
    out, err = capsys.readouterr()
    assert "note  cannot write jobs.jsonl: the disk is full" in out
    assert "1 of " in out
    assert err == "nntrain: stopped; go on with: nntrain fit resume=out\n"


def test_a_job_that_fails_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    status, found = sweep("optimizer=sgd", "optimizer.lr=0.1,1e30,0.01", "epochs=2")
    assert status == 2
    assert [job["status"] for job in found["jobs"]] == [0, 2, 0]
    assert "is not finite" in found["jobs"][1]["error"]
    out, err = capsys.readouterr()
    assert "3 jobs, 1 failed" in out
    assert "#1  optimizer.lr=1e+30  failed: " in out
    assert err == "nntrain: some jobs failed; run them again with: nntrain fit resume=out\n"


def test_a_fault_of_ours_in_a_job_leaves_its_traceback(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nntrain.verbs.fit as verb

    real = verb.fit

    def broken(config: Any, *rest: Any) -> Any:
        if config["seed"] == 1:
            raise ZeroDivisionError("a bug")
        return real(config, *rest)

    monkeypatch.setattr(verb, "fit", broken)
    status, found = sweep("seed=1,2", "optimizer=sgd", "optimizer.lr=0.1,1e30", "epochs=2")
    assert status == 1  # a fault of ours weighs more than a mistake
    assert [job["status"] for job in found["jobs"]] == [1, 1, 0, 2]
    assert found["jobs"][0]["error"].startswith("ZeroDivisionError: a bug; see ")
    assert "Traceback" in (cwd / "out" / "0" / "traceback.txt").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_jobs_leave_nothing_in_memory(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nntrain.sweep.workers.work as work

    resident, tensors, files = [], [], []  # before each job
    real = work.train_alone

    def watched(job: Job, *rest: Any) -> Outcome:
        resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        tensors.append(sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects()))
        files.append(len(list(Path("/proc/self/fd").iterdir())))
        return real(job, *rest)

    monkeypatch.setattr(work, "train_alone", watched)
    status, _ = sweep("seed=range(6)", "model.widths=[64,64],[32]")
    assert status == 0
    assert max(tensors[2:]) <= tensors[2]
    assert max(files[2:]) <= files[2]
    assert max(resident[6:]) - resident[6] < 8e6  # of networks of 20 kB and their data


def test_a_launcher_of_others_runs_a_job_by_calling_the_sweep(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hydra._internal.core_plugins.basic_launcher import BasicLauncherConf

    ran = fake_training(monkeypatch)
    monkeypatch.setattr("nntrain.sweep.plugins.LAUNCHERS", {"theirs": BasicLauncherConf})
    assert main(["fit", "config=mine.yaml", "optimizer.lr=1,2,1", "run_dir=out", "hydra/launcher=theirs", "-m"]) == 0
    assert ran == [0, 1]
    assert json.loads(Path("out/sweep.json").read_text())["best"] == 0


def test_a_launcher_of_others_that_sends_the_sweep_away_is_refused(cwd: Path) -> None:
    sweep = Sweep(Manifest((), str(cwd), {}, {}), set(), lambda: cwd, [], Board(), Workers(print, print), ExitStack())
    with pytest.raises(UserError, match=r"takes the sweep itself to other processes"):
        pickle.dumps(sweep)


def test_a_job_that_fails_says_why_in_its_folder(cwd: Path) -> None:
    status, found = sweep("optimizer=sgd", "optimizer.lr=0.1,1e30", "epochs=2")
    assert status == 2
    assert [job["status"] for job in found["jobs"]] == [0, 2]
    for job in found["jobs"][1:]:
        log = (cwd / "out" / str(job["job"]) / "log.txt").read_text()
        assert log.endswith(f"failed: {job['error']}\n")
    assert json.loads((cwd / "out" / "1" / "result.json").read_text())["checkpoint"] is None


def test_all_that_was_said_is_in_the_log(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep("optimizer=sgd", "optimizer.lr=0.1,1e30,0.1", "epochs=2")
    out, err = capsys.readouterr()
    log = (cwd / "out" / "log.txt").read_text()
    shown = (out + err.removeprefix("nntrain: ")).splitlines()  # where the reason of a job that failed is cut
    assert all(whole.startswith(line.removesuffix("…")) for line, whole in zip(shown, log.splitlines(), strict=True))
    assert "identical to another" in log
    assert "2 / 2  #1  optimizer.lr=1e+30  failed: " in log


NAMES = {"name=boom": "boom", "name=boom,boom": "boom", "name=a,b": "mine", "name=null": "mine", "seed=3": "mine"}


@pytest.mark.parametrize("word", NAMES)
def test_the_folder_has_the_name_that_all_jobs_share(cwd: Path, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(monkeypatch)
    main(["fit", "config=mine.yaml", word, "optimizer.lr=1,2", HERE, "-m"])
    assert [folder.name for folder in (cwd / "runs").iterdir()] == [NAMES[word]]


HYDRA = {
    "hydra/launcher=basicc": "hydra/launcher: unknown launcher 'basicc'; did you mean 'basic'? (choices: ",
    "hydra/sweeper=optunaa": "hydra/sweeper: unknown sweeper 'optunaa'; did you mean 'optuna'? (choices: ",
    "hydra.launcher.worker=2": (
        "hydra.launcher.worker: unknown setting of hydra/launcher=stacked 'worker'; did you mean 'workers'? "
        "(choices: workers) (command line: hydra.launcher.worker=2)"
    ),
    "hydra.launcher.workers.most=2": "hydra.launcher.workers.most: workers is one value and has no settings of its own",
    "hydra.launcher.foo.bar=2": "hydra.launcher.foo.bar: unknown setting of hydra/launcher=stacked 'foo'",
    "hydra.sweeper.seed=2": "hydra.sweeper.seed: hydra/sweeper=basic has no settings (command line: ",
}


@pytest.mark.parametrize("verb", ["fit", "check"])
@pytest.mark.parametrize("word", HYDRA)
def test_a_launcher_or_sweeper_that_is_misspelt(word: str, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "config=mine.yaml", "seed=1,2", word, "-m"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"nntrain: {HYDRA[word]}")
    assert err.count("\n") == 1


EMPTY = {
    "seed=choice()": "nntrain: seed: choice() has no values (command line: seed=choice())\n",
    "seed=": "nntrain: seed: '' is not a whole number",
}


@pytest.mark.parametrize("word", EMPTY)
def test_a_word_without_a_value_is_one_mistake(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "config=mine.yaml", word, HERE, "-m"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(EMPTY[word])
    assert err.count("\n") == 1


@pytest.mark.parametrize("place", ["check_sweep", "_by_hydra"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_nothing_trains(
    number: int, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch)
    monkeypatch.setattr(f"nntrain.sweep.multirun.{place}", lambda *_, **__: os.kill(os.getpid(), number))
    assert main(["fit", "config=mine.yaml", "seed=1,2", "run_dir=out", HERE, "-m"]) == 128 + number
    assert capsys.readouterr().err == "nntrain: interrupted\n"


def signals_in_the_report(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    def draw(*_: object) -> None:
        for number in numbers:
            os.kill(os.getpid(), number)

    monkeypatch.setattr("nntrain.sweep.told.plots.draw", draw)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_report(
    number: int, cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch)
    signals_in_the_report(monkeypatch, number, number)  # GNU timeout sends each of its own twice
    assert sweep("seed=1,2")[0] == 128 + number
    assert {path.name for path in (cwd / "out").iterdir()} >= {"sweep.json", "sweep.csv", "best.safetensors"}
    out, err = capsys.readouterr()
    assert "model   out/best.safetensors" in out
    assert err == "nntrain: interrupted when the jobs had ended; the report of the sweep is complete\n"


def test_a_signal_in_the_report_of_a_sweep_that_one_has_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch, lambda job: Outcome(1, 143, SAVED) if job.number == 1 else None)
    signals_in_the_report(monkeypatch, signal.SIGTERM)
    assert sweep("seed=1,2,3")[0] == 143
    said = "nntrain: stopped, the states are saved; go on with: nntrain fit resume=out\n"
    assert capsys.readouterr().err == said


def test_a_later_signal_ends_the_report_and_resume_writes_it(
    cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch)
    monkeypatch.setattr("nntrain.sweep.interrupted.SAME_ASK", -1.0)
    signals_in_the_report(monkeypatch, signal.SIGINT, signal.SIGINT)
    assert sweep("seed=1,2")[0] == 130
    assert capsys.readouterr().err == (
        "nntrain: interrupted while the report of the sweep was written; go on with: nntrain fit resume=out\n"
    )
    signals_in_the_report(monkeypatch)
    assert main(["fit", "resume=out"]) == 0
    assert "model   out/best.safetensors" in capsys.readouterr().out
