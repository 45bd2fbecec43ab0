"""How a sweep stands, by `nntrain check resume=SWEEP_DIR`."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fakes import How, fake_training

from nntrain.cli import main
from nntrain.record.lock import is_locked, locked
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import SAVED, Outcome
from nntrain.sweep.workers.work import STATES

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: linear}\nepochs: 9\n"


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def start(*words: str) -> int:
    return main(["fit", "config=mine", *words, "run_dir=out", "hydra/launcher=basic", "-m"])


def begun(number: int, *values: float, saved: bool = True) -> None:
    """What a job leaves that has not ended."""
    folder = Path("out", str(number))
    (folder / "last").mkdir(parents=True)
    rows = "".join(f"{epoch},{value}\n" for epoch, value in enumerate(values, 1))
    (folder / "metrics.csv").write_text(f"epoch,val_loss\n{rows}")
    (folder / "config.yaml").touch()
    if saved:
        (folder / STATES).touch()


def ending(**ends: Outcome) -> How:
    return lambda job: ends.get(f"job{job.number}")


def standing(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is shown, without rules; nothing is trained or written by it."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    capsys.readouterr()
    assert main(["check", "resume=out", *words]) == 0
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before
    return "\n".join(line.rstrip(" ─") for line in capsys.readouterr().out.splitlines())


def test_a_sweep_that_was_stopped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ends = ending(job2=Outcome(2, 2, "no luck"), job3=Outcome(3, 143, SAVED))
    fake_training(monkeypatch, ends)
    assert start("optimizer.lr=0.1,0.2,0.3,0.4,0.5,0.6") == 143
    begun(3, 3.0, 1.0, 2.0)
    begun(4, 0.5, saved=False)
    Path("out/2/metrics.csv").write_text("epoch,val_loss\n1,0.1\n")  # it failed all the same
    said = standing(capsys)
    assert said.startswith("2 of 6 jobs done, 1 failed, 2 interrupted, 1 not run\n   lr ")
    assert "\nfailed\n  #2: no luck\n" in said
    assert said.endswith(
        """
begun and not ended
job  varied            epoch  best so far
  4  optimizer.lr=0.5  1 / 9  val loss 0.5000  no saved state: begins anew
  3  optimizer.lr=0.4  3 / 9  val loss 1.0000

resume would train
4 jobs, one after another
1 of them goes on from where it was

next
  nntrain fit resume=out
  nntrain eval out/0"""
    )


def test_a_sweep_that_was_killed_before_any_job_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch)
    start("optimizer.lr=0.1,0.2")
    for path in ("0", "1", "plots"):
        shutil.rmtree(Path("out", path), ignore_errors=True)
    for path in ("sweep.json", "sweep.csv", "best.safetensors"):
        Path("out", path).unlink()
    begun(1, 0.5)
    Path("out/1/best.safetensors").touch()
    said = standing(capsys)
    assert said.startswith("0 of 2 jobs done, 0 failed, 1 interrupted, 1 not run\n\nbegun and not ended\n")
    assert said.endswith("next\n  nntrain fit resume=out\n  nntrain eval out/1")


def test_a_sweep_that_ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake_training(monkeypatch)
    start("optimizer.lr=0.1,0.2")
    Path("out/1/best.safetensors").unlink()
    said = standing(capsys)
    assert said.startswith("2 of 2 jobs done, 0 failed\n   lr ")
    assert "note  job 1 has a result, but no best.safetensors any more, and counts as done" in said
    assert said.endswith("\nnothing is left to train\n\nnext\n  nntrain eval out/0")


def test_a_sweep_that_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake_training(monkeypatch, ending(job1=Outcome(1, 143, SAVED)))
    start("optimizer.lr=0.1,0.2,0.3")
    begun(1, 0.5)
    Path("out/1/log.txt").touch()
    assert not is_locked(Path("out"))
    with locked(Path("out")), locked(Path("out/1")):
        said = standing(capsys)
    assert said.startswith("1 of 3 jobs done, 0 failed, 1 running, 1 not run\n")
    assert "  1  optimizer.lr=0.2  1 / 9  val loss 0.5000  running\n" in said
    assert said.endswith("\nsome process trains this sweep now; its log: out/log.txt")


def test_where_resume_is_refused_it_is_said_why(
    cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch, ending(job1=Outcome(1, 2, "no luck")))
    start("optimizer.lr=0.1,0.2")
    (cwd / "mine.yaml").write_text(RECIPE + "batch_size: 16\n")
    said = standing(capsys)
    assert "note  resume: mine.yaml has changed since the sweep in out was started" in said
    assert "left to train" not in said
    assert "resume would train" not in said
    (cwd / "mine.yaml").unlink()
    assert main(["check", "resume=out"]) == 2
    assert "was started with config=mine, and there is no mine any more" in capsys.readouterr().err
    (cwd / "mine.yaml").write_text(RECIPE)
    assert main(["check", "resume=out", "seed=3"]) == 2
    assert "nntrain: seed=3: a resumed sweep runs the jobs that it was started with" in capsys.readouterr().err


def test_another_launcher_is_what_resume_would_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch, ending(job0=Outcome(0, 2, "no luck"), job1=Outcome(1, 2, "no luck")))
    start("optimizer.lr=0.1,0.2")
    said = standing(capsys, "hydra/launcher=stacked")
    assert "resume would train\n2 jobs: 1 group of 2 stacked" in said
    assert "nntrain fit resume=out hydra/launcher=stacked" in said


def test_a_search_has_trials_to_draw(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")

    def how(job: Job) -> Outcome | None:
        return Outcome(job.number, 143, SAVED) if job.number == 2 else None

    fake_training(monkeypatch, how)
    start("optimizer.lr=interval(0.1,1)", "search.n_trials=8", "search.batch=1", "search.metrics=loss")
    begun(2, 0.5)
    said = standing(capsys)
    assert said.startswith("2 of 8 jobs done, 0 failed, 1 interrupted, 5 not run\n")
    assert "resume would train\n1 job\nit goes on from where it was\nup to 5 more trials are drawn\n" in said
    assert "config.yaml 'seed=range(5)' -m" in said


def test_trials_that_drew_the_same_are_one_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    fake_training(monkeypatch)
    start("optimizer.lr=choice(0.1,0.2)", "hydra/sweeper=optuna", "search.n_trials=2", "search.batch=1")
    lines = Path("out/jobs.jsonl").read_text().splitlines()
    twice = [json.dumps(json.loads(lines[-1]) | {"job": number}) for number in (2, 3)]  # more were asked for once
    Path("out/jobs.jsonl").write_text("\n".join([*lines, *twice]) + "\n")
    said = standing(capsys)
    assert " jobs done, 0 failed\n" in said or said.startswith("1 of 1 job done, 0 failed\n")
    assert "more trial" not in said


def test_where_all_jobs_train_again_and_are_stopped_the_best_model_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those do that the time limit of a search ended."""
    fake_training(monkeypatch)
    start("optimizer.lr=0.1,0.2")
    for number in range(2):
        Path(f"out/{number}/result.json").unlink()
    fake_training(monkeypatch, lambda job: Outcome(job.number, 143, SAVED))
    assert main(["fit", "resume=out"]) == 143
    assert Path("out/best.safetensors").exists()


def test_what_the_time_limit_of_a_search_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is counted as ended, and goes on where resume is given more time; without that nothing does."""
    pytest.importorskip("optuna")
    fake_training(monkeypatch)
    start("optimizer.lr=interval(0.1,1)", "search.n_trials=3", "search.batch=1", "search.time_limit=1")
    path = Path("out/2/result.json")
    reason = "time limit of the search (1 minutes), after epoch 1"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"stop_reason": reason}))
    with closing(sqlite3.connect("out/search.sqlite3")) as kept, kept:
        kept.execute("UPDATE study_user_attributes SET value_json = '61.5' WHERE key = 'seconds'")
    said = standing(capsys)
    assert said.startswith("3 of 3 jobs done, 0 failed, 1 out of time\n")
    note = "search: the time limit of 1 minutes is over; nntrain fit resume=out search.time_limit=... goes on"
    assert note in " ".join(said.split())
    assert "resume would train" not in said
    assert "begun and not ended" not in said
    assert "resume would train\n1 job\n" in standing(capsys, "search.time_limit=2")


def test_the_model_of_a_job_with_folds_is_that_of_a_fold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch)
    start("optimizer.lr=0.1,0.2")
    folder, path = Path("out/0/fold_1"), Path("out/0/result.json")
    folder.mkdir()
    Path("out/0/best.safetensors").rename(folder / "best.safetensors")
    said = json.loads(path.read_text()) | {"checkpoint": "/elsewhere/out/0/fold_1/best.safetensors"}
    path.write_text(json.dumps(said))
    assert standing(capsys).endswith("\n  nntrain eval out/0")


def test_a_growing_goes_on_to_larger_sizes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def how(job: Job) -> Outcome | None:
        return Outcome(job.number, 143, SAVED) if job.number == 2 else None

    fake_training(monkeypatch, how)
    assert start("model=mlp", "grow=depth") == 143
    said = standing(capsys)
    assert "\nthen larger sizes, as long as validation improves\n" in said


def test_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake_training(monkeypatch, ending(job1=Outcome(1, 143, SAVED)))
    start("optimizer.lr=0.1,0.2")
    begun(1, 0.5, 0.7)
    capsys.readouterr()
    assert main(["check", "resume=out", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("1 of 2 jobs done")
    found = json.loads(out)
    assert (found["best"], found["total"], found["running"]) == (0, 2, False)
    assert found["plan"] == ["1 job", "it goes on from where it was"]
    (one,) = found["unfinished"]
    assert one["job"] == 1
    assert (one["epoch"], one["epochs"], one["best_so_far"], one["saved"]) == (2, 9, 0.5, True)
