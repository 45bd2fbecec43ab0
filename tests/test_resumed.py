"""What `resume=` names, and what is proposed where it is neither a run nor a sweep."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.resumed import find_run, resumed


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run, and a sweep of two jobs, the latest of all that was written."""
    monkeypatch.chdir(tmp_path)
    for age, name in ((9, "runs/digits/one"), (3, "runs/mine/0"), (2, "runs/mine/1")):
        file = Path(name, "config.yaml")
        file.parent.mkdir(parents=True)
        file.touch()
        os.utime(file, (1e9 - age, 1e9 - age))
    Path("runs/mine/jobs.jsonl").write_text(
        '{"words": ["config=iris", "seed=1,2"], "cwd": "", "recipes": {}, "versions": {}}\n'
    )
    Path("runs/mine/plots").mkdir()
    Path("elsewhere").mkdir()


PROPOSED = {
    "runs/mien": "there is no folder 'runs/mien'; did you mean 'runs/mine'?",
    "run/mine": "there is no folder 'run/mine'; did you mean 'runs/mine'?",
    "mine": "there is no folder 'mine'; did you mean 'runs/mine'?",
    "runs/digits/ona": "there is no folder 'runs/digits/ona'; did you mean 'runs/digits/one'?",
    "run/digit": "there is no folder 'run/digit'; did you mean 'runs/digits/one'?",
    "runs/mine/7": "the sweep in runs/mine has no job 7; go on with all of it: nntrain fit resume=runs/mine",
    "runs/mine/plots": "runs/mine/plots is not a run folder (it has no config.yaml); did you mean 'runs/mine'?",
    "runs/mine/jobs.jsonl": "runs/mine/jobs.jsonl is a file, and no run folder; did you mean 'runs/mine'?",
    "runs/mine/1/config.yaml": "runs/mine/1/config.yaml is a file, and no run folder; did you mean 'runs/mine'?",
    "runs/digits/one/config.yaml": "is a file, and no run folder; did you mean 'runs/digits/one'?",
    "runs/digits": "runs/digits is not a run folder (it has no config.yaml); did you mean 'runs/digits/one'?",
    "runs": "runs is not a run folder (it has no config.yaml); did you mean 'runs/mine'?",
    "elsewhere": "elsewhere is not a run folder (it has no config.yaml)",
    "xyz": "there is no folder 'xyz'",
}


@pytest.mark.parametrize("given", PROPOSED)
def test_the_nearest_whole_run_or_sweep_is_proposed(given: str) -> None:
    with pytest.raises(UserError) as caught:
        find_run(Path(given))
    assert caught.value.problems[0].endswith(PROPOSED[given])


def test_one_folder_is_gone_on_with_at_a_time() -> None:
    assert resumed(["seed=1"]) is None
    assert resumed(["resume=runs/mine", "quiet=true"]) == Path("runs/mine")
    with pytest.raises(UserError, match="names no folder; write resume=runs/"):
        resumed(["resume="])
    for impossible in ("x" * 5000, "~nobody-at-all/runs"):
        with pytest.raises(UserError, match="cannot be a run's folder"):
            resumed([f"resume={impossible}"])
    with pytest.raises(UserError, match=r"at a time; 2 are named \(resume=b\)"):
        resumed(["resume=a", "resume=b"])


INSTEAD = {
    "runs/mine": "the sweep: nntrain fit resume=runs/mine; what it does: nntrain check config=iris seed=1,2 -m",
    "runs/mine/1": "go on with the run: nntrain fit resume=runs/mine/1; what it does: nntrain check config=runs/mine/1",
    "runs/mien": "resume: there is no folder 'runs/mien'; did you mean 'runs/mine'?",
}


@pytest.mark.parametrize("given", INSTEAD)
@pytest.mark.parametrize("more", [[], ["config=iris"], ["-m"]], ids=str)
def test_check_says_what_shows_a_run_or_a_sweep(
    given: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"resume={given}", *more]) == 2
    said = capsys.readouterr().err
    assert said.startswith("nntrain: resume: ")
    assert said.endswith(f"{INSTEAD[given]}\n")


def test_a_run_is_not_mixed_into_the_folder_of_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "config=iris", "run_dir=runs/mine"]) == 2
    said = (
        "run_dir: runs/mine already holds a sweep; choose another folder, or go on with: nntrain fit resume=runs/mine"
    )
    assert said in capsys.readouterr().err
    assert not Path("runs/mine/config.yaml").exists()


def test_a_folder_of_runs_is_no_recipe_and_the_latest_run_in_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "config=runs/mine"]) == 2
    said = "'runs/mine' is a folder without a config.yaml; give a recipe's file, or a run's folder: config=runs/mine/1"
    assert f"nntrain: config: {said} (command line: config=runs/mine)" in capsys.readouterr().err
