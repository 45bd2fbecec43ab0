"""`grow=depth` and `grow=width`: which runs there are, when they end, what is kept, said and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from fakes import fake_training

import nntrain
from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.record.files import write_json
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome, finished

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, depth: 2, width: 4}\nepochs: 1\nseed: 5\n"
VAL = {1: 0.5, 2: 0.3, 3: 0.4, 4: 0.45, 5: 0.44, 6: 0.2}  # by depth
Loss = Callable[[Job], float | None]


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def by_depth(job: Job) -> float | None:
    """Worse by a little with every seed."""
    return VAL[job.config["model"]["depth"]] + 0.001 * job.config["seed"]


def trains(monkeypatch: pytest.MonkeyPatch, val: Loss = by_depth) -> list[int]:
    """Let jobs end with a validation loss, and a training loss of half of it, or fail where there is none; the numbers
    of those that ran, as they do."""

    def how(job: Job) -> Outcome:
        value = val(job)
        if value is None:
            return Outcome(job.number, 2, "too small for so many layers")
        scores = {"train": {"loss": value / 2}, "val": {"loss": value}, "test": None}
        result: dict[str, Any] = {"monitor": "val_loss", "best_epoch": 3, "best_value": value, **scores}
        result |= {"parameters": 10 * job.config["model"]["depth"], "epochs_run": 4, "seconds": 0.1}
        write_json(job.folder / "result.json", result)
        (job.folder / "best.safetensors").write_text(str(job.number))
        return finished(job.number, result)

    monkeypatch.setattr("nntrain.sweep.grow.plot.growth_curves", lambda *_: None)
    return fake_training(monkeypatch, how)


def grow(*words: str, recipe: str = "mine") -> int:
    return main(["fit", f"config={recipe}", *words, "run_dir=out", "hydra/launcher=basic"])


def found() -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(Path("out/sweep.json").read_text())
    return whole


def values() -> list[float]:
    return [step["value"] for step in found()["growth"]["steps"]]


def mistakes(capsys: pytest.CaptureFixture[str], *words: str, recipe: str = RECIPE) -> str:
    Path("mine.yaml").write_text(recipe)
    assert main(["fit", "config=mine.yaml", *words, "run_dir=out"]) == 2
    assert not Path("out").exists()
    return capsys.readouterr().err


def test_a_network_grows_until_validation_has_not_improved_for_patience_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = trains(monkeypatch)
    assert grow("grow=depth") == 0
    assert ran == list(range(12))
    jobs = {job["job"]: job["varied"] for job in found()["jobs"]}
    assert [jobs[0], jobs[1], jobs[11]] == [
        ["model.depth=1", "seed=5"],
        ["model.depth=1", "seed=6"],
        ["model.depth=4", "seed=7"],
    ]
    growth = found()["growth"]
    assert (growth["best"], growth["ended"]) == (2, "2 steps without a better mean on validation")
    assert growth["overfitting_from"] is None  # training got worse as well
    assert growth["steps"][1] == {
        "value": 2,
        "n": 3,
        "train": pytest.approx(0.153),
        "train_std": pytest.approx(0.0005),
        "val": pytest.approx(0.306),
        "val_std": pytest.approx(0.001),
        "parameters": 20,
        "epochs": 3,
        "seconds": pytest.approx(0.1),
    }
    out = capsys.readouterr().out
    assert "growing hidden layers: 4 sizes, 12 runs, 0 failed" in out
    assert "best         2 hidden layers: val loss 0.3060" in out
    assert "nntrain eval out/3" in out


def test_only_steps_that_are_sure_to_be_needed_train_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """With three sizes tried and the second the best, one more is sure to be needed, not two."""
    asked: list[int] = []
    real = nntrain.sweep.sweepers.grow.Grow._ended

    def noted(self: Any, steps: Any, *rest: Any) -> str:
        asked.append(len(steps))
        return real(self, steps, *rest)

    monkeypatch.setattr("nntrain.sweep.sweepers.grow.Grow._ended", noted)
    trains(monkeypatch)
    grow("grow=depth", "grow.seeds=1")
    assert asked == [3, 4]


def test_the_best_run_of_the_best_size_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    lucky = {(3, 6): 0.01}

    def val(job: Job) -> float | None:
        depth, seed = job.config["model"]["depth"], job.config["seed"]
        return lucky.get((depth, seed), {1: 0.5, 2: 0.3, 3: 0.9, 4: 0.9}[depth] - 0.001 * seed)

    trains(monkeypatch, val)
    assert grow("grow=depth") == 0
    assert found()["growth"]["best"] == 2
    assert found()["best"] == 5
    assert Path("out/best.safetensors").read_text() == "5"


def test_seeds_that_are_named_count(monkeypatch: pytest.MonkeyPatch) -> None:
    trains(monkeypatch)
    assert grow("grow=depth", "seed=1,4", "-m") == 0
    assert [job["varied"][1] for job in sorted(found()["jobs"], key=lambda job: job["job"])][:2] == ["seed=1", "seed=4"]
    assert found()["growth"]["steps"][0]["n"] == 2


def test_a_recipe_may_ask_for_it_and_the_command_line_take_it_back(monkeypatch: pytest.MonkeyPatch, cwd: Path) -> None:
    (cwd / "growing.yaml").write_text(f"{RECIPE}grow: {{name: depth, steps: [1, 3, 5], patience: 1, seeds: 2}}\n")
    trains(monkeypatch)
    assert grow(recipe="growing") == 0
    assert values() == [1, 3, 5]
    (cwd / "out").rename("before")
    ran = trains(monkeypatch)
    assert grow("grow=none", "seed=1,2", "-m", recipe="growing") == 0
    assert ran == [0, 1]
    assert "growth" not in found()


def test_a_limit_that_is_reached_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    trains(monkeypatch)
    assert grow("grow=depth", "grow.to=2") == 0
    assert "all sizes were tried, and validation still improved" in capsys.readouterr().out
    assert values() == [1, 2]


def test_what_cannot_be_built_any_larger_is_an_end_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trains(monkeypatch, lambda job: by_depth(job) if job.config["model"]["depth"] < 3 else None)
    assert grow("grow=depth") == 0
    assert found()["growth"]["ended"] == "no network with 3 hidden layers came to an end"
    out, err = capsys.readouterr()
    assert "too small for so many layers" in out
    assert err == ""


def test_where_nothing_can_be_trained_the_growing_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    trains(monkeypatch, lambda job: None)
    assert grow("grow=depth") == 2
    assert found()["growth"]["best"] is None
    assert not Path("out/best.safetensors").exists()


def test_it_is_gone_on_with_and_may_go_further(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(job: Job) -> float | None:
        if job.number == 5:
            raise KeyboardInterrupt
        return by_depth(job)

    trains(monkeypatch, interrupted)
    assert grow("grow=depth") == 130
    ran = trains(monkeypatch)
    assert main(["fit", "resume=out"]) == 0
    assert ran == list(range(5, 12))
    assert values() == [1, 2, 3, 4]
    ran = trains(monkeypatch)
    assert main(["fit", "resume=out"]) == 0
    assert ran == []
    assert capsys.readouterr().out.count("note  out is finished") == 1
    assert main(["fit", "resume=out", "grow.patience=4", "grow.to=6"]) == 0
    assert ran == list(range(12, 18))
    assert found()["growth"]["best"] == 6
    assert "is finished" not in capsys.readouterr().out


def test_check_shows_what_it_would_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "config=mine", "grow=width", "grow.to=16"]) == 0
    out = capsys.readouterr().out
    assert "model.width  choice(4,8,16)" in out
    assert "seed         choice(5,6,7)" in out


REFUSED = {
    "grow=deep": "grow: unknown grow 'deep'; did you mean 'depth'?",
    "grow=depth model=linear": "grow: depth: model linear has no depth to grow (models that have: mlp, cnn, resnet)",
    "grow=depth model.depth=3": "model.depth: is what grow=depth finds; say where it starts and ends: grow.from=... ",
    "grow=depth model.depth=1,2 -m": "model.depth: grow=depth has sizes of its own: grow.from=... and grow.to=..., or ",
    "grow=depth optimizer.lr=0.1,0.2": "optimizer.lr: grow=depth varies size and seed alone; give one value",
    "grow=depth,width -m": "grow: one thing is grown at a time; give one value",
    "grow=depth seed=interval(1,3)": "seed: write the seeds one by one, or as range(5)",
    "grow=depth seed=1,2 grow.seeds=3": "grow.seeds: stands beside seed=..., which names the seeds; leave one of them",
    "grow=depth search.n_trials=3": "search.n_trials: sets up a search, and grow=depth is none; leave one of them out",
    "grow=depth hydra/sweeper=optuna": "hydra/sweeper=optuna: grow=depth has a sweeper of its own; leave one of them",
    "hydra/sweeper=grow seed=1,2 -m": "hydra/sweeper=grow: is chosen by grow=depth or grow=width",
    "grow=depth model.widths=[4,4]": "model.widths: gives the width of every layer, which grow=depth changes; leave it",
    "grow=depth grow.from=12": "grow: there are no two sizes of model.depth up to grow.to=10; raise it, or ",
    "grow=depth grow.from=3 grow.to=2": "grow.to: 2 is not above grow.from=3; there is nothing to grow to",
    "grow=depth grow.steps=[2,1]": "grow.steps: [2, 1] do not grow; write them from the smallest to the largest",
    "grow=depth grow.steps=[1,2] grow.to=3": "grow.to: stands beside grow.steps, which names every step; leave one of ",
    "grow=depth grow.factor=3": "grow.factor: grow depth has no setting 'factor'; grow width has it",
    "grow=width grow.from=0": "grow.from: 0 is no width, and doubles to 0; start from 1 or more",
    "grow=width grow.factor=1": "grow.factor: 1 is not a number of at least 1.1",
    "grow=depth grow.from=1.5": "grow: with 1.5 hidden layers: model.depth: 1.5 is not a whole number of at least 0",
    "grow=depth model.dropout=[0.1,0.2]": "grow: with 1 hidden layer: model.dropout: 2 entries for 1 hidden layer; ",
    "grow=depth data.dataset=irish": "data.dataset: unknown data set 'irish'; did you mean 'iris'?",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_grown_is_said_before_anything_runs(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert mistakes(capsys, *words.split()).startswith(f"nntrain: {REFUSED[words]}")


def test_a_size_to_start_from_is_proposed_where_it_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    said = mistakes(capsys, "grow=depth", "model.residual=true")
    assert said.startswith("nntrain: grow: with 1 hidden layer: model.residual: needs at least 2 hidden layers")
    assert said.endswith("; start from a larger one: grow.from=2\n")


def test_steps_of_a_recipe_give_way_only_where_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    said = mistakes(capsys, "grow.to=4", recipe=f"{RECIPE}grow: {{name: depth, steps: [1, 2]}}\n")
    assert said.startswith("nntrain: grow.to: has no effect beside the recipe's grow.steps; add grow.steps=null")


def test_another_sweep_is_not_mixed_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    trains(monkeypatch)
    assert grow("grow=depth") == 0
    assert main(["fit", "resume=out", "grow.from=2"]) == 2
    assert "grow.from=2: a resumed sweep runs the jobs that it was started with" in capsys.readouterr().err


def test_python_is_told_that_it_is_many_runs() -> None:
    with pytest.raises(UserError, match="grow: depth is a sweep over many runs, which is started on the command line"):
        nntrain.fit("mine", "grow=depth")


def test_networks_of_a_size_really_train(cwd: Path) -> None:
    assert grow("grow=width", "grow.steps=[2,4]", "grow.seeds=2", "model.depth=1", "batch_size=64") == 0
    growth = found()["growth"]
    assert [step["n"] for step in growth["steps"]] == [2, 2]
    assert all(step["train"] > 0 and step["val"] > 0 for step in growth["steps"])
    assert (cwd / "out" / "plots" / "growth.png").stat().st_size > 5000
    assert main(["eval", "out"]) == 0


def test_folds_are_shared_by_the_sizes_as_seeds_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One fold is far harder than the others, so that means alone tell nothing; on each of them 2 layers are better."""

    def how(job: Job) -> Outcome:
        losses = [VAL[job.config["model"]["depth"]] + easy for easy in (0.0, 0.1, 2.0, 0.2)]
        common: dict[str, Any] = {"monitor": "val_loss", "epochs_run": 4, "seconds": 0.1, "test": None}
        for i, loss in enumerate(losses):
            part = {"best_epoch": i, "best_value": loss, "train": {"loss": loss}, "val": {"loss": loss}}
            write_json(job.folder / f"fold_{i}" / "result.json", {**common, **part})
        mean = {"loss": fmean(losses)}
        result = {**common, "folds": 4, "best_epoch": None, "best_value": mean["loss"], "train": mean, "val": mean}
        result["checkpoint"] = str(job.folder / "fold_0" / "best.safetensors")
        Path(result["checkpoint"]).touch()
        write_json(job.folder / "result.json", result)
        return finished(job.number, result)

    monkeypatch.setattr("nntrain.sweep.grow.plot.growth_curves", lambda *_: None)
    fake_training(monkeypatch, how)
    assert grow("grow=depth", "grow.seeds=1", "grow.to=3", "data.folds=4") == 0
    growth = found()["growth"]
    assert [(step["n"], step["epochs"]) for step in growth["steps"]] == [(4, 1.5)] * 3
    assert (growth["best"], growth["smallest_alike"], growth["training_worse_from"]) == (2, 2, 3), "all are told apart"
    out = capsys.readouterr().out
    assert "hidden layers  folds  train loss" in out
    assert "a single seed cannot tell" not in out
