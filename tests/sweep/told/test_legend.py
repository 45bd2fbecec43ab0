"""What is said below a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import pytest
from standings import composed, ended, result

from nntrain.record.layout import Page
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.leaderboard import leaderboard
from nntrain.sweep.told.legend import findings, legend
from nntrain.sweep.told.ranking import Contest, contests

PAGE = Page(200)


def scattered(varied: Mapping[str, str]) -> float:
    """The second rate is a little worse on the mean, and has the best run."""
    replicate = int(varied.get("seed", 0)) + int(varied.get("data.split_seed", 0))
    return [0.5, 0.51, 0.52][replicate] if varied["optimizer.lr"] == "0.1" else [0.7, 0.3, 0.71][replicate]


def contest_of(key: str) -> Contest:
    jobs = composed({"optimizer.lr": [0.1, 0.2], key: [0, 1, 2]})
    return contests(jobs, ended(jobs, scattered))[0]


def folded(jobs: list[Job]) -> Contest:
    """Every job as three folds, which scatter more than jobs differ."""
    for job, i in product(jobs, range(3)):
        (job.folder / f"fold_{i}").mkdir(parents=True)
        value = 1 + 0.1 * i + 0.01 * (job.number if i else -job.number)
        (job.folder / f"fold_{i}" / "result.json").write_text(json.dumps({"best_value": value}))
    outcomes = {job.number: Outcome(job.number, result=result(1 + job.number / 300, folds=3)) for job in jobs}
    return contests(jobs, outcomes)[0]


@pytest.mark.parametrize(
    ("contest", "shared", "more"),
    [
        (lambda folder: contest_of("seed"), "seeds", "with more seeds tells more"),
        (lambda folder: contest_of("data.split_seed"), "splits", "with more splits tells more"),
        (
            lambda folder: folded(composed({"optimizer.lr": [0.1, 0.2]}, folder)),
            "folds",
            "over more splits (data.split_seed=range(3)) tells more",
        ),
        (
            lambda folder: folded(composed({"optimizer.lr": [0.1, 0.2], "seed": [1, 2]}, folder)),
            "seeds and folds",
            "with more seeds tells more",
        ),
    ],
)
def test_what_would_tell_more(contest: Callable[[Path], Contest], shared: str, more: str, tmp_path: Path) -> None:
    found = contest(tmp_path)
    (line, *_) = legend(found, found.rows, PAGE)
    assert line == (
        f"≈ cannot be told from the best (one-sided t tests, paired where {shared} are shared, 5%); "
        f"a new sweep of these {more}"
    )


def test_the_best_single_run_may_be_of_another_row_than_the_best() -> None:
    assert findings(contest_of("seed")) == ["#4, the best single run, is of row 2; row 1 has the best mean"]
    jobs = composed({"optimizer.lr": [0.1, 0.2], "seed": [0, 1]})
    assert findings(contests(jobs, ended(jobs, lambda varied: float(varied["optimizer.lr"])))[0]) == []


def test_the_best_run_of_several_splits_is_chosen_among_runs_on_other_rows() -> None:
    said = "each run is validated on its own split; that of #{}, the best one, may be easy"
    assert findings(contest_of("data.split_seed"))[-1] == said.format(4)
    jobs = composed({"data.split_seed": [0, 1]})
    best = contests(jobs, ended(jobs, lambda varied: float(varied["data.split_seed"])))[0]
    assert findings(best) == [said.format(0)]


def test_the_time_of_a_member_of_a_stack_is_its_share() -> None:
    said = "time: of runs that trained together as one program, each one's share of it"
    jobs = composed({"seed": [0, 1]})
    outcomes = ended(jobs, lambda varied: 0.5)
    for seconds, expected in ((1.25, [said]), (1.5, [])):
        outcomes[1].result["seconds"] = seconds
        found = contests(jobs, outcomes)[0]
        assert legend(found, found.rows, PAGE) == expected
        assert legend(found, found.rows, PAGE, timed=False) == []


@pytest.mark.parametrize("width", [50, 100])
def test_the_time_is_explained_where_it_is_shown(width: int) -> None:
    jobs = composed({"optimizer.lr": [0.1, 0.2], "seed": [0, 1]})
    outcomes = ended(jobs, lambda varied: float(varied["optimizer.lr"]))
    header, *lines = [line.plain for line in leaderboard(jobs, outcomes, Page(width))][2:]
    shown = "time" in header.split()
    assert shown == (width == 100)
    assert any(line.startswith("time: ") for line in lines) == shown


def test_each_table_has_its_own_legend_and_what_holds_of_all_stands_once_at_the_end() -> None:
    jobs = composed({"data.target": ["a", "b"], "optimizer.lr": [0.1, 0.2], "seed": [0, 1, 2]})

    def loss(varied: Mapping[str, str]) -> float:
        clear = float(varied["optimizer.lr"]) + 0.001 * int(varied["seed"])
        return scattered(varied) if varied["data.target"] == "a" else clear

    outcomes = ended(jobs, loss)
    lines = [line.plain for line in leaderboard(jobs, outcomes, PAGE)]
    first, second = (lines.index(f"data.target={target}") for target in "ab")
    end = lines.index("", second)
    assert [line[:5] for line in lines[first + 4 : second - 1]] == ["≈ can", "#4, t"]
    assert [line[:5] for line in lines[second + 4 : end]] == ["all o"]
    assert [line[:5] for line in lines[end + 1 :]] == ["time:"]
