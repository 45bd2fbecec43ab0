"""How many workers there are, with what share of the machine, and which of them start before a word is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nntrain.sweep.workers import crew, devices
from nntrain.sweep.workers.crew import early_workers, settings
from nntrain.sweep.workers.processes import Setting


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four cores and no GPU."""
    _machine(monkeypatch, 4, [])


def _machine(monkeypatch: pytest.MonkeyPatch, cores: int, gpus: list[str]) -> None:
    monkeypatch.setattr(crew, "cores", lambda: cores)
    monkeypatch.setattr(crew, "gpus", lambda: gpus)


def test_a_worker_per_core() -> None:
    assert settings({"auto"}, None) == [Setting(1)] * 4


def test_fewer_workers_have_more_threads_and_more_have_one() -> None:
    assert settings({"auto"}, 2) == [Setting(2)] * 2
    assert settings({"auto"}, 6) == [Setting(1)] * 6


def test_a_worker_per_gpu_which_sees_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, 8, ["0", "3"])
    assert settings({"auto"}, None) == [Setting(4, "0"), Setting(4, "3")]
    assert settings({"cuda"}, 3) == [Setting(2, "0"), Setting(2, "3"), Setting(2, "0")]


def test_jobs_for_the_processor_leave_gpus_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, 2, ["0"])
    assert settings({"cpu"}, None) == [Setting(1)] * 2


def test_jobs_that_name_their_gpu_see_all(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, 8, ["0", "1", "2", "3"])
    assert settings({"cuda:1", "cuda:3"}, None) == [Setting(4), Setting(4)]


STARTED = {
    "seed=1,2 -m": 4,
    "hydra/launcher=parallel": 4,
    "hydra/launcher=parallel hydra/launcher=stacked": 4,
    "hydra.launcher.workers=2": 2,
    "hydra.launcher.workers=two": 4,  # which is said when the words are read
    "hydra/launcher=basic": 0,
    "hydra/launcher=submitit hydra.launcher.workers=2": 0,
}


@pytest.mark.parametrize("words", STARTED)
def test_workers_that_start_before_a_word_is_read(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "can_fork", lambda: True)
    started: list[Setting] = []
    monkeypatch.setattr(crew.Workers, "start", lambda self, settings: started.extend(settings))
    with early_workers(words.split()):
        assert len(started) == STARTED[words]


def test_none_start_early_where_that_is_not_known_to_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    with early_workers(["seed=1,2"]) as workers:  # torch is imported in this process: it cannot be forked
        assert workers.count == 0
    monkeypatch.setattr(crew, "can_fork", lambda: True)
    _machine(monkeypatch, 4, ["0"])
    with early_workers(["seed=1,2"]) as workers:
        assert workers.count == 0


@pytest.mark.parametrize(
    ("visible", "found"), [(None, ["0", "1", "10"]), ("1,0", ["1", "0"]), ("", []), ("-1", []), ("GPU-8f", ["GPU-8f"])]
)
def test_gpus_are_those_that_cuda_would_see(
    visible: str | None, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["nvidia0", "nvidia10", "nvidia1", "nvidiactl", "nvidia-uvm"]
    monkeypatch.setattr(devices, "_built_with_cuda", lambda: True)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [self / name for name in names])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.gpus() == found


def test_a_torch_without_cuda_sees_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_built_with_cuda", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert devices.gpus() == []


def test_what_is_forked_early_has_imported_nothing() -> None:
    code = "import sys, nntrain.sweep.workers.crew; print({m.split('.')[0] for m in sys.modules})"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {name for name in ("torch", "hydra", "omegaconf", "rich", "numpy", "yaml") if f"'{name}'" in said}
