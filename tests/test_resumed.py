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
    """Two runs, and a sweep of two jobs, one of which has folds and is the latest of all."""
    monkeypatch.chdir(tmp_path)
    runs = ["old", "digits/one", "mine/0", "mine/1/fold_0", "mine/1"]
    for age, name in enumerate(["mine/jobs.jsonl", *(f"{run}/config.yaml" for run in runs)]):
        file = Path("runs", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('{"words": ["config=iris", "seed=1,2"], "cwd": "", "recipes": {}, "versions": {}}\n')
        os.utime(file, (1e9 + age, 1e9 + age))
    for folder in ("runs/mine/plots", "runs/mine/1/fold_0/plots", "elsewhere"):
        Path(folder).mkdir()
    Path("mines").touch()  # no folder, and so nothing that can be meant


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
    "runs/mine/plotz": "there is no folder 'runs/mine/plotz'; did you mean 'runs/mine'?",
    "runs/mine/1/fold_0/plots": "is not a run folder (it has no config.yaml); did you mean 'runs/mine'?",
    ".": ". is not a run folder (it has no config.yaml); did you mean 'runs/mine'?",
    "runs": "runs is not a run folder (it has no config.yaml); did you mean 'runs/mine'?",
    "elsewhere": "elsewhere is not a run folder (it has no config.yaml)",
    "xyz": "there is no folder 'xyz'",
}


@pytest.mark.parametrize("given", PROPOSED)
def test_the_nearest_whole_run_or_sweep_is_proposed(given: str) -> None:
    with pytest.raises(UserError) as caught:
        find_run(Path(given))
    assert caught.value.problems[0].endswith(PROPOSED[given])


PARTS = {"fold_3": "one fold", "member_12": "one member", "layer_1": "one layer", "pretrain": "the pre-training"}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_run_is_not_gone_on_with_by_itself(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("my run", part).mkdir(parents=True)
    for name in ("config.yaml", f"{part}/config.yaml"):
        Path("my run", name).touch()
    with pytest.raises(UserError, match=rf"my run/{part} is {PARTS[part]} of a run; .* fit resume='my run'$"):
        find_run(Path("my run", part))
    monkeypatch.chdir(f"my run/{part}")
    with pytest.raises(UserError, match=rf"resume: \. is {PARTS[part]} of a run; .* fit resume='.*/my run'$"):
        find_run(Path())


def test_from_inside_a_sweep_it_is_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("runs/mine/plots")
    with pytest.raises(UserError, match=r"\. is not a run folder .*; did you mean '/.*/runs/mine'\?"):
        find_run(Path())


def test_a_run_may_be_called_as_a_part_is() -> None:
    Path("pretrained").mkdir()
    Path("pretrained/config.yaml").touch()
    assert find_run(Path("pretrained")) == Path("pretrained").resolve()


def test_a_job_that_is_not_there_is_said_so_that_a_shell_takes_it() -> None:
    Path("my sweep").mkdir()
    Path("my sweep/jobs.jsonl").touch()
    with pytest.raises(UserError, match=r"the sweep in my sweep has no job 7; .* fit resume='my sweep'$"):
        find_run(Path("my sweep/7"))


@pytest.mark.parametrize("below", ["1", "1/2", "1/2/3", "1/2/3/4"])
def test_what_lies_deep_below_is_not_looked_for(below: str) -> None:
    hint = "" if below.endswith("4") else rf"; did you mean 'far/{below}'\?"
    Path("far", below).mkdir(parents=True)
    Path("far", below, "config.yaml").touch()
    with pytest.raises(UserError, match=rf"far is not a run folder \(it has no config.yaml\){hint}$"):
        find_run(Path("far"))


def test_one_folder_is_gone_on_with_at_a_time() -> None:
    assert resumed(["seed=1"]) is None
    assert resumed(["resume=runs/mine", "quiet=true"]) == Path("runs/mine")
    with pytest.raises(UserError, match="names no folder; write resume=runs/"):
        resumed(["resume="])
    with pytest.raises(UserError, match=r"'x{60}' cannot be a run's folder \(File name too long\)"):
        resumed([f"resume={'x' * 5000}"])
    with pytest.raises(UserError, match="'~nobody-at-all/runs' cannot be a run's folder"):
        resumed(["resume=~nobody-at-all/runs"])
    with pytest.raises(UserError, match=r"at a time; 2 are named \(resume=b\)"):
        resumed(["resume=a", "resume=b"])


INSTEAD = {
    "runs/mine/1": "go on with the run: nntrain fit resume=runs/mine/1; what it does: nntrain check config=runs/mine/1",
    "runs/mien": "resume: there is no folder 'runs/mien'; did you mean 'runs/mine'?",
}


@pytest.mark.parametrize("given", INSTEAD)
@pytest.mark.parametrize("more", [[], ["config=iris"], ["-m"]], ids=str)
def test_check_says_what_shows_a_run(given: str, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
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
    os.utime("runs/mine/1/fold_0/config.yaml")  # the latest is no run by itself
    said = "'runs/mine' is a folder without a config.yaml; give a recipe's file, or a run's folder: config=runs/mine/1"
    assert f"nntrain: config: {said} (command line: config=runs/mine)" in capsys.readouterr().err
