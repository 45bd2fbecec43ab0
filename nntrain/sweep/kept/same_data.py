"""Whether the jobs of a sweep were trained on the same data: a file may be edited before the sweep is gone on with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from nntrain.data.fingerprint import of_files
from nntrain.errors import UserError
from nntrain.folder import ENVIRONMENT, read_json, shown
from nntrain.record.files import json_text
from nntrain.record.words import numbers_text
from nntrain.sweep.job import Job

SPLIT = ("split_seed", "fold", "folds")  # settings of `data` that leave it the same data
FILES = ("path", "val_path", "test_path")  # of a table
PARTS = ("", "fold_0", "member_0")  # where a run says what it was trained on


def check_data(jobs: Sequence[Job], done: Set[int], again: str) -> None:
    """UserError where jobs that are still to be trained would be trained on other data than those before them. Known
    of tables alone; of other data `mixed` tells afterwards. done: numbers. again: the command of a new sweep."""
    problems = []
    for together in _by_source(jobs):
        data = together[0].config["data"]
        if data["name"] != "table" or all(job.number in done for job in together):
            continue
        begun = {j.number: found[0] for j in together if j.number in done and (found := _trained_on(j)) is not None}
        now = _now(data) if begun else None
        if now is not None and (other := [number for number, was in begun.items() if was != now]):
            name = shown(data["path"])
            problems.append(
                f"resume: {name} has changed since {_jobs_text(other)} trained on it, and jobs of a sweep are "
                f"compared with each other; start a new one: {again}"
            )
    if problems:
        raise UserError(*problems)


def mixed(jobs: Sequence[Job]) -> list[str]:
    """What is to be said of jobs that were trained on other data than later ones with the same settings."""
    said = []
    for together in _by_source(jobs):
        known = {job.number: found for job in together if (found := _trained_on(job)) is not None}
        latest = max(known, key=lambda number: (known[number][1], number), default=None)
        if other := [number for number, (was, _) in known.items() if latest is not None and was != known[latest][0]]:
            said.append(
                f"the data has changed during this sweep: {_jobs_text(other)} trained on what it was before, and "
                f"cannot be compared with the others; to train them again, delete their folders and resume"
            )
    return said


def _by_source(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Jobs whose settings say that their data is the same."""
    alike: dict[str, list[Job]] = {}
    for job in jobs:
        source = {key: value for key, value in job.config["data"].items() if key not in SPLIT}
        alike.setdefault(json_text(source, indent=None), []).append(job)
    yield from alike.values()


def _trained_on(job: Job) -> tuple[str, str] | None:
    """The fingerprint of a job's data, and when it was begun; None where its folder does not say."""
    for part in PARTS:
        path = job.folder / part / ENVIRONMENT
        if path.is_file():
            try:
                about = read_json(path)
            except UserError:
                return None
            return str(about.get("data_fingerprint")), str(about.get("started"))
    return None


def _now(data: Mapping[str, Any]) -> str | None:
    """The fingerprint of a table as it is; None where it cannot be read, as the jobs will say."""
    try:
        return of_files(*(Path(data[key]) for key in FILES if data.get(key) is not None))
    except OSError:
        return None


def _jobs_text(numbers: Sequence[int]) -> str:
    return f"job {numbers[0]} was" if len(numbers) == 1 else f"jobs {numbers_text(numbers)} were"
