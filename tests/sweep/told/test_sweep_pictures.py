"""Who draws a sweep's pictures: a worker that is there and has nothing to do, else this process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nntrain.record.files import WriteError
from nntrain.sweep.interrupted import deferring
from nntrain.sweep.told.pictures import Pictures, draw_pictures
from nntrain.sweep.workers.processes import Setting, Workers


@dataclass(frozen=True)
class Drawing(Pictures):
    """Leaves the number of the process that drew it."""

    refused: bool = False
    fatal: bool = False
    long: bool = False

    def run(self, send: Callable[[str], None]) -> None:
        if self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        super().run(send)

    def draw(self) -> None:
        if self.refused:
            raise WriteError("no space left")
        (self.folder / "drawn").write_text(str(os.getpid()))
        if self.long:
            time.sleep(0.3)
            (self.folder / "drawn whole").touch()


def nothing() -> None:
    pass


def work(unit: Any, send: Callable[[Any], None]) -> None:
    if isinstance(unit, Pictures):
        unit.run(send)


@pytest.fixture
def workers() -> Iterator[Workers]:
    """One, which has done what it was started for."""
    some = Workers(work, nothing)
    some.want([Setting(1)])
    some.run(["a job"], lambda message: None, lambda unit, code: [])
    yield some
    some.close()


def drawn_here(folder: Path) -> bool:
    return (folder / "drawn").read_text() == str(os.getpid())


def test_an_idle_worker_draws(tmp_path: Path, workers: Workers) -> None:
    draw_pictures(Drawing([], None, tmp_path), workers)
    assert not drawn_here(tmp_path)


def test_what_the_disk_says_to_a_worker_is_said_here(tmp_path: Path, workers: Workers) -> None:
    with pytest.raises(WriteError, match="no space left"):
        draw_pictures(Drawing([], None, tmp_path, refused=True), workers)


def test_this_process_draws_where_no_worker_is_or_it_dies(tmp_path: Path, workers: Workers) -> None:
    unused = Workers(work, nothing)
    unused.want([Setting(1)])
    draw_pictures(Drawing([], None, tmp_path), unused)
    assert drawn_here(tmp_path)
    (tmp_path / "drawn").unlink()
    draw_pictures(Drawing([], None, tmp_path, fatal=True), workers)
    assert drawn_here(tmp_path)


def test_a_signal_waits_for_what_a_worker_draws(tmp_path: Path, workers: Workers) -> None:
    def stop() -> None:
        while not (tmp_path / "drawn").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop).start()
    with deferring() as deferred:
        draw_pictures(Drawing([], None, tmp_path, long=True), workers)
    assert deferred.status == 143
    assert (tmp_path / "drawn whole").exists()
    assert not drawn_here(tmp_path)
