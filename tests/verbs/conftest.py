"""The fixture of the trainings in `lab.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import TINY, Lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY)
    return Lab(tmp_path)
