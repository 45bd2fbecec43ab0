"""The table at the end of a sweep, and its files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from rich.cells import cell_len
from standings import CLOSE_SPACE, CONFIG, close, ended, jobs_of, loss_of, result

from nntrain.record.files import json_text
from nntrain.record.layout import Page
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.files import csv_text, summary
from nntrain.sweep.told.leaderboard import leaderboard


def table(jobs: list[Job], outcomes: Mapping[int, Outcome], width: int = 100, **page: bool) -> list[str]:
    return [line.plain for line in leaderboard(jobs, outcomes, Page(width, **page), took="in 12.3 s")]


def test_the_table() -> None:
    jobs = jobs_of(CLOSE_SPACE)
    heading, header, first, second, third, *legend = table(jobs, ended(jobs, close))[1:]
    assert heading.startswith("12 jobs, 0 failed, in 12.3 s ─")
    assert header.split() == ["lr", "runs", "val", "loss", "best", "epoch", "time", "test", "accuracy", "folder"]
    assert first.split()[:7] == ["1", "1e-2", "4", "0.1070", "±", "0.0029", "★"]
    assert first.split()[7:] == ["12", "/", "20", "1.2", "s", "0.9000", "4-7"]
    assert second.split()[:7] == ["2", "1.1e-2", "4", "0.1075", "±", "0.0013", "≈"]
    assert "≈" not in third
    assert " ".join(legend) == (
        "≈ cannot be told from the best (one-sided t tests, paired where seeds are shared, 5% over 2 comparisons); "
        "a new sweep of these with more seeds tells more "
        "time: of runs that trained together as one program, each one's share of it"
    )


def test_of_single_runs_nothing_is_claimed() -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-3", "1e-2"]})
    lines = table(jobs, ended(jobs, loss_of))
    assert not any("≈" in line or "±" in line for line in lines)
    said = "one run each, so differences may be chance; a new sweep with seed=range(3) runs each three times"
    assert said in lines


def folded(jobs: list[Job]) -> dict[int, Outcome]:
    """Every job as two folds."""
    for job, i in product(jobs, range(2)):
        (job.folder / f"fold_{i}").mkdir(parents=True)
        (job.folder / f"fold_{i}" / "result.json").write_text(json.dumps({"best_value": job.number + 0.1 * i}))
    return {job.number: Outcome(job.number, result=result(job.number + 0.05, folds=2)) for job in jobs}


def test_of_folds_it_is_said_how_many_there_are(tmp_path: Path) -> None:
    jobs = jobs_of({"optimizer.lr": ["0.1", "0.2"]}, tmp_path)
    header, first, second = table(jobs, folded(jobs))[2:5]
    assert header.split()[:3] == ["lr", "n", "val"]
    assert first.split()[:6] == ["1", "0.1", "2", "0.0500", "±", "0.0707"]
    assert second.split()[:6] == ["2", "0.2", "2", "1.0500", "±", "0.0707"]


def test_of_seeds_with_folds_all_folds_count(tmp_path: Path) -> None:
    jobs = jobs_of({"seed": [1, 2, 3]}, tmp_path)
    outcomes = folded(jobs)
    assert table(jobs, outcomes)[3].split()[1] == "6"
    outcomes[2] = Outcome(2, 1, "no memory")
    assert table(jobs, outcomes)[3].split()[1:4] == ["4", "of", "6"]


TWO = {  # accuracy and parameters, by width
    "one is better than the other two": {"8": (0.9, 100), "16": (0.8, 200), "32": (0.7, 400)},
    "each is better in one": {"8": (0.7, 100), "16": (0.9, 682), "32": (0.8, 900)},
}
LEGENDS = {
    "one is better than the other two": "★ no other is better in accuracy or in parameters",
    "each is better in one": "★ ◆ best trade-offs of accuracy and parameters: no other is better in both; ★ is the",
}


@pytest.mark.parametrize("case", TWO)
def test_of_two_metrics_the_trade_offs_are_marked(case: str) -> None:
    jobs = jobs_of({"model.width": list(TWO[case])})
    outcomes = {
        job.number: Outcome(
            job.number, result=result(accuracy, "val_accuracy", searched={"accuracy": accuracy, "parameters": size})
        )
        for job, (accuracy, size) in zip(jobs, TWO[case].values(), strict=True)
    }
    lines = table(jobs, outcomes, 120)
    assert LEGENDS[case] in " ".join(lines)
    assert sum("◆" in line for line in lines[3:6]) == ("each" in case)
    assert any(" 682 " in line for line in lines) == ("each" in case)  # of parameters nobody has a part


def test_a_row_of_one_run_beside_others_is_a_question() -> None:
    jobs = jobs_of(CLOSE_SPACE)
    outcomes = ended(jobs, close)
    for n in (0, 1, 2):
        outcomes[n] = Outcome(n, 2, "a mistake")
    lines = table(jobs, outcomes)
    assert any(line.startswith("3  1e-3    1 of 4") and "?" in line for line in lines)
    assert "? a single run says nothing about chance; nntrain fit resume=out runs those that are missing" in lines


def test_where_runs_are_missing_the_sweep_is_to_be_gone_on_with() -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-3", "1e-2"], "seed": [0, 1, 2]})
    outcomes = ended(jobs, loss_of)
    said = "so differences may be chance; nntrain fit resume=out runs those that are missing"
    one_of_each = {n: outcomes[n] for n in (0, 3)}
    assert f"one run each, {said}" in " ".join(table(jobs, one_of_each, 200))
    best_alone = {n: outcomes[n] for n in (0, 1, 2, 3)}
    assert f"too few runs, {said}" in " ".join(table(jobs, best_alone, 200))


@pytest.mark.parametrize(("ascii_only", "mark"), [(False, "†"), (True, "x")])
def test_pruned_ones_are_marked_and_come_last(ascii_only: bool, mark: str) -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-4", "1e-3", "1e-2"]})
    outcomes = ended(jobs, loss_of)
    outcomes[2].pruned = True  # though its value is the best
    lines = table(jobs, outcomes, ascii_only=ascii_only)
    assert [line.split()[1] for line in lines[3:6]] == ["1e-3", "1e-4", "1e-2"]
    assert [mark in line.split() for line in lines[3:6]] == [False, False, True]
    assert f"{mark} pruned: ended early, so ranked after all that ran to their end" in lines
    found = summary(Path("out"), jobs, outcomes)
    assert found["best"] == 1
    assert [(job["job"], job["pruned"]) for job in found["jobs"]] == [(1, False), (0, False), (2, True)]


def test_those_that_ran_out_of_time_are_ranked_with_the_others_and_counted() -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-3", "1e-2", "1e-1"]})
    outcomes = ended(jobs, loss_of)
    outcomes[1].result["stop_reason"] = "time limit of the search (1 minutes), after epoch 3"
    assert table(jobs, outcomes)[1].startswith("3 jobs, 0 failed, 1 out of time, in 12.3 s")
    found = summary(Path("out"), jobs, outcomes)
    assert found["best"] == 1
    assert [(job["number"], job["ended"]) for job in found["jobs"]] == [(1, "out of time"), (0, "done"), (2, "done")]


def test_where_all_were_pruned_the_best_of_them_is_the_best() -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-3", "1e-2"]})
    outcomes = ended(jobs, loss_of)
    for outcome in outcomes.values():
        outcome.pruned = True
    assert summary(Path("out"), jobs, outcomes)["best"] == 1
    assert "★†" in table(jobs, outcomes)[3].split()


def test_who_failed_and_why() -> None:
    jobs = jobs_of(CLOSE_SPACE)
    outcomes = ended(jobs, close)
    for n in (0, 4, 5, 6):
        outcomes[n] = Outcome(n, 2, f"no such file in {jobs[n].folder}")
    outcomes[1] = Outcome(1, result=result(None))
    outcomes[2] = Outcome(2, 130, "interrupted; its state is saved")
    del outcomes[3]
    lines = table(jobs, outcomes)
    assert lines[1].startswith("6 of 12 jobs done, 4 failed, 1 interrupted, 1 not run, in 12.3 s ─")
    assert lines[lines.index("failed") + 1 :] == [
        "  #0, 4-6: no such file in its folder",
        "  #1: val_loss was never a number",
    ]


def test_many_that_failed_by_the_same_are_counted_and_long_reasons_broken() -> None:
    jobs = jobs_of({"seed": range(20)})
    outcomes = {job.number: Outcome(job.number, 2, "a reason " * 24) for job in jobs[::2]}
    lines = table(jobs, outcomes, 60)
    assert lines[lines.index("failed") + 1].startswith("  10 jobs (#0, 2, 4, 6, ...): a reason a reason")
    assert lines[-1].startswith("    ")
    assert lines[-1].endswith("… (all of it is in sweep.json)")
    assert max(map(cell_len, lines)) <= 60


def test_a_sweep_that_was_stopped_counts_the_jobs_that_were_to_come() -> None:
    jobs = jobs_of(CLOSE_SPACE)
    outcomes = dict(list(ended(jobs, close).items())[:7])
    lines = [line.plain for line in leaderboard(jobs, outcomes, Page(100), total=60)]
    assert lines[1].startswith("7 of 60 jobs done, 0 failed, 53 not run ─")


def test_the_best_of_many_rows_are_shown() -> None:
    jobs = jobs_of({"optimizer.lr": [f"{i}e-4" for i in range(1, 41)]})
    lines = table(jobs, ended(jobs, loss_of))
    assert "and 20 more; sweep.csv has them all" in lines


def test_contests_have_a_table_each_and_one_legend() -> None:
    jobs = [
        Job(
            job.number,
            job.words,
            job.varied,
            job.folder,
            CONFIG | {"data": {"name": "bundled", "dataset": job.varied["config"]}},
        )
        for job in jobs_of({"config": ["iris", "wine"], "optimizer.lr": ["1e-3", "1e-2"]})
    ]
    lines = table(jobs, ended(jobs, loss_of))
    assert [line for line in lines if line in ("iris", "wine")] == ["iris", "wine"]
    assert sum(line.startswith("one run each") for line in lines) == 1
    assert not any("recipe" in line for line in lines)


def test_other_losses_are_told_apart_and_what_would_rank_them() -> None:
    jobs = [
        Job(job.number, job.words, job.varied, job.folder, CONFIG | {"loss": {"name": job.varied["loss"]}})
        for job in jobs_of({"loss": ["squared", "huber"], "seed": [1, 2]})
    ]
    lines = table(jobs, ended(jobs, lambda varied: 0.5))
    assert {"loss squared", "loss huber"} < set(lines)
    assert "values of different losses cannot be compared; early_stopping.monitor=accuracy (or rmse) ranks" in lines[-1]
    assert lines[lines.index("loss huber") + 2].startswith("1     2  0.5000 ± 0.0000  ★")


def wide(keys: int) -> list[Job]:
    space = {f"section.a_long_setting_{i}": ["the_first", "the_second"] for i in range(keys)}
    return jobs_of(space | {"seed": [0, 1, 2]})


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("keys", [1, 5])
def test_no_line_is_longer_than_the_screen(width: int, keys: int) -> None:
    jobs = wide(keys)
    lines = table(jobs, ended(jobs, lambda varied: 0.1 + 0.01 * int(varied["seed"])), width)
    assert max(map(cell_len, lines)) <= width


def test_many_settings_are_told_in_one_column() -> None:
    jobs = wide(5)
    lines = table(jobs, ended(jobs, lambda varied: 0.1 + 0.01 * int(varied["seed"])))
    assert lines[2].split()[:2] == ["varied", "runs"]
    assert lines[3].startswith(" 1  a_long_setting_0=the_first a_long")


def test_ascii_alone() -> None:
    jobs = jobs_of(CLOSE_SPACE)
    lines = table(jobs, ended(jobs, close), ascii_only=True)
    assert all(line.isascii() for line in lines)
    assert any("+-" in line and "~" in line for line in lines)


def test_the_file_of_jobs() -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-3", "1e-2"], "seed": [0, 1]})
    outcomes = ended(jobs, loss_of)
    outcomes[1], outcomes[2] = Outcome(1, 1, "a fault"), Outcome(2, result=result(0.5), pruned=True)
    del outcomes[3]
    rows = list(csv.DictReader(io.StringIO(csv_text(jobs, outcomes))))
    assert list(rows[0]) == [
        *("number", "status", "optimizer.lr", "seed", "monitor", "best_value", "best_epoch", "epochs_run", "seconds"),
        *("parameters", "val_loss", "val_accuracy", "test_loss", "test_accuracy", "folder"),
    ]
    assert [row["status"] for row in rows] == ["done", "failed", "pruned", "not run"]
    assert float(rows[0]["best_value"]) == loss_of(jobs[0].varied)
    assert (rows[1]["best_value"], rows[1]["folder"]) == ("", str(Path("out/1")))


def test_what_sweep_json_says() -> None:
    jobs = [
        replace(job, config={"optimizer": {"lr": float(job.varied["optimizer.lr"])}, "seed": int(job.varied["seed"])})
        for job in jobs_of(CLOSE_SPACE)
    ]
    outcomes = ended(jobs, close)
    outcomes[0] = Outcome(0, 2, "a mistake")
    found = summary(Path("out"), jobs, outcomes)
    json_text(found)
    assert found["best"] == 4
    assert [job["job"] for job in found["jobs"]][::11] == [4, 0]
    first, *_, last = found["jobs"]
    assert first["varied"] == ["optimizer.lr=1e-2", "seed=0"]
    assert first["settings"] == {"optimizer.lr": 0.01, "seed": 0}
    assert (first["number"], first["ended"], first["folder"]) == (4, "done", str(Path("out/4")))
    assert (last["number"], last["ended"], last["status"]) == (0, "failed", 2)
    group = found["groups"][1]
    assert (group["setting"], group["jobs"], group["n"]) == (["optimizer.lr=1.1e-2"], [8, 9, 10, 11], 4)
    assert group["settings"] == {"optimizer.lr": 0.011}
    assert [group["indistinguishable_from_best"] for group in found["groups"]] == [True, True, False]


def test_where_jobs_do_not_compete_none_is_the_best() -> None:
    jobs = jobs_of({"early_stopping.monitor": ["loss", "accuracy"]})
    outcomes = {0: Outcome(0, result=result(0.5)), 1: Outcome(1, result=result(0.9, "val_accuracy"))}
    assert summary(Path("out"), jobs, outcomes)["best"] is None
