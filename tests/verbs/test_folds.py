"""k-fold cross-validation: the mean and the spread of whole runs."""

from __future__ import annotations

import json
from statistics import mean, stdev

import pytest
from lab import Lab

from nntrain.errors import UserError
from nntrain.training.diagnose import NonFiniteError
from nntrain.verbs import folds
from nntrain.verbs.folds import combine


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
    assert run.result["checkpoint"] == min(parts, key=lambda part: part["best_value"])["checkpoint"]


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


def test_the_best_fold_is_the_one_with_the_best_monitored_value(lab: Lab) -> None:
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
        for value, score in ((0.5, 0.5), (0.9, None), (None, 0.7))
    ]
    combined = combine(results, lab.folder)
    assert combined["checkpoint"] == "0.9"
    assert combined["best_value"] == pytest.approx(0.7)
    assert combined["val"]["roc_auc"] is None
    assert combined["test"] is None
    assert combined["epochs_run"] == 6


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
    assert "\n\nmean over 3 folds" in lab.said.getvalue()


def test_a_fold_that_fails_is_named(lab: Lab) -> None:
    with pytest.raises(NonFiniteError, match=r"fold 1: epoch 1, step .*: the loss or a gradient is not finite"):
        lab.fit("data.folds=2", "optimizer.lr=1e30")
