"""Processes that train units of a sweep at the same time: each takes one, says how its jobs end, and takes the next.

On Linux they are forked from a server, a process that has imported torch for all of them while the parent read the
words, and has computed nothing; elsewhere each is started afresh. A signal that reaches the parent is passed on: the
workers save the states of their runs and end, and heed none that follows.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, Protocol

from nntrain.cores import SHARING
from nntrain.launch import SAME_ASK
from nntrain.signals import ENDING, INTERRUPTED, handling
from nntrain.sweep.interrupted import Interrupted
from nntrain.sweep.workers.forking import SERVED, THREADS, no_main, served

GRACE = 30.0  # seconds that a worker has to save the state of its run
IDLE_GRACE = 1.0  # and to end where it has nothing to save


class Train(Protocol):
    """Trains one unit in a worker, and sends what is to be known of it. It must be a function of a module."""

    def __call__(self, unit: Any, send: Callable[[Any], None]) -> None: ...


@dataclass(frozen=True)
class Setting:
    """Of one worker. threads: that torch may use. gpu: the one it sees, by number; None for all or none. sharing: how
    many workers have the same memory, that of the machine or of a GPU; None where that is not known."""

    threads: int
    gpu: str | None = None
    sharing: int | None = None

    def environment(self) -> dict[str, str]:
        """What it comes to for libraries, and for `cores.sharing`. How many threads the user has set himself stands."""
        found = {name: os.environ.get(name, str(self.threads)) for name in THREADS}
        found |= {} if self.gpu is None else {"CUDA_VISIBLE_DEVICES": self.gpu}
        return found if self.sharing is None else {**found, SHARING: str(self.sharing)}


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    setting: Setting
    ready: bool = False
    unit: Any = None


class Workers:
    """train: what each does with a unit. prepare: what each does first, such as importing torch."""

    def __init__(self, train: Train, prepare: Callable[[], None]) -> None:
        self._train = train
        self._prepare = prepare
        self._wanted: list[Setting] = []
        self._workers: list[_Worker] = []
        self._signal: int | None = None
        self._starting = False

    @property
    def signalled(self) -> int | None:
        """The signal that ends all, once it has come."""
        return self._signal

    @property
    def count(self) -> int:
        return len(self._wanted) + len(self._workers)

    @property
    def idle(self) -> bool:
        """Whether one is there that has nothing to do."""
        alive = (worker for worker in self._workers if worker.process.is_alive())
        return self._signal is None and any(worker.ready and worker.unit is None for worker in alive)

    def want(self, settings: Sequence[Setting]) -> None:
        """One more worker for each, once there is something to do."""
        self._wanted += settings

    def run(
        self,
        units: Sequence[Any],
        told: Callable[[Any], None],
        lost: Callable[[Any, int], Sequence[Any]],
        *,
        stoppable: bool = True,
    ) -> None:
        """Hand out the units, first come, first served, until all are done.

        told: what a worker sends. lost: the worker of a unit died, with this exit code (minus the signal's number); the
        units to try again, unless a signal ends all. Raises Interrupted where one did. stoppable: whether signals are
        passed on to the workers; else they are handled as before.
        """
        waiting = deque(units)
        with self._passing_signals_on() if stoppable else nullcontext():
            self._start()
            while self._hand_out(waiting, lost):
                self._listen(waiting, told, lost)
        if self._signal is not None:
            raise Interrupted(INTERRUPTED + self._signal)

    def close(self) -> None:
        """End those that are left; one in the middle of a run saves its state."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(GRACE if worker.unit is not None else IDLE_GRACE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _start(self) -> None:
        """Those that are wanted. Waits for the server, which takes a second where it has only just been started; a
        signal does not."""
        self._starting = True
        while self._wanted and self._signal is None:
            self._workers.append(self._started(self._wanted.pop(0)))
        self._starting = False

    def _hand_out(self, waiting: deque[Any], lost: Callable[[Any, int], Sequence[Any]]) -> bool:
        """Give units to those that have nothing to do; whether there is something to wait for."""
        for worker in [worker for worker in self._workers if worker.ready and worker.unit is None]:
            if not worker.process.is_alive():
                self._replace(worker, waiting, lost)
        for worker in self._workers:
            if worker.ready and worker.unit is None and waiting and self._signal is None:
                worker.unit = waiting.popleft()
                with suppress(OSError):  # it has died, as its sentinel will say
                    worker.pipe.send(worker.unit)
        return any(worker.unit is not None for worker in self._workers) or bool(waiting and self._signal is None)

    def _listen(
        self, waiting: deque[Any], told: Callable[[Any], None], lost: Callable[[Any, int], Sequence[Any]]
    ) -> None:
        busy = [worker for worker in self._workers if worker.unit is not None or not worker.ready]
        ready = wait([*(worker.pipe for worker in busy), *(worker.process.sentinel for worker in busy)])
        for worker in busy:
            if worker.pipe in ready or worker.process.sentinel in ready:
                try:
                    while worker.pipe.poll():
                        message = worker.pipe.recv()
                        if message is not None:
                            told(message)
                        elif worker.ready:
                            worker.unit = None
                        else:
                            worker.ready = True
                except (EOFError, OSError):
                    worker.process.join()
                    self._replace(worker, waiting, lost)

    def _replace(self, worker: _Worker, waiting: deque[Any], lost: Callable[[Any, int], Sequence[Any]]) -> None:
        """A worker has died. One that never got ready costs a unit too, or else there would be no end to it."""
        self._workers.remove(worker)
        worker.pipe.close()
        unit = worker.unit
        if not worker.ready and waiting and self._signal is None:
            unit = waiting.popleft()
        again = [] if unit is None else lost(unit, worker.process.exitcode or 0)
        if self._signal is not None:
            return
        waiting.extendleft(reversed(again))
        if waiting and len(waiting) > sum(other.unit is None for other in self._workers):
            self._workers.append(self._started(worker.setting))

    def _started(self, setting: Setting) -> _Worker:
        context: Any = multiprocessing.get_context("forkserver" if served() else "spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, {**os.environ, **setting.environment()}, self._train, self._prepare)
        process = context.Process(target=_serve, args=arguments, daemon=True)
        with no_main():
            process.start()
        theirs.close()
        return _Worker(process, ours, setting)

    @contextmanager
    def _passing_signals_on(self) -> Iterator[None]:
        """The first signal asks the workers to save and end; one later than SAME_ASK seconds ends them at once."""
        asked = 0.0

        def caught(number: int, frame: FrameType | None) -> None:
            nonlocal asked
            if self._signal is None:
                self._signal, asked = number, time.monotonic()
                if self._starting:  # none has anything to save
                    raise Interrupted(INTERRUPTED + number)
                for worker in self._workers:
                    worker.process.terminate()
            elif time.monotonic() - asked > SAME_ASK:
                for worker in self._workers:
                    worker.process.kill()

        with handling(caught):
            yield


def _serve(pipe: Connection, environment: Mapping[str, str], train: Train, prepare: Callable[[], None]) -> None:
    """What a worker does."""
    for number in ENDING:  # a terminal's reach all: the parent passes them on
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if SERVED:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    os.environ.clear()  # the server's, of when it was started
    os.environ.update(environment)
    prepare()
    with suppress(EOFError, OSError):  # the parent has gone, or wants no more
        while True:
            pipe.send(None)  # ready for the next
            gc.collect()  # a network and its optimizer hold each other: nothing of a unit stays for the next
            signal.signal(signal.SIGTERM, _end)  # a unit that was told to stop leaves it ignored
            train(pipe.recv(), sender(pipe))


def _end(number: int, frame: FrameType | None) -> None:
    """Not at once: what a unit has begun, such as a file of the cache, is cleared up."""
    raise SystemExit(INTERRUPTED + number)


def sender(pipe: Connection) -> Callable[[Any], None]:
    """Sends to the parent. Where that has died, the run saves its state and ends, as if it had been told to."""
    gone = False

    def send(message: Any) -> None:
        nonlocal gone
        try:
            pipe.send(message)
        except OSError:
            if not gone:
                gone = True
                os.kill(os.getpid(), signal.SIGTERM)

    return send
