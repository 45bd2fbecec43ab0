"""Signals, as the process that trains handles them."""

from __future__ import annotations

import signal
import threading

import pytest

from nntrain import launch
from nntrain.launch import catching_signals, config_word
from nntrain.signals import ENDING


def test_the_first_signal_asks_the_second_insists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "SAME_ASK", -1.0)
    with catching_signals() as stop:
        assert stop.signal is None
        signal.raise_signal(signal.SIGTERM)
        assert stop.signal == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt) as caught:
            signal.raise_signal(signal.SIGTERM)
        assert getattr(caught.value, "status", None) == 128 + signal.SIGTERM


def test_one_that_comes_at_once_asks_for_the_same() -> None:
    with catching_signals() as stop:
        for _ in range(3):  # GNU timeout sends two
            signal.raise_signal(signal.SIGTERM)
        assert stop.signal == signal.SIGTERM


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="terminals do not say here that they close")
def test_a_terminal_that_closes_asks_for_the_same() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # pytest may run under nohup
    try:
        with catching_signals() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop.signal == signal.SIGHUP
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_worker_that_was_told_to_stop_is_not_hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "SAME_ASK", -1.0)
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        with catching_signals(again=False) as stop:
            for _ in range(3):
                signal.raise_signal(signal.SIGTERM)
            assert stop.signal == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN  # until it has said how its job ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_data_is_read_it_ends_all_with_its_own_status(number: signal.Signals) -> None:
    with catching_signals() as stop:
        launch._end_if(stop)
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt) as interrupted:
            launch._end_if(stop)
    assert vars(interrupted.value)["status"] == 128 + number


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with catching_signals():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with catching_signals() as stop:
            signal.raise_signal(signal.SIGINT)
            assert stop.signal is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_signals_are_left_alone() -> None:
    found: list[object] = []

    def run() -> None:
        with catching_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [before]


@pytest.mark.parametrize("path", ["plain.yaml", "it's here/my recipe.yaml", "a,b=[1].yaml"])
def test_any_path_can_name_a_config(path: str) -> None:
    from pathlib import Path

    from nntrain.config.words import read_word

    assert read_word(config_word(path), Path("/work")).value == path
