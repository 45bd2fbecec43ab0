"""What a worker tells of its jobs while they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from nntrain.sweep.job import Job
from nntrain.sweep.workers import progress as module
from nntrain.sweep.workers.progress import Progress, Reporter


def job(number: int) -> Job:
    return Job(number, (), {}, Path(), {"epochs": 50})


def test_news_are_told_together_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    told: list[Sequence[Progress]] = []
    judges = Reporter(lambda news: told.append(list(news))).watching(None)
    first, second = judges(job(1)), judges(job(2))
    assert first(1, 0.5) is None
    assert told == [[Progress(1, 1, 50, 0.5)]]
    for epoch in (2, 3):
        first(epoch, 0.4)
        second(epoch, 0.3)
    assert len(told) == 1
    now[0] += module.EVERY
    second(4, 0.2)
    assert told[1:] == [[Progress(1, 3, 50, 0.4), Progress(2, 4, 50, 0.2)]]


def test_what_is_not_told_yet_is_told_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "monotonic", lambda: 10.0)
    told: list[Sequence[Progress]] = []
    reporter = Reporter(lambda news: told.append(list(news)))
    watch = reporter.watching(None)(job(1))
    watch(1, 0.5)
    watch(2, 0.4)
    reporter.flush()
    reporter.flush()
    assert told == [[Progress(1, 1, 50, 0.5)], [Progress(1, 2, 50, 0.4)]]


def test_a_judge_has_its_say() -> None:
    judges = Reporter(lambda news: None).watching(
        lambda job: lambda epoch, value: f"pruned {job.number} {epoch} {value}"
    )
    assert judges(job(7))(3, 0.5) == "pruned 7 3 0.5"
