"""What a sweep leaves in its folder when it ends, and what it says last."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from nntrain.folder import TABLE, shown
from nntrain.record.files import WriteError
from nntrain.record.layout import Page, facts
from nntrain.record.result import next_commands
from nntrain.sweep.grow.report import growth_lines
from nntrain.sweep.job import Job
from nntrain.sweep.kept.best import drop_best, link_best
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.sweep import Sweep
from nntrain.sweep.told.files import write_csv
from nntrain.sweep.told.leaderboard import TABLES, leaderboard
from nntrain.sweep.told.pictures import Pictures, draw_pictures
from nntrain.sweep.told.ranking import contests
from nntrain.sweep.told.words import figure, metric_words


def report(sweep: Sweep, *, stopped: bool = False) -> dict[str, Any]:
    """The leaderboard, `sweep.json`, `sweep.csv`, the best model, the plots. What `sweep.json` holds.

    stopped: whether a signal ended it, so that more jobs are to come than are known.
    """
    result = sweep.summary()
    best, refused = _write(sweep, result)
    growth, took = sweep.growth, sweep.board.took
    total = sweep.board.tally.total if stopped else None
    if growth is None:
        sweep.board.tell(lambda page: leaderboard(sweep.jobs, sweep.outcomes, page, took=took, total=total))
    else:
        sweep.board.tell(lambda page: growth_lines(growth, sweep.jobs, sweep.outcomes, page, took=took))
    if not refused:
        pictures = Pictures(contests(sweep.jobs, sweep.outcomes), growth, sweep.folder / "plots")
        try:
            draw_pictures(pictures, sweep.workers)
        except WriteError as error:
            refused = str(error)
    if refused:  # the jobs and their results are safe
        sweep.board.note(f"{refused}; {resume_command(sweep.folder)} writes what is missing of the report")
    sweep.board.tell(lambda page: _closing(sweep.folder, best, result["best"], sweep.jobs, sweep.outcomes, page))
    return result


def resume_command(folder: Path) -> str:
    """By which a sweep is gone on with, or its report written again."""
    return f"nntrain fit resume={shlex.quote(shown(folder))}"


def _write(sweep: Sweep, result: Mapping[str, Any]) -> tuple[Path | None, str]:
    """`sweep.json`, `sweep.csv` and the best model: where that is, if there is one, and what the disk said first where
    it refused one of them. Each is tried: a link takes no space."""
    refused: list[str] = []

    def tried(write: Callable[[], Path | None]) -> Path | None:
        try:
            return write()
        except WriteError as error:
            refused.append(str(error))
            return None

    tried(lambda: sweep.write(result))
    tried(lambda: write_csv(sweep.folder, sweep.jobs, sweep.outcomes))
    if result["best"] is None:
        if result["groups"]:  # else none has ended yet, or a search goes on with all that had: an earlier one stays
            drop_best(sweep.folder)
        return None, "".join(refused[:1])
    best = tried(lambda: link_best(sweep.folder, _model_folder(sweep, result["best"])))
    return best, "".join(refused[:1])


def _model_folder(sweep: Sweep, job: int) -> Path:
    """Where the model of a job lies: in its folder, or of a cross-validation in that of its middle fold."""
    run, told = sweep.folder / str(job), sweep.outcomes[job].result.get("checkpoint")
    inner = None if told is None else run / Path(told).parent.name
    return inner if inner is not None and inner.is_dir() else run


def _closing(
    folder: Path,
    best: Path | None,
    number_of_best: int | None,
    jobs: Sequence[Job],
    outcomes: Mapping[int, Outcome],
    page: Page,
) -> list[Text]:
    """Where everything is, and what to do next; nothing where no job has a place in a table. best: the sweep's model,
    of that job, where there is one."""
    found = contests(jobs, outcomes)
    if not found:
        return []
    first = [contest.ranked[0] for contest in found]
    if number_of_best is not None:  # of a growing, the best run of the best size
        first = [pair for contest in found for pair in contest.ranked if pair[0].number == number_of_best]
    named = [
        (
            "best",
            f"#{job.number} {job.said}: {metric_words(contest.monitor)} "
            + figure(outcome.result["best_value"], contest.monitor),
        )
        for contest, (job, outcome) in zip(found[:TABLES], first, strict=False)
    ]
    pairs = [
        *named,
        ("model", shown(best) if best else ""),
        ("tables", f"{shown(folder)}/{TABLE}" if (folder / TABLE).is_file() else ""),
        ("plots", f"{shown(folder)}/plots" if (folder / "plots").is_dir() else ""),
        ("sweep", shown(folder)),
    ]
    commands = [["nntrain", "eval", shown(job.folder)] for job, _ in first[:TABLES]]
    if best is not None:
        commands.append(["nntrain", "predict", shown(folder), "input=FILE", "output=predictions.csv"])
    if found and found[0].metrics:
        commands.append(["nntrain", "fit", f"config={shown(first[0][0].folder)}/config.yaml", "seed=range(5)", "-m"])
    return [Text(""), *facts(pairs, page), Text(""), *next_commands(commands, page)]
