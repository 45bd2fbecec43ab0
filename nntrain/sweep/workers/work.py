"""What a worker does: train one job, or several as one program. Everything that imports torch is imported in here."""

from __future__ import annotations

import gc
import shutil
import signal
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nntrain.errors import UserError
from nntrain.folder import CONFIG
from nntrain.record.lock import locked
from nntrain.signals import INTERRUPTED
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import SAVED, Outcome, find_outcome, finished
from nntrain.sweep.workers.curve import curve_of

if TYPE_CHECKING:
    from nntrain.verbs.run import Run

TRACEBACK = "traceback.txt"
STATES = "last/state.safetensors"  # of a run, or of a part of it

Judge = Callable[[int, float], str | None]  # after an epoch, with its monitored value: why the run ends here, or None
Judges = Callable[[Job], Judge]
Begun = Callable[[Job, int], None]  # a job is being trained from here on; the epochs that it has done before
Say = Callable[[Sequence[Job], str], None]  # jobs that were planned as one stack train otherwise, and how


def import_torch() -> None:
    """What is imported stays, and need not be searched for garbage, now or after every job."""
    import nntrain.verbs.fit  # noqa: F401

    gc.freeze()


def _unsaid(*said: object) -> None:
    pass


def train_unit(
    jobs: Sequence[Job],
    command: Sequence[str],
    ended: Callable[[Outcome], None],
    judges: Judges | None = None,
    begun: Begun = _unsaid,
    again: bool = True,
    say: Say = _unsaid,
) -> int:
    """Train what belongs together, and say when each job begins, and how it ended. After one that a signal ended no
    other begins, and its exit status comes back; else 0. again: see `catching_signals`."""
    if len(jobs) > 1:
        ready = _ready(jobs, ended)
        return train_together(ready, command, ended, judges, begun, again, say) if ready else 0
    for job in jobs:
        begun(job, len(curve_of(job)))
        outcome = train_alone(job, command, None if judges is None else judges(job), again)
        ended(outcome)
        if outcome.interrupted:
            return outcome.status
    return 0


def _ready(jobs: Sequence[Job], ended: Callable[[Outcome], None]) -> list[Job]:
    """Those that are not finished, and whose folders are ours to train in."""
    ready = []
    for job in jobs:
        try:
            if (done := find_outcome(job.number, job.folder)) is not None:
                ended(done)
                continue
            resumable(job.folder)
            ready.append(job)
        except UserError as error:
            ended(Outcome(job.number, 2, str(error)))
    return ready


def train_together(
    jobs: Sequence[Job],
    command: Sequence[str],
    ended: Callable[[Outcome], None],
    judges: Judges | None = None,
    begun: Begun = _unsaid,
    again: bool = True,
    say: Say = _unsaid,
) -> int:
    """Several jobs as one program, each in its own folder; see `train_unit`."""
    from nntrain.launch import catching_signals
    from nntrain.sweep.workers.member_console import MemberConsole
    from nntrain.verbs.run import Session
    from nntrain.verbs.stacked import Entry, fit_stacked

    with catching_signals(again=again) as stop, ExitStack() as held:
        consoles = [held.enter_context(MemberConsole(partial(begun, job))) for job in jobs]
        entries = []
        for job, console in zip(jobs, consoles, strict=True):
            judge = None if judges is None else judges(job)
            entries.append(Entry(job.config, job.folder, Session(console, stop, command, judge=judge)))

        left = dict(enumerate(jobs))

        def end(place: int, how: Run | Exception) -> None:
            ended(_outcome(left.pop(place), how, stop.signal))
            consoles[place].close()

        try:
            fit_stacked(entries, stop, end, lambda places, how: say([jobs[place] for place in places], how))
        except Exception as error:  # it broke for all that were left
            for place in list(left):
                end(place, error)
        return 0 if stop.signal is None else INTERRUPTED + stop.signal


def _outcome(job: Job, how: Run | Exception, number: int | None) -> Outcome:
    """How a member of a stack ended. number: of the signal that ended it."""
    from nntrain.training.course import Interrupted

    if isinstance(how, Interrupted):
        return Outcome(job.number, INTERRUPTED + (number or signal.SIGINT), _stopped(job))
    if isinstance(how, UserError):
        return Outcome(job.number, 2, str(how))
    if isinstance(how, Exception):
        return failed(job, how)
    return finished(job.number, how.result)


def train_alone(job: Job, command: Sequence[str], judge: Judge | None = None, again: bool = True) -> Outcome:
    """One job in its own folder, from its saved state where it has one; one that is finished is left as it is. What it
    fails by is its own: a message, or a traceback in its folder."""
    from nntrain.launch import train_composed

    if (done := find_outcome(job.number, job.folder)) is not None:
        return done
    try:
        resumed = resumable(job.folder)
        run, status = train_composed(job.config, command, resumed=resumed, silent=True, judge=judge, again=again)
    except UserError as error:
        return Outcome(job.number, 2, str(error))
    except KeyboardInterrupt as interrupted:
        return Outcome(job.number, getattr(interrupted, "status", INTERRUPTED + signal.SIGINT), "interrupted")
    except Exception as error:  # a fault in one job is reported, and the others go on
        return failed(job, error)
    if status:
        return Outcome(job.number, status, _stopped(job))
    return finished(job.number, run.result)


def _stopped(job: Job) -> str:
    saved = job.config["checkpoint"]["resumable"]
    return SAVED if saved else "interrupted; it keeps no state (checkpoint.resumable=false)"


def failed(job: Job, error: Exception) -> Outcome:
    """A fault of ours: its traceback goes to the job's folder."""
    report = job.folder / TRACEBACK
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return Outcome(job.number, 1, f"{type(error).__name__}: {error}; see {report}")


def resumable(folder: Path) -> Path | None:
    """The folder of a job that has a state to go on from; None for one that begins anew, in an empty folder.

    UserError where another process trains in it, as one of a sweep that was killed may for a moment.
    """
    if not folder.is_dir():
        return None
    with locked(folder):
        (folder / TRACEBACK).unlink(missing_ok=True)
        if has_state(folder):
            return folder
        shutil.rmtree(folder)
    return None


def has_state(folder: Path) -> bool:
    """Whether a job's folder holds what it, or a part of it, can be gone on with from."""
    return (folder / CONFIG).is_file() and next(folder.rglob(STATES), None) is not None
