"""Streams for people to read, and what happens where nobody can read them any more."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import pytest
from rich.text import Text

from nntrain.record.screen import show


class Closed(io.StringIO):
    """A terminal whose window was closed, or a disk that is full."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.tried = number, 0

    def write(self, text: str) -> int:
        self.tried += 1
        raise OSError(self.number, "refused")


def test_the_work_goes_on_where_a_window_was_closed() -> None:
    stream = Closed(errno.EIO)
    show(lambda page: [Text("one"), Text("two")], stream)
    assert stream.tried == 1  # it is silent from then on


def test_any_other_refusal_is_said() -> None:
    with pytest.raises(OSError, match="refused"):
        show(lambda page: [Text("one")], Closed(errno.ENOSPC))


SHOWING = """
import sys
from rich.text import Text
from nntrain.record.screen import Display

display = Display(live=True)
display.begin(lambda: Text("running"))
sys.stdin.readline()
display.console.print("closed")
display.end()
print("done", file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals")
def test_a_window_that_is_closed_while_something_changes_in_it_fails_nothing() -> None:
    window, terminal = os.openpty()
    command = [sys.executable, "-c", SHOWING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        os.read(window, 1)
        os.close(window)
        process.communicate(b"\n", timeout=30)
    assert process.returncode == 0
