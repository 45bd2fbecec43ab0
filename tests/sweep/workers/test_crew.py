"""How many workers there are, with what share of the machine, and which of them start before a word is read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nntrain.sweep.workers import crew, devices, forking
from nntrain.sweep.workers.crew import early_workers, settings
from nntrain.sweep.workers.processes import Setting, Workers


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four cores and no GPU."""
    _machine(monkeypatch, 4, [])


def _machine(monkeypatch: pytest.MonkeyPatch, cores: int, gpus: list[str]) -> None:
    monkeypatch.setattr(crew, "cores", lambda: cores)
    monkeypatch.setattr(crew, "gpus", lambda: gpus)


def test_a_worker_per_core() -> None:
    assert settings({"auto"}, None) == [Setting(1, sharing=4)] * 4


def test_fewer_workers_have_more_threads_and_more_have_one() -> None:
    assert settings({"auto"}, 2) == [Setting(2, sharing=2)] * 2
    assert settings({"auto"}, 6) == [Setting(1, sharing=6)] * 6


def test_a_worker_per_gpu_which_sees_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, 8, ["0", "3"])
    assert settings({"auto"}, None) == [Setting(4, "0", 1), Setting(4, "3", 1)]
    assert settings({"cuda"}, 3) == [Setting(2, "0", 2), Setting(2, "3", 2), Setting(2, "0", 2)]


def test_jobs_for_the_processor_leave_gpus_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, 2, ["0"])
    assert settings({"cpu"}, None) == [Setting(1, sharing=2)] * 2


def test_jobs_that_name_their_gpu_see_all(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, 8, ["0", "1", "2", "3"])
    assert settings({"cuda:1", "cuda:3"}, None) == [Setting(4, sharing=1)] * 2


SERVED = {
    "seed=1,2 -m": True,
    "hydra/launcher=parallel": True,
    "hydra/launcher=basic hydra/launcher=stacked": True,
    "hydra/launcher=basic": False,
    "hydra/launcher=submitit hydra.launcher.workers=2": False,
}


@pytest.mark.parametrize("words", SERVED)
def test_the_server_starts_before_a_word_is_read_where_workers_are_forked_from_it(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(crew, "start_server", started.append)
    with early_workers(words.split()):
        assert started == ["nntrain.sweep.workers.server"] * SERVED[words]


@pytest.mark.skipif(not forking.SERVED, reason="workers are not forked here")
def test_what_workers_are_forked_from_has_torch_one_thread_and_rarely_collects_garbage() -> None:
    look = "print(len(os.listdir('/proc/self/task')), 'torch' in sys.modules, gc.get_threshold()[0])"
    code = f"import nntrain.sweep.workers.server, gc, os, sys; {look}"
    threads = dict.fromkeys(forking.THREADS, "1")
    ran = subprocess.run([sys.executable, "-c", code], env={**os.environ, **threads}, capture_output=True, check=True)
    assert ran.stdout.split() == [b"1", b"True", b"100000"]


@pytest.mark.parametrize("given", [{}, {"OMP_NUM_THREADS": "7"}])
def test_the_environment_is_as_it_was_once_the_server_runs(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in forking.THREADS:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    seen: dict[str, str] = {}
    monkeypatch.setattr(forking, "SERVED", True)
    monkeypatch.setattr(forking, "ensure_running", lambda: seen.update(os.environ))
    before = dict(os.environ)
    forking.start_server("this")
    assert seen == before | forking.SERVERS | {forking.PARENT: str(os.getpid())}
    assert dict(os.environ) == before


SLOW = """
import pathlib, time
from nntrain.sweep.workers.forking import end_with_parent
end_with_parent()
pathlib.Path("begun").touch()
time.sleep(60)
"""
SHORT = """
import pathlib, time
from nntrain.sweep.workers.forking import start_server
start_server("slow")
while not pathlib.Path("begun").exists():
    time.sleep(0.01)
print("the end")
"""


@pytest.mark.skipif(not forking.SERVED, reason="workers are not forked here")
def test_who_reads_what_a_sweep_says_does_not_wait_for_the_server(tmp_path: Path) -> None:
    """It imports for a second or more, and what it has open it keeps until it ends."""
    (tmp_path / "slow.py").write_text(SLOW)
    found = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", SHORT], cwd=tmp_path, env=found, capture_output=True, timeout=30)
    assert (ran.returncode, ran.stdout) == (0, b"the end\n")


@pytest.mark.skipif(not forking.SERVED, reason="workers are not forked here")
def test_a_server_whose_parent_has_ended_before_it_began_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from nntrain.sweep.workers.forking import end_with_parent; end_with_parent(); print('goes on')"
    for parent, said in ((os.getpid(), b"goes on\n"), (os.getppid(), b"")):
        monkeypatch.setenv(forking.PARENT, str(parent))
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == said


def test_a_signal_while_the_workers_end_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Workers] = []

    def close(workers: Workers) -> None:
        signal.raise_signal(signal.SIGINT)
        closed.append(workers)

    monkeypatch.setattr(Workers, "close", close)
    with early_workers(["hydra/launcher=basic"]) as workers:
        assert closed == []
    assert closed == [workers]


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


def test_the_server_is_started_before_anything_is_imported() -> None:
    code = "import sys, nntrain.sweep.workers.crew; print({m.split('.')[0] for m in sys.modules})"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {name for name in ("torch", "hydra", "omegaconf", "rich", "numpy", "yaml") if f"'{name}'" in said}
