"""What the launchers have in common: Hydra's lists of words are jobs of the sweep, and go to it as such."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher as HydraLauncher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from nntrain.sweep.job import Job
    from nntrain.sweep.outcome import Outcome
    from nntrain.sweep.sweep import Sweep

Config = Mapping[str, Any]
Units = Sequence[Sequence["Job"]]


@dataclass(frozen=True)
class Plan:
    """units: what a worker trains at a time, each. words: what will happen, a sentence each."""

    units: Units
    words: Sequence[str] = ()


class Launcher(HydraLauncher):
    """A subclass says how jobs are put together, and trains them. sweep: whose jobs they are. stacks: whether it trains
    several as one program."""

    sweep: Sweep
    stacks = False

    @property
    def at_once(self) -> int:
        """How many jobs, or stacks of them, train at the same time."""
        return 1

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.sweep = task_function  # type: ignore[assignment]  # that it is a sweep, only we know
        self.prepare()

    def prepare(self) -> None:
        """What can be done before the jobs are known."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        jobs = self.sweep.add(job_overrides, initial_job_idx, self.dry_builds)
        outcomes = self.sweep.train(jobs, self)
        return [_returned(self.sweep.value(outcome)) for outcome in outcomes]

    def dry_builds(self, configs: Sequence[Config]) -> Sequence[Sequence[str]]:
        """For each config what stands in its way, where it can be built before jobs are trained. On machines that are
        not this one nothing is known before, and each job says it."""
        return [()] * len(configs)

    def plan(self, jobs: Sequence[Job]) -> Plan:
        """Every job by itself."""
        return Plan([[job] for job in jobs])

    @abstractmethod
    def run(self, units: Units, record: Callable[[Outcome], None]) -> None:
        """Train all, and record how each job ended. Raises Interrupted where a signal ended it, the states saved."""


def _returned(value: float | None) -> JobReturn:
    """A failed job has no value, and is none of Hydra's business."""
    told = JobReturn(status=JobStatus.COMPLETED)
    told.return_value = value
    return told
