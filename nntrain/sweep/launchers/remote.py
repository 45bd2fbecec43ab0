"""What the launchers have in common that hand jobs to other machines.

All machines share the sweep's folder: a job's results are in its own, and what comes back is small. How far a running
job is, is read there too; what a unit decided otherwise than planned is told with its end.
"""

from __future__ import annotations

import signal
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from nntrain.errors import UserError
from nntrain.record.words import plural
from nntrain.signals import INTERRUPTED, handling
from nntrain.stack.sizes import MOST, MOST_ON_GPU, by_size
from nntrain.sweep.groups import partition, plan_words, units
from nntrain.sweep.interrupted import Interrupted, interrupt
from nntrain.sweep.launchers.base import Launcher, Plan, Units
from nntrain.sweep.outcome import SAVED, Outcome, find_outcome
from nntrain.sweep.workers.curve import curve_of
from nntrain.sweep.workers.progress import Replanned

if TYPE_CHECKING:
    from nntrain.sweep.job import Job
    from nntrain.sweep.workers.work import Judges

LOOKS = 2.0  # seconds between looks at the curves of running jobs
GRACE = 30.0  # seconds that a job has to save its state

Told = Outcome | Replanned
Answer = list[Told] | Exception


class Remote(Launcher):
    """Handles are what the other library calls a unit that it was given. pause: seconds between looks at what has
    ended. queues: whether all units can be handed over at once, and wait there; else as many as can train."""

    pause = 0.5
    on_gpus = False

    @property
    @abstractmethod
    def where(self) -> str:
        """Where jobs train, in a few words."""

    @property
    @abstractmethod
    def queues(self) -> bool: ...

    @abstractmethod
    def submit(self, units: Units) -> list[Any]:
        """Hand units over; a handle for each."""

    @abstractmethod
    def ended(self, handles: Sequence[Any]) -> list[tuple[Any, Answer]]:
        """Those that have ended, with what `train_there` gave, or why there is nothing."""

    @abstractmethod
    def cancel(self, handles: Sequence[Any]) -> None:
        """End them, so that they save their states."""

    def plan(self, jobs: Sequence[Job]) -> Plan:
        if not self.stacks:
            return Plan([[job] for job in jobs], [f"{plural(len(jobs), 'job')} {self.where}"])
        groups = partition(jobs)
        most = MOST_ON_GPU if self.on_gpus else MOST
        return Plan(units(groups, self.at_once, most), [*plan_words(groups), f"they train {self.where}"])

    def run(self, units: Units, record: Callable[[Outcome], None]) -> None:
        waiting = deque(units)
        given: dict[Any, Sequence[Job]] = {}
        watch = Watch(self.sweep.board.progress)
        with handling(interrupt):
            try:
                while waiting or given:
                    room = len(waiting) if self.queues else self.at_once - len(given)
                    batch = [waiting.popleft() for _ in range(min(len(waiting), room))]
                    given |= zip(self.submit(batch), batch, strict=True) if batch else ()
                    waiting.extend(self._record_ended(given, record))
                    running = [job for jobs in given.values() for job in jobs if job.folder.is_dir()]
                    self.sweep.board.running(job.number for job in running)
                    watch.look(running)
                    time.sleep(self.pause if given else 0.0)
            except KeyboardInterrupt as interrupted:
                status = getattr(interrupted, "status", INTERRUPTED + signal.SIGINT)
                self._end_all(given, record, status)
                raise Interrupted(status) from None

    def _record_ended(self, given: dict[Any, Sequence[Job]], record: Callable[[Outcome], None]) -> list[Sequence[Job]]:
        """What is to be tried again, each by itself: the jobs of a stack, one of which may have broken it for all."""
        again: list[Sequence[Job]] = []
        for handle, answer in self.ended(list(given)):
            jobs = given.pop(handle)
            self._say_replanned(answer)
            broken, lost = isinstance(answer, Exception) and len(jobs) > 1, []
            for job, outcome in zip(jobs, outcomes_of(jobs, answer), strict=True):
                if broken and outcome.status:
                    lost.append(outcome)
                    again.append([job])
                else:
                    record(outcome)
            for numbers, how in by_size([outcome.number] for outcome in lost):
                self.sweep.board.replanned(numbers, f"trained {how} from here on: {lost[0].error}")
                self.sweep.board.waiting(numbers)
        return again

    def _say_replanned(self, answer: Answer) -> None:
        for told in () if isinstance(answer, Exception) else answer:
            if isinstance(told, Replanned):
                self.sweep.board.replanned(*told)

    def _end_all(self, given: dict[Any, Sequence[Job]], record: Callable[[Outcome], None], status: int) -> None:
        """Jobs that cannot be asked any more are said to be interrupted."""
        self.cancel(list(given))
        until = time.monotonic() + GRACE
        while given and time.monotonic() < until:
            for handle, answer in self.ended(list(given)):
                jobs = given.pop(handle)
                self._say_replanned(answer)
                for outcome in outcomes_of(jobs, answer):
                    said = SAVED if outcome.error == SAVED else "interrupted"
                    record(outcome if not outcome.status else Outcome(outcome.number, status, said))
            time.sleep(min(self.pause, 0.2))
        for job in [job for jobs in given.values() for job in jobs]:
            record(Outcome(job.number, status, "interrupted"))


def train_there(jobs: Sequence[Job], command: Sequence[str], judges: Judges | None) -> list[Told]:
    """What the other machine does: how each job ended, and what was decided otherwise than planned."""
    from nntrain.sweep.workers.work import train_unit

    told: list[Told] = []

    def say(those: Sequence[Job], how: str) -> None:
        told.append(Replanned([job.number for job in those], how))

    train_unit(jobs, command, told.append, judges, say=say)
    return told


def outcomes_of(jobs: Sequence[Job], answer: Answer) -> list[Outcome]:
    """One for each job, whatever came back: where the machinery failed, jobs that had ended by then have their results
    in their folders, and it is the failure of the others."""
    found = () if isinstance(answer, Exception) else answer
    told = {outcome.number: outcome for outcome in found if isinstance(outcome, Outcome)}
    why = "it was not run: its unit ended before"
    if isinstance(answer, Exception):
        lines = [line.strip() for line in str(answer).splitlines() if line.strip(" -")]
        why = f"{type(answer).__name__}: {lines[0] if lines else 'without a reason'}"
    return [told.get(job.number) or find_outcome(job.number, job.folder) or Outcome(job.number, 1, why) for job in jobs]


def require(package: str, launcher: str) -> None:
    """UserError where a package that is an extra of ours is not installed."""
    if find_spec(package) is None:
        raise UserError(
            f"hydra/launcher={launcher} needs {package}, which is not installed: pip install 'nntrain[{package}]'"
        )


class Watch:
    """Tells the board how far jobs are, by their `metrics.csv`, every LOOKS seconds."""

    def __init__(self, progress: Callable[[int, int, int, float | None], None]) -> None:
        self._progress = progress
        self._due = 0.0

    def look(self, jobs: Sequence[Job]) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        for job in jobs:
            if found := curve_of(job):
                epoch, value = found[-1]
                self._progress(job.number, epoch, int(job.config["epochs"]), value)
        self._due = now + LOOKS
