"""Which folders a run, or a sweep, may be given by `run_dir=`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.folder import check_free


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for file in ("run/config.yaml", "sweep/jobs.jsonl", "full/mine.txt"):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).touch()
    return tmp_path


LONG = "x" * 300
REFUSED = {
    "run": "run already holds a run; choose another folder, or go on with: nntrain fit resume=run",
    "sweep": "sweep already holds a sweep; choose another folder, or go on with: nntrain fit resume=sweep",
    "full/mine.txt": "cannot make full/mine.txt (full/mine.txt is no folder)",
    "full/mine.txt/a/b": "cannot make full/mine.txt/a/b (full/mine.txt is no folder)",
    LONG: f"cannot make {LONG} (File name too long)",
}


@pytest.mark.parametrize("folder", REFUSED)
def test_what_cannot_be_a_new_folder_is_said(folder: str, cwd: Path) -> None:
    with pytest.raises(UserError) as caught:
        check_free(cwd / folder)
    assert caught.value.problems == (f"run_dir: {REFUSED[folder]}",)


def test_what_may_not_be_written_is_said(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != cwd / "full")
    with pytest.raises(UserError, match=r"run_dir: cannot make full/a/b \(full may not be read and written\)"):
        check_free(cwd / "full" / "a" / "b")


def test_nothing_is_made_of_what_may_be(cwd: Path) -> None:
    before = sorted(cwd.rglob("*"))
    for folder in ("new", "new/a/b", "full", "run/0"):
        check_free(cwd / folder)
    assert sorted(cwd.rglob("*")) == before


@pytest.mark.parametrize("words", ["check", "fit", "check seed=1,2 -m", "fit seed=1,2 -m"])
def test_a_file_where_the_folders_of_runs_would_be(words: str, cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cwd / "runs").touch()
    assert main([*words.split(), "config=iris"]) == 2
    assert capsys.readouterr().err == (
        "nntrain: run_dir: cannot make runs (runs is no folder); a run goes into runs/ unless run_dir=... names "
        "a folder\n"
    )


@pytest.mark.parametrize("verb", ["check", "fit"])
def test_the_folder_of_another_run_is_refused_before_data_is_read(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nntrain.verbs.check.load_data", None)
    monkeypatch.setattr("nntrain.launch.train_composed", None)
    assert main([verb, "config=iris", "run_dir=run"]) == 2
    assert capsys.readouterr().err == f"nntrain: run_dir: {REFUSED['run']}\n"
