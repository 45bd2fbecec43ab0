"""How far the jobs of a worker are, told to the parent a few times a second at most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nntrain.sweep.job import Job
    from nntrain.sweep.workers.work import Judge, Judges

EVERY = 0.25  # seconds between messages of a worker


class Progress(NamedTuple):
    """As the board takes it. value: of the monitored metric; None of a job that begins, after so many epochs."""

    number: int
    epoch: int
    epochs: int
    value: float | None


class Replanned(NamedTuple):
    """Jobs, by their numbers, that were planned as one stack and train otherwise. how: a sentence."""

    numbers: Sequence[int]
    how: str


Tell = Callable[[Progress], None]


def watching(judges: Judges | None, tell: Tell) -> Judges:
    """Judges that say what these do, and tell how far each job is: they are called after every epoch."""

    def judge_of(job: Job) -> Judge:
        judge = None if judges is None else judges(job)

        def watch(epoch: int, value: float) -> str | None:
            tell(Progress(job.number, epoch, int(job.config["epochs"]), value))
            return None if judge is None else judge(epoch, value)

        return watch

    return judge_of


def beginning(tell: Tell) -> Callable[[Job, int], None]:
    """To be called with a job that is being trained from here on, and the epochs that it has done before."""
    return lambda job, epoch: tell(Progress(job.number, epoch, int(job.config["epochs"]), None))


class Reporter:
    """Sends to the parent: the last news of each job of a unit together, EVERY seconds after the first of them, so that
    members of a stack, which end their epochs at the same time, are told of at the same time."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        self._send = send
        self._news: dict[tuple[int, bool], Progress] = {}  # that a job begins is not lost to its first epoch
        self._timer: Timer | None = None
        self._lock = Lock()

    def note(self, progress: Progress) -> None:
        """To be sent soon."""
        with self._lock:
            self._news[progress.number, progress.value is None] = progress
            if self._timer is None:
                self._timer = Timer(EVERY, self._send_news)
                self._timer.daemon = True
                self._timer.start()

    def send(self, message: Any) -> None:
        """At once, after the news that came before it."""
        self._send_news()
        self._send(message)

    def _send_news(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            news: Sequence[Progress] = list(self._news.values())
            self._news.clear()
            if news:
                self._send(news)
