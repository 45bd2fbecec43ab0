"""Worker processes: who gets what, what becomes of those that die, and how a signal ends them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import Pipe, forkserver
from pathlib import Path
from typing import Any

import pytest

from nntrain.cores import SHARING
from nntrain.signals import ENDING
from nntrain.sweep.interrupted import Interrupted
from nntrain.sweep.workers import forking
from nntrain.sweep.workers import processes as module
from nntrain.sweep.workers.forking import THREADS, start_server
from nntrain.sweep.workers.processes import Setting, Workers, sender


def nothing() -> None:
    pass


def work(unit: Any, send: Callable[[Any], None]) -> None:
    """A unit says what to do."""
    if unit == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif unit == "break":
        raise ZeroDivisionError
    elif unit == "see":
        send({name: os.environ.get(name) for name in (*THREADS, "CUDA_VISIBLE_DEVICES", SHARING)})
    elif unit == "see all":
        send(dict(os.environ))
    elif isinstance(unit, Path) and unit.name == "unfinished":
        try:
            unit.touch()
            time.sleep(20)
        finally:
            unit.unlink()
    elif isinstance(unit, Path):  # a long run, which saves its state when it is told to stop
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda number, frame: stopped.set())
        unit.touch()
        stopped.wait(20)
        time.sleep(0.5 * (unit.name == "slow"))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        send(f"saved {unit.name}")
    else:
        send((unit, os.getpid()))


@pytest.fixture
def started() -> Iterator[Callable[..., Workers]]:
    all_of_them: list[Workers] = []

    def start(*settings: Setting, prepare: Callable[[], None] = nothing) -> Workers:
        workers = Workers(work, prepare)
        workers.want(settings or [Setting(1), Setting(1)])
        all_of_them.append(workers)
        return workers

    yield start
    for workers in all_of_them:
        workers.close()


def run(
    workers: Workers, units: list[Any], again: Callable[[Any], list[Any]] = lambda unit: []
) -> dict[str, list[Any]]:
    """What was said, in order: the messages, and (unit, exit code) of the lost ones."""
    said: dict[str, list[Any]] = {"told": [], "lost": []}

    def lost(unit: Any, code: int) -> list[Any]:
        said["lost"].append((unit, code))
        return again(unit)

    workers.run(units, said["told"].append, lost)
    return said


def test_every_unit_is_done_once_by_one_of_the_workers(started: Callable[..., Workers]) -> None:
    said = run(started(), list(range(20)))
    assert sorted(unit for unit, _ in said["told"]) == list(range(20))
    assert os.getpid() not in {pid for _, pid in said["told"]}
    assert said["lost"] == []


def test_workers_start_without_a_server(started: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(forking, "ensure_running", refused)
    start_server("nowhere")
    assert [unit for unit, _ in run(started(Setting(1)), ["a", "b"])["told"]] == ["a", "b"]


def test_workers_serve_several_batches(started: Callable[..., Workers]) -> None:
    workers = started(Setting(1))
    assert [unit for unit, _ in run(workers, ["a"])["told"] + run(workers, ["b", "c"])["told"]] == ["a", "b", "c"]


def test_a_worker_knows_its_share_of_the_machine(
    started: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    (seen,) = run(started(Setting(3, "1", 2)), ["see"])["told"]
    assert seen == {**dict.fromkeys(THREADS, "3"), "CUDA_VISIBLE_DEVICES": "1", SHARING: "2"}


def test_a_worker_has_the_environment_of_when_it_is_started(
    started: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(started(Setting(1)), [0])  # their server runs
    monkeypatch.setenv("NNTRAIN_CACHE", "elsewhere")
    assert run(started(Setting(1)), ["see all"])["told"] == [{**os.environ, **Setting(1).environment()}]


def test_threads_that_the_user_has_set_stand(started: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert run(started(Setting(3)), ["see"])["told"][0]["OMP_NUM_THREADS"] == "7"


@pytest.mark.parametrize(("how", "code"), [("die", -signal.SIGKILL), ("break", 1)])
def test_a_worker_that_dies_costs_its_unit_alone(
    how: str, code: int, started: Callable[..., Workers], capfd: pytest.CaptureFixture[str]
) -> None:
    workers = started(Setting(1))
    said = run(workers, [0, how, 1, 2])
    assert said["lost"] == [(how, code)]
    assert [unit for unit, _ in said["told"]] == [0, 1, 2]
    assert workers.count == 1  # another in its place


def test_a_worker_that_dies_idle_costs_no_unit(started: Callable[..., Workers]) -> None:
    workers = started(Setting(1))
    ((_, first),) = run(workers, [0])["told"]
    os.kill(first, signal.SIGKILL)
    workers._workers[0].process.join()
    said = run(workers, [1])
    assert said["lost"] == []
    ((unit, second),) = said["told"]
    assert unit == 1
    assert second != first


def test_a_lost_unit_may_be_tried_in_parts(started: Callable[..., Workers]) -> None:
    said = run(started(), ["die", 3], again=lambda unit: [1, 2])
    assert sorted(unit for unit, _ in said["told"]) == [1, 2, 3]


def test_all_workers_may_die(started: Callable[..., Workers]) -> None:
    said = run(started(), ["die"] * 3)
    assert said["lost"] == [("die", -signal.SIGKILL)] * 3


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_passed_on_and_no_other_unit_begins(
    number: int, started: Callable[..., Workers], tmp_path: Path
) -> None:
    units = [tmp_path / name for name in "abc"]
    if signal.getsignal(number) == signal.SIG_IGN:  # as SIGHUP is under nohup
        pytest.skip("is ignored here")

    def stop() -> None:
        while not all(unit.exists() for unit in units[:2]):
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    workers, told = started(), []
    threading.Thread(target=stop).start()
    with pytest.raises(Interrupted) as caught:
        workers.run(units, told.append, lambda unit, code: [])
    assert caught.value.status == 128 + number
    assert sorted(told) == ["saved a", "saved b"]
    assert not units[2].exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_does_not_wait_for_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def served() -> bool:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it went on")

    monkeypatch.setattr(module, "served", served)
    workers = Workers(work, nothing)
    workers.want([Setting(1)])
    with pytest.raises(Interrupted):
        run(workers, ["a"])
    assert workers.signalled == signal.SIGINT


def test_a_unit_that_a_signal_ends_clears_up(started: Callable[..., Workers], tmp_path: Path) -> None:
    unit = tmp_path / "unfinished"

    def stop() -> None:
        while not unit.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    workers = started(Setting(1))
    threading.Thread(target=stop).start()
    with pytest.raises(Interrupted):
        run(workers, [unit])
    assert not unit.exists()


@pytest.mark.parametrize(("apart", "saves"), [(0.03, True), (0.2, False)])
def test_a_second_signal_kills_unless_it_comes_with_the_first(
    apart: float, saves: bool, started: Callable[..., Workers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAME_ASK", 0.1)
    unit = tmp_path / "slow"

    def stop() -> None:
        while not unit.exists():
            time.sleep(0.01)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(apart)

    workers, told, lost = started(Setting(1)), [], []
    threading.Thread(target=stop).start()
    with pytest.raises(Interrupted):
        workers.run([unit], told.append, lambda unit, code: lost.append(code) or [])
    assert told == ["saved slow"] * saves
    assert lost == [-signal.SIGKILL] * (not saves)


def broken() -> None:
    raise ImportError("no torch")


def test_workers_that_cannot_start_lose_their_units(
    started: Callable[..., Workers], capfd: pytest.CaptureFixture[str]
) -> None:
    forkserver._forkserver._stop()  # another one writes to where this test reads
    assert sorted(run(started(prepare=broken), ["a", "b", "c"])["lost"]) == [("a", 1), ("b", 1), ("c", 1)]
    assert "ImportError: no torch" in capfd.readouterr().err


def test_a_unit_may_be_larger_than_a_pipe_holds(started: Callable[..., Workers]) -> None:
    large = "x" * 1_000_000
    (said,) = run(started(), [large])["told"]
    assert said[0] == large


def test_a_run_whose_parent_has_died_is_told_to_stop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda process, number: told.append((process, number)))
    theirs, ours = Pipe()
    send = sender(ours)
    send("alive")
    assert theirs.recv() == "alive"
    theirs.close()
    send("gone")
    send("still gone")
    assert told == [(os.getpid(), signal.SIGTERM)]
    ours.close()


def test_workers_that_are_idle_end_at_once(started: Callable[..., Workers]) -> None:
    workers = started()
    run(workers, [1, 2])
    began = time.monotonic()
    workers.close()
    assert time.monotonic() - began < 5
