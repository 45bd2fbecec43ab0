"""`hydra/launcher=basic`: one job after another, in this process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nntrain.record.words import plural
from nntrain.sweep.interrupted import Interrupted
from nntrain.sweep.launchers.base import Config, Launcher, Plan, Units

if TYPE_CHECKING:
    from nntrain.sweep.job import Job
    from nntrain.sweep.outcome import Outcome


def one_after_another(jobs: int) -> str:
    """The plan."""
    return plural(jobs, "job") + ", one after another" * (jobs > 1)


class Basic(Launcher):
    _keeps = False

    def dry_builds(self, configs: Sequence[Config]) -> Sequence[Sequence[str]]:
        from nntrain.verbs.dry_build import dry_build

        self._keep_data()
        return [dry_build(config) for config in configs]

    def plan(self, jobs: Sequence[Job]) -> Plan:
        return Plan([[job] for job in jobs], [one_after_another(len(jobs))])

    def run(self, units: Units, record: Callable[[Outcome], None]) -> None:
        from nntrain.sweep.workers.work import import_torch

        import_torch()
        self._keep_data()
        try:
            for unit in units:
                if status := self.sweep.train_here(unit, record):
                    raise Interrupted(status)
                gc.collect()  # a network and its optimizer hold each other: nothing of a job stays for the next one
        finally:
            gc.unfreeze()

    def _keep_data(self) -> None:
        """Jobs that follow each other read the same data once."""
        from nntrain.data.kept import keeping

        if not self._keeps:
            self._keeps = True
            self.sweep.exits.enter_context(keeping())
