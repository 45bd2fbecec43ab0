"""`hydra/launcher=parallel`: a process per core, or per GPU, each with its share of the machine."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

from nntrain.record.words import plural
from nntrain.signals import INTERRUPTED
from nntrain.sweep.job import Job
from nntrain.sweep.launchers.base import Config, Launcher, Plan, Units
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.workers.crew import Unit, settings
from nntrain.sweep.workers.dry_builds import dry_builds
from nntrain.sweep.workers.processes import Setting, Workers
from nntrain.sweep.workers.progress import Progress, Replanned

UNTOLD = "interrupted; its process ended without saying that the state is saved"


class Parallel(Launcher):
    """workers: how many at the same time; None: as many as there are GPUs, or cores."""

    def __init__(self, workers: int | None = None) -> None:
        self._asked = workers

    @property
    def at_once(self) -> int:
        return len(self._settings())

    def prepare(self) -> None:
        """The workers import torch while the jobs are composed."""
        self._start(self.sweep.expected)

    def dry_builds(self, configs: Sequence[Config]) -> Sequence[Sequence[str]]:
        return dry_builds(self._start(self.sweep.expected), configs)

    def plan(self, jobs: Sequence[Job]) -> Plan:
        return Plan([[job] for job in jobs], [side_by_side(len(jobs), len(self._settings()))])

    def run(self, units: Units, record: Callable[[Outcome], None]) -> None:
        workers = self._start(len(units))
        left = {job.number for unit in units for job in unit}

        def told(message: Outcome | Replanned | Sequence[Progress]) -> None:
            if isinstance(message, Outcome):
                left.discard(message.number)
                record(_of_signal(message, workers.signalled))
            elif isinstance(message, Replanned):
                self.sweep.board.replanned(*message)
            else:
                for progress in message:
                    self.sweep.board.progress(*progress)

        def lost(unit: Unit, code: int) -> list[Unit]:
            jobs = [job for job in unit.jobs if job.number in left]
            if len(jobs) > 1 and workers.signalled is None:  # one of a stack may have broken it for all
                died = _how_it_died(code)
                joint = " " if died.endswith("?") else "; "
                self.sweep.board.note(f"a worker {died}{joint}its {len(jobs)} jobs are trained each by itself")
                self.sweep.board.waiting(job.number for job in jobs)
                return [Unit([job], unit.command, unit.judges) for job in jobs]
            left.difference_update(job.number for job in jobs)
            for job in jobs:
                if workers.signalled is None:
                    record(Outcome(job.number, 1, f"its process {_how_it_died(code)}"))
                else:
                    record(Outcome(job.number, INTERRUPTED + workers.signalled, UNTOLD))
            return []

        workers.run([Unit(list(unit), self.sweep.command, self.sweep.judges) for unit in units], told, lost)
        for number in left:
            record(Outcome(number, INTERRUPTED + signal.SIGTERM, "its process was told to stop"))

    def _start(self, wanted: int | None) -> Workers:
        """As many workers as there can be, or as are wanted where that is fewer."""
        workers, every = self.sweep.workers, self._settings()
        missing = min(len(every), len(every) if wanted is None else wanted) - workers.count
        if missing > 0:
            workers.want(every[workers.count :][:missing])
        return workers

    def _settings(self) -> list[Setting]:
        return settings(self.sweep.devices, self._asked)


def side_by_side(jobs: int, workers: int) -> str:
    """The plan."""
    return f"{plural(jobs, 'job')}, {min(jobs, workers)} at a time"


def _of_signal(outcome: Outcome, number: int | None) -> Outcome:
    """Workers are always ended by SIGTERM; their jobs are by what ended the sweep."""
    if outcome.interrupted and number is not None:
        outcome.status = INTERRUPTED + number
    return outcome


def _how_it_died(code: int) -> str:
    if code >= 0:
        return f"ended by itself with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = "; out of memory?" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"
