"""One process at a time in a run folder."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from nntrain.errors import UserError
from nntrain.record import lock
from nntrain.record.lock import locked

HOLD = """\
import sys, pathlib
from nntrain.record.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    input(print(flush=True))
"""


def test_a_second_one_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    said = "another process trains in this folder; wait for it, or stop it first"
    with locked(tmp_path), pytest.raises(UserError, match=said), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdin=-1, stdout=-1) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(UserError, match="another process"), locked(tmp_path):
            pass
        other.kill()
    with locked(tmp_path):
        pass


def test_who_only_looks_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as look:
        look.enter_context(locked(tmp_path))
        monkeypatch.setattr(lock, "sleep", lambda seconds: look.close())
        with locked(tmp_path):
            assert lock.is_locked(tmp_path)
    assert not lock.is_locked(tmp_path)


def test_the_log_is_written_on(tmp_path: Path) -> None:
    with locked(tmp_path), (tmp_path / "log.txt").open("a") as log:
        log.write("said")
    assert (tmp_path / "log.txt").read_text() == "said"


def test_where_nothing_can_be_locked_the_run_goes_on(tmp_path: Path) -> None:
    with locked(tmp_path / "missing"):
        pass
