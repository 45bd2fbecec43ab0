"""Fixtures that several tests share."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of processes that tests start, too: read when torch is imported

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # how long an example takes depends on what else the machine does
torch.set_num_threads(1)  # the networks of tests are tiny: a second thread costs more than it brings
for name in ("COLUMNS", "LINES", "FORCE_COLOR"):  # readline, which pytest imports, hands the first two to its workers
    os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or leaves decoded pictures where people keep theirs."""
    monkeypatch.setenv("NNTRAIN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository; tests that want it skip where it is missing."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared data beside the repository")
    return folder
