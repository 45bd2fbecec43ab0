"""Fixtures that several tests share, and what makes the processes of tests quick."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

gc.disable()  # until all is imported: what stays is not searched for garbage again and again, which takes seconds
os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported; networks of tests are tiny: more threads cost time
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # of processes that tests start: they are many, and import the same
for name in ("COLUMNS", "LINES", "FORCE_COLOR"):  # readline, which pytest imports, hands the first two to its workers
    os.environ.pop(name, None)
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # how long an example takes depends on what else the machine does


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """All tests are imported."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """Libraries of torch would say at length that what they cannot see freed has leaked."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def still_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep in this process would end with all that was imported searched for garbage ever after."""
    monkeypatch.setattr(gc, "unfreeze", lambda: None)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a power failure would leave is nothing that a test sees, unless it watches these calls itself."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


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
