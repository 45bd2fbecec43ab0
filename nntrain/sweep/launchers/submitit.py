"""`hydra/launcher=submitit`: jobs on a Slurm cluster, by submitit (an extra).

submitit keeps what it hands over, and the logs of its jobs, in `<sweep_dir>/.submitit/`. A job that runs into its time
limit is queued again, and goes on from its saved state.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nntrain.cores import cores
from nntrain.errors import UserError, unknown
from nntrain.sweep.job import Job
from nntrain.sweep.launchers.base import Units
from nntrain.sweep.launchers.remote import Answer, Remote, Told, require, train_there
from nntrain.sweep.workers.processes import Setting

if TYPE_CHECKING:
    from nntrain.sweep.workers.work import Judges

CLUSTERS = ("auto", "slurm", "local", "debug")
WHERE = {"slurm": "on Slurm", "debug": "in this process"}
AT_ONCE = 16  # jobs on Slurm, as a search takes it that draws trials by those that have ended
LOGS = ".submitit"
COMMON = ("name", "timeout_min", "cpus_per_task", "gpus_per_node", "mem_gb", "stderr_to_stdout")  # to all clusters


class Submitit(Remote):
    """cluster: auto (Slurm where there is one, else local), slurm, local (processes here), debug (in this process).
    workers: how many at the same time; None: as many as the cores here are enough for, or AT_ONCE on Slurm, where it
    is for searches alone. settings: as submitit.AutoExecutor takes them; those that are not COMMON are Slurm's."""

    def __init__(
        self, cluster: str = "auto", workers: int | None = None, stacked: bool = True, **settings: Any
    ) -> None:
        self._cluster, self._workers, self.stacks = cluster, workers, stacked
        self.on_gpus = bool(settings.get("gpus_per_node"))
        self._settings = {key: value for key, value in settings.items() if value not in (None, [], {})}
        self._executor: Any = None

    def prepare(self) -> None:
        if self._cluster not in CLUSTERS:
            raise UserError(f"hydra.launcher.cluster: {unknown('cluster', self._cluster, CLUSTERS)}")
        require("submitit", "submitit")
        if self._cluster == "slurm" and shutil.which("srun") is None:
            raise UserError("hydra.launcher.cluster=slurm: there is no Slurm on this machine (srun is not found)")

    @property
    def where(self) -> str:
        return f"{WHERE.get(self._cluster_of(), 'in processes of this machine')}, by submitit"

    def submit(self, units: Units) -> list[Any]:
        executor, threads = self._made(), int(self._settings.get("cpus_per_task", 1))
        tasks = [Task(list(unit), list(self.sweep.command), self.sweep.judges, threads) for unit in units]
        try:
            with executor.batch():
                return [executor.submit(task) for task in tasks]
        except _failures() as error:  # sbatch says no
            said = " ".join(str(error).split())
            raise UserError(f"hydra/launcher=submitit: the cluster refuses the jobs: {said}") from None

    def ended(self, handles: Sequence[Any]) -> list[tuple[Any, Answer]]:
        return [(handle, _answer(handle)) for handle in handles if handle.done()]

    def cancel(self, handles: Sequence[Any]) -> None:
        for handle in handles:
            if self._cluster_of() == "local":  # whose own way leaves a second until it kills
                with suppress(ProcessLookupError):
                    os.kill(int(handle.job_id), signal.SIGTERM)
            else:
                handle.cancel(check=False)

    @property
    def queues(self) -> bool:
        return self._cluster_of() == "slurm"

    @property
    def at_once(self) -> int:
        if self._cluster_of() == "debug":
            return 1
        most = AT_ONCE if self.queues else max(1, cores() // int(self._settings.get("cpus_per_task", 1)))
        return self._workers or most

    def _cluster_of(self) -> str:
        return str(self._made().cluster)

    def _made(self) -> Any:
        """The executor. UserError where there is no such cluster here, or a setting is refused."""
        if self._executor is None:
            import submitit

            asked = None if self._cluster == "auto" else self._cluster
            settings = {key if key in COMMON else f"slurm_{key}": value for key, value in self._settings.items()}
            try:
                self._executor = submitit.AutoExecutor(self.sweep.folder / LOGS, cluster=asked)
                self._executor.update_parameters(**settings)
            except (RuntimeError, ValueError, NameError, AssertionError) as error:
                said = " ".join(str(error).split())
                raise UserError(f"hydra/launcher=submitit: submitit refuses this: {said}") from None
        return self._executor


@dataclass
class Task:
    """What submitit calls on the other machine. threads: that torch may use."""

    jobs: Sequence[Job]
    command: Sequence[str]
    judges: Judges | None
    threads: int

    def __call__(self) -> list[Told]:
        os.environ.update(Setting(self.threads).environment())  # before torch is imported
        return train_there(self.jobs, self.command, self.judges)

    def checkpoint(self) -> Any:
        """Called when the time limit nears: to be queued again as it is, for the states are in the jobs' folders."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def _failures() -> tuple[type[Exception], ...]:
    """What submitit raises where a job, or handing it over, came to nothing."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    return FailedJobError, UncompletedJobError


def _answer(handle: Any) -> Answer:
    try:
        told: list[Told] = handle.result()
    except _failures() as error:
        return MachineError(_last_line(str(error)), handle.paths.stderr)
    return told


class MachineError(RuntimeError):
    """A unit came to nothing by no fault of its jobs."""

    def __init__(self, said: str, log: Any) -> None:
        super().__init__(f"{said}; see {log}")


def _last_line(text: str) -> str:
    """Of a traceback in submitit's message, what it was about; else the first line."""
    lines: Mapping[bool, list[str]] = {True: [], False: []}
    inside = False
    for line in text.splitlines():
        if line.startswith("---"):
            inside = not inside
        elif line.strip():
            lines[inside].append(line.strip())
    return lines[True][-1] if lines[True] else lines[False][0] if lines[False] else "no reason given"
