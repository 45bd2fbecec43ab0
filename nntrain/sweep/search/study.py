"""The trials of a search, by Optuna's ask and tell: in memory while it runs, and in SQLite each trial as it ends.

A commit to SQLite takes longer than an epoch of a small network, so what running trials report is only written when
they end. What was running when a search was killed stands in the sweep's own list of jobs, and is tried again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nntrain.config.schema.search import named
from nntrain.seeding import derive
from nntrain.sweep.outcome import OUT_OF_TIME, Outcome
from nntrain.sweep.search.evolution import with_states
from nntrain.sweep.search.samplers import make_pruner, make_sampler
from nntrain.sweep.search.space import Axis
from nntrain.sweep.search.storage import Storage
from nntrain.sweep.workers.curve import Point

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna import Trial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

NAME = "search"
JOB, NUMBER = "job", "number"  # of a trial: its job; its place among the trials of all sessions
ERROR = "error"  # of a trial that came to no model: why
NOTHING = "no number came out"
USER = 2  # the exit status of a run that asks for what cannot be, or diverges
Params = dict[str, Any]
Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Goal:
    """metrics: one, or two, by name. lower: for each, whether less is better. epochs: of the longest run. stacks:
    whether jobs can train as one program."""

    metrics: tuple[str, ...]
    lower: tuple[bool, ...]
    epochs: int
    stacks: bool = False

    @property
    def directions(self) -> list[Direction]:
        return ["minimize" if lower else "maximize" for lower in self.lower]


class Study:
    """storage: of the trials that ended. settings: those of the search, by name, all of them."""

    def __init__(
        self, axes: Sequence[Axis], goal: Goal, settings: Mapping[str, Any], storage: Callable[[], Storage]
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.axes = axes
        self.goal = goal
        self.distributions = {axis.key: distribution(axis) for axis in axes}
        self._settings = settings
        self._storage = storage
        self._lock = threading.Lock()
        self._ended: dict[int, FrozenTrial] = {}  # by number
        self._tried: set[tuple[Any, ...]] = set()  # the values of those
        self._running: dict[int, Trial] = {}  # by job
        self._best: dict[int, float] = {}  # value so far, by job
        self._prunes = named(settings["pruner"])[0] != "none"
        self.spent_before = 0.0  # seconds, in earlier sessions
        self._started = False  # whether a trial of this session was
        self._began = time.monotonic()
        self._no_pruner, self._pruner = optuna.pruners.NopPruner(), make_pruner(settings["pruner"], goal.epochs)
        self._live: OptunaStudy = optuna.create_study(
            study_name=NAME, directions=goal.directions, pruner=self._no_pruner
        )
        self._live.sampler = make_sampler(settings, axes, settings["seed"])

    @property
    def trials(self) -> list[FrozenTrial]:
        """Those that ended, in the order in which they were drawn."""
        return [trial for _, trial in sorted(self._ended.items())]

    @property
    def jobs(self) -> set[int]:
        """The jobs of the trials that ended."""
        return {trial.user_attrs[JOB] for trial in self.trials}

    @property
    def combinations(self) -> int:
        """How many were tried, of the values of all axes."""
        return len(self._tried)

    @property
    def all_failed(self) -> bool:
        """Whether no trial that ended did so with a model."""
        return all(map(failed, self._ended.values()))

    @property
    def optuna(self) -> OptunaStudy:
        return self._live

    def load(self, cut: Set[int] = frozenset()) -> set[int]:
        """Take in the trials of an earlier session; the jobs that need no other trial. cut: the jobs that its time
        limit ended, which do so where there is time now."""
        import optuna

        fail = optuna.trial.TrialState.FAIL
        self.spent_before = self._storage().spent
        kept = self._storage().trials()
        last = {trial.user_attrs[JOB]: trial for trial in kept}  # of a job that was gone on with, or tried again
        open_again = frozenset() if self.over else cut
        found = {trial.user_attrs[NUMBER]: trial for job, trial in last.items() if job not in open_again}
        sampler, seed = named(self._settings["sampler"])[0], self._settings["seed"]
        trials: Iterable[FrozenTrial] = [  # brackets of Hyperband go by the number
            found.get(number) or optuna.trial.create_trial(state=fail)
            for number in range(1 + max((trial.user_attrs[NUMBER] for trial in kept), default=-1))
        ]
        if sampler == "cmaes":
            same = make_sampler(self._settings, self.axes, seed)
            scratch = optuna.create_study(directions=self.goal.directions, sampler=same)
            trials = with_states(trials, scratch, self.distributions)
        for trial in trials:
            self._live.add_trial(trial)
        for trial in self._live.trials:
            if JOB in trial.user_attrs:
                self._keep(trial)
        if sampler == "qmc":  # it knows by what it has drawn how far it has come
            for _ in range(len(kept) - 1):  # its first trial is drawn at random
                self._live.tell(self._live.ask(self.distributions), state=fail)
        else:
            self._live.sampler = make_sampler(self._settings, self.axes, derive(seed, NAME, len(kept)))
        return {trial.user_attrs[JOB] for trial in found.values() if not failed(trial)}

    @property
    def spent(self) -> float:
        """Seconds, over all sessions."""
        return self.spent_before + time.monotonic() - self._began

    @property
    def over(self) -> bool:
        """Whether the time of the search is."""
        limit = self._settings["time_limit"]
        return limit is not None and self.spent > 60 * limit

    def keep_time(self) -> None:
        """For the next session. One that began no trial, and only reports, takes none."""
        if self._started:
            self._storage().spent = self.spent

    def ask(self) -> Trial:
        """A trial with a value for each axis."""
        # with Hyperband as its pruner, a sampler would learn from one bracket's trials alone: too few of them
        self._live.pruner = self._no_pruner
        trial = self._live.ask(self.distributions)
        self._live.pruner = self._pruner
        return trial

    def retry(self, params: Params) -> Trial:
        """A trial with these values, whose job did not come to its end."""
        self._live.enqueue_trial(params)
        return self.ask()

    def start(self, trial: Trial, job: int, runs: int, earlier: Iterable[Point] = ()) -> None:
        """The trial's job is about to run. runs: the job that runs for it, an earlier one where both are the same.
        earlier: of the monitored metric, in a session before."""
        self._started = True
        trial.set_user_attr(JOB, job)
        trial.set_user_attr(NUMBER, trial.number)
        self._running.setdefault(runs, trial)
        for epoch, value in earlier:
            if value is not None:
                self._report(trial, runs, epoch, value)

    def judge(self, job: int, epoch: int, value: float) -> str | None:
        """Take in the monitored value of an epoch; a text where the job should end there. Trials are compared by their
        best value so far, which is that of the model they would leave: a noisy epoch ends none."""
        if self.over:
            return f"{OUT_OF_TIME} ({self._settings['time_limit']:g} minutes), after epoch {epoch}"
        if not self._prunes:
            return None
        with self._lock:
            trial = self._running[job]
            self._report(trial, job, epoch, value)
            pruned = trial.should_prune()
        return f"pruned after epoch {epoch} ({named(self._settings['pruner'])[0]})" if pruned else None

    def _report(self, trial: Trial, job: int, epoch: int, value: float) -> None:
        if self._prunes:
            self._best[job] = _better(self._best.get(job, value), value, lower=self.goal.lower[0])
            trial.report(self._best[job], epoch)

    def tell(self, trial: Trial, outcome: Outcome, values: Sequence[float] | None) -> None:
        """How the trial's job ended. values: of the metrics, None where it failed."""
        from optuna.trial import TrialState

        self._running.pop(outcome.number, None)
        self._best.pop(outcome.number, None)
        if values is None or not all(map(math.isfinite, values)):
            reported = self._live.get_trials(deepcopy=False)[trial.number].intermediate_values
            self._lose(trial, outcome.error or NOTHING, by_values=outcome.status in (0, USER) and not reported)
            return
        if outcome.pruned:
            reported = self._live.get_trials(deepcopy=False)[trial.number].intermediate_values
            if len(values) == 1 and not reported:  # or no pruner asked it, or it did so in a session before
                trial.report(values[0], outcome.result["epochs_run"])
            ended = self._live.tell(trial, state=TrialState.PRUNED)
        else:
            ended = self._live.tell(trial, list(values))
        self._keep(ended, new=True)

    def reject(self, trial: Trial, job: int, error: str) -> None:
        """The trial's values clash, so that it has no job."""
        trial.set_user_attr(JOB, job)
        trial.set_user_attr(NUMBER, trial.number)
        self._lose(trial, error, by_values=True)

    def _lose(self, trial: Trial, error: str, *, by_values: bool) -> None:
        """It came to no model. by_values: as its values clash, or its training diverged. To Optuna such a one was
        pruned before it had a value, which is the worst that there is: of those that failed TPE learns nothing, and
        would go on drawing such values."""
        from optuna.trial import TrialState

        trial.set_user_attr(ERROR, error)
        ended = self._live.tell(trial, state=TrialState.PRUNED if by_values else TrialState.FAIL)
        self._keep(ended, new=True)

    def _keep(self, ended: FrozenTrial, *, new: bool = False) -> None:
        """As Optuna copies all trials when it is asked for them, these are not asked for after every trial."""
        self._ended[ended.number] = ended
        self._tried.add(tuple(ended.params[axis.key] for axis in self.axes))
        if new:
            self._storage().add(ended)

    @property
    def completed(self) -> list[FrozenTrial]:
        """The trials that ran to their end."""
        return [trial for trial in self.trials if trial.state.name == "COMPLETE"]


def failed(trial: FrozenTrial) -> bool:
    """Whether it came to no model: its job failed, or its values clash."""
    return trial.state.name == "FAIL" or ERROR in trial.user_attrs


def _better(one: float, other: float, *, lower: bool) -> float:
    """Of two values; NaN is never better."""
    if math.isnan(one) or math.isnan(other):
        return other if math.isnan(one) else one
    return min(one, other) if lower else max(one, other)


def distribution(axis: Axis) -> BaseDistribution:
    """An axis as Optuna has it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.choices:
        return CategoricalDistribution(axis.choices)
    if axis.whole:
        return IntDistribution(int(axis.low), int(axis.high), axis.log, int(axis.step or 1))
    return FloatDistribution(axis.low, axis.high, log=axis.log, step=axis.step)
