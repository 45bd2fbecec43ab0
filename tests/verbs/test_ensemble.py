"""Networks that differ by seed, in one model file: the mean of their predictions, and how far they disagree."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from lab import TINY, Lab
from numpy.typing import NDArray
from safetensors import safe_open

from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.opening import load
from nntrain.predictor import Predictor
from nntrain.stack.trainer import StackedTrainer
from nntrain.training.checkpoint import ENSEMBLE, load_model, save_model
from nntrain.training.diagnose import NonFiniteError
from nntrain.verbs.check import check_words
from nntrain.verbs.evaluate import evaluate_words
from nntrain.verbs.predict import predict_words
from nntrain.verbs.run import Run

INPUTS = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)


THREE = ("ensemble=3", "epochs=2")
ALONE = ("model.lr_decay=0.9",)  # by which members train one after another


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, Run]:
    """An ensemble of three, for tests that change nothing of it, and what was said as it trained."""
    folder = tmp_path_factory.mktemp("three")
    (folder / "tiny.yaml").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        lab = Lab(folder)
        return lab, lab.fit(*THREE)


@pytest.fixture
def three(shared: tuple[Lab, Run]) -> Run:
    return shared[1]


def members(run: Run) -> list[Predictor]:
    return [load(folder) for folder in sorted(run.dir.glob("member_*"))]


def probabilities(run: Run) -> NDArray[Any]:
    """Of each member's own file, [M, N, K]."""
    return np.stack([member.probabilities(INPUTS) for member in members(run)])


def entropy(p: NDArray[Any]) -> NDArray[Any]:
    return -(p * np.log(p)).sum(-1)


def test_each_member_is_the_run_that_its_own_config_repeats(lab: Lab, three: Run) -> None:
    own = [json.loads((three.dir / f"member_{i}" / "result.json").read_text()) for i in range(3)]
    assert len({result["val"]["loss"] for result in own}) == 3
    names = {path.name for path in (three.dir / "member_1").iterdir()}
    assert {"best.safetensors", "config.yaml", "environment.json", "last", "log.txt", "metrics.csv"} < names
    saved = yaml.safe_load((three.dir / "member_1/config.yaml").read_text())
    alone = lab.fit(f"seed={saved['seed']}", f"epochs={saved['epochs']}")
    assert alone.result["test"] == pytest.approx(own[1]["test"], rel=1e-4)
    assert {load(three.dir / f"member_{i}").fingerprint for i in range(3)} == {load(three.dir).fingerprint}


def test_the_members_of_a_smaller_ensemble_are_among_those_of_a_larger(lab: Lab, three: Run) -> None:
    two = lab.fit("ensemble=2", "epochs=2")
    other = lab.fit("ensemble=2", "epochs=1", "seed=1")
    seeds = [[member["seed"] for member in load_model(run.best)[1]["members"]] for run in (three, two, other)]
    assert seeds[0][:2] == seeds[1]
    assert not {*seeds[0], 0, 1} & {*seeds[2]}


def test_it_predicts_the_mean_of_its_members(three: Run) -> None:
    model, own = load(three.dir), probabilities(three)
    assert model.members == 3
    np.testing.assert_allclose(model.each(INPUTS), own, rtol=1e-6)
    np.testing.assert_allclose(model.probabilities(INPUTS), own.mean(0), rtol=1e-6)
    assert (model.predict(INPUTS) == np.array(["0", "1", "2"])[own.mean(0).argmax(1)]).all()
    assert repr(model).endswith("ensemble of 3 mlp on cpu; predicts one of 3 classes (0, 1, 2)")


def test_how_far_they_disagree(three: Run) -> None:
    own, found = probabilities(three), load(three.dir).uncertainty(INPUTS)
    assert set(found) == {"std", "entropy", "mutual_information"}
    np.testing.assert_allclose(found["std"], own.std(0), atol=1e-6)
    np.testing.assert_allclose(found["entropy"], entropy(own.mean(0)), rtol=1e-4)
    shared = entropy(own.mean(0)) - entropy(own).mean(0)
    np.testing.assert_allclose(found["mutual_information"], shared, atol=1e-5)
    assert shared.max() > 1e-3


def test_a_mean_of_values_is_in_the_targets_own_unit(lab: Lab) -> None:
    run = lab.fit("ensemble=2", "data.dataset=linear", "data.features=2", "epochs=1")
    own = np.stack([member.predict(INPUTS) for member in members(run)])
    model = load(run.dir)
    np.testing.assert_allclose(model.predict(INPUTS), own.mean(0))
    np.testing.assert_allclose(model.uncertainty(INPUTS)["std"], own.std(0))
    split = load_split(run, "test")
    values = split.targets[:, 0].double() * model.task.scale[0] + model.task.center[0]
    found = np.mean([member.mean_prediction(split.inputs)[:, 0].numpy() for member in members(run)], 0)
    assert run.result["test"]["rmse"] == pytest.approx(float(np.sqrt(((found - values.numpy()) ** 2).mean())))
    assert run.result["test"]["loss"] == pytest.approx(
        (run.result["test"]["rmse"] / model.task.scale[0]) ** 2, rel=1e-5
    )


def load_split(run: Run, name: str) -> Any:
    from nntrain.builders import load_data

    return getattr(load_data(yaml.safe_load((run.dir / "config.yaml").read_text())), name)


def test_the_result_is_that_of_the_mean_beside_that_of_the_mean_member(three: Run) -> None:
    result = json.loads((three.dir / "result.json").read_text())
    own = [json.loads((three.dir / f"member_{i}" / "result.json").read_text()) for i in range(3)]
    assert result == three.result
    assert set(result) - set(own[0]) == {"ensemble", "members"}
    assert (result["ensemble"], result["best_epoch"], result["stop_reason"]) == (3, None, "all 3 members done")
    assert result["parameters"] == 3 * own[0]["parameters"]
    assert result["epochs_run"] == 6
    split = load_split(three, "val")
    p = np.mean([member.mean_prediction(split.inputs).numpy() for member in members(three)], 0)
    nll = float(-np.log(p[np.arange(len(p)), split.targets.numpy()]).mean())
    assert result["best_value"] == result["val"]["loss"] == pytest.approx(nll, rel=1e-5)
    assert result["val"]["accuracy"] == (p.argmax(1) == split.targets.numpy()).mean()
    assert result["val"]["log_loss"] < mean(one["val"]["log_loss"] for one in own)  # -log is convex
    for name in own[0]["test"]:
        values = [one["test"][name] for one in own]
        assert result["members"]["test"][name] == pytest.approx(mean(values))
        assert result["members"]["test_std"][name] == pytest.approx(stdev(values))


def test_the_screen_shows_both(shared: tuple[Lab, Run]) -> None:
    lab, run = shared
    said = lab.said.getvalue()
    assert "3 x mlp 2-8-3, 153 parameters" in said
    table = said.partition("ensemble of 3 networks")[2].splitlines()
    assert table[1].split() == ["val", "mean", "member", "test", "mean", "member"]
    assert [table[2].split()[i] for i in (0, 3, 7)] == ["loss", "±", "±"]
    assert f"nntrain eval {run.dir.relative_to(lab.folder)}" in said
    assert said.count("nntrain eval") == 1, "what to do next is said once, of the whole"
    epochs = said.partition("samples/s")[2].splitlines()[1:3]
    losses = [row["train_loss"] for row in run.metrics]
    assert [float(line.split()[1]) for line in epochs] == pytest.approx(losses, abs=1e-4)


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


def test_metrics_csv_is_the_mean_over_the_members_that_still_train(lab: Lab) -> None:
    stops = ["early_stopping.patience=1", "early_stopping.min_delta=0.05", "epochs=12"]
    run = lab.fit("ensemble=3", "optimizer.lr=0.1", *stops)
    rows = [table(run.dir / f"member_{i}") for i in range(3)]
    assert len({len(one) for one in rows}) > 1, "early stopping is each member's own"
    whole = table(run.dir)
    assert [int(row["epoch"]) for row in whole] == list(range(1, max(map(len, rows)) + 1))
    last = [one[-1] for one in rows if len(one) == len(whole)]
    assert int(whole[-1]["members"]) == len(last)
    assert float(whole[-1]["val_loss"]) == pytest.approx(mean(float(row["val_loss"]) for row in last))
    assert float(whole[0]["train_loss"]) == pytest.approx(mean(float(one[0]["train_loss"]) for one in rows))
    assert run.metrics == [{key: float(value) for key, value in row.items()} for row in whole]


CASES = {
    "three classes": [],
    "two classes": ["data.dataset=moons", "data.classes=2"],
    "weighted classes": ["loss.class_weights=balanced", "data.samples=121", "model.norm=batch"],
    "bf16": ["precision=bf16"],
}


@pytest.mark.parametrize("words", CASES.values(), ids=CASES)
def test_eval_gives_the_very_figures_of_fit(lab: Lab, words: list[str]) -> None:
    run = lab.fit("ensemble=2", "epochs=1", *words)
    for split in ("train", "val", "test"):
        said = evaluate_words({"checkpoint": str(run.dir), "split": split}, io.StringIO())
        assert said["metrics"] == run.result[split]
        assert said["members"] == 2


def test_eval_says_what_it_is_of(three: Run) -> None:
    said = io.StringIO()
    evaluate_words({"checkpoint": str(three.dir)}, said)
    assert "ensemble of 3 networks: the metrics are those of their mean prediction" in " ".join(said.getvalue().split())


def test_stopped_and_resumed_it_is_what_it_would_have_been(lab: Lab) -> None:
    through = lab.fit(*THREE, *ALONE)
    stopped = lab.fit(*THREE, *ALONE, stop_at=3)  # in the first member
    again = lab.resume(stopped.dir, stop_at=2)  # which goes on after its step 3, so in the second
    assert (stopped.stopped, again.stopped) == ("stopped", "stopped")
    assert [folder.name for folder in sorted(stopped.dir.glob("member_*"))] == ["member_0", "member_1"]
    resumed = lab.resume(stopped.dir)
    assert all(resumed.result[key] == through.result[key] for key in ("train", "val", "test", "members"))
    (a, _), (b, _) = load_model(resumed.best), load_model(through.best)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_stopped_side_by_side_all_members_go_on(lab: Lab, three: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = StackedTrainer.begin_epoch

    def stopping(self: StackedTrainer) -> None:
        self.stop.signal = 2 if self.members[0].loop.epoch == 2 else None
        begin(self)

    with monkeypatch.context() as patch:
        patch.setattr(StackedTrainer, "begin_epoch", stopping)
        stopped = lab.fit(*THREE)
    assert stopped.stopped
    assert not (stopped.dir / "best.safetensors").exists()
    assert lab.resume(stopped.dir).result["test"] == pytest.approx(three.result["test"], rel=1e-4)


def test_finished_members_are_left_and_one_that_is_missing_is_trained(lab: Lab) -> None:
    run = lab.fit(*THREE)
    kept = (run.dir / "member_0" / "best.safetensors").stat().st_mtime_ns
    shutil.rmtree(run.dir / "member_2")
    assert lab.resume(run.dir).result["test"] == pytest.approx(run.result["test"], rel=1e-4)
    assert (run.dir / "member_0" / "best.safetensors").stat().st_mtime_ns == kept
    lab.said.truncate(0)
    assert lab.resume(run.dir).result["test"] == pytest.approx(run.result["test"], rel=1e-4)
    assert "is finished: all 3 members done; nothing was trained" in " ".join(lab.said.getvalue().split())


def test_more_epochs_are_for_every_member(lab: Lab) -> None:
    longer = lab.resume(lab.fit(*THREE).dir, "epochs=3")
    assert longer.result["epochs_run"] == 9
    assert longer.result["test"] == pytest.approx(lab.fit("ensemble=3", "epochs=3").result["test"], rel=1e-4)


@pytest.mark.parametrize("words", [(), ALONE], ids=["side by side", "one by one"])
def test_a_member_that_is_not_finite_is_named(lab: Lab, words: tuple[str, ...]) -> None:
    with pytest.raises(NonFiniteError, match=r"^member_0: epoch 1, step \d"):
        lab.fit("ensemble=2", "optimizer=sgd", "optimizer.lr=1e30", *words)


def test_a_member_is_no_run_to_go_on_with(three: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", f"resume={three.dir}/member_1"]) == 2
    assert f"member_1 is one member of a run; go on with all of it: nntrain fit resume={three.dir}" in (
        capsys.readouterr().err
    )


def test_ensemble_1_is_a_plain_run(lab: Lab) -> None:
    run = lab.fit("ensemble=1", "epochs=1")
    assert not list(run.dir.glob("member_*"))
    with safe_open(run.best, "pt") as file:
        assert file.metadata()["format"] == "1", "an older nntrain reads it"
    with pytest.raises(UserError, match="is one network, and uncertainty is how far several disagree; train them with"):
        load(run.dir).uncertainty(INPUTS)


def test_the_file_holds_every_member_along_the_first_axis(three: Run) -> None:
    tensors, about = load_model(three.best)
    own, said = load_model(three.dir / "member_1" / "best.safetensors")
    assert all(torch.equal(tensors[name][1], own[name]) for name in own)
    assert about["members"][1] == {"seed": said["config"]["seed"], "best_epoch": 2, "val": said["metrics"]["val"]}
    assert about["metrics"]["test"] == three.result["test"]
    with safe_open(three.best, "pt") as file:
        assert file.metadata()["format"] == "2", "an older nntrain says that it is too new"


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_file_that_lists_other_members_than_it_has_is_damaged(three: Run, tmp_path: Path, count: int) -> None:
    tensors, about = load_model(three.best)
    save_model(tmp_path / "odd.safetensors", tensors, {**about, "members": [{}] * count}, ENSEMBLE)
    with pytest.raises(UserError, match=f"is damaged: it lists {count} members, and its weights are not of so many"):
        load(tmp_path / "odd.safetensors")


@pytest.fixture
def rows(lab: Lab) -> Path:
    rng = np.random.default_rng(0)
    lines = [f"{a:.4f},{b:.4f},{'yes' if a + b > 0 else 'no'},{2 * a:.4f}" for a, b in rng.normal(size=(60, 2))]
    (lab.folder / "rows.csv").write_text("\n".join(["a,b,kind,size", *lines]) + "\n")
    return lab.folder / "rows.csv"


COLUMNS = {
    "kind": ["prediction", "p_no", "p_yes", "std_no", "std_yes", "entropy", "mutual_information"],
    "size": ["prediction", "std"],
    "[size,b]": ["prediction_size", "prediction_b", "std_size", "std_b"],
}


@pytest.mark.parametrize("target", COLUMNS)
def test_predictions_come_with_their_uncertainty(lab: Lab, rows: Path, target: str) -> None:
    run = lab.fit("ensemble=2", "epochs=1", "data=table", f"data.path={rows}", f"data.target={target}")
    said = io.StringIO()
    result = predict_words({"checkpoint": str(run.dir), "input": "rows.csv", "output": "out.csv"}, said)
    frame, model = pl.read_csv("out.csv"), load(run.dir)
    assert frame.columns == COLUMNS[target]
    assert result["members"] == 2
    assert "ensemble  each prediction is the mean of 2 networks" in said.getvalue()
    found = model.uncertainty(rows)
    spread = frame.select(pl.col("^std.*$")).to_numpy()
    np.testing.assert_allclose(spread, found["std"].reshape(spread.shape), rtol=1e-5, atol=1e-7)
    if target == "kind":
        np.testing.assert_allclose(frame["p_yes"], model.probabilities(rows)[:, 1], rtol=1e-6)
        np.testing.assert_allclose(frame["mutual_information"], found["mutual_information"], atol=1e-7)


def test_labels_have_a_deviation_each(lab: Lab) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{a:.3f},{b:.3f},{int(a > 0)},{int(b > 0)}" for a, b in rng.normal(size=(60, 2))]
    (lab.folder / "labels.csv").write_text("\n".join(["a,b,one,two", *lines]) + "\n")
    data = ["data=table", f"data.path={lab.folder}/labels.csv", "data.target=[one,two]", "data.task=multilabel"]
    run = lab.fit("ensemble=2", "epochs=1", *data)
    own = np.stack([member.probabilities("labels.csv") for member in members(run)])
    found = load(run.dir).uncertainty("labels.csv")
    assert set(found) == {"std"}
    np.testing.assert_allclose(found["std"], own.std(0), atol=1e-6)
    predict_words({"checkpoint": str(run.dir), "input": "labels.csv", "output": "out.csv"}, io.StringIO())
    assert pl.read_csv("out.csv").columns == ["prediction", "p_one", "p_two", "std_one", "std_two"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data.folds=5"], r"ensemble: 8 networks learn from one training split, and data.folds=5 makes 5 of them"),
        (["objective=denoising"], r"gives these; set it to 1, or learn targets: .* with pretrain=denoising before it"),
        (["ensemble=0"], r"ensemble: 0 is not a whole number from 1 to 1000 \(command line: ensemble=0\)"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(lab: Lab, words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        lab.config("ensemble=8", *words)


def test_an_ensemble_is_no_source_of_weights(lab: Lab, three: Run) -> None:
    with pytest.raises(UserError, match=r"model.init_from: .* ensemble of 3 networks; take one of them: .*member_0"):
        lab.fit(f"model.init_from={three.dir}", "epochs=1")
    lab.fit(f"model.init_from={three.dir}/member_0", "epochs=1")


def test_its_members_have_no_common_codes(three: Run) -> None:
    with pytest.raises(UserError, match=r"is an ensemble, and codes of its members have no mean; open one.*member_0$"):
        load(three.dir).codes(INPUTS)


def test_members_may_be_pre_trained(lab: Lab) -> None:
    run = lab.fit("ensemble=2", "epochs=1", "pretrain=denoising", "pretrain.epochs=1")
    assert [folder.parent.name for folder in sorted(run.dir.glob("member_*/pretrain"))] == ["member_0", "member_1"]
    assert load(run.dir).members == 2


def test_a_loss_without_a_link_is_refused_before_anything_is_written(lab: Lab, monkeypatch: Any) -> None:
    code = "from nntrain.objective.loss import Loss\n\n\nclass Mine(Loss):\n    serves = 'classification'\n"
    (lab.folder / "own_loss.py").write_text(code + "    def outputs(self, task):\n        return 3\n")
    monkeypatch.syspath_prepend(lab.folder)
    with pytest.raises(UserError, match="ensemble: loss Mine has no `link`, the inverse of its `predictions`"):
        lab.fit("ensemble=2", "loss=own_loss:Mine")
    assert not (lab.folder / "runs").exists()


def test_check_says_members_and_parameters_in_all(lab: Lab) -> None:
    said = io.StringIO()
    report = check_words(["config=tiny.yaml", "ensemble=8"], said)
    assert report["ensemble"] == {"members": 8, "parameters": 8 * report["parameters"], "alone": None}
    assert "8 networks of 51 parameters, 408 in all; they train as one program" in " ".join(said.getvalue().split())
    one = check_words(["config=tiny.yaml"], io.StringIO())
    assert one["ensemble"] is None
    assert report["memory_bytes"]["parameters"] == 8 * one["memory_bytes"]["parameters"]
    assert report["memory_bytes"]["data"] == one["memory_bytes"]["data"]


def test_members_that_cannot_be_one_program_train_one_after_another_for_a_reason(lab: Lab) -> None:
    report, why = (
        check_words(["config=tiny.yaml", "ensemble=2", *ALONE], io.StringIO()),
        "its layers have learning rates",
    )
    assert report["ensemble"]["alone"] == f"{why} of their own"
    lab.fit("ensemble=2", "epochs=1", *ALONE)
    assert f"the members train one after another: {why} of their own" in " ".join(lab.said.getvalue().split())


def test_where_a_stack_would_be_slower_it_is_said_once_before_the_table(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_by_one(members: Any, stop: Any, left: Any, alone: Any, known: Any, say: Any) -> None:
        say(members, "trained each by itself: a stack of 2 would be slower here")
        for member in members:
            alone(member)

    monkeypatch.setattr("nntrain.verbs.stacked.train", one_by_one)
    lab.fit("ensemble=2", "epochs=1")
    said = " ".join(lab.said.getvalue().split())
    assert said.count("all 2: trained each by itself: a stack of 2 would be slower here") == 1
    assert said.index("each by itself") < said.index("train loss")
    assert said.count("epoch train loss") == 2
    assert re.search("member_0 epoch train loss .* member_1 epoch train loss", said)


def test_a_job_of_a_sweep_may_be_an_ensemble(lab: Lab) -> None:
    words = ["config=tiny.yaml", "epochs=1", "ensemble=1,2", "run_dir=out", "hydra/launcher=basic", "-m"]
    assert main(["fit", *words]) == 0
    assert [load(lab.folder / "out" / str(i)).members for i in range(2)] == [1, 2]
    result = json.loads((lab.folder / "out/1/result.json").read_text())
    assert result["best_value"] == result["val"]["loss"]
    plots = {path.stem for path in (lab.folder / "out/1/plots").iterdir()}
    assert plots == {"confusion_matrix", "learning_curves", "learning_rate"}


def test_views_of_a_sample_are_averaged_in_every_member(lab: Lab) -> None:
    run = lab.fit("ensemble=2", "epochs=1", "augment=table", "augment.noise=0.1")
    model = load(run.dir)
    assert np.abs(model.each(INPUTS, tta=8) - model.each(INPUTS)).max() > 1e-3
    np.testing.assert_allclose(model.probabilities(INPUTS, tta=8), model.each(INPUTS, tta=8).mean(0), rtol=1e-6)
    scores = model.evaluate(load_split(run, "val"), tta=8)
    assert set(model.evaluate(load_split(run, "val"))) - set(scores) == {"loss"}


def test_that_the_deviation_of_values_is_no_error_bar_is_said(lab: Lab, three: Run) -> None:
    np.save("rows.npy", INPUTS)
    values = lab.fit("ensemble=2", "data.dataset=linear", "data.features=2", "epochs=1")
    for run, wanted in ((values, True), (three, False)):
        screen = io.StringIO()
        predict_words({"checkpoint": str(run.dir), "input": "rows.npy", "output": "out.csv"}, screen)
        said = " ".join(screen.getvalue().split())
        assert "std: how far they disagree" in said
        assert ("which is no error bar: true values scatter about the prediction by more" in said) is wanted
