"""Running jobs ask, and the parent of the sweep answers."""

from __future__ import annotations

import multiprocessing
import pickle
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import pytest

from nntrain.sweep.job import Job
from nntrain.sweep.workers.judging import Judges, judging


def job(number: int) -> Job:
    return Job(number, (), {}, Path(), {})


def ends_the_first(number: int, epoch: int, value: float) -> str | None:
    return f"pruned at {value:g}" if number == 1 and epoch == 2 else None


def asked_elsewhere(judges: Any, queue: Any) -> None:
    queue.put([judges(job(number))(epoch, 0.5) for number in (0, 1) for epoch in (1, 2)])


def test_a_judge_answers_in_this_process_and_after_it_was_sent_away() -> None:
    with judging(ends_the_first) as judges:
        sent = pickle.loads(pickle.dumps(judges))
        assert [sent(job(1))(epoch, 0.5) for epoch in (1, 2, 3)] == [None, "pruned at 0.5", None]
        assert sent(job(0))(2, 0.5) is None


def test_a_value_that_is_no_number_comes_through() -> None:
    seen: list[float] = []
    with judging(lambda number, epoch, value: seen.append(value)) as judges:
        judges(job(0))(1, float("nan"))
    assert seen[0] != seen[0]


def test_a_judge_answers_in_another_process() -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with judging(ends_the_first) as judges:
        worker = context.Process(target=asked_elsewhere, args=(judges, queue))
        worker.start()
        assert queue.get(timeout=30) == [None, None, None, "pruned at 0.5"]
        worker.join()


def test_a_job_whose_judge_has_gone_runs_to_its_end() -> None:
    with judging(ends_the_first) as judges:
        judge = judges(job(1))
        assert judge(1, 0.5) is None
    assert judge(2, 0.5) is None
    assert judges(job(1))(2, 0.5) is None


def test_who_has_not_the_key_is_sent_away_and_the_others_are_answered() -> None:
    with judging(ends_the_first) as judges:
        with pytest.raises(multiprocessing.AuthenticationError):
            Client(judges.address, authkey=b"another")
        assert judges(job(1))(2, 0.5) == "pruned at 0.5"


@pytest.mark.parametrize("number", [0, 1])
def test_jobs_have_judges_of_their_own(number: int) -> None:
    with judging(lambda asked, epoch, value: str(asked)) as judges:
        assert judges(job(number))(1, 0.0) == str(number)


def test_one_who_says_nothing_keeps_nobody_waiting() -> None:
    with judging(ends_the_first) as judges, Client(judges.address):
        assert judges(job(1))(2, 0.5) == "pruned at 0.5"


def test_a_job_that_asks_another_sweep_runs_to_its_end() -> None:
    with judging(ends_the_first) as judges:
        assert Judges(judges.address, b"another")(job(1))(2, 0.5) is None


def test_a_job_that_nobody_knows_goes_on_and_the_next_is_answered() -> None:
    known = {1: "pruned"}
    with judging(lambda number, epoch, value: known[number]) as judges:
        assert [judges(job(number))(1, 0.5) for number in (0, 1)] == [None, "pruned"]
