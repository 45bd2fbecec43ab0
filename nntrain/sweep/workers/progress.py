"""How far the jobs of a worker are, told to the parent a few times a second at most."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nntrain.sweep.job import Job
    from nntrain.sweep.workers.work import Judge, Judges

EVERY = 0.25  # seconds between messages of a worker


class Progress(NamedTuple):
    """As the board takes it. value: of the monitored metric."""

    number: int
    epoch: int
    epochs: int
    value: float | None


class Reporter:
    """Keeps the last news of each job of a unit, and sends them together. Judges are called after every epoch, so it
    listens in their place."""

    def __init__(self, send: Callable[[Sequence[Progress]], None]) -> None:
        self._send = send
        self._news: dict[int, Progress] = {}
        self._due = 0.0

    def watching(self, judges: Judges | None) -> Judges:
        """Judges that say what these do, and tell the news."""

        def judge_of(job: Job) -> Judge:
            judge = None if judges is None else judges(job)

            def watch(epoch: int, value: float) -> str | None:
                self._note(Progress(job.number, epoch, int(job.config["epochs"]), value))
                return None if judge is None else judge(epoch, value)

            return watch

        return judge_of

    def flush(self) -> None:
        """Send what is not sent yet."""
        if self._news:
            self._send(list(self._news.values()))
            self._news.clear()

    def _note(self, progress: Progress) -> None:
        self._news[progress.number] = progress
        now = time.monotonic()
        if now >= self._due:
            self._due = now + EVERY
            self.flush()
