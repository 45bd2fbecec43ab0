"""What is said of mistakes where nobody can read it any more."""

from __future__ import annotations

import os
import sys

import pytest

from nntrain.errors import say


def test_a_line_that_nobody_can_read_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        say("one")
        say("two")
