"""`hydra/launcher=basic`: one job after another, in this process."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

from nntrain.sweep.interrupted import Interrupted
from nntrain.sweep.launchers.base import Launcher, Units

if TYPE_CHECKING:
    from nntrain.sweep.outcome import Outcome


class Basic(Launcher):
    def run(self, units: Units, record: Callable[[Outcome], None]) -> None:
        from nntrain.sweep.workers.work import import_torch, train_unit

        import_torch()
        try:
            for unit in units:
                self.sweep.board.running(job.number for job in unit)
                if status := train_unit(unit, self.sweep.command, record, self.sweep.judges):
                    raise Interrupted(status)
                gc.collect()  # a network and its optimizer hold each other: nothing of a job stays for the next one
        finally:
            gc.unfreeze()
