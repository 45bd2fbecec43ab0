"""The folder of a sweep that has no best model: why not, and what to open instead. Imports no torch."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Any

from nntrain.errors import UserError
from nntrain.folder import MANIFEST, REPORT, RESULT, SO_FAR, TABLE, model_in, read_json, shown
from nntrain.record.lock import is_locked
from nntrain.record.words import plural
from nntrain.signals import INTERRUPTED

NAMED = 5  # contests whose best job is named


def why_no_model(sweep: Path, model: str) -> str:
    """In a sentence without its stop. model: the name of model files."""
    resume, check = (f"nntrain {verb} resume={quote(shown(sweep))}" for verb in ("fit", "check"))
    report = read_report(sweep)
    best = _best(sweep, report, model)
    so_far = f"the best so far: {best}" if best else f"how it stands: {check}"
    if is_locked(sweep):
        return f"it is a sweep that is trained just now; {so_far}"
    known = _numbers(sweep)
    if left := known - _ended(sweep, known, report):
        jobs = f"{len(left)} of {plural(len(known), 'job')} {'is' if len(left) == 1 else 'are'} left"
        return f"it is a sweep that has not ended, {jobs}; go on with: {resume}; {so_far}"
    if not (sweep / TABLE).is_file() or not report or SO_FAR in report:
        return f"it is a sweep whose report is missing; finished by: {resume}"
    if report.get("best") is not None:
        job = sweep / str(report["best"])
        if next(job.rglob(model), None) is None:
            return f"the model of its best job was deleted; to train it again, delete {shown(job)}, then: {resume}"
        return f"it is a sweep whose report is missing; finished by: {resume}"
    if best:
        return f"it is a sweep whose jobs do not all compete with each other; the best of those that do: {best}"
    return "it is a sweep, and none of its jobs has a model"


def read_report(sweep: Path) -> Mapping[str, Any]:
    """`sweep.json`; nothing where it is not there, or damaged."""
    try:
        return read_json(sweep / REPORT)
    except UserError:
        return {}


def _numbers(sweep: Path) -> set[int]:
    """Of the jobs that are known: those of the table, where the same job stands once. Where there is none yet, those
    that were asked for; a line that was cut short is none."""
    with suppress(OSError, ValueError), (sweep / TABLE).open(encoding="utf-8", newline="") as table:
        if rows := list(csv.DictReader(table)):
            return {int(row["number"]) for row in rows}
    found = set()
    for line in (sweep / MANIFEST).read_text(encoding="utf-8").splitlines()[1:]:
        try:
            found.add(int(json.loads(line)["job"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _ended(sweep: Path, known: set[int], report: Mapping[str, Any]) -> set[int]:
    """Those that have a result, or failed."""
    failed = {int(job["job"]) for job in report.get("jobs", ()) if 0 < int(job["status"]) < INTERRUPTED}
    return failed | {number for number in known if (sweep / str(number) / RESULT).is_file()}


def _best(sweep: Path, report: Mapping[str, Any], model: str) -> str:
    """The best job of each contest that has a model: in `sweep.json` each contest's jobs stand best first."""
    contests: dict[str, set[int]] = {}
    for row in report.get("groups", ()):
        contests.setdefault(str(row["contest"]), set()).update(row["jobs"])
    jobs = [int(job["job"]) for job in report.get("jobs", ()) if model_in(sweep / str(job["job"]), model)]
    firsts = {title: next((n for n in jobs if n in numbers), None) for title, numbers in contests.items()}
    said = [
        f"{shown(sweep)}/{number}" + f" ({title})" * bool(title)
        for title, number in firsts.items()
        if number is not None
    ]
    return ", ".join(said[:NAMED]) + (f" and {len(said) - NAMED} more" if len(said) > NAMED else "")
