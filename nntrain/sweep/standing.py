"""`nntrain check resume=SWEEP_DIR`: how a sweep stands, whether it ended, was stopped or still runs.

Nothing is trained or written.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.text import Text

from nntrain.config.grow import GROW
from nntrain.config.words import CommandLine
from nntrain.errors import UserError
from nntrain.folder import model_in, shown
from nntrain.record.layout import FAINT, Page, facts, grid, heading
from nntrain.record.lock import is_locked
from nntrain.record.result import next_commands
from nntrain.record.screen import show
from nntrain.record.words import count, plural, wrapped
from nntrain.signals import INTERRUPTED
from nntrain.sweep.grow.section import sweep_line
from nntrain.sweep.job import Job
from nntrain.sweep.jobs import Jobs
from nntrain.sweep.kept.best import BEST, lost_models
from nntrain.sweep.kept.manifest import Manifest, read_manifest
from nntrain.sweep.kept.resume import read_sweep
from nntrain.sweep.kept.same_data import check_data
from nntrain.sweep.outcome import SAVED, Outcome, find_outcome
from nntrain.sweep.preview import plan_of
from nntrain.sweep.search.searched import by_metrics
from nntrain.sweep.search.storage import spent_in
from nntrain.sweep.sweep import going_on
from nntrain.sweep.told.files import status_word, summary
from nntrain.sweep.told.leaderboard import EARLY, TABLES, leaderboard
from nntrain.sweep.told.ranking import contests, lower_is_better
from nntrain.sweep.told.words import figure, metric_words
from nntrain.sweep.workers.curve import curve_of
from nntrain.sweep.workers.work import has_state
from nntrain.sweep_folder import read_report

SHOWN = 10  # unfinished jobs on the screen; --json has them all
TRIALS, LIMIT = "hydra.sweeper.n_trials=", "hydra.sweeper.time_limit="


@dataclass(frozen=True)
class Unfinished:
    """A job that has begun and not ended. epoch: the last; best: the best value of `monitor` so far, None where there
    is none. running: whether some process trains it now. saved: whether it has a state to go on from."""

    job: Job
    epoch: int
    epochs: int
    best: float | None
    monitor: str
    running: bool
    saved: bool


@dataclass(frozen=True)
class Standing:
    """outcomes: of jobs that ended, and of those that were interrupted with a state. total: of jobs, those among them
    that a search has yet to draw. running: whether some process trains the sweep. notes: what is to be said besides.
    refused: whether resume would do nothing, for what is among the notes. plan: else what it would do, empty where
    nothing is left."""

    folder: Path
    jobs: Sequence[Job]
    outcomes: Mapping[int, Outcome]
    unfinished: Sequence[Unfinished]
    total: int
    running: bool
    notes: Sequence[str]
    refused: bool
    plan: Sequence[str]


def show_standing(folder: Path, changes: Sequence[str], stream: TextIO) -> dict[str, Any]:
    """The leaderboard so far, who has not ended, and what resume would do; also what `--json` gives.

    changes: words that resume would be given besides. UserError where they, or the sweep's folder, are wrong.
    """
    standing = read_standing(folder, changes)
    show(lambda page: _lines(standing, changes, page), stream)
    return {
        **summary(standing.folder, standing.jobs, standing.outcomes),
        "total": standing.total,
        "running": standing.running,
        "unfinished": [_about(one) for one in standing.unfinished],
        "plan": list(standing.plan),
        "notes": list(standing.notes),
    }


def read_standing(folder: Path, changes: Sequence[str] = ()) -> Standing:
    manifest = read_manifest(folder)
    jobs, line, notes = _composed(folder, manifest, changes)
    report, running = read_report(folder), is_locked(folder)
    earlier = {int(said["job"]): said for said in report.get("jobs", ())}
    outcomes = {job.number: found for job in jobs if (found := _outcome(job, earlier, running)) is not None}
    ended = {number for number, outcome in outcomes.items() if not outcome.status}
    failed = {number for number, outcome in outcomes.items() if status_word(outcome) == "failed"}
    cut = {number for number, outcome in outcomes.items() if outcome.out_of_time}  # which go on where there is time
    left = [job for job in jobs if job.number not in ended - cut]
    still = (job for job in left if job.number not in failed | cut)
    begun = [_unfinished(job) for job in still if (job.folder / "metrics.csv").is_file()]
    try:
        check_data(jobs, ended, shlex.join(["nntrain", "fit", *manifest.words, "-m"]))
    except UserError as error:
        notes += error.problems
    drawn = max(0, _trials(line) - len(manifest.jobs)) if jobs else 0  # several of those that were may be one job
    if not notes and (left or drawn):
        notes += _out_of_time(folder, line)
    plan = [] if notes else _plan(left, drawn, line, ended_growing="growth" in report)
    said, total = [*notes, *lost_models(jobs, outcomes)], len(jobs) + drawn
    return Standing(folder, jobs, outcomes, _ranked(begun), total, running, said, bool(notes), plan)


def _composed(folder: Path, manifest: Manifest, changes: Sequence[str]) -> tuple[list[Job], CommandLine, list[str]]:
    """The jobs, the words of the sweep, and why it would not be gone on with. UserError where there are no jobs to be
    told of, as where a recipe is gone."""
    cwd, refused = Path(manifest.cwd), list[str]()
    try:
        _, line, _ = read_sweep(folder, changes)
    except UserError as error:
        if changes:
            raise
        refused += error.problems
        line = sweep_line(manifest.words, cwd)
    jobs = Jobs(cwd, {word.key for word in (line.recipes, *line.settings) if not word.sweeps}, lambda: folder)
    try:
        jobs.add(manifest.jobs)
    except UserError as error:
        raise UserError(*(refused or error.problems)) from None
    return jobs.all, line, refused


def _outcome(job: Job, earlier: Mapping[int, Mapping[str, Any]], running: bool) -> Outcome | None:
    """How it ended; None where it did not. running: whether it may be trained again just now."""
    metrics = next((tuple(said["metrics"]) for said in earlier.values() if said.get("metrics")), ())
    if (found := find_outcome(job.number, job.folder)) is not None:
        return by_metrics(found, metrics)
    said = earlier.get(job.number, {})
    status = int(said.get("status") or 0)
    if 0 < status < INTERRUPTED and not (running and is_locked(job.folder)):
        return Outcome(job.number, status, said.get("error"))
    if has_state(job.folder) and not (running and is_locked(job.folder)):
        return Outcome(job.number, max(status, INTERRUPTED), SAVED)
    return None


def _trials(line: CommandLine) -> int:
    return next((int(word.removeprefix(TRIALS)) for word in reversed(line.hydra) if word.startswith(TRIALS)), 0)


def _out_of_time(folder: Path, line: CommandLine) -> list[str]:
    """That a search would train nothing, as its time is over."""
    limit = next((word.removeprefix(LIMIT) for word in reversed(line.hydra) if word.startswith(LIMIT)), "null")
    if limit == "null" or spent_in(folder) <= 60 * float(limit):
        return []
    again = f"nntrain fit resume={shlex.quote(shown(folder))} search.time_limit=..."
    return [f"search: the time limit of {float(limit):g} minutes is over; {again} goes on"]


def _unfinished(job: Job) -> Unfinished:
    monitor = f"val_{job.config['early_stopping']['monitor']}"
    curve = curve_of(job)
    values = [value for _, value in curve if value is not None]
    best = (min if lower_is_better(monitor) else max)(values, default=None)
    epoch = curve[-1][0] if curve else 0
    running, saved = is_locked(job.folder), has_state(job.folder)
    return Unfinished(job, epoch, int(job.config["epochs"]), best, monitor, running, saved)


def _ranked(begun: Sequence[Unfinished]) -> list[Unfinished]:
    """Best first; those without a value last."""

    def place(one: Unfinished) -> tuple[bool, str, float]:
        sign = 1 if lower_is_better(one.monitor) else -1
        return one.best is None, one.monitor, sign * (one.best or 0.0)

    return sorted(begun, key=place)


def _plan(left: Sequence[Job], drawn: int, line: CommandLine, *, ended_growing: bool) -> list[str]:
    """What resume would do, a sentence each. drawn: trials that a search has yet to draw, at most."""
    words = list(plan_of(left, line)[0]) if left else []
    if saved := sum(has_state(job.folder) for job in left):
        words.append(going_on(saved, len(left)))
    if drawn:
        words.append(f"up to {plural(drawn, 'more trial')} {'is' if drawn == 1 else 'are'} drawn")
    if f"hydra/sweeper={GROW}" in line.hydra and not ended_growing:
        words.append("then larger sizes, as long as validation improves")
    return words


def _lines(standing: Standing, changes: Sequence[str], page: Page) -> list[Text]:
    folder = shown(standing.folder)
    lines = [heading(_counts(standing), page)]
    lines += leaderboard(standing.jobs, standing.outcomes, page)[2:]  # without its own counts
    if standing.unfinished:
        lines += [Text(""), *_table(standing.unfinished, page)]
    notes = [("note", note) for note in standing.notes]
    lines += [Text(""), *(line for note in notes for line in facts([note], page))] if notes else []
    if standing.running:
        return [*lines, Text(""), Text(f"some process trains this sweep now; its log: {folder}/log.txt")]
    best = _best(standing)
    commands = [["nntrain", "eval", shown(job.folder)] for job in best[:TABLES]]
    if best and any(contest.metrics for contest in contests(standing.jobs, standing.outcomes)):  # see told/legend.py
        commands.append(["nntrain", "fit", f"config={shown(best[0].folder)}/config.yaml", "seed=range(5)", "-m"])
    if not standing.plan:
        after = [Text(""), *next_commands(commands, page)] if commands else []
        done = [] if standing.refused else [Text(""), Text("nothing is left to train")]
        return [*lines, *done, *after]
    lines += [Text(""), heading("resume would train", page)]
    lines += [Text(part) for text in standing.plan for part in wrapped(text, page.width)]
    return [*lines, Text(""), *next_commands([["nntrain", "fit", f"resume={folder}", *changes], *commands], page)]


def _best(standing: Standing) -> list[Job]:
    """Of each contest the best job that has a model; where none has ended, the best so far."""
    firsts = [contest.ranked[0][0] for contest in contests(standing.jobs, standing.outcomes)]
    firsts = firsts or [one.job for one in standing.unfinished[:1]]
    return [job for job in firsts if model_in(job.folder, BEST)]


def _counts(standing: Standing) -> str:
    """`3 of 18 jobs done, 1 failed, 2 running, 12 not run`."""
    running = {one.job.number for one in standing.unfinished if one.running}
    begun = {one.job.number for one in standing.unfinished}
    ended = {n: status_word(outcome) for n, outcome in standing.outcomes.items() if n not in begun}
    words = list(ended.values())
    done = sum(words.count(word) for word in ("done", *EARLY))
    counts = {
        "failed": words.count("failed"),
        **{word: words.count(word) for word in EARLY},
        "running": len(running),
        "interrupted": len(begun - running) + words.count("interrupted"),
    }
    counts["not run"] = standing.total - done - counts["failed"] - counts["running"] - counts["interrupted"]
    said = [f"{count(number)} {word}" for word, number in counts.items() if number or word == "failed"]
    return ", ".join([f"{count(done)} of {plural(standing.total, 'job')} done", *said])


def _table(unfinished: Sequence[Unfinished], page: Page) -> list[Text]:
    rows = [
        [
            str(one.job.number),
            one.job.said,
            f"{count(one.epoch)} / {count(one.epochs)}",
            f"{metric_words(one.monitor)} {figure(one.best, one.monitor)}" if one.best is not None else "-",
            "running" if one.running else "" if one.saved else "no saved state: begins anew",
        ]
        for one in unfinished[:SHOWN]
    ]
    lines = [heading("begun and not ended", page)]
    lines += grid(["job", "varied", "epoch", "best so far", ""], rows, "rlrll", page, flexible=1)
    more = len(unfinished) - len(rows)
    return [*lines, Text(f"and {count(more)} more", FAINT)] if more else lines


def _about(one: Unfinished) -> dict[str, Any]:
    return {
        "job": one.job.number,
        "epoch": one.epoch,
        "epochs": one.epochs,
        "monitor": one.monitor,
        "best_so_far": one.best,
        "running": one.running,
        "saved": one.saved,
    }
