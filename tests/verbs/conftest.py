"""The fixture of the trainings in `lab.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import TINY, Lab

from nntrain.stack import trial


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trial, "fastest", lambda trainer: len(trainer.members))  # whatever this machine does meanwhile
    (tmp_path / "tiny.yaml").write_text(TINY)
    return Lab(tmp_path)
