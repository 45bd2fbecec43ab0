"""Whether features of a frozen trunk fit in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nntrain.training import features


def test_memory_that_files_are_kept_in_while_nobody_wants_it_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "meminfo"
    told.write_text("MemTotal: 8000 kB\nMemFree: 10 kB\nMemAvailable: 6000 kB\n")
    monkeypatch.setattr(features, "MEMINFO", told)
    assert features.free_bytes(torch.device("cpu")) == 6000 * 1024


def test_where_the_system_does_not_tell_some_memory_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MEMINFO", tmp_path / "not there")
    assert features.free_bytes(torch.device("cpu")) == features.UNKNOWN
