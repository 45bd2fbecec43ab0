"""k-fold cross-validation: the mean and the spread of whole runs."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest
from lab import TINY, Lab

from nntrain.errors import UserError
from nntrain.opening import load
from nntrain.record.console import RunConsole
from nntrain.record.files import WriteError
from nntrain.record.layout import Page
from nntrain.record.words import number
from nntrain.training.course import Stop
from nntrain.training.diagnose import NonFiniteError
from nntrain.verbs import folds
from nntrain.verbs.evaluate import evaluate_words
from nntrain.verbs.fit import fit
from nntrain.verbs.folds import combine
from nntrain.verbs.predict import predict_words
from nntrain.verbs.run import Run, Session


def test_the_result_is_the_mean_over_folds_with_its_standard_deviation(lab: Lab) -> None:
    run = lab.fit("data.folds=5", "epochs=2")
    parts = [json.loads((run.dir / f"fold_{i}" / "result.json").read_text()) for i in range(5)]
    assert run.result == json.loads((run.dir / "result.json").read_text())
    assert run.result["folds"] == 5
    for split in ("train", "val", "test"):
        for name in parts[0][split]:
            values = [part[split][name] for part in parts]
            assert run.result[split][name] == pytest.approx(mean(values))
            assert run.result[f"{split}_std"][name] == pytest.approx(stdev(values))
    extra = {"folds", "train_std", "val_std", "test_std"}
    assert set(run.result) - set(parts[0]) == extra
    middle = sorted(parts, key=lambda part: part["best_value"])[2]
    assert run.result["checkpoint"] == middle["checkpoint"]


def test_mean_and_spread_are_shown(lab: Lab) -> None:
    lab.fit("data.folds=3", "epochs=1")
    table = lab.said.getvalue().partition("mean over 3 folds")[2].splitlines()
    assert table[1].split() == ["val", "test"]
    assert table[2].split()[0] == "loss"
    assert table[2].split()[2] == "±"
    assert "\n\nmean over 3 folds" in lab.said.getvalue()


def test_every_sample_outside_of_test_validates_once(lab: Lab) -> None:
    from nntrain.experiment import build_experiment

    config = lab.config("data.folds=3")
    built = [build_experiment(config, fold=i).dataset for i in range(3)]
    assert sum(len(dataset.val) for dataset in built) == 102
    assert all(len(dataset.train) + len(dataset.val) == 102 for dataset in built)


def test_the_model_is_that_of_the_middle_fold_not_of_the_luckiest(lab: Lab) -> None:
    results = [
        {
            "monitor": "val_accuracy",
            "best_value": value,
            "checkpoint": str(value),
            "epochs_run": 2,
            "seconds": 1.0,
            "train": {"loss": 1.0},
            "val": {"loss": 1.0, "roc_auc": score},
            "test": None,
        }
        for value, score in ((0.5, 0.5), (0.9, None), (None, 0.7), (0.7, 0.6))
    ]
    combined = combine(results, lab.folder)
    assert combined["checkpoint"] == "0.7"
    assert combined["best_value"] == pytest.approx(0.7)
    assert combined["val"]["roc_auc"] is None
    assert combined["test"] is None
    assert combined["epochs_run"] == 8


def test_a_fold_that_failed_is_trained_again(lab: Lab) -> None:
    run = lab.fit("data.folds=2", "epochs=1")
    whole = json.loads((run.dir / "result.json").read_text())
    part = run.dir / "fold_1"
    failed = json.loads((part / "result.json").read_text()) | {"val": None, "test": None, "train": None}
    (part / "result.json").write_text(json.dumps(failed))
    again = lab.resume(run.dir)
    assert again.result["val"] == whole["val"]


def test_the_config_of_a_fold_points_to_the_whole(lab: Lab) -> None:
    run = lab.fit("data.folds=2", "epochs=1")
    first = (run.dir / "fold_0" / "config.yaml").read_text().splitlines()[0]
    assert (
        first == f"# The resolved recipe of one fold; repeat all of them with: nntrain fit config={run.dir}/config.yaml"
    )
    with pytest.raises(UserError, match="already holds a run"):
        lab.fit("data.folds=2", "epochs=1", f"run_dir={run.dir}")


def test_folds_train_as_one_program_and_leave_what_they_leave_one_after_another(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = lab.fit("data.folds=3", "model.dropout=0.2")
    assert "model     3 x mlp 2-8-3" in lab.said.getvalue()
    lab.said.truncate(0)
    monkeypatch.setattr(folds, "trained_alone", lambda config: "asked for")
    after = lab.fit("data.folds=3", "model.dropout=0.2")
    files = [{str(path.relative_to(run.dir)) for path in run.dir.rglob("*")} for run in (beside, after)]
    assert files[0] == files[1]
    for split in ("train", "val", "test"):
        assert beside.result[split] == pytest.approx(after.result[split], rel=1e-4)
    assert beside.result["epochs_run"] == after.result["epochs_run"]
    assert lab.said.getvalue().count("next ──") == 1, "of the whole, not of each fold"
    assert "\n\nmean over 3 folds" in lab.said.getvalue()


@pytest.mark.parametrize("words", [[], ["model.lr_decay=0.9"]], ids=["side by side", "one by one"])
def test_a_fold_that_fails_is_named(lab: Lab, words: list[str]) -> None:
    with pytest.raises(NonFiniteError, match=r"^fold_0: epoch 1, step .*: the loss or a gradient is not finite"):
        lab.fit("data.folds=2", "optimizer.lr=1e30", *words)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Run]:
    """A cross-validation for tests that change nothing of it: what was said as it trained, and its run."""
    folder = tmp_path_factory.mktemp("folds")
    (folder / "tiny.yaml").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        lab = Lab(folder)
        run = lab.fit("data.folds=3", "epochs=1", "data.dataset=linear")
        return " ".join(lab.said.getvalue().split()), run


def test_it_is_said_whose_the_model_is_and_how_to_train_another(shared: tuple[str, Run]) -> None:
    said, run = shared
    fold = run.best.parent.name
    assert f"eval and predict of this run take {fold}, whose val loss is the middle one of all" in said
    assert "each fold was trained on 2/3 of the rows that are not test" in said
    for words in ("data.folds=null data.val=0.1", "data.folds=null ensemble=5"):
        assert f"/config.yaml {words}" in said.replace(" \\", "")
    assert f"model: that of {fold}, one of 3 folds, trained on 2/3 of the rows that are not test" in repr(run)
    assert f"model: that of {fold}" in run._repr_html_()


def test_eval_predict_and_load_say_that_it_is_the_model_of_one_fold(shared: tuple[str, Run], tmp_path: Path) -> None:
    run, rows = shared[1], tmp_path / "rows.npy"
    np.save(rows, np.zeros((2, 2), np.float32))
    fold = run.best.parent.name
    told = (
        f"model of {fold}, one of 3, each trained on 2/3 of the rows that are not test; fit with data.folds=null makes "
        "one model for use, with ensemble=5 besides the mean of five"
    )
    evaluated, predicted = io.StringIO(), io.StringIO()
    assert evaluate_words({"checkpoint": str(run.dir)}, evaluated)["fold"] == int(fold.removeprefix("fold_"))
    words = {"checkpoint": str(run.dir / "fold_0"), "input": str(rows), "output": str(tmp_path / "out.csv")}
    assert predict_words(words, predicted)["fold"] == 0
    assert f"note {told}" in " ".join(evaluated.getvalue().split())
    assert f"note {told.replace(fold, 'fold_0')}" in " ".join(predicted.getvalue().split())
    assert repr(load(run.dir)).splitlines()[-1] == told


def test_the_scores_of_each_fold_are_shown(shared: tuple[str, Run]) -> None:
    said, run = shared
    for i in range(3):
        part = json.loads((run.dir / f"fold_{i}" / "result.json").read_text())
        scores = [part[split][name] for name in ("loss", "rmse") for split in ("val", "test")]
        assert f"fold_{i} 1 {' '.join(map(number, scores))}" in said


def test_of_very_many_folds_the_first_are_shown(shared: tuple[str, Run]) -> None:
    part = json.loads((shared[1].dir / "fold_0" / "result.json").read_text())
    lines = [line.plain for line in folds._scores([part] * 22, ["val"], Page(100))]
    assert lines[-1] == "... and 2 folds more, each with its result.json"
    assert len(lines) == 22


def test_the_run_has_pictures_of_all_folds(shared: tuple[str, Run]) -> None:
    run = shared[1]
    folds._plot([json.loads((run.dir / f"fold_{i}" / "result.json").read_text()) for i in range(3)], run.dir)
    assert {path.name for path in (run.dir / "plots").iterdir()} == {"learning_curves.png", "scores_by_fold.png"}


def test_a_disk_that_refuses_the_pictures_does_not_fail_the_run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise WriteError("cannot write plots: No space left on device")

    monkeypatch.setattr("nntrain.record.fold_plots.scores", refuse)
    with RunConsole(lab.said) as console:
        run = fit(lab.config("data.folds=2", "epochs=1"), Session(console, Stop()))
    assert run.result["folds"] == 2
    assert "cannot write plots: No space left on device" in lab.said.getvalue()


RARE = ["data=table", "data.path=rare.csv", "data.target=y", "data.test=0.2", "data.folds=3", "epochs=1"]
RARE += ["model.widths=[4]"]


def test_a_category_that_one_fold_does_not_train_with_is_said(lab: Lab) -> None:
    rows = [f"{i % 7},{'once' if i == 40 else 'ab'[i % 2]},{i % 5}.5" for i in range(60)]
    (lab.folder / "rare.csv").write_text("\n".join(["x,kind,y", *rows]) + "\n")
    lab.fit(*RARE)
    said = " ".join(lab.said.getvalue().split())
    fold = re.search(r"(fold_\d): the network has other inputs, as the training rows have no kind=once", said)
    assert fold is not None
    assert "model 2 x mlp 5-4-1, 1 x mlp 4-4-1, 83 parameters" in said
    assert f"note {fold[1]}: trained by itself, not in one of 3 as planned" in said
    rest = [name for name in ("fold_0", "fold_1", "fold_2") if name != fold[1]]
    assert f"mean of {', '.join(rest)} epoch train loss" in said
    assert f"★ {fold[1]} epoch train loss" in said


def test_data_that_is_not_sound_in_one_fold_is_refused_before_anything_is_written(lab: Lab) -> None:
    rows = [f"{i % 7},{'c' if i == 40 else 'ab'[i % 2]}" for i in range(60)]
    (lab.folder / "rare.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    with pytest.raises(UserError, match=r"^fold_\d: data: the training split has no sample of class 'c'"):
        lab.fit(*RARE, "data.stratify=false")
    assert not list(lab.folder.glob("runs/*/*"))
