"""The workers of a sweep: what each does, how many there are, and that torch is imported for them before anything else.
Imports nothing that takes time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nntrain.cores import cores
from nntrain.sweep.interrupted import deferring
from nntrain.sweep.workers.devices import gpus
from nntrain.sweep.workers.forking import start_server
from nntrain.sweep.workers.processes import Setting, Workers

if TYPE_CHECKING:
    from nntrain.sweep.job import Job
    from nntrain.sweep.told.pictures import Pictures
    from nntrain.sweep.workers.dry_builds import Share
    from nntrain.sweep.workers.work import Judges

SERVER = "nntrain.sweep.workers.server"  # what workers are forked from imports it
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
    threads, sharing = max(1, cores() // count), -(-count // max(1, len(named) or len(found)))
    return [Setting(threads, found[i % len(found)] if found and not named else None, sharing) for i in range(count)]


def on_gpus(devices: Set[str]) -> bool:
    return not devices <= {"cpu", "mps"} and bool(gpus())


@contextmanager
def early_workers(words: Sequence[str]) -> Iterator[Workers]:
    """Workers for a sweep of these words, which nobody has read yet; ended when the sweep is. Their server is started
    now, unless the words choose a launcher that has no use for it."""
    launchers = [word for word in words if word.startswith("hydra/launcher=")]
    workers = Workers(_work, _prepare)
    if not launchers or launchers[-1].partition("=")[2] in OURS:
        start_server(SERVER)
    try:
        yield workers
    finally:
        with deferring():  # what there was to do is done
            workers.close()


def _prepare() -> None:
    from nntrain.sweep.workers.work import import_torch

    import_torch()  # which the server has done, where there is one
    import torch

    threads = os.environ["OMP_NUM_THREADS"]  # the server has had one
    if threads.isdigit() and int(threads) > 1:
        torch.set_num_threads(int(threads))
    from nntrain.data.kept import keep

    keep()


def _work(unit: Unit | Share | Pictures, send: Callable[[Any], None]) -> None:
    if isinstance(unit, Unit):
        _train(unit, send)
    else:
        unit.run(send)


def _train(unit: Unit, send: Callable[[Any], None]) -> None:
    from nntrain.sweep.workers.progress import Replanned, Reporter, beginning, watching
    from nntrain.sweep.workers.work import train_unit

    reporter = Reporter(send)
    judges = watching(unit.judges, reporter.note)

    def say(jobs: Sequence[Job], how: str) -> None:
        reporter.send(Replanned([job.number for job in jobs], how))

    train_unit(unit.jobs, unit.command, reporter.send, judges, beginning(reporter.note), again=False, say=say)
