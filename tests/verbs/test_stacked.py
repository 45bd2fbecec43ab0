"""Several trainings as one program: each leaves the folder that it would have left alone, and fails by itself."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lab import STEPS_PER_EPOCH, Lab
from safetensors.torch import load_file

from nntrain.data.dataset import Dataset
from nntrain.errors import UserError
from nntrain.record import files
from nntrain.record.console import RunConsole
from nntrain.record.lock import locked
from nntrain.stack import trainer as stack_trainer
from nntrain.stack import trial
from nntrain.training.checkpoint import save_model
from nntrain.training.course import Interrupted, Judge, Stop
from nntrain.verbs import finish, keeper, stacked
from nntrain.verbs.run import Run, Session
from nntrain.verbs.stacked import Entry, fit_stacked

JOBS = (["seed=0"], ["seed=1", "optimizer.lr=0.005"], ["epochs=3", "model.dropout=0.3"])
FILES = {
    "best.safetensors",
    "config.yaml",
    "environment.json",
    "last/state.safetensors",
    "log.txt",
    "metrics.csv",
    "result.json",
}


def train(
    lab: Lab,
    jobs: Sequence[Sequence[str]] = JOBS,
    stop: Stop | None = None,
    told: Callable[[], None] = lambda: None,
    judges: Mapping[int, Judge] | None = None,
    said: list[tuple[list[int], str]] | None = None,
) -> list[Run | Exception]:
    """How each ended, in order; those that did not begin are left out. told: called as each ends. judges: by place.
    said: takes which of them train otherwise than as one, and how."""
    stop, found = stop or Stop(), dict[int, Run | Exception]()
    entries = []
    for i, words in enumerate(jobs):
        folder = lab.folder / "sweep" / str(i)
        config = {**lab.config(*words), "run_dir": str(folder)}
        session = Session(RunConsole(silent=True), stop, ["test"], judge=(judges or {}).get(i))
        entries.append(Entry(config, folder, session))

    def ended(place: int, how: Run | Exception) -> None:
        assert place not in found
        found[place] = how
        told()

    fit_stacked(entries, stop, ended, lambda places, how: None if said is None else said.append((list(places), how)))
    return [found[place] for place in sorted(found)]


def results(runs: Sequence[Run | Exception]) -> list[dict[str, Any]]:
    assert not [how for how in runs if isinstance(how, Exception)]
    return [how.result for how in runs if isinstance(how, Run)]


@pytest.fixture(autouse=True)
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "_plot", lambda *args: None)


def test_each_folder_is_that_of_the_run_alone(lab: Lab) -> None:
    for words, run in zip(JOBS, train(lab), strict=True):
        assert isinstance(run, Run)
        alone = lab.fit(*words)
        assert {str(path.relative_to(run.dir)) for path in run.dir.rglob("*") if path.is_file()} == FILES
        saved = [yaml.safe_load((one.dir / "config.yaml").read_text()) for one in (run, alone)]
        assert saved[0] == saved[1]
        for split in ("train", "val", "test"):
            assert run.result[split] == pytest.approx(alone.result[split], rel=1e-4)
        assert run.result["best_epoch"] == alone.result["best_epoch"]
        assert run.result["stop_reason"] == alone.result["stop_reason"]
        assert load_file(run.best).keys() == load_file(alone.best).keys()
        assert (
            load_file(run.dir / "last/state.safetensors").keys()
            == load_file(alone.dir / "last/state.safetensors").keys()
        )
        assert words_of(run.dir) == words_of(alone.dir)


def words_of(folder: Path) -> list[str]:
    """What the log says, but for numbers, paths and what to do next."""
    text = (folder / "log.txt").read_text().partition("next ")[0]
    return re.findall(r"[a-z]{3,}", re.sub(r"\S*(/|sweep|runs)\S*", "", text))


def test_a_model_is_evaluated_and_its_training_goes_on_like_any_other(lab: Lab) -> None:
    run = train(lab)[1]
    assert isinstance(run, Run)
    more = lab.resume(run.dir, "epochs=6")
    assert more.result["epochs_run"] == 6
    whole = lab.fit(*JOBS[1], "epochs=6")
    assert more.result["val"] == pytest.approx(whole.result["val"], rel=1e-4)


def test_data_that_is_the_same_is_read_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Dataset] = []
    load = stacked.load_data

    def counted(*args: Any, **settings: Any) -> Dataset:
        read.append(load(*args, **settings))
        return read[-1]

    moved, to = [], Dataset.to

    def counted_move(self: Dataset, device: torch.device) -> Dataset:
        moved.append(device)
        return to(self, device)

    monkeypatch.setattr(stacked, "load_data", counted)
    monkeypatch.setattr(Dataset, "to", counted_move)
    results(train(lab, [["seed=0"], ["seed=1"], ["loss=focal"], ["data.split_seed=1"]]))
    assert len(read) == 2
    assert moved == [torch.device("cpu")] * 2  # and not once more for each that is trained


def test_the_best_model_is_written_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not as it ends its training, to be written over as it ends its run."""
    written: list[str] = []

    def counted(path: Path, *rest: Any) -> None:
        written.append(path.parent.name)
        save_model(path, *rest)

    for module in (finish, keeper):
        monkeypatch.setattr(module, "save_model", counted)
    results(train(lab, [["seed=0"], ["seed=1"]]))
    assert sorted(written) == ["0", "1"]


def test_mistakes_and_numbers_that_are_not_finite_are_the_own_ones(lab: Lab) -> None:
    wild = ["optimizer.lr=1e30"]
    mistaken = ["early_stopping.monitor=rmse"]
    good, failed, bad, also_good = train(lab, [["seed=0"], wild, mistaken, ["seed=1"]])
    assert [isinstance(how, Run) for how in (good, also_good)] == [True, True]
    assert isinstance(failed, UserError)
    assert "the loss or a gradient is not finite" in str(failed)
    assert (lab.folder / "sweep/1/result.json").is_file()
    assert isinstance(bad, UserError)
    assert "early_stopping.monitor" in str(bad)
    assert not (lab.folder / "sweep/2").exists()


def test_a_fault_at_the_end_of_one_does_not_stop_the_others(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    result_of = finish.result_of

    def faulty(experiment: Any, folder: Path, *rest: Any) -> Any:
        if folder.name == "1":
            raise ZeroDivisionError
        return result_of(experiment, folder, *rest)

    monkeypatch.setattr(finish, "result_of", faulty)
    ended = train(lab)
    assert [type(how) for how in ended] == [Run, ZeroDivisionError, Run]
    assert (lab.folder / "sweep/1/last/state.safetensors").is_file()


def test_a_folder_that_another_process_holds_is_left_alone(lab: Lab) -> None:
    (lab.folder / "sweep/1").mkdir(parents=True)
    with locked(lab.folder / "sweep/1"):
        ended = train(lab)
    assert [isinstance(how, Run) for how in ended] == [True, False, True]
    assert "another process trains in this folder" in str(ended[1])
    assert [path.name for path in (lab.folder / "sweep/1").iterdir()] == ["log.txt"]


def test_a_disk_that_refuses_one_result(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    write = files._write

    def refusing(temporary: Path, data: bytes, mode: int | None) -> None:
        if temporary.parent.name == "1" and "result.json" in temporary.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(temporary, data, mode)

    monkeypatch.setattr(files, "_write", refusing)
    ended = train(lab)
    assert [isinstance(how, Run) for how in ended] == [True, False, True]
    assert re.search(r"cannot write .*1/result.json: No space left on device", str(ended[1]))
    assert not list((lab.folder / "sweep").rglob("*.tmp"))


@pytest.mark.parametrize("at", [2 * STEPS_PER_EPOCH, STEPS_PER_EPOCH + 2], ids=["at an epoch's end", "inside an epoch"])
def test_a_signal_saves_all_and_all_go_on_from_there(lab: Lab, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    whole = results(train(lab))
    shutil.rmtree(lab.folder / "sweep")
    stop, step = Stop(), stack_trainer.train_step

    def counted(part: Any, batches: Any, h: Any, *rest: Any) -> Any:
        stop.signal = 2 if h.step == at else None
        return step(part, batches, h, *rest)

    monkeypatch.setattr(stack_trainer, "train_step", counted)
    assert [type(how) for how in train(lab, stop=stop)] == [Interrupted] * 3
    assert not list((lab.folder / "sweep").rglob("result.json"))
    monkeypatch.setattr(stack_trainer, "train_step", step)
    sizes = sizes_of_stacks(monkeypatch)
    for resumed, uninterrupted in zip(results(train(lab)), whole, strict=True):
        assert resumed["val"] == pytest.approx(uninterrupted["val"], rel=1e-4)
        assert resumed["epochs_run"] == uninterrupted["epochs_run"]
    assert sizes == [3]


def sizes_of_stacks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    fit = stack_trainer.StackedTrainer.fit

    def counted(trainer: stack_trainer.StackedTrainer, left: Any) -> None:
        sizes.append(len(trainer.members))
        fit(trainer, left)

    monkeypatch.setattr(stack_trainer.StackedTrainer, "fit", counted)
    return sizes


def breaking(epoch: int, value: float) -> str | None:
    if epoch == 2:
        raise OSError("the judge is gone")
    return None


@pytest.mark.parametrize("every", [1000, 0], ids=["anew", "from their states"])
def test_what_one_breaks_the_stack_by_is_its_own(lab: Lab, every: int) -> None:
    jobs = [[*words, f"checkpoint.every_seconds={every}"] for words in JOBS]
    whole = results(train(lab, jobs))
    shutil.rmtree(lab.folder / "sweep")
    first, broken, last = train(lab, jobs, judges={1: breaking})
    assert isinstance(broken, OSError)
    for run, uninterrupted in zip(results([first, last]), [whole[0], whole[2]], strict=True):
        assert run["val"] == pytest.approx(uninterrupted["val"], rel=1e-4)
        assert run["epochs_run"] == uninterrupted["epochs_run"]
    log = " ".join((lab.folder / "sweep/0/log.txt").read_text().split())
    assert "the stack broke (OSError: the judge is gone)" in log
    assert ("resumed in epoch" in log) == (every == 0)


def test_what_breaks_a_stack_that_was_to_stop_is_how_all_ended(lab: Lab) -> None:
    stop = Stop()

    def judge(epoch: int, value: float) -> str | None:
        stop.signal = 15
        raise OSError

    assert [type(how) for how in train(lab, stop=stop, judges={1: judge})] == [OSError] * 3


def test_a_stack_that_runs_out_of_memory_later_is_halved(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    step, sizes = stack_trainer.train_step, sizes_of_stacks(monkeypatch)

    def limited(part: Any, *rest: Any) -> Any:
        if len(part.members) > 2:
            raise MemoryError
        return step(part, *rest)

    monkeypatch.setattr(stack_trainer, "train_step", limited)
    assert len(results(train(lab))) == 3
    assert sizes == [3, 2]


def test_what_breaks_every_stack_breaks_each_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def broken(members: Sequence[Any], *rest: Any) -> None:
        tried.append(len(members))
        raise RuntimeError

    monkeypatch.setattr(stacked, "train", broken)
    assert [type(how) for how in train(lab)] == [RuntimeError] * 3
    assert tried == [3, 1, 1, 1]


def test_as_many_as_there_is_room_for_and_one_trial_for_all(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    monkeypatch.setattr(stacked, "room", lambda *about: 3)
    monkeypatch.setattr(trial, "fastest", lambda trainer: tried.append(len(trainer.members)) or len(trainer.members))
    sizes = sizes_of_stacks(monkeypatch)
    assert len(results(train(lab, [["epochs=1", f"seed={seed}"] for seed in range(4)]))) == 4
    assert (tried, sizes) == ([2], [2, 2])


def test_samples_that_are_made_for_each_take_room_of_their_own(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(stacked, "room", lambda program, state, samples, step: made.append(samples) or 3)
    for times in (1, 3):
        shutil.rmtree(lab.folder / "sweep", ignore_errors=True)
        jobs = [["epochs=1", "augment=table", f"augment.expand={times}", f"seed={seed}"] for seed in range(2)]
        assert len(results(train(lab, jobs))) == 2
    assert made == [0, 3 * 84 * 2 * 4]  # of 84 rows of two float32


def test_a_member_that_ends_early_is_reported_while_the_others_train(lab: Lab) -> None:
    long = lab.folder / "sweep/1/result.json"
    there: list[bool] = []
    runs = train(lab, [["epochs=1"], ["epochs=60", "early_stopping=none"]], told=lambda: there.append(long.exists()))
    assert len(results(runs)) == 2
    assert there == [False, True]


def test_those_that_are_faster_alone_leave_the_same(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = results(train(lab))
    shutil.rmtree(lab.folder / "sweep")
    monkeypatch.setattr(trial, "fastest", lambda trainer: 1)
    said = list[tuple[list[int], str]]()
    for one, other in zip(results(train(lab, said=said)), beside, strict=True):
        assert one["val"] == pytest.approx(other["val"], rel=1e-4)
        assert one["best_epoch"] == other["best_epoch"]
    assert said == [([0, 1, 2], "trained each by itself: a stack of 3 would be slower here")]


def test_what_was_not_begun_is_not_told_of(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Stop()
    monkeypatch.setattr(trial, "fastest", lambda trainer: setattr(stop, "signal", 2) or 1)
    assert [type(how) for how in train(lab, stop=stop)] == []
    assert not list((lab.folder / "sweep").rglob("state.safetensors"))


def test_what_is_finished_is_not_trained_again(lab: Lab) -> None:
    first = results(train(lab))
    assert results(train(lab)) == first  # with the seconds that it took


def test_what_cannot_be_stacked_is_trained_beside(lab: Lab) -> None:
    jobs, said = [["augment=table"], ["optimizer=sgd"], *JOBS], list[tuple[list[int], str]]()
    assert [len(run["val"]) > 0 for run in results(train(lab, jobs, said=said))] == [True] * 5
    why = "not in one of 5 as planned: the optimizer differs"
    assert said == [([0, 1], f"trained each by itself, {why}"), ([2, 3, 4], f"trained in a stack of 3, {why}")]
    for places, how in said:
        assert all(f"note  {how}" in (lab.folder / f"sweep/{job}/log.txt").read_text() for job in places)
