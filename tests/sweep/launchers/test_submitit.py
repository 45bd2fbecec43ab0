"""Jobs by submitit: in this process, in processes of this machine, and what it refuses."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.sweep.launchers import submitit
from nntrain.sweep.launchers.submitit import Submitit, Task, _last_line

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\nepochs: 1\nbatch_size: 64\n"


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def sweep(*words: str) -> int:
    return main(["fit", "config=mine.yaml", "run_dir=out", "-m", "hydra/launcher=submitit", *words])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # submitit leaves its logs open
def test_each_job_is_a_run_in_its_folder(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("submitit")
    assert sweep("hydra.launcher.cluster=debug", "batch_size=64,5000") == 2
    out = capsys.readouterr().out
    assert "they train in this process, by submitit" in out
    found = json.loads((cwd / "out" / "sweep.json").read_text())
    assert [(job["job"], job["status"]) for job in found["jobs"]] == [(0, 0), (1, 2)]
    assert found["jobs"][1]["error"].startswith("batch_size: 5000 is larger than the training split")
    assert (cwd / "out" / "best.safetensors").samefile(cwd / "out" / "0" / "best.safetensors")


@pytest.mark.slow
def test_in_a_process_of_its_own(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What decides there that a stack is none, as splits have other categories, is said here."""
    pytest.importorskip("submitit")
    rows = [f"{'ab'[i % 2]},{i % 3}.5" for i in range(30)] + [f"c{i},1.5" for i in range(10)]
    (cwd / "mine.csv").write_text("\n".join(["category,y", *rows]))
    table = RECIPE.replace("{name: bundled, dataset: iris}", "{name: table, path: mine.csv, target: y}")
    (cwd / "mine.yaml").write_text(table.replace("64", "8"))
    assert sweep("hydra.launcher.cluster=local", "data.split_seed=0,1", "hydra.launcher.workers=1") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "jobs 0, 1: trained each by itself, not in one of 2 as planned: the shape of the network differs" in said
    assert (cwd / "out" / "0" / "result.json").is_file()
    assert list((cwd / "out" / ".submitit").glob("*_log.out"))


MISTAKES = {
    "hydra.launcher.cluster=slrum": "hydra.launcher.cluster: unknown cluster 'slrum'; did you mean 'slurm'?",
    "hydra.launcher.cluster=slurm": "there is no Slurm on this machine (srun is not found)",
    "hydra.launcher.workers=0": "hydra.launcher.workers: 0 is not a whole number of at least 1 or null",
}


@pytest.mark.parametrize("word", MISTAKES)
def test_mistakes_are_said_before_anything_runs(
    word: str, cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert sweep(word, "seed=1,2") == 2
    assert MISTAKES[word] in capsys.readouterr().err
    assert not (cwd / "out").exists()


def test_without_submitit_the_command_that_brings_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nntrain.sweep.launchers import remote

    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    assert sweep("seed=1,2") == 2
    assert "hydra/launcher=submitit needs submitit, which is not installed: pip install 'nntrain[submitit]'" in (
        capsys.readouterr().err
    )


def test_a_task_survives_the_way_and_its_interruption() -> None:
    helpers = pytest.importorskip("submitit.helpers")
    task = Task([], ["nntrain"], None, 2)
    assert pickle.loads(pickle.dumps(task)) == task
    again = task.checkpoint()
    assert isinstance(again, helpers.DelayedSubmission)
    assert again.function is task


def test_settings_reach_submitit_by_its_own_names(cwd: Path) -> None:
    pytest.importorskip("submitit")
    launcher = Submitit("local", timeout_min=7, partition="gpu", mem_gb=None, setup=[])
    launcher.sweep = type("Sweep", (), {"folder": cwd})()
    assert launcher._made()._executor.parameters["timeout_min"] == 7
    assert not launcher.queues
    assert "submitit" in sys.modules


def test_what_submitit_tells_of_a_failure_is_said_in_a_line() -> None:
    trace = (
        "Job (task=0) failed during processing with trace:\n-----\nTraceback:\n  File x\nValueError: too much\n-----\n"
    )
    assert _last_line(trace + "You can check full logs") == "ValueError: too much"
    assert _last_line("Job 7 has not produced any output") == "Job 7 has not produced any output"


class Refusing:
    """A cluster where jobs are handed over when the batch is complete, and not taken."""

    cluster = "slurm"

    def submit(self, task: Task) -> None: ...

    @contextmanager
    def batch(self) -> Iterator[None]:
        yield
        raise ConnectionError("sbatch: error: Batch job submission failed:\nInvalid account")


def test_a_cluster_that_refuses_is_said(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = Submitit("slurm")
    launcher.sweep = type("Sweep", (), {"folder": cwd, "command": [], "judges": None})()
    launcher._executor = Refusing()
    monkeypatch.setattr(submitit, "_failures", lambda: (ConnectionError,))
    with pytest.raises(UserError, match=r"the cluster refuses the jobs: sbatch: error: .* failed: Invalid account"):
        launcher.submit([[]])
