"""The workers of a sweep: what each does, how many there are, and that they begin to import torch before anything else
is done. Imports nothing that takes time: they are forked from a process that has this alone."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nntrain.sweep.workers.devices import cores, gpus
from nntrain.sweep.workers.processes import Setting, Workers, can_fork

if TYPE_CHECKING:
    from nntrain.sweep.job import Job
    from nntrain.sweep.outcome import Outcome
    from nntrain.sweep.workers.work import Judges

COLLECT_AFTER = 100_000  # new objects, as in the command line
EARLY = 4  # workers at most that are started before it is known how many jobs there are
OURS = ("stacked", "parallel")  # launchers that take these workers


@dataclass(frozen=True)
class Unit:
    """What a worker takes."""

    jobs: Sequence[Job]
    command: Sequence[str]
    judges: Judges | None


def settings(devices: Set[str], asked: int | None) -> list[Setting]:
    """Of every worker that there can be: one per GPU, or per core. Jobs that name their GPU see all of them.

    devices: as the jobs ask for them. asked: how many workers there are to be.
    """
    named = {device for device in devices if ":" in device}
    found = gpus() if on_gpus(devices) else []
    count = asked or len(named) or len(found) or cores()
    threads = max(1, cores() // count)
    return [Setting(threads, found[i % len(found)] if found and not named else None) for i in range(count)]


def on_gpus(devices: Set[str]) -> bool:
    return not devices <= {"cpu", "mps"} and bool(gpus())


@contextmanager
def early_workers(words: Sequence[str]) -> Iterator[Workers]:
    """Workers for a sweep of these words, which nobody has read yet: none where it may need none, or this process
    cannot fork. Ended when the sweep is."""
    workers = Workers(_train, _prepare)
    given = dict(
        word.split("=", 1) for word in words if word.startswith(("hydra/launcher=", "hydra.launcher.workers="))
    )
    asked = given.get("hydra.launcher.workers", "")
    if can_fork() and not gpus() and given.get("hydra/launcher", OURS[0]) in OURS:
        workers.start(settings({"cpu"}, int(asked) if asked.isdigit() else None)[:EARLY])
    try:
        yield workers
    finally:
        workers.close()


def _prepare() -> None:
    from nntrain.sweep.workers.work import import_torch

    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    import_torch()


def _train(unit: Unit, send: Callable[[Any], None]) -> None:
    from nntrain.sweep.workers.progress import Reporter
    from nntrain.sweep.workers.work import train_unit

    reporter = Reporter(send)

    def ended(outcome: Outcome) -> None:
        reporter.flush()
        send(outcome)

    train_unit(unit.jobs, unit.command, ended, reporter.watching(unit.judges), again=False)
    gc.collect()
