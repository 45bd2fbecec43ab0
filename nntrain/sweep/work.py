"""What a worker does: train one job, or several as one program. Everything that imports torch is imported in here."""

from __future__ import annotations

import shutil
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nntrain.config.compose import Composed
from nntrain.errors import UserError
from nntrain.folder import CONFIG
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import INTERRUPTED, Outcome, finished

TRACEBACK = "traceback.txt"
STATES = "last/state.safetensors"  # of a run, or of a part of it

Judge = Callable[[int, float], str | None]  # after an epoch, with its monitored value: why the run ends here, or None
Judges = Callable[[Job], Judge]


def train_unit(jobs: Sequence[Job], command: Sequence[str], judges: Judges | None = None) -> Iterator[Outcome]:
    """Train what belongs together, and say how each job ended; after one that a signal ended, no other begins."""
    for job in jobs:
        outcome = train_alone(job, command, None if judges is None else judges(job))
        yield outcome
        if outcome.interrupted:
            return


def train_alone(job: Job, command: Sequence[str], judge: Judge | None = None) -> Outcome:
    """One job in its own folder, from its saved state where it has one. What it fails by is its own: a message, or a
    traceback in its folder."""
    from nntrain.launch import train_composed

    resumed = begun(job.folder)
    try:
        composed = Composed(dict(job.config), {})
        run, status = train_composed(composed, command, resumed=resumed, silent=True, judge=judge)
    except UserError as error:
        return Outcome(job.number, 2, str(error))
    except KeyboardInterrupt:
        return Outcome(job.number, INTERRUPTED + signal.SIGINT, "interrupted")
    except Exception as error:  # a fault in one job is reported, and the others go on
        return failed(job, error)
    if status:
        return Outcome(job.number, status, "interrupted; its state is saved")
    return finished(job.number, run.result)


def failed(job: Job, error: Exception) -> Outcome:
    """A fault of ours: its traceback goes to the job's folder."""
    report = job.folder / TRACEBACK
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return Outcome(job.number, 1, f"{type(error).__name__}: {error}; see {report}")


def begun(folder: Path) -> Path | None:
    """The folder of a job that has a state to go on from; None for one that begins anew, in an empty folder."""
    if not folder.is_dir():
        return None
    (folder / TRACEBACK).unlink(missing_ok=True)
    if (folder / CONFIG).is_file() and next(folder.rglob(STATES), None) is not None:
        return folder
    shutil.rmtree(folder)
    return None
