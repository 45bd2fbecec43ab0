"""Sweeps in worker processes, as from a shell: stacked by default, or a job at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.sweep.job import Job
from nntrain.sweep.launchers.parallel import Parallel
from nntrain.sweep.outcome import SAVED, Outcome
from nntrain.sweep.workers.progress import Replanned

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\nepochs: 2\nbatch_size: 64\n"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
ONE_STACK = ["early_stopping=none", "deterministic=true"]  # whatever the clock says


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def begin(*words: str, apart: bool = False) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nntrain.cli", "fit", *words]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | ONE_THREAD,
        start_new_session=apart,
    )


def finish(sweeping: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    out, err = sweeping.communicate(timeout=120)
    return sweeping.returncode, out, err


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def jobs() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path("out/sweep.json").read_text())["jobs"]
    return sorted(found, key=lambda job: job["job"])


def epochs(folder: Path) -> int:
    log = folder / "metrics.csv"
    return log.read_text().count("\n") - 1 if log.is_file() else 0


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str, str]:
    """A sweep in two workers, from a folder of files with names of libraries: the folder, and what came of it."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "mine.yaml").write_text(RECIPE)
    for name in ("torch", "random", "json"):
        (folder / f"{name}.py").write_text("raise SystemExit('imported')")
    words = ["optimizer=sgd", "optimizer.lr=0.1,1e30", "seed=1,2", "batch_size=64,32", "hydra.launcher.workers=2"]
    command = [str(Path(sys.executable).with_name("nntrain")), "fit", "config=mine", *words, "run_dir=out", "-m"]
    ran = subprocess.run(command, cwd=folder, env=os.environ | ONE_THREAD, capture_output=True, text=True)
    return folder, ran.returncode, ran.stdout, ran.stderr


FAILED = "nntrain: some jobs failed; run them again with: nntrain fit resume=out\n"


def test_stacks_and_single_jobs_share_the_workers(
    swept: tuple[Path, int, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, status, out, err = swept
    monkeypatch.chdir(folder)
    assert status == 2
    assert out.startswith("8 jobs: 2 groups of 4 stacked, as far as a short trial finds that faster\nthe groups differ")
    assert [job["status"] for job in jobs()] == [0] * 4 + [2] * 4
    assert all("is not finite" in job["error"] for job in jobs()[4:])
    assert err == FAILED


def test_a_file_that_has_the_name_of_a_library_is_not_imported(swept: tuple[Path, int, str, str]) -> None:
    _, status, _, err = swept
    assert (status, err) == (2, FAILED)  # in no process: not 1, and nothing else said


def test_workers_do_not_run_the_program_that_started_the_sweep(cwd: Path) -> None:
    (cwd / "mine.py").write_text(
        "print('begun')\nfrom nntrain.cli import main\nmain(['fit', 'config=mine', 'seed=1,2', 'run_dir=out', '-m'])"
    )
    ran = subprocess.run([sys.executable, "mine.py"], env=os.environ | ONE_THREAD, capture_output=True, text=True)
    assert ran.stderr == ""
    assert ran.stdout.count("begun") == 1
    assert [job["status"] for job in jobs()] == [0, 0]


def test_what_no_worker_can_build_is_said_before_anything_runs(cwd: Path) -> None:
    words = ["batch_size=64,5000", "early_stopping.monitor=loss,rmse", "seed=1,2", "hydra.launcher.workers=2", "-m"]
    status, out, err = finish(begin("config=mine", *words))
    assert (status, out) == (2, "")
    assert "training split (106 samples); choose at most 106, or batch_size=full (jobs 4, 5: " in err
    assert "(jobs 2, 3, 6, 7: early_stopping.monitor=rmse)\n" in err
    assert err.endswith("nntrain: 2 mistakes; nothing was run\n")
    assert not (cwd / "runs").exists()


def test_a_signal_ends_the_sweep_with_the_states_saved(cwd: Path) -> None:
    words = ["config=mine", "epochs=2,100000", *ONE_STACK, "seed=range(8)", "run_dir=out"]
    sweeping = begin(*words, "hydra.launcher.workers=1", "-m")
    long = [cwd / "out" / str(number) for number in range(8, 16)]  # members of the same stack as the short ones
    until(lambda: all(epochs(folder) > 2 for folder in long))
    sweeping.send_signal(signal.SIGINT)
    status, out, err = finish(sweeping)
    assert status == 130
    assert err == "nntrain: stopped, the states are saved; go on with: nntrain fit resume=out\n"
    assert [job["status"] for job in jobs()] == [0] * 8 + [130] * 8
    assert all((folder / "last").is_dir() for folder in long)
    assert "8 interrupted" in out


def test_a_signal_while_the_server_starts_is_for_the_sweep_alone(cwd: Path) -> None:
    sweeping = begin("config=mine", "seed=1,2", "-m", apart=True)
    until(lambda: len(_children(sweeping.pid)) == 2)  # one of them is multiprocessing's own
    os.killpg(sweeping.pid, signal.SIGINT)
    assert finish(sweeping) == (130, "", "nntrain: interrupted\n")


def test_a_signal_to_all_processes_as_well_saves_the_states(cwd: Path) -> None:
    words = ["config=mine", "epochs=100000", *ONE_STACK, "seed=range(8)", "run_dir=out"]
    sweeping = begin(*words, "hydra.launcher.workers=1", "-m", apart=True)
    folders = [cwd / "out" / str(number) for number in range(8)]
    until(lambda: all(epochs(folder) > 2 for folder in folders))
    sweeping.terminate()
    os.killpg(sweeping.pid, signal.SIGTERM)  # as GNU timeout does
    status, _, err = finish(sweeping)
    assert status == 143
    assert err == "nntrain: stopped, the states are saved; go on with: nntrain fit resume=out\n"
    assert [job["status"] for job in jobs()] == [143] * 8
    assert all((folder / "last" / "state.safetensors").is_file() for folder in folders)


def test_a_worker_that_is_killed_costs_its_job_alone_and_resume_goes_on_from_its_state(
    cwd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["config=mine", "epochs=500,2", "early_stopping=none", "checkpoint.every_seconds=0.1"]
    sweeping = begin(*words, "run_dir=out", "hydra/launcher=parallel", "hydra.launcher.workers=1", "-m")
    until(lambda: (cwd / "out" / "0" / "last" / "state.safetensors").is_file())
    (worker,) = [child for server in _children(sweeping.pid) for child in _children(server)]
    os.kill(worker, signal.SIGKILL)
    status, out, _ = finish(sweeping)
    assert status == 1
    assert [(job["job"], job["status"]) for job in jobs()] == [(0, 1), (1, 0)]
    assert jobs()[0]["error"] == "its process was ended by SIGKILL; out of memory?"

    assert main(["fit", "resume=out", "hydra/launcher=basic"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "2 / 2  #0" in out  # the other one is done
    assert "resumed in epoch" in (cwd / "out" / "0" / "log.txt").read_text()
    assert epochs(cwd / "out" / "0") == 500


Happening = Callable[[Any, Callable[[Any], None], Callable[[Any, int], Any]], None]


def outcomes_of(
    units: list[list[int]], happening: Happening, number: int | None = None, said: list[str] | None = None
) -> tuple[dict[int, Outcome], list[list[int]]]:
    """How jobs end where this happens to each unit in its worker, and the units that are tried once more. number: of
    the signal that ends the sweep. said: takes the notes on the board."""

    class Crew:
        count, signalled = 1, number

        def run(self, units: Any, told: Any, lost: Any) -> None:
            for unit in units:
                again.extend(happening(unit, told, lost) or [])

    again: list[Any] = []
    outcomes: dict[int, Outcome] = {}
    launcher = Parallel(1)
    notes: list[str] = [] if said is None else said
    board = SimpleNamespace(waiting=list, progress=lambda *news: None, note=notes.append)
    launcher.sweep = SimpleNamespace(workers=Crew(), board=board, command=[], judges=None, devices={"cpu"})
    jobs = [[Job(number, (), {}, Path(str(number)), {}) for number in unit] for unit in units]
    launcher.run(jobs, lambda outcome: outcomes.update({outcome.number: outcome}))
    return outcomes, [[job.number for job in unit.jobs] for unit in again]


def test_what_a_worker_decides_otherwise_than_planned_is_said() -> None:
    said: list[Any] = []
    launcher = Parallel(1)
    workers = SimpleNamespace(count=1, run=lambda units, told, lost: told(Replanned([0, 1], "trained each by itself")))
    board = SimpleNamespace(replanned=lambda *what: said.append(what))
    launcher.sweep = SimpleNamespace(workers=workers, board=board, command=[], judges=None, devices={"cpu"})
    launcher.run([], said.append)
    assert said == [([0, 1], "trained each by itself")]


def test_members_of_a_stack_that_lost_its_worker_are_tried_alone() -> None:
    def happening(unit: Any, told: Any, lost: Any) -> Any:
        told(Outcome(unit.jobs[0].number))
        return lost(unit, -9)

    notes: list[str] = []
    outcomes, again = outcomes_of([[0, 1, 2], [3, 4]], happening, said=notes)
    assert again == [[1], [2]]
    assert notes == ["a worker was ended by SIGKILL; out of memory? its 2 jobs are trained each by itself"]
    assert {number: outcome.error for number, outcome in outcomes.items() if outcome.status == 1} == {
        4: "its process was ended by SIGKILL; out of memory?"
    }


def test_jobs_that_were_tried_alone_and_lost_again_have_an_outcome() -> None:
    outcomes, again = outcomes_of(
        [[0, 1]], lambda unit, told, lost: [more for single in lost(unit, 1) for more in lost(single, 1)]
    )
    assert again == []
    assert [outcomes[number].error for number in (0, 1)] == ["its process ended by itself with exit status 1"] * 2


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (1, "its process ended by itself with exit status 1"),
        (-11, "its process was ended by SIGSEGV"),
        (-9, "its process was ended by SIGKILL; out of memory?"),
        (-63, "its process was ended by signal 63"),
    ],
)
def test_a_job_whose_worker_died_says_by_what(code: int, said: str) -> None:
    outcomes, again = outcomes_of([[0]], lambda unit, told, lost: lost(unit, code))
    assert (outcomes[0].status, outcomes[0].error, again) == (1, said, [])


def test_jobs_of_a_worker_that_was_told_to_stop_have_an_outcome_too() -> None:
    outcomes, _ = outcomes_of([[0, 1]], lambda unit, told, lost: told(Outcome(0, 143, "interrupted")))
    assert {number: (outcome.status, outcome.error) for number, outcome in outcomes.items()} == {
        0: (143, "interrupted"),
        1: (143, "its process was told to stop"),
    }


def test_a_job_whose_worker_died_in_saving_is_not_said_to_be_saved() -> None:
    outcomes, again = outcomes_of([[0, 1]], lambda unit, told, lost: told(Outcome(0, 143, SAVED)) or lost(unit, -9), 15)
    assert again == []
    assert {number: (outcome.status, outcome.unsaved) for number, outcome in outcomes.items()} == {
        0: (143, False),
        1: (143, True),
    }


def _children(process: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True)  # 1 where there are none
    return [int(number) for number in found.stdout.split()]
