"""A run that was stopped and resumed ends as if it had never stopped, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lab import STEPS_PER_EPOCH, Lab, outcome

from nntrain.errors import UserError
from nntrain.launch import launch
from nntrain.record.lock import locked
from nntrain.resumed import find_run

CASES = {
    "sgd": ["optimizer=sgd", "optimizer.momentum=0.9", "optimizer.nesterov=true", "optimizer.lr=0.05"],
    "adam": [],
    "dropout": ["model.dropout=0.3"],
    "input noise": ["regularization.input_noise=0.2"],
    "batch norm": ["model.norm=batch"],
    "plateau": ["schedule=plateau", "schedule.patience_epochs=0", "schedule.threshold=0.5"],
    "one cycle": ["schedule=one_cycle"],
    "ema": ["regularization.ema=0.9", "model.norm=batch"],
    "swa": ["regularization.swa_start_percent=40", "model.norm=batch"],
    "asgd": ["optimizer=asgd", "optimizer.t0=8", "optimizer.lr=0.1"],
    "lbfgs": ["optimizer=lbfgs", "optimizer.max_iter=3", "batch_size=full", "epochs=24"],
    "gradient accumulation": ["gradient_accumulation=2", "batch_size=8"],
    "bf16": ["precision=bf16"],
    "fp16": ["precision=fp16"],
    "early stopping": ["early_stopping.patience=1", "optimizer.lr=0.5", "epochs=24"],
    "augmented": ["augment=table", "augment.mixup=0.4", "augment.feature_dropout=0.1"],
    "expanded": ["augment=table", "augment.expand=3"],
    "last epoch": ["early_stopping.restore_best=false"],
}
STOPS = (1, STEPS_PER_EPOCH // 2, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 1, 3 * STEPS_PER_EPOCH - 1, 4 * STEPS_PER_EPOCH)


@pytest.mark.parametrize("words", CASES.values(), ids=CASES)
def test_stopped_again_and_again_it_ends_the_same(lab: Lab, words: list[str]) -> None:
    whole = lab.fit(*words)
    run = lab.fit(*words, stop_at=STOPS[0])
    for step in STOPS[1:]:
        if not run.result:
            run = lab.resume(run.dir, stop_at=step)
    if not run.result:
        run = lab.resume(run.dir)
    assert outcome(run) == outcome(whole)


@pytest.mark.parametrize("step", STOPS)
def test_stopped_once_it_ends_the_same(lab: Lab, step: int) -> None:
    words = ["model.dropout=0.3", "model.norm=batch"]
    whole = outcome(lab.fit(*words))
    stopped = lab.fit(*words, stop_at=step)
    assert not stopped.result
    assert not (stopped.dir / "result.json").exists()
    assert outcome(lab.resume(stopped.dir)) == whole


@pytest.mark.parametrize("every", ["0", "1e-9"], ids=["each epoch", "each step"])
def test_killed_it_goes_on_from_the_last_state_on_disk(lab: Lab, every: str) -> None:
    words = ["model.dropout=0.3", "optimizer=sgd", f"checkpoint.every_seconds={every}"]
    whole = outcome(lab.fit(*words))
    killed = lab.fit(*words, kill_at=2 * STEPS_PER_EPOCH + 3)
    assert outcome(lab.resume(killed.dir)) == whole


def test_killed_before_anything_was_saved_there_is_nothing_to_go_on_from(lab: Lab) -> None:
    killed = lab.fit("checkpoint.every_seconds=1000", kill_at=3)
    with pytest.raises(UserError, match=r"has no last.state.safetensors; there is nothing to go on from"):
        lab.resume(killed.dir)


def test_a_finished_run_is_not_trained_again(lab: Lab) -> None:
    run = lab.fit()
    before = {path: path.read_bytes() for path in run.dir.rglob("*") if path.is_file()}
    again = lab.resume(run.dir, kill_at=0)
    assert again.result == json.loads((run.dir / "result.json").read_text())
    assert again.metrics == run.metrics
    assert "is finished: all 4 epochs done; nothing was trained" in " ".join(lab.said.getvalue().split())
    assert before == {path: path.read_bytes() for path in run.dir.rglob("*") if path.is_file()}


def test_a_finished_run_goes_on_where_more_epochs_are_asked_for(lab: Lab) -> None:
    run = lab.fit()
    longer = lab.resume(run.dir, "epochs=6")
    assert outcome(longer) == outcome(lab.fit("epochs=6"))


def test_a_run_stopped_for_want_of_patience_goes_on_with_more(lab: Lab) -> None:
    words = ["optimizer.lr=0.5", "epochs=8"]
    short = lab.fit(*words, "early_stopping.patience=1")
    assert short.result["epochs_run"] < 8
    assert outcome(lab.resume(short.dir, "early_stopping.patience=50")) == outcome(lab.fit(*words))


def test_killed_between_training_and_result_only_the_end_is_made_up_for(lab: Lab) -> None:
    run = lab.fit()
    result = json.loads((run.dir / "result.json").read_text())
    (run.dir / "result.json").unlink()
    again = lab.resume(run.dir, kill_at=0)
    assert again.result == result


def test_a_setting_that_makes_another_run_is_refused(lab: Lab) -> None:
    run = lab.fit(stop_at=3)
    with pytest.raises(UserError) as refused:
        launch([f"resume={run.dir}", "optimizer.lr=0.5", "epochs=9", "seed=1"], [])
    assert [problem.partition(":")[0] for problem in refused.value.problems] == ["optimizer.lr=0.5", "seed=1"]
    assert "only epochs, time_limit, early_stopping.patience" in str(refused.value)
    assert "may be changed" in str(refused.value)


def test_changes_are_kept_for_the_next_resume(lab: Lab) -> None:
    run = lab.fit(stop_at=3)
    resumed, status = launch([f"resume={run.dir}", "epochs=5", "quiet=true"], [])
    assert (status, resumed.result["epochs_run"]) == (0, 5)
    again, _ = launch([f"resume={run.dir}", "quiet=true"], [])
    assert again.result["stop_reason"] == "all 5 epochs done"


def test_a_change_that_fails_is_not_kept(lab: Lab) -> None:
    run = lab.fit(stop_at=3)
    saved = (run.dir / "config.yaml").read_text()
    with pytest.raises(UserError, match="device: cuda:99 was asked for"):
        launch([f"resume={run.dir}", "device=cuda:99"], [])
    assert (run.dir / "config.yaml").read_text() == saved


def test_a_run_that_is_trained_elsewhere_is_left_alone(lab: Lab) -> None:
    run = lab.fit(stop_at=3)
    with locked(run.dir), pytest.raises(UserError, match="another process trains in this folder"):
        lab.resume(run.dir)
    assert lab.resume(run.dir).result["epochs_run"] == 4


def test_other_data_is_refused(lab: Lab) -> None:
    table = lab.folder / "rows.csv"
    table.write_text("a,b,y\n" + "".join(f"{i % 7},{i % 5},{'no' if i % 2 else 'yes'}\n" for i in range(60)))
    words = ["data=table", f"data.path={table}", "data.target=y"]
    run = lab.fit(*words, stop_at=2)
    table.write_text(table.read_text() + "1,2,yes\n")
    with pytest.raises(UserError, match=r"the data has changed since runs/.* was started; start a new run"):
        lab.resume(run.dir)


def test_an_edited_config_is_refused(lab: Lab) -> None:
    run = lab.fit(stop_at=3)
    saved = run.dir / "config.yaml"
    saved.write_text(saved.read_text().replace("lr: ", "lr: 1"))
    with pytest.raises(UserError, match=r"resume: runs/.*config.yaml was edited since the run was started"):
        lab.resume(run.dir)


def test_what_is_no_run_is_refused_with_the_nearest(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "digits" / "one"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("{}")
    assert find_run(run) == run.resolve()
    with pytest.raises(UserError, match=r"there is no folder '.*ona'; did you mean '.*one'\?"):
        find_run(run.with_name("ona"))
    with pytest.raises(UserError, match=r"digits is not a run folder .* did you mean '.*digits/one'\?"):
        find_run(run.parent)


@pytest.mark.parametrize(
    ("words", "begun"),
    [
        (["model.dropout=0.2"], ["fold_0", "fold_1", "fold_2"]),
        (["model.lr_decay=0.9"], ["fold_0"]),
    ],
    ids=["as one program", "one after another"],
)
def test_folds_go_on_with_those_that_were_stopped(lab: Lab, words: list[str], begun: list[str]) -> None:
    words = ["data.folds=3", *words]
    whole = lab.fit(*words)
    stopped = lab.fit(*words, stop_at=STEPS_PER_EPOCH + 2)
    assert sorted(path.name for path in stopped.dir.glob("fold_*")) == begun
    done = lab.resume(stopped.dir)
    untimed = [
        {k: v for k, v in run.result.items() if k not in ("run_dir", "checkpoint", "seconds")} for run in (whole, done)
    ]
    for split in ("train", "val", "test"):  # stacked members round as those of another stack, or none, do not
        assert untimed[0].pop(split) == pytest.approx(untimed[1].pop(split), rel=1e-3)
        assert untimed[0].pop(f"{split}_std") == pytest.approx(untimed[1].pop(f"{split}_std"), rel=1e-2, abs=1e-5)
    assert untimed[0].pop("best_value") == pytest.approx(untimed[1].pop("best_value"), rel=1e-4)
    assert untimed[0] == untimed[1]
