"""What a training leaves behind, and what it is judged by."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lab import STEPS_PER_EPOCH, Lab, outcome
from safetensors.torch import load_file

import nntrain
from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.training.checkpoint import load_model
from nntrain.training.diagnose import NonFiniteError
from nntrain.verbs import finish

KEYS = "run_dir checkpoint task monitor best_epoch best_value train val test parameters epochs_run seconds stop_reason"
CLASSIFICATION = ["loss", "accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss"]
REGRESSION = ["loss", "rmse", "mae", "r2"]


def test_the_result_has_exactly_these_keys(lab: Lab) -> None:
    run = lab.fit()
    written = json.loads((run.dir / "result.json").read_text())
    assert " ".join(written) == KEYS
    assert written == run.result
    assert (written["run_dir"], written["checkpoint"]) == (str(run.dir), str(run.best))
    assert Path(written["run_dir"]).is_absolute()
    assert written["stop_reason"] == "all 4 epochs done"
    for split in ("train", "val", "test"):
        assert list(written[split]) == CLASSIFICATION


def test_a_regression_is_judged_in_its_own_unit(lab: Lab) -> None:
    run = lab.fit("data.dataset=linear", "epochs=1")
    assert list(run.result["val"]) == REGRESSION
    assert "rmse" in (run.dir / "metrics.csv").read_text()


def test_without_a_test_split_there_are_no_test_figures(lab: Lab) -> None:
    run = lab.fit("data.test=0", "epochs=1")
    assert run.result["test"] is None
    assert run.result["val"]["accuracy"] > 0


def test_a_row_of_metrics_for_every_epoch(lab: Lab) -> None:
    run = lab.fit("early_stopping.monitor=f1_macro")
    rows = list(csv.DictReader((run.dir / "metrics.csv").read_text().splitlines()))
    assert list(rows[0]) == [
        *("epoch", "step", "lr", "train_loss", "train_accuracy", "train_f1_macro", "val_loss"),
        *("val_accuracy", "val_f1_macro", "seconds"),
        "samples_per_second",
    ]
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert [int(row["step"]) for row in rows] == [STEPS_PER_EPOCH * epoch for epoch in (1, 2, 3, 4)]
    assert [{key: float(value) for key, value in row.items()} for row in rows] == run.metrics


@pytest.mark.parametrize(("monitor", "pick"), [("loss", min), ("log_loss", min), ("accuracy", max)])
def test_the_best_epoch_by_the_monitored_metric_is_the_model(lab: Lab, monitor: str, pick: Any) -> None:
    run = lab.fit(f"early_stopping.monitor={monitor}", "optimizer.lr=0.3", "epochs=6")
    values = [row[f"val_{monitor}"] for row in run.metrics]
    assert run.result["monitor"] == f"val_{monitor}"
    assert run.result["best_value"] == pick(values)
    assert run.result["best_epoch"] == values.index(pick(values)) + 1
    assert run.result["val"][monitor] == pick(values)


def test_without_restore_best_the_last_epoch_is_the_model(lab: Lab) -> None:
    run = lab.fit("early_stopping.restore_best=false", "optimizer.lr=0.5", "epochs=6")
    assert run.result["best_epoch"] < 6
    assert run.result["val"]["loss"] == run.metrics[-1]["val_loss"]


def test_every_split_is_evaluated_once_at_the_end(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    outputs_of = finish.outputs_of

    def counted(program: Any, inputs: torch.Tensor) -> torch.Tensor:
        sizes.append(len(inputs))
        return outputs_of(program, inputs)

    monkeypatch.setattr(finish, "outputs_of", counted)
    lab.fit()
    assert sizes == [84, 18, 18]


def test_the_test_split_is_not_looked_at_while_training(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from nntrain.training import trainer

    evaluated: list[int] = []
    evaluate = trainer.evaluate

    def counted(program: Any, split: Any, names: Any) -> dict[str, float]:
        evaluated.append(split.inputs.data_ptr())
        return evaluate(program, split, names)

    monkeypatch.setattr(trainer, "evaluate", counted)
    lab.fit()
    assert len(evaluated) == 8  # the validation split and some of the training split, once an epoch
    assert len(set(evaluated)) == 2


def test_the_scores_stand_beside_the_baseline(lab: Lab) -> None:
    lab.fit()
    lines = lab.said.getvalue().splitlines()
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("result")) + 1 :]
    assert table[0].split() == ["val", "baseline", "test", "baseline"]
    assert any(line.split() == ["class", "(test)", "precision", "recall", "rows"] for line in table)
    accuracy = next(line.split() for line in table if line.startswith("accuracy"))
    assert float(accuracy[2]) == pytest.approx(1 / 3, abs=0.06)


def test_paths_below_the_working_directory_are_said_relative_to_it(lab: Lab) -> None:
    run = lab.fit("epochs=1")
    relative = run.dir.relative_to(lab.folder)
    assert str(lab.folder) not in lab.said.getvalue()
    assert f"nntrain eval {relative}" in lab.said.getvalue()


def test_its_own_config_repeats_the_run_from_anywhere(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    table = lab.folder / "rows.csv"
    table.write_text("a,b,y\n" + "".join(f"{i % 7},{i % 5},{'no' if i * i % 3 else 'yes'}\n" for i in range(60)))
    (lab.folder / "mine.yaml").write_text(
        "data: {name: table, path: rows.csv, target: y}\nmodel: {name: mlp, widths: [4], dropout: 0.2}\nepochs: 3\n"
    )
    monkeypatch.setattr(finish, "_plot", lambda *args: None)
    first = nntrain.fit("mine.yaml", quiet=True)
    elsewhere = lab.folder / "else where" / "it's here"
    elsewhere.mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    again = nntrain.fit(first.dir / "config.yaml", quiet=True)
    assert again.dir.is_relative_to(elsewhere)
    assert outcome(again) == outcome(first)
    third = nntrain.fit(again.dir / "config.yaml", quiet=True)
    assert outcome(third) == outcome(first)


def test_a_run_folder_is_never_used_twice(lab: Lab) -> None:
    lab.fit("epochs=1", f"run_dir={lab.folder}/mine")
    with pytest.raises(UserError, match=r"run_dir: mine already holds a run; choose another folder, or go on with"):
        lab.fit("epochs=1", f"run_dir={lab.folder}/mine")


def test_nothing_is_written_before_the_data_is_known_to_be_sound(lab: Lab) -> None:
    for words in (["batch_size=1000"], ["batch_size=1000", "data.folds=2"]):
        with pytest.raises(UserError, match="batch_size: 1000 is larger than the training split"):
            lab.fit(*words)
    assert not (lab.folder / "runs").exists()


@pytest.mark.parametrize("words", [["optimizer=sgd", "optimizer.lr=1e30"], ["optimizer=lbfgs", "batch_size=full"]])
def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_good_model(lab: Lab, words: list[str]) -> None:
    good = lab.fit("epochs=2")
    run_dir = f"run_dir={lab.folder}/bad"
    table = ["data.dataset=linear", "loss=squared"]
    with pytest.raises(NonFiniteError) as failed:
        lab.fit(*words, *table, "optimizer.lr=1e30", run_dir)
    said = str(failed.value)
    assert "epoch 1, step " in said or "epoch 2, step " in said
    assert "first in the output of layer body." in said or "in the loss itself" in said or "the step tried" in said
    assert "what usually helps: a smaller optimizer.lr" in said
    result = json.loads((lab.folder / "bad" / "result.json").read_text())
    assert result["stop_reason"] == "a loss or gradient was not finite"
    assert good.best.exists()


def test_the_best_model_before_a_value_that_is_not_finite_is_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from nntrain.training import step

    whole = lab.fit("epochs=2")
    gradients, calls = step.gradients, [0]

    def poisoned(*args: Any) -> Any:
        loss, grads = gradients(*args)
        calls[0] += 1
        return (loss * math.nan, grads) if calls[0] == 2 * STEPS_PER_EPOCH + 3 else (loss, grads)

    monkeypatch.setattr(step, "gradients", poisoned)
    with pytest.raises(NonFiniteError, match=r"epoch 3, step 3: .*; the last good model is bad/best.safetensors"):
        lab.fit(f"run_dir={lab.folder}/bad")
    kept, about = load_model(lab.folder / "bad" / "best.safetensors")
    assert about["metrics"]["best_epoch"] == whole.result["best_epoch"]
    expected = load_file(whole.best)
    assert all(torch.equal(kept[name], expected[name]) for name in expected)


def test_a_metric_that_is_never_a_number_keeps_the_last_epoch(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from nntrain.training import trainer

    monkeypatch.setattr(trainer, "evaluate", lambda *args: {"loss": math.nan, "accuracy": 0.5})
    run = lab.fit("epochs=3")
    assert run.result["best_epoch"] is None
    assert run.result["best_value"] is None
    assert "val_loss was never a number; the weights of the last epoch are kept" in " ".join(
        lab.said.getvalue().split()
    )
    last = load_file(run.dir / "last" / "state.safetensors")["params"]
    assert load_file(run.best)["body.head.bias"][0] in last


def test_it_stops_at_the_time_limit(lab: Lab) -> None:
    run = lab.fit("time_limit=0.0005", "epochs=100000", "early_stopping=none")
    assert run.result["stop_reason"] == "time limit of 0.0005 minutes"
    assert 0.03 < run.result["seconds"] < 30  # a busy machine may take its time
    assert len(run.metrics) == run.result["epochs_run"]


def test_overfitting_is_said(lab: Lab) -> None:
    lab.fit("data.noise=2", "data.features=30", "model.widths=[64]", "epochs=30", "early_stopping=none")
    assert "the network overfits: the validation loss rose from" in " ".join(lab.said.getvalue().split())


def test_vanishing_gradients_are_said(lab: Lab) -> None:
    lab.fit(
        "model.widths=[8,8,8,8,8,8,8,8,8,8]", "model.activation=sigmoid", "init=normal", "init.std=0.01", "epochs=1"
    )
    assert "gradients vanish, and that layer hardly learns" in " ".join(lab.said.getvalue().split())


def test_a_cycle_of_momentum_that_there_is_not_is_said(lab: Lab) -> None:
    lab.fit("optimizer=adagrad", "schedule=one_cycle", "epochs=1")
    assert "schedule.cycle_momentum: optimizer adagrad has no momentum to move" in lab.said.getvalue()


def test_units_that_start_alike_are_said(lab: Lab) -> None:
    lab.fit("init=constant", "epochs=1")
    assert "alike" in lab.said.getvalue()


def test_a_folder_that_cannot_be_made_is_an_error(lab: Lab) -> None:
    (lab.folder / "file").write_text("")
    with pytest.raises(UserError, match=r"run_dir: cannot make file/below \(file is no folder\)"):
        lab.fit(f"run_dir={lab.folder}/file/below")


def test_from_the_command_line_a_mistake_is_status_2_and_one_line(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fit", "config=tiny.yaml", "optimizer=sgd", "optimizer.lr=1e30", "data.dataset=linear", "--json"]
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("nntrain: epoch 1, step ")
    assert "what usually helps" in err.splitlines()[-1]
    assert main(["fit", "config=tiny.yaml", "batch_size=1000", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("nntrain: batch_size: 1000 is larger than the training split")
    assert main(["fit", "resume=nowhere"]) == 2
    assert capsys.readouterr().err == "nntrain: resume: there is no folder 'nowhere'\n"


def test_the_proposed_commands_train_what_this_run_did(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "config=tiny.yaml", "run_dir=one", "epochs=1"]) == 0
    assert "nntrain fit config=one/config.yaml optimizer.lr=" in capsys.readouterr().out
    assert main(["fit", "config=tiny.yaml", "run_dir=two"]) == 0
    assert "nntrain fit config=tiny.yaml optimizer.lr=" in capsys.readouterr().out


def test_plateau_lowers_the_rate_while_it_trains(lab: Lab) -> None:
    run = lab.fit("schedule=plateau", "schedule.patience_epochs=0", "schedule.threshold=0.9")
    assert [row["lr"] for row in run.metrics] == pytest.approx([0.02, 0.02, 0.002, 0.0002])


def test_one_cycle_rises_and_falls_over_the_whole_training(lab: Lab) -> None:
    rates = [row["lr"] for row in lab.fit("schedule=one_cycle", "epochs=10").metrics]
    assert max(rates) == rates[2]  # after 30 percent
    assert rates[-1] < 1e-5
