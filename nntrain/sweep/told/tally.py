"""What is known of a sweep while it runs: its jobs, how far each is, and the best so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan

from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.pace import Pace
from nntrain.sweep.told.ranking import has_model, lower_is_better, short_names


@dataclass(frozen=True)
class Leader:
    """The best job by a metric. running: whether it may yet come to another value."""

    value: float
    job: Job
    pruned: bool = False
    running: bool = False


class Tally:
    """total: of jobs, where more are to come than are known. resumed: whether there was a session before; earlier: how
    many jobs ended in it. ended: how many did in all, interrupted ones not among them. open: whether nobody knows how
    many there will be. compared_by: the metric, where it is not the monitored one of each job. names: of what is
    varied, short."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.resumed = False
        self.earlier = 0
        self.ended = 0
        self.open = False
        self.compared_by: str | None = None
        self.jobs: dict[int, Job] = {}
        self.names: dict[str, str] = {}
        self.running: dict[int, float | None] = {}  # number: last value
        self.outcomes: dict[int, Outcome] = {}
        self.pace = Pace()
        self._varied: dict[str, None] = {}  # keys, in their order
        self._first: dict[str, Leader] = {}  # of those that ended; of recipes each may have a metric of its own
        self._at_best: dict[int, float] = {}  # of those that run

    def add(self, jobs: Sequence[Job], finished: Iterable[Outcome]) -> None:
        """finished: of these, what an earlier session has done."""
        for job in jobs:
            self.jobs[job.number] = job
            self.pace.epochs[job.number] = max(1, int(job.config.get("epochs") or 1))
            self._varied |= dict.fromkeys(job.varied)
        self.names = short_names(list(self._varied))
        for outcome in finished:
            if outcome.number not in self.outcomes:
                self.earlier += 1
                self.end(outcome, None)

    def begin(self, number: int, epoch: int, now: float) -> None:
        """A job is being trained from here on. epoch: how many were done before."""
        if number not in self.running and number not in self.outcomes:
            self.running[number] = None
            self.pace.begin(number, epoch, now)

    def wait(self, number: int) -> None:
        """A job is not being trained any more, and will be later."""
        if number in self.running:
            del self.running[number]
            self.pace.wait(number)

    def progress(self, number: int, epoch: int, epochs: int, value: float | None, now: float) -> None:
        """epoch: how many are done, of `epochs`. value: the monitored metric's, of the last one; None of a job that is
        being trained from here on."""
        if number in self.outcomes:
            return
        self.begin(number, epoch if value is None else 0, now)
        self.pace.go_on(number, epoch, epochs, now)
        if value is not None:
            self.running[number] = value
            known = self._at_best.get(number, value)
            self._at_best[number] = (min if lower_is_better(self._monitor(number)) else max)(known, value)

    def end(self, outcome: Outcome, now: float | None) -> None:
        """A job has ended, well or not. now: None of one that did so in an earlier session."""
        number, result = outcome.number, outcome.result
        again = number in self.outcomes
        self.ended += (not outcome.interrupted) - (again and not self.outcomes[number].interrupted)
        self.outcomes[number] = outcome
        self.running.pop(number, None)
        self._at_best.pop(number, None)
        asked = self.pace.epochs.get(number, 1)
        if not outcome.interrupted:  # it will go on some time
            self.pace.end(number, None if outcome.status else int(result.get("epochs_run") or asked), now)
        if not again and number in self.jobs and has_model(outcome):
            leader = Leader(float(result["best_value"]), self.jobs[number], outcome.pruned)
            _lead(self._first, str(result["monitor"]), leader)

    @property
    def count(self) -> int:
        return max(self.total or 0, len(self.jobs))

    @property
    def more(self) -> int:
        """Jobs that nobody knows yet."""
        return self.count - len(self.jobs)

    @property
    def to_come(self) -> int:
        return self.count - len(self.outcomes) - len(self.running)

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes.values() if outcome.status and not outcome.interrupted]

    @property
    def pruned(self) -> int:
        return sum(outcome.pruned for outcome in self.outcomes.values())

    def seconds_left(self, now: float) -> float | None:
        return None if self.open else self.pace.seconds_left(now, self.more)

    def best(self) -> dict[str, Leader]:
        """By metric, of those that ended and those that run."""
        found = dict(self._first)
        for number, value in self._at_best.items():
            monitor = self._monitor(number)
            if self.compared_by in (None, monitor.removeprefix("val_")) and number in self.jobs:
                _lead(found, monitor, Leader(value, self.jobs[number], running=True))
        return found

    def leading(self) -> list[int]:
        """The jobs that run, by the best value so far of each; of several metrics by its place in its own. Those that
        have none yet come last, the first ones first."""
        by_metric: dict[str, list[tuple[float, int]]] = {}
        for number, value in self._at_best.items():
            monitor = self._monitor(number)
            cost = value if lower_is_better(monitor) else -value
            by_metric.setdefault(monitor, []).append((float("inf") if isnan(cost) else cost, number))
        places = {number: place for of in by_metric.values() for place, (_, number) in enumerate(sorted(of))}
        return sorted(self.running, key=lambda number: (places.get(number, len(places)), number))

    def _monitor(self, number: int) -> str:
        stopping = self.jobs[number].config.get("early_stopping") or {} if number in self.jobs else {}
        return f"val_{stopping.get('monitor', 'loss')}"


def _lead(first: dict[str, Leader], monitor: str, leader: Leader) -> None:
    """Put it in, where it is the best: as jobs are ranked, pruned ones last."""
    known, sign = first.get(monitor), 1 if lower_is_better(monitor) else -1
    if known is None or (leader.pruned, sign * leader.value) < (known.pruned, sign * known.value):
        first[monitor] = leader
