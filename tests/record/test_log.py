"""`log.txt` is plain text."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.errors import UserError
from nntrain.record.log import Log, plain_text


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("\x1b[1;32mgood\x1b[0m", "good"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("bar\x1b[2K\r\x08", "bar"),
        ("ü\tline\nnext", "ü\tline\nnext"),
    ],
)
def test_terminal_codes_are_left_out(said: str, plain: str) -> None:
    assert plain_text(said) == plain


def test_what_was_said_before_the_folder_existed_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("of the run before\n")
    log = Log()
    log.write("early")
    log.open(path)
    log.write("late\n")
    assert path.read_text() == "of the run before\nearly\nlate\n"


def test_a_disk_that_refuses_is_said(tmp_path: Path) -> None:
    log = Log()
    log.write("something")
    with pytest.raises(UserError, match="what was said before is kept"):
        log.open(tmp_path)
