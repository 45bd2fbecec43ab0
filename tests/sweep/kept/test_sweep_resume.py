"""Going on with a sweep: what is missing, failed or interrupted runs, the rest is left, nothing else is mixed in."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from fakes import How, fake_training

from nntrain.cli import main
from nntrain.data.fingerprint import of_files
from nntrain.errors import UserError
from nntrain.folder import UNSAVED
from nntrain.record.lock import locked
from nntrain.signals import INTERRUPTED
from nntrain.sweep.job import Job
from nntrain.sweep.kept.manifest import Manifest, add_jobs, read_manifest, write_manifest
from nntrain.sweep.launchers.base import Units
from nntrain.sweep.launchers.basic import Basic
from nntrain.sweep.outcome import SAVED, Outcome
from nntrain.sweep.sweep import going_on
from nntrain.sweep.workers.work import STATES

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: linear}\nepochs: 1\n"


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def start(*words: str) -> int:
    return main(["fit", "config=mine", *words, "run_dir=out", "hydra/launcher=basic", "-m"])


def resume(*words: str) -> int:
    return main(["fit", "resume=out", *words])


def failing(*numbers: int, status: int = 2) -> How:
    def how(job: Job) -> Outcome | None:
        said = SAVED if status >= INTERRUPTED else "as it is told"
        return Outcome(job.number, status, said) if job.number in numbers else None

    return how


def statuses() -> dict[int, int]:
    return {job["job"]: job["status"] for job in json.loads(Path("out/sweep.json").read_text())["jobs"]}


def test_what_failed_runs_again_and_the_rest_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch, failing(1, 3))
    assert start("optimizer.lr=0.1,0.2", "seed=range(3)") == 2
    assert "nntrain: some jobs failed; run them again with: nntrain fit resume=out" in capsys.readouterr().err
    before = Path("out/0/result.json").stat().st_mtime_ns
    ran = fake_training(monkeypatch)
    assert resume() == 0
    assert ran == [1, 3]
    assert statuses() == dict.fromkeys(range(6), 0)
    assert Path("out/0/result.json").stat().st_mtime_ns == before
    out, err = capsys.readouterr()
    assert out.startswith("4 of 6 jobs are done\n2 jobs, one after another\n")
    assert re.search("6 jobs, 0 failed, in .* this time", out)
    assert err == ""


def test_a_signal_ends_the_sweep_and_the_rest_runs_later(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = fake_training(monkeypatch, failing(2, status=143))
    assert start("optimizer.lr=0.1,0.2", "seed=range(3)") == 143
    assert ran == [0, 1, 2]
    said = "nntrain: stopped, the states are saved; go on with: nntrain fit resume=out"
    assert capsys.readouterr().err.strip() == said
    ran = fake_training(monkeypatch)
    assert resume() == 0
    assert ran == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "outcome", [Outcome(1, 143, "interrupted"), Outcome(1, 2, f"{UNSAVED}: No space left on device")], ids=str
)
def test_states_that_were_not_saved_are_not_said_to_be(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch, lambda job: {1: outcome, 2: Outcome(2, 143, SAVED)}.get(job.number))
    assert start("seed=range(3)") == 143
    assert capsys.readouterr().err == "nntrain: stopped; go on with: nntrain fit resume=out\n"


def test_a_signal_before_anything_was_saved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nntrain.sweep.launchers.basic.Basic.run", stopped)
    assert start("seed=range(3)") == 130
    out, err = capsys.readouterr()
    assert err == "nntrain: stopped; go on with: nntrain fit resume=out\n"
    assert out.startswith("3 jobs, one after another\n\n0 of 3 jobs done, 0 failed, 3 not run")
    assert "tables" not in out


def test_a_saved_state_is_an_interruption_whoever_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(self: Basic, units: Units, record: object) -> None:
        state = units[1][0].folder / STATES
        state.parent.mkdir(parents=True)
        state.touch()
        (units[1][0].folder / "config.yaml").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(Basic, "run", stopped)
    assert start("seed=range(3)") == 130
    out, err = capsys.readouterr()
    assert "stopped, the states are saved; go on with" in err
    assert "0 of 3 jobs done, 0 failed, 1 interrupted, 2 not run" in out
    assert statuses() == {1: 130}


def test_a_finished_sweep_is_only_shown_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch)
    start("seed=1,2")
    before = capsys.readouterr().out
    assert fake_training(monkeypatch) == []
    assert resume() == 0
    out = capsys.readouterr().out
    assert "note  out is finished" in out
    assert "2 jobs, 0 failed" in before
    assert "2 jobs, 0 failed" in out


def test_jobs_in_any_order_keep_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(monkeypatch, failing(*range(4)))
    start("seed=shuffle(range(4))")
    words = read_manifest(Path("out")).jobs
    fake_training(monkeypatch)
    assert resume() == 0
    assert read_manifest(Path("out")).jobs == words
    assert [job["varied"] for job in sorted(_jobs(), key=lambda job: job["job"])] == [
        [word for word in words[number] if word.startswith("seed")] for number in range(4)
    ]


def _jobs() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(Path("out/sweep.json").read_text())["jobs"]
    return found


def test_identical_jobs_stay_one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(monkeypatch, failing(0))
    start("optimizer.lr=0.1,0.10,0.2")
    ran = fake_training(monkeypatch)
    assert resume() == 0
    assert ran == [0]
    assert statuses() == {0: 0, 2: 0}


def test_from_another_folder(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(monkeypatch, failing(1))
    start("seed=1,2")
    (cwd / "elsewhere").mkdir()
    monkeypatch.chdir(cwd / "elsewhere")
    ran = fake_training(monkeypatch)
    assert main(["fit", "resume=../out"]) == 0
    assert ran == [1]


def test_how_jobs_are_launched_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(monkeypatch, failing(1))
    main(["fit", "config=mine", "seed=1,2", "run_dir=out", "-m", "hydra/launcher=basic", "quiet=true"])
    ran = fake_training(monkeypatch)
    assert resume("hydra/launcher=basic", "seed=1,2", "quiet=false") == 0
    assert ran == [1]


MISTAKES = {
    "optimizer.lr=0.5": "nntrain: optimizer.lr=0.5: a resumed sweep runs the jobs that it was started with; of its "
    "settings quiet and the launcher may change; for others start a new one: nntrain fit config=mine seed=1,2 "
    "hydra/launcher=basic optimizer.lr=0.5 -m",
    "seed=3": "nntrain: seed=3: a resumed sweep runs the jobs that it was started with; of its settings quiet and the "
    "launcher may change; for others start a new one: nntrain fit config=mine seed=3\n",
    "search.n_trials=5": "nntrain: search.n_trials=5: a resumed sweep runs the jobs that it was started with; of its "
    "settings quiet and the launcher may change",  # it is a grid
    "quite=true": "nntrain: quite=true: a resumed sweep runs the jobs that it was started with; did you mean 'quiet'?",
    "seed": "nntrain: 'seed' is not understood; settings are written key=value: seed=...",
    "seed=1,,2": "nntrain: seed: 1,,2 cannot be read: a value is missing after '1,' (command line: seed=1,,2)",
    "hydra/launcher=stackd": "nntrain: hydra/launcher: unknown launcher 'stackd'; did you mean 'stacked'?",
    "resume=other": "nntrain: resume: one run or sweep is gone on with at a time; 2 are named (resume=other)",
    "seed=1,2,3": "nntrain: seed=1,2,3: a resumed sweep runs the jobs that it was started with",
    "run_dir=other": "nntrain: run_dir=other: a resumed sweep",
    "hydra/sweeper=optuna": "nntrain: hydra/sweeper=optuna: a resumed sweep",
    "-m": "nntrain: resume: cannot go with -m: it goes on with a run or a sweep as it was started",
}


@pytest.mark.parametrize("word", MISTAKES)
def test_another_search_is_said_and_not_mixed_in(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch, failing(1))
    start("seed=1,2")
    capsys.readouterr()
    ran = fake_training(monkeypatch)
    assert resume(word) == 2
    assert ran == []
    assert capsys.readouterr().err.startswith(MISTAKES[word])


def test_a_recipe_that_was_edited_is_said(
    cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch, failing(1))
    start("seed=1,2")
    (cwd / "mine.yaml").write_text("# a comment is no change\n" + RECIPE)
    assert resume() == 2  # job 1 fails again
    (cwd / "mine.yaml").write_text(RECIPE + "batch_size: 16\n")
    capsys.readouterr()
    assert resume() == 2
    said = capsys.readouterr().err
    assert "resume: mine.yaml has changed since the sweep in out was started, and its jobs with it" in said


def test_a_recipe_that_is_gone_is_said(
    cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch, failing(1))
    start("seed=1,2")
    (cwd / "mine.yaml").rename(cwd / "yours.yaml")
    capsys.readouterr()
    assert resume() == 2
    assert capsys.readouterr().err == (
        "nntrain: resume: the sweep in out was started with config=mine, and there is no mine any more; put it back to "
        "go on (what a job was trained with is in its own config.yaml, as out/0/config.yaml)\n"
    )


def test_jobs_that_have_a_state_are_said_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch, failing(1, 2, 3, status=143))
    start("seed=range(4)")
    for number in (1, 3):
        state = Path(f"out/{number}") / STATES
        state.parent.mkdir(parents=True)
        state.touch()
        (state.parents[1] / "config.yaml").touch()
    capsys.readouterr()
    fake_training(monkeypatch)
    assert resume() == 0
    said = "1 of 4 jobs is done\n3 jobs, one after another\n2 of them go on from where they were\n"
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize(
    ("saved", "left", "said"),
    [
        (1, 1, "it goes on from where it was"),
        (1, 2, "1 of them goes on from where it was"),
        (5, 5, "all of them go on from where they were"),
    ],
)
def test_how_many_go_on(saved: int, left: int, said: str) -> None:
    assert going_on(saved, left) == said


def test_a_model_that_was_deleted_is_said_and_not_trained_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch)
    start("optimizer.lr=0.1,0.2,0.3")
    for number in (0, 2):
        Path(f"out/{number}/best.safetensors").unlink()
    capsys.readouterr()
    ran = fake_training(monkeypatch)
    assert resume() == 0
    assert ran == []
    out = " ".join(capsys.readouterr().out.split())
    assert "jobs 0, 2 have a result, but no best.safetensors any more, and count as done; to train them again" in out
    assert "model out/best.safetensors" in out  # of job 0, whose link outlives it


def test_the_folder_of_a_sweep_is_not_anothers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_training(monkeypatch)
    start("seed=1,2")
    capsys.readouterr()
    assert start("seed=3,4") == 2
    assert capsys.readouterr().err == (
        "nntrain: run_dir: out already holds a sweep; choose another folder, or go on with: nntrain fit resume=out\n"
    )


def test_a_sweep_that_runs_is_left_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake_training(monkeypatch, failing(1))
    start("seed=1,2")
    with locked(Path("out")):
        assert resume() == 2
    assert "another process trains in this folder; wait for it, or stop it first" in capsys.readouterr().err


def test_a_manifest_is_read_as_it_was_written(cwd: Path) -> None:
    manifest = Manifest(("config=größe.yaml", "seed=1,2"), str(cwd), {"a": "b"}, {"nntrain": "1"})
    write_manifest(cwd, manifest)
    add_jobs(cwd, {0: ["name='a, \"b\"'"], 1: ["name=\u2028"]})
    add_jobs(cwd, {7: []})
    assert read_manifest(cwd) == Manifest(
        manifest.words, str(cwd), {"a": "b"}, {"nntrain": "1"}, {0: ("name='a, \"b\"'",), 1: ("name=\u2028",), 7: ()}
    )


def test_a_line_that_a_kill_cut_short_is_left_out(cwd: Path) -> None:
    write_manifest(cwd, Manifest((), str(cwd), {}, {}, {0: ("seed=1",)}))
    with (cwd / "jobs.jsonl").open("a") as file:
        file.write('{"job": 1, "wor')
    assert read_manifest(cwd).jobs == {0: ("seed=1",)}


def test_a_sweep_without_jobs_is_started_again(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_manifest(cwd, Manifest(("config=iris", "seed=1,2"), str(cwd), {}, {}))
    assert main(["fit", "resume=."]) == 2
    said = "has no jobs; start the sweep again: nntrain fit config=iris seed=1,2 -m"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}\n", "no JSON\n", '{"words": []}\n', "[1]\n"])
def test_a_damaged_manifest_is_said(text: str, cwd: Path) -> None:
    (cwd / "jobs.jsonl").write_text(text)
    with pytest.raises(UserError, match=r"jobs\.jsonl: (cannot be read \(|is not what nntrain wrote)"):
        read_manifest(cwd)


def test_a_manifest_that_was_cut_short_is_mended_and_its_jobs_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(monkeypatch, failing(1))
    start("optimizer.lr=0.1,0.2", "seed=1,2", "quiet=true")
    whole = Path("out/jobs.jsonl").read_text()
    Path("out/jobs.jsonl").write_text(whole[:-10])
    ran = fake_training(monkeypatch)
    assert resume("quiet=false") == 0
    assert ran == [1]
    assert statuses() == dict.fromkeys(range(4), 0)
    assert len(read_manifest(Path("out")).jobs) == 4
    assert resume() == 0


def test_jobs_whose_lines_were_lost_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(monkeypatch, failing(0))
    start("optimizer.lr=0.1,0.2", "seed=1,2")
    whole = Path("out/jobs.jsonl").read_text()
    Path("out/jobs.jsonl").write_text("".join(whole.splitlines(keepends=True)[:2]))
    fake_training(monkeypatch)
    assert resume() == 0
    assert Path("out/jobs.jsonl").read_text() == whole


def test_other_versions_are_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake_training(monkeypatch)
    start("seed=1,2")
    resume()
    assert "since the sweep was started" not in capsys.readouterr().out
    now = version("torch")
    path = Path("out/jobs.jsonl")
    path.write_text(path.read_text().replace(f'"torch": "{now}"', '"torch": "0.1"'))
    assert resume() == 0
    assert f"since the sweep was started torch was 0.1 and is {now}" in " ".join(capsys.readouterr().out.split())


def test_data_that_was_edited_is_said_and_not_mixed_in(
    cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "{name: table, path: rows.csv, target: y}"
    (cwd / "mine.yaml").write_text(RECIPE.replace("{name: bundled, dataset: iris}", table))
    rows = "x,y\n" + "".join(f"{i / 7:.3f},{i}.5\n" for i in range(200))
    (cwd / "rows.csv").write_text(rows)
    fake_training(monkeypatch, failing(1))
    start("seed=1,2")
    about = {"data_fingerprint": of_files(cwd / "rows.csv"), "started": "2026-01-01T00:00:00"}
    Path("out/0/environment.json").write_text(json.dumps(about))
    (cwd / "rows.csv").write_text(rows.replace("199.5", "198.5"))
    capsys.readouterr()
    ran = fake_training(monkeypatch)
    assert resume() == 2
    assert ran == []
    assert "resume: rows.csv has changed since job 0 was trained on it" in capsys.readouterr().err


def test_a_job_that_is_gone_on_with_alone_says_whose_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert start("seed=1,2") == 0
    said = (
        "this run is a job of the sweep in out, whose report does not know of it; nntrain fit resume=out writes it anew"
    )
    capsys.readouterr()
    assert main(["fit", "resume=out/1"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "nothing was trained" in shown
    assert said not in shown
    assert main(["fit", "resume=out/1", "epochs=2"]) == 0
    assert said in " ".join(capsys.readouterr().out.split())
    assert resume() == 0
    (row,) = [job for job in _jobs() if job["job"] == 1]
    assert row["epochs_run"] == 2
