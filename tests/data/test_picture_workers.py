"""Processes that decode pictures: signals reach them too, and who started them may be killed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from picture_lab import fill

from nntrain.data.pictures.decoding import Look
from nntrain.data.pictures.pool import Chunk, Crew, Target, decode_all
from nntrain.signals import ENDING

LOOK = Look(height=5, width=6, channels=3, fit="stretch", max_pixels=1000)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    fill(tmp_path, ["0.png", "1.png"])
    (tmp_path / "pixels").write_bytes(bytes(2 * 3 * 5 * 6))
    return Target(tmp_path / "pixels", 0, tmp_path, LOOK)


@pytest.mark.skipif(sys.platform == "win32", reason="a signal there ends a process, however it takes it")
def test_what_a_terminal_sends_to_all_ends_none_not_even_while_it_starts(target: Target) -> None:
    chunk = Chunk(0, ["0.png", "1.png"])
    with Crew() as crew:
        crew.start(1)
        for number in ENDING:
            crew._processes[0].send_signal(number)
        found = decode_all([chunk], target, total=2, crew=crew, workers=1, patient=False)
    assert (found.done, found.problems) == (2, [])


def _first_line(target: Target) -> bytes:
    about = {"look": asdict(LOOK), "root": str(target.root), "file": str(target.file), "start": 0}
    return json.dumps(about).encode() + b"\n"


@pytest.mark.parametrize("sent", ["nothing", "a part of a line", "the last chunk"])
def test_one_whose_parent_was_killed_ends_without_a_word(sent: str, target: Target) -> None:
    chunk = json.dumps({"row": 0, "names": ["0.png"]}).encode()
    said = {"nothing": b"", "a part of a line": chunk, "the last chunk": chunk + b"\n"}[sent]
    process = subprocess.Popen(
        [sys.executable, "-m", "nntrain.data.pictures.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(_first_line(target) + said if said else b"")
    assert err == b""
