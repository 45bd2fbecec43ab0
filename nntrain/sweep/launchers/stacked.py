"""`hydra/launcher=stacked`, the default: jobs whose networks have the same shapes train as one program."""

from __future__ import annotations

from collections.abc import Sequence

from nntrain.stack.sizes import MOST, MOST_ON_GPU
from nntrain.sweep.groups import partition, plan_words, units
from nntrain.sweep.job import Job
from nntrain.sweep.launchers.base import Plan
from nntrain.sweep.launchers.parallel import Parallel
from nntrain.sweep.workers.crew import on_gpus


class Stacked(Parallel):
    """A stack runs in one worker, several beside each other; the other jobs go to the same workers, each by itself."""

    stacks = True

    def plan(self, jobs: Sequence[Job]) -> Plan:
        groups = partition(jobs)
        most = MOST_ON_GPU if on_gpus(self.sweep.devices) else MOST
        return Plan(units(groups, len(self._settings()), most), plan_words(groups))
