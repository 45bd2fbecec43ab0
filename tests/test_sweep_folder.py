"""What is said where the folder of a sweep has no best model, and is to be opened like a run's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nntrain.errors import UserError
from nntrain.record.lock import locked
from nntrain.source_weights import model_path

MODEL, RESUME = "best.safetensors", "nntrain fit resume=swept"


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def swept(*jobs: int, report: Mapping[str, Any] | None = None, done: tuple[int, ...] = (), table: bool = True) -> Path:
    """The folder of a sweep with some jobs, of which those that are done have a result; all have a model."""
    folder = Path("swept").absolute()
    for number in jobs:
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / MODEL).touch()
        if number in done:
            (folder / str(number) / "result.json").write_text("{}")
    lines = [json.dumps({"words": []}), *(json.dumps({"job": n, "words": []}) for n in jobs), '{"job": 9']
    (folder / "jobs.jsonl").write_text("\n".join(lines))
    if report is not None:
        (folder / "sweep.json").write_text(json.dumps(report))
    if table:
        (folder / "sweep.csv").touch()
    return folder


def ranked(*jobs: tuple[int, str], failed: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:
    """`sweep.json` of jobs with the title of the contest of each, best first."""
    told = [{"job": number, "status": 0} for number, _ in jobs] + [{"job": number, "status": 2} for number in failed]
    return {"best": None, "jobs": told, "groups": [{"contest": title, "jobs": [n]} for n, title in jobs], **more}


def said(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        model_path(folder)
    start, _, why = caught.value.problems[0].partition(" (")
    assert start == f"checkpoint: {folder} has no {MODEL}"
    return why.removesuffix(")")


def test_one_that_was_stopped_before_any_job_ended() -> None:
    report = {"best": None, "jobs": [{"job": 0, "status": 130}, {"job": 1, "status": 130}], "groups": []}
    assert said(swept(0, 1, report=report)) == (
        f"it is a sweep that has not ended, 2 of 2 jobs are left; go on with: {RESUME}; how it stands: nntrain check "
        "resume=swept"
    )


def test_one_that_was_stopped_names_the_best_so_far() -> None:
    folder = swept(0, 1, 2, 3, 4, done=(0, 1, 2), report=ranked((2, "iris"), (0, "iris"), (1, "wine"), failed=(3,)))
    assert said(folder) == (
        f"it is a sweep that has not ended, 1 of 5 jobs is left; go on with: {RESUME}; the best so far: swept/2 "
        "(iris), swept/1 (wine)"
    )


def test_one_that_is_trained_just_now() -> None:
    with locked(folder := swept(0, 1, done=(0,), report=ranked((0, ""), so_far=True))):
        assert said(folder) == "it is a sweep that is trained just now; the best so far: swept/0"


def test_of_jobs_that_do_not_compete_the_best_of_each_contest_is_named() -> None:
    folder = swept(*range(4), done=(0, 1, 2, 3), report=ranked((1, "iris"), (0, "iris"), (3, "wine"), (2, "wine")))
    assert said(folder) == (
        "it is a sweep whose jobs do not all compete with each other; the best of those that do: swept/1 (iris), "
        "swept/3 (wine)"
    )


def test_the_best_of_a_contest_may_have_its_model_in_the_folder_of_a_fold() -> None:
    folder = swept(0, 1, done=(0, 1), report=ranked((0, "data.folds=3"), (1, "data.folds=null")))
    (folder / "0" / "fold_2").mkdir()
    (folder / "0" / MODEL).rename(folder / "0" / "fold_2" / MODEL)
    (folder / "0" / "result.json").write_text(json.dumps({"checkpoint": f"/elsewhere/0/fold_2/{MODEL}"}))
    assert said(folder).endswith("the best of those that do: swept/0 (data.folds=3), swept/1 (data.folds=null)")


def test_many_contests_are_not_all_named() -> None:
    folder = swept(*range(7), done=tuple(range(7)), report=ranked(*((n, f"set {n}") for n in range(7))))
    assert said(folder).endswith("swept/4 (set 4) and 2 more")


def test_one_of_which_nothing_has_a_model() -> None:
    assert said(swept(0, 1, report=ranked(failed=(0, 1)))) == "it is a sweep, and none of its jobs has a model"


def test_one_whose_best_model_was_deleted() -> None:
    folder = swept(0, 1, done=(0, 1), report=ranked((1, ""), (0, "")) | {"best": 1})
    (folder / "1" / MODEL).unlink()
    assert said(folder) == (f"the model of its best job was deleted; to train it again, delete swept/1, then: {RESUME}")


UNREPORTED: dict[str, dict[str, Any]] = {
    "no table": {"report": {"best": None}, "table": False},
    "a disk that refused the model": {"report": {"best": 1}},
    "killed while it ran": {"report": {"so_far": True, "best": None}},
    "a damaged report": {"report": []},
    "nothing": {"table": False},
}


@pytest.mark.parametrize("what", UNREPORTED)
def test_one_without_its_report_says_how_to_finish_it(what: str) -> None:
    folder = swept(0, 1, done=(0, 1), **UNREPORTED[what])
    assert said(folder) == f"it is a sweep whose report is missing; finished by: {RESUME}"


def test_jobs_that_are_the_same_as_others_are_not_left() -> None:
    folder = swept(*range(3), done=(0, 1), report=ranked((1, "iris"), (0, "wine")))
    (folder / "sweep.csv").write_text("number,status\n0,done\n1,done\n")
    assert said(folder).startswith("it is a sweep whose jobs do not all compete with each other; the best of those")
