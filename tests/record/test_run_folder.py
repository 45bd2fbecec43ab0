"""Where a run is kept, and what is noted of its surroundings."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nntrain.errors import UserError
from nntrain.record import run_folder
from nntrain.record.files import json_text
from nntrain.record.run_folder import create_run_folder, environment, git_state, safe_name


def test_a_folder_is_named_by_run_date_time_and_id(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path / "runs", "digits")
    assert folder.parent == tmp_path / "runs" / "digits"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_[0-9a-f]{6}", folder.name)
    assert folder.is_dir()
    assert not list(folder.iterdir())


def test_runs_of_the_same_instant_never_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter([*["aaaaaa"] * 5, *map(str, range(100000, 100020))])  # the first five calls draw the same
    monkeypatch.setattr(run_folder.secrets, "token_hex", lambda _: next(ids))
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: create_run_folder(tmp_path, "same"), range(16)))
    assert len(set(folders)) == 16


@pytest.mark.parametrize(
    ("given", "kept"),
    [("digits", "digits"), ("../../etc", "etc"), ("a b/c:d", "a-b-c-d"), ("...", "run"), ("größe", "größe")],
)
def test_names_cannot_leave_the_folder(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def test_long_names_are_cut() -> None:
    assert len(safe_name("x" * 500)) == 80


def test_where_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*runs/digits: .*write elsewhere"):
        create_run_folder(tmp_path / "runs", "digits")


def test_the_environment_names_versions_hardware_seed_and_data() -> None:
    noted = environment(3, "cpu", "abc", ["nntrain", "fit"])
    assert noted["seed"] == 3
    assert noted["command"] == ["nntrain", "fit"]
    assert noted["data_fingerprint"] == "abc"
    assert {"nntrain", "python", "torch", "numpy", "os"} <= set(noted["versions"])
    assert {"cpu", "cores", "threads", "memory_bytes", "gpu"} <= set(noted["hardware"])
    json_text(noted)


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_the_commit_and_whether_tracked_files_differ(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "untracked").write_text("")
    state = git_state(tmp_path)
    assert state is not None
    assert re.fullmatch("[0-9a-f]{40}", state["commit"])
    assert state["dirty"] is False
    (tmp_path / "file").write_text("two")
    assert git_state(tmp_path) == {"commit": state["commit"], "dirty": True}


def test_no_repository_no_git_and_a_slow_git_are_no_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None

    def slow(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("git", 2)

    monkeypatch.setattr(subprocess, "run", slow)
    assert git_state(tmp_path) is None
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "")
    assert git_state(tmp_path) is None


def test_runs_that_start_in_one_moment_ask_git_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(run_folder, "git_state", asked.append)
    monkeypatch.setattr(run_folder, "monotonic", lambda: 1e6)
    for seed in range(3):
        environment(seed, "cpu", "abc", [], tmp_path)
    assert asked == [tmp_path]
    monkeypatch.setattr(run_folder, "monotonic", lambda: 1e6 + run_folder.GIT_LASTS)
    environment(3, "cpu", "abc", [], tmp_path)
    assert asked == [tmp_path] * 2
