"""What a sweep comes to, as files: `sweep.json` and `sweep.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nntrain.config.schema.search import COSTS
from nntrain.folder import TABLE
from nntrain.record.files import write_atomic
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.search.searched import SEARCHED
from nntrain.sweep.told.ranking import Contest, Row, contests, has_model

KEPT = (
    "monitor",
    "best_value",
    "best_epoch",
    "val",
    "test",
    "parameters",
    "seconds",
    "epochs_run",
)  # of a run's result.json


def status_word(outcome: Outcome | None) -> str:
    """`done`, `failed`, `pruned`, `out of time`, `interrupted` or `not run`."""
    if outcome is None:
        return "not run"
    if outcome.status:
        return "interrupted" if outcome.interrupted else "failed"
    return "pruned" if outcome.pruned else "out of time" if outcome.out_of_time else "done"


def job_summary(job: Job, outcome: Outcome) -> dict[str, Any]:
    """A job as in `sweep.json`: as `sweep.csv` names things, and as it was before that did."""
    said = {
        "number": job.number,
        "ended": status_word(outcome),
        "settings": job.settings,
        "folder": str(job.folder),
        "job": job.number,
        "varied": [f"{key}={value}" for key, value in job.varied.items()],
        "run_dir": str(job.folder),
        "status": outcome.status,
        "error": outcome.error,
        "pruned": outcome.pruned,
    }
    return said | {key: outcome.result.get(key) for key in KEPT}


def summary(folder: Path, jobs: Sequence[Job], outcomes: Mapping[int, Outcome]) -> dict[str, Any]:
    """What `sweep.json` holds: the jobs that ended, best first, then pruned ones, those without a model last; the
    settings with mean and spread over their seeds; the best job, where all compete for one place."""
    found = contests(jobs, outcomes)
    ranked = [job for contest in found for job, _ in contest.ranked]
    rest = [job for job in jobs if job.number in outcomes and not has_model(outcomes[job.number])]
    return {
        "sweep_dir": str(folder),
        "best": found[0].ranked[0][0].number if len(found) == 1 else None,
        "jobs": [job_summary(job, outcomes[job.number]) | _searched(job, outcomes, found) for job in (*ranked, *rest)],
        "groups": [_group(row, place, contest) for contest in found for place, row in enumerate(contest.rows, 1)],
    }


def _searched(job: Job, outcomes: Mapping[int, Outcome], found: Sequence[Contest]) -> dict[str, Any]:
    """The metrics of a search, and of two of them whether the job is one of the best trade-offs."""
    metrics = outcomes[job.number].result.get(SEARCHED) or {}
    said: dict[str, Any] = {"metrics": metrics} if metrics else {}
    return said | ({"trade_off": _is_trade_off(job, found)} if len(metrics) > 1 else {})


def _is_trade_off(job: Job, found: Sequence[Contest]) -> bool:
    return any(job.number in contest.trade_offs for contest in found)


def _group(row: Row, place: int, contest: Contest) -> dict[str, Any]:
    return {
        "contest": contest.title,
        "rank": place,
        "setting": [f"{key}={value}" for key, value in row.setting.items()],
        "settings": {key: value for key, value in row.jobs[0].settings.items() if key in row.setting},
        "jobs": [job.number for job in row.jobs],
        "monitor": contest.monitor,
        "mean": row.mean,
        "std": row.std,
        "n": len(row.values),
        "indistinguishable_from_best": True if place == 1 else None if row.told is None else not row.told,
        "p": row.p,
    }


def csv_text(jobs: Sequence[Job], outcomes: Mapping[int, Outcome]) -> str:
    """`sweep.csv`: a row per job in the order of their numbers; an empty cell where something is not known."""
    keys = list(dict.fromkeys(key for job in jobs for key in job.varied))
    results = {n: outcome.result for n, outcome in outcomes.items()}
    scores = [
        f"{split}_{name}"
        for split in ("val", "test")
        for name in dict.fromkeys(name for result in results.values() for name in result.get(split) or {})
    ]
    metrics: Mapping[str, Any] = next((result[SEARCHED] for result in results.values() if SEARCHED in result), {})
    plain: tuple[str, ...] = ("monitor", "best_value", "best_epoch", "epochs_run", "seconds", "parameters")
    plain += tuple(metric for metric in metrics if metric in COSTS and metric not in plain)
    found = contests(jobs, outcomes) if len(metrics) > 1 else []
    marked = ["trade_off"] if found else []
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["number", "status", *keys, *plain, *scores, *marked, "folder"])
    for job in sorted(jobs, key=lambda job: job.number):
        result = results.get(job.number, {})
        values = [(result.get(split) or {}).get(name) for split, _, name in (s.partition("_") for s in scores)]
        status = status_word(outcomes.get(job.number))
        told = [result.get(key) for key in plain]
        mark = [_is_trade_off(job, found) for _ in marked]
        varied = [job.varied.get(key) for key in keys]
        writer.writerow([job.number, status, *varied, *told, *values, *mark, job.folder])
    return out.getvalue()


def write_csv(folder: Path, jobs: Sequence[Job], outcomes: Mapping[int, Outcome]) -> None:
    """Raises WriteError when the disk refuses."""
    write_atomic(folder / TABLE, csv_text(jobs, outcomes))
