"""What a worker tells of its jobs while they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.sweep.job import Job
from nntrain.sweep.workers import progress as module
from nntrain.sweep.workers.member_console import MemberConsole
from nntrain.sweep.workers.progress import Progress, Reporter, beginning, watching


def job(number: int) -> Job:
    return Job(number, (), {}, Path(), {"epochs": 50})


class Clock:
    """In place of threading.Timer: rings when it is told to."""

    def __init__(self, seconds: float, ring: Any) -> None:
        self.ring, self.running = ring, False
        Clock.last = self

    last: Clock

    def start(self) -> None:
        self.running = True

    def cancel(self) -> None:
        self.running = False


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr(module, "Timer", Clock)
    return []


def test_the_members_of_a_stack_are_told_of_together(told: list[Any]) -> None:
    reporter = Reporter(told.append)
    judges = watching(None, reporter.note)
    first, second = judges(job(1)), judges(job(2))
    for epoch in (1, 2):
        assert first(epoch, 0.5 / epoch) is None
        second(epoch, 0.25)
    assert told == []
    Clock.last.ring()
    assert told == [[Progress(1, 2, 50, 0.25), Progress(2, 2, 50, 0.25)]]


def test_what_a_job_had_done_before_is_told_besides_its_first_epoch(told: list[Any]) -> None:
    reporter = Reporter(told.append)
    beginning(reporter.note)(job(1), 30)
    watching(None, reporter.note)(job(1))(31, 0.5)
    Clock.last.ring()
    assert told == [[Progress(1, 30, 50, None), Progress(1, 31, 50, 0.5)]]


def test_what_is_not_told_yet_is_told_before_how_a_job_ended(told: list[Any]) -> None:
    reporter = Reporter(told.append)
    watching(None, reporter.note)(job(1))(1, 0.5)
    reporter.send("ended")
    assert told == [[Progress(1, 1, 50, 0.5)], "ended"]
    assert not Clock.last.running
    Clock.last.ring()  # too late to be cancelled
    assert len(told) == 2


def test_it_rings_by_itself() -> None:
    told: list[Any] = []
    reporter = Reporter(told.append)
    reporter.note(Progress(1, 1, 50, 0.5))
    assert reporter._timer is not None
    reporter._timer.join()
    assert told == [[Progress(1, 1, 50, 0.5)]]


def test_a_judge_has_its_say() -> None:
    judges = watching(lambda job: lambda epoch, value: f"pruned {job.number} {epoch} {value}", lambda progress: None)
    assert judges(job(7))(3, 0.5) == "pruned 7 3 0.5"


def test_a_member_of_a_stack_begins_with_its_first_epoch_here() -> None:
    told: list[Progress] = []
    begun = beginning(told.append)
    console = MemberConsole(lambda epochs: begun(job(4), epochs))
    console.start(
        name="",
        data="",
        rows={},
        task="",
        model="",
        parameters=0,
        training="",
        device="",
        folder="",
        epochs=50,
        metrics=[],
    )
    assert told == []
    for epoch in (31, 32):
        console.epoch_begin(epoch, 10)
    assert told == [Progress(4, 30, 50, None)]
