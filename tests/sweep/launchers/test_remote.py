"""What becomes of units that other machines train: their answers, their failures, and a signal in between."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nntrain.errors import UserError
from nntrain.record.files import write_json
from nntrain.sweep.interrupted import Interrupted
from nntrain.sweep.job import Job
from nntrain.sweep.launchers import remote
from nntrain.sweep.launchers.base import Units
from nntrain.sweep.launchers.remote import Answer, Remote, Watch, outcomes_of, require, train_there
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.workers.progress import Replanned

CONFIG = {"epochs": 20, "early_stopping": {"monitor": "loss"}}
RESULT = {"monitor": "val_loss", "best_value": 0.5, "val": {"loss": 0.5}, "stop_reason": "all 20 epochs done"}


def jobs_in(folder: Path, count: int) -> list[Job]:
    return [Job(n, (), {"seed": str(n)}, folder / str(n), CONFIG) for n in range(count)]


class Elsewhere(Remote):
    """Machines that answer as they are told, each unit when it is looked at for the second time."""

    pause = 0.001

    def __init__(self, answer: Callable[[Sequence[Job]], Answer], queues: bool = True) -> None:
        self.answer, self._queues = answer, queues
        self.given: list[list[int]] = []
        self.cancelled: list[Any] = []
        self.units: dict[int, Sequence[Job]] = {}
        self.looked: set[int] = set()
        self.said: list[tuple[Sequence[int], str]] = []
        self.waiting: list[int] = []
        board = SimpleNamespace(
            running=lambda numbers: None,
            progress=lambda *news: None,
            waiting=self.waiting.extend,
            replanned=lambda *what: self.said.append(what),
        )
        self.sweep: Any = SimpleNamespace(board=board)

    @property
    def where(self) -> str:
        return "elsewhere"

    @property
    def queues(self) -> bool:
        return self._queues

    @property
    def at_once(self) -> int:
        return 2

    def submit(self, units: Units) -> list[Any]:
        self.given.append([job.number for unit in units for job in unit])
        handles = [len(self.units) + i for i in range(len(units))]
        self.units |= zip(handles, units, strict=True)
        return handles

    def ended(self, handles: Sequence[Any]) -> list[tuple[Any, Answer]]:
        ready = [handle for handle in handles if handle in self.looked]
        self.looked.update(handles)
        return [(handle, self.answer(self.units[handle])) for handle in ready]

    def cancel(self, handles: Sequence[Any]) -> None:
        self.cancelled += handles


def done(jobs: Sequence[Job]) -> Answer:
    return [Outcome(job.number, result=RESULT) for job in jobs]


def test_every_answer_is_recorded(tmp_path: Path) -> None:
    recorded: list[Outcome] = []
    launcher = Elsewhere(done)
    launcher.run([[job] for job in jobs_in(tmp_path, 5)], recorded.append)
    assert [outcome.number for outcome in recorded] == [0, 1, 2, 3, 4]
    assert launcher.given == [[0, 1, 2, 3, 4]]


def test_without_a_queue_as_many_are_given_as_can_train(tmp_path: Path) -> None:
    launcher = Elsewhere(done, queues=False)
    launcher.run([[job] for job in jobs_in(tmp_path, 5)], lambda outcome: None)
    assert launcher.given == [[0, 1], [2, 3], [4]]


def test_a_failure_of_the_machinery_is_that_units_alone(tmp_path: Path) -> None:
    def answer(jobs: Sequence[Job]) -> Answer:
        return RuntimeError("\n---\nnode 7 has died\nmore") if jobs[0].number == 1 else done(jobs)

    recorded: dict[int, Outcome] = {}
    launcher = Elsewhere(answer)
    launcher.run([[job] for job in jobs_in(tmp_path, 3)], lambda outcome: recorded.update({outcome.number: outcome}))
    assert [recorded[n].status for n in range(3)] == [0, 1, 0]
    assert recorded[1].error == "RuntimeError: node 7 has died"


def test_jobs_that_had_ended_before_their_unit_failed_keep_their_results(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, 2)
    jobs[0].folder.mkdir()
    write_json(jobs[0].folder / "result.json", RESULT)
    kept, lost = outcomes_of(jobs, RuntimeError())
    assert (kept.status, kept.result["best_value"]) == (0, 0.5)
    assert (lost.status, lost.error) == (1, "RuntimeError: without a reason")


def test_of_a_stack_that_broke_the_jobs_are_tried_one_by_one(tmp_path: Path) -> None:
    def answer(jobs: Sequence[Job]) -> Answer:
        return RuntimeError("killed") if 1 in [job.number for job in jobs] else done(jobs)

    jobs, recorded = jobs_in(tmp_path, 4), []
    launcher = Elsewhere(answer)
    launcher.run([jobs[:3], jobs[3:]], recorded.append)
    assert launcher.given == [[0, 1, 2, 3], [0, 1, 2]]
    assert sorted((outcome.number, outcome.status) for outcome in recorded) == [(0, 0), (1, 1), (2, 0), (3, 0)]
    assert launcher.said == [([0, 1, 2], "trained each by itself from here on: RuntimeError: killed")]
    assert launcher.waiting == [0, 1, 2]


def test_what_a_unit_decides_otherwise_than_planned_is_said_when_it_ends(tmp_path: Path) -> None:
    how = "trained each by itself: a stack of 2 would be slower here"
    launcher = Elsewhere(lambda jobs: [Replanned([job.number for job in jobs], how), *done(jobs)])
    jobs, recorded = jobs_in(tmp_path, 3), []
    launcher.run([jobs[:2], jobs[2:]], recorded.append)
    assert launcher.said == [([0, 1], how), ([2], how)]
    assert [outcome.number for outcome in recorded] == [0, 1, 2]


def test_what_was_decided_is_part_of_what_a_machine_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train_unit(jobs: Sequence[Job], command: object, ended: Any, judges: object, *, say: Any) -> int:
        say(jobs[:2], "trained in a stack of 2")
        for job in jobs:
            ended(Outcome(job.number))
        return 0

    monkeypatch.setattr("nntrain.sweep.workers.work.train_unit", train_unit)
    answer = train_there(jobs_in(tmp_path, 3), [], None)
    assert pickle.loads(pickle.dumps(answer)) == [
        Replanned([0, 1], "trained in a stack of 2"),
        *(Outcome(n) for n in range(3)),
    ]


def test_jobs_after_one_that_ended_its_unit_were_not_run(tmp_path: Path) -> None:
    first, second = outcomes_of(jobs_in(tmp_path, 2), [Outcome(0, 143, "interrupted; its state is saved")])
    assert (first.status, second.status, second.error) == (143, 1, "it was not run: its unit ended before")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_runs_elsewhere(number: signal.Signals, tmp_path: Path) -> None:
    def answer(jobs: Sequence[Job]) -> Answer:
        return [Outcome(jobs[0].number, 143, "interrupted; its state is saved")] if launcher.cancelled else done(jobs)

    launcher = Elsewhere(answer)
    recorded: list[Outcome] = []

    def record(outcome: Outcome) -> None:
        recorded.append(outcome)
        if outcome.number == 1:
            signal.raise_signal(number)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as interrupted:
        launcher.run([[job] for job in jobs_in(tmp_path, 4)], record)
    assert interrupted.value.status == 128 + number
    assert [outcome.number for outcome in recorded] == [0, 1, 2, 3]
    assert signal.getsignal(number) is before


def test_what_does_not_answer_to_a_signal_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "GRACE", 0.01)
    launcher = Elsewhere(done)
    monkeypatch.setattr(launcher, "ended", lambda handles: [])
    monkeypatch.setattr(remote.Watch, "look", lambda *_: signal.raise_signal(signal.SIGINT))
    recorded: list[Outcome] = []
    with pytest.raises(Interrupted):
        launcher.run([[job] for job in jobs_in(tmp_path, 2)], recorded.append)
    assert [(outcome.number, outcome.status) for outcome in recorded] == [(0, 130), (1, 130)]
    assert launcher.cancelled == [0, 1]


def test_how_far_a_job_is_is_read_in_its_folder(tmp_path: Path) -> None:
    jobs, news = jobs_in(tmp_path, 3), []
    for job in jobs[:2]:
        job.folder.mkdir()
    (jobs[0].folder / "metrics.csv").write_text("epoch,lr,val_loss\n1,0.1,0.5\n2,0.1,0.25\n3,0.")
    (jobs[1].folder / "metrics.csv").write_text("epoch,lr,val_loss\n")
    watch = Watch(lambda *told: news.append(told))
    watch.look(jobs)
    watch.look(jobs)  # too soon
    assert news == [(0, 2, 20, 0.25)]


def test_a_package_that_is_missing_is_named_with_its_command() -> None:
    with pytest.raises(UserError, match=r"hydra/launcher=ray needs no_such, .*: pip install 'nntrain\[no_such\]'"):
        require("no_such", "ray")
