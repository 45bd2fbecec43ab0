"""A sweep while it runs: its jobs, how each ended, and its folder, in the parent process alone.

Hydra hands it to the launchers as the function that runs a job. Launchers of ours ask it for the jobs that stand behind
lists of words, and tell it how each ended; one of somebody else's may call it like any such function.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.errors import UserError
from nntrain.folder import REPORT, RESULT, SO_FAR
from nntrain.record.files import WriteError, write_json
from nntrain.record.words import plural
from nntrain.sweep.buildable import DryBuilds, check_some_buildable, patiently
from nntrain.sweep.job import Job
from nntrain.sweep.jobs import Jobs
from nntrain.sweep.kept.manifest import Manifest, add_jobs, write_manifest
from nntrain.sweep.kept.trace import leave_reason
from nntrain.sweep.outcome import SAVED, Outcome, find_outcome
from nntrain.sweep.search.searched import by_metrics
from nntrain.sweep.search.space import MARK
from nntrain.sweep.told.board import Board
from nntrain.sweep.told.files import summary, write_csv
from nntrain.sweep.workers.work import has_state

if TYPE_CHECKING:
    from hydra.plugins.launcher import Launcher as HydraLauncher
    from omegaconf import DictConfig

    from nntrain.sweep.grow.growth import Growth
    from nntrain.sweep.launchers.base import Launcher
    from nntrain.sweep.workers.processes import Workers
    from nntrain.sweep.workers.progress import Progress
    from nntrain.sweep.workers.work import Judges

SHARE = 0.1  # of the time goes to writing what was done so far, at most


class Sweep:
    """fixed: the keys that are the same in all jobs; varied: those that differ. folder: made when it is first asked
    for. jobs: all that are known. outcomes: by number, of those that ended. judges: what ends a running job early, set
    by a sweeper. growth: what came of trying size after size. excused: numbers of jobs that may fail without the sweep
    having failed. workers: processes for its jobs. exits: closed when the sweep ends. expected: how many jobs there
    will be at most, where that is known before. devices: as the jobs ask for them. drawn: whether a sweeper chooses the
    jobs, so that one of them may be one that cannot be built. says_plans: whether what the launcher will do with some
    jobs is said. metrics: what a search compares its trials by."""

    def __init__(
        self,
        manifest: Manifest,
        fixed: Set[str],
        make_folder: Callable[[], Path],
        command: Sequence[str],
        board: Board,
        workers: Workers,
        exits: ExitStack,
    ) -> None:
        self.manifest = manifest
        self.command = command
        self.board = board
        self.workers = workers
        self.exits = exits
        self.outcomes: dict[int, Outcome] = {}
        self.judges: Judges | None = None
        self.growth: Growth | None = None
        self.excused: set[int] = set()
        self.metrics: Sequence[str] = ()
        self.expected: int | None = None
        self.devices: Set[str] = {"auto"}
        self.drawn = False
        self.says_plans = True
        self._make_folder = make_folder
        self._jobs = Jobs(Path(manifest.cwd), fixed, lambda: self.folder)
        self._due = 0.0  # when the tables are to be written again
        self._refused = False  # whether the disk did not take them, which is said once

    @cached_property
    def folder(self) -> Path:
        return self._make_folder()

    @property
    def jobs(self) -> list[Job]:
        return self._jobs.all

    @property
    def varied(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key for job in self.jobs for key in job.varied))

    def add(
        self, overrides: Sequence[Sequence[str]], first_number: int, dry_builds: DryBuilds | None = None
    ) -> list[Job]:
        """The jobs of some lists of words, in their order, numbered from `first_number`; of those that come to the same
        config as one before it is that one. What is there already, as on resume, is not added again.

        dry_builds: finds what only data and networks can tell; where jobs are drawn, that is left to each of them.
        UserError with the mistakes of all of them, before the folder is made.
        """
        lists = [tuple(word.removeprefix(MARK) for word in words) for words in overrides]
        asks = None if dry_builds is None or self.drawn else patiently(dry_builds, self.board.note)
        return self._add(dict(enumerate(lists, first_number)), asks)

    def check_examples(self, examples: Iterable[Sequence[str]], launcher: HydraLauncher) -> None:
        """UserError with what is wrong with each of some lists of words, examples of the jobs that a sweeper will draw,
        where the launcher can find it. A sweep that is gone on with had none such."""
        dry_builds: DryBuilds | None = getattr(launcher, "dry_builds", None)
        if dry_builds is not None and not self.manifest.jobs:
            found = (self._jobs.example([word.removeprefix(MARK) for word in words]) for words in examples)
            check_some_buildable(found, patiently(dry_builds, self.board.note))

    def rank_by(self, metrics: Sequence[str]) -> None:
        """Compare all jobs, also those of an earlier session, by these metrics, one or two."""
        self.metrics = metrics
        self.board.tally.compared_by = metrics[0]
        self.outcomes = {n: by_metrics(outcome, metrics) for n, outcome in self.outcomes.items()}

    def restore(self) -> None:
        """The jobs of an earlier session, and how those ended that are finished."""
        self.board.tally.resumed = True
        self._add(self.manifest.jobs)
        self.collect()

    def collect(self) -> None:
        """The outcomes of jobs that ended without saying so, as one does that a signal meets just then."""
        for job in self.jobs:
            self._finished(job)

    def reopen(self, number: int) -> None:
        """A job that ended early is to go on from its saved state, or anew where it has none."""
        del self.outcomes[number]
        (self._jobs[number].folder / RESULT).unlink(missing_ok=True)

    def collect_saved(self, status: int) -> None:
        """Those that a signal stopped, now or in an earlier session, and that did not say so: their states are saved.

        status: the exit status of a job that it ended.
        """
        for job in self.jobs:
            if job.number not in self.outcomes and has_state(job.folder):
                self.outcomes[job.number] = Outcome(job.number, status, SAVED)

    def _add(self, given: Mapping[int, tuple[str, ...]], dry_builds: DryBuilds | None = None) -> list[Job]:
        self._check_same(given)
        notes = self._jobs.add(given, dry_builds)
        if unwritten := {number: words for number, words in given.items() if number not in self.manifest.jobs}:
            first, folder = not self.manifest.jobs, self.folder
            self.manifest.jobs.update(unwritten)
            if first:  # all or none of a grid are known, however it ends
                write_manifest(folder, self.manifest)
            else:
                add_jobs(folder, unwritten)
        for note in notes:
            self.board.note(note)
        return [self._jobs[number] for number in given]

    def train(self, jobs: Sequence[Job], launcher: Launcher) -> list[Outcome]:
        """Train those that are not finished, and give the outcome of each, in order. Raises Interrupted where a signal
        ends it."""
        once = list({job.number: job for job in jobs}.values())
        done = [outcome for job in once if (outcome := self._finished(job)) is not None]
        left = [job for job in once if job.number not in self.outcomes]
        if left:
            plan = launcher.plan(left)
            self.board.begin(once, self._plan_words(plan.words, len(done), left, len(once)), finished=done)
            launcher.run(plan.units, self.record)
        else:
            self.board.begin(once, [], finished=done)
        return [self.outcomes[job.number] for job in jobs]

    def _plan_words(self, words: Sequence[str], done: int, left: Sequence[Job], total: int) -> Sequence[str]:
        """What is said of some jobs before they train; of a sweep that is gone on with also how many are done, and how
        many of those that are left have a saved state."""
        if not self.says_plans:
            return ()
        first = [f"{done} of {plural(total, 'job')} {'is' if done == 1 else 'are'} done"] if done else []
        saved = sum(has_state(job.folder) for job in left) if self.board.tally.resumed else 0
        return [*first, *words, *([going_on(saved, len(left))] if saved else [])]

    def train_here(self, unit: Sequence[Job], record: Callable[[Outcome], None]) -> int:
        """Train what belongs together in this process; see `train_unit`."""
        from nntrain.sweep.workers.progress import beginning, watching
        from nntrain.sweep.workers.work import train_unit

        def tell(progress: Progress) -> None:
            self.board.progress(*progress)

        return train_unit(unit, self.command, record, watching(self.judges, tell), beginning(tell))

    def record(self, outcome: Outcome) -> None:
        """A job has ended: what is known of the sweep so far is written, however it may end itself."""
        outcome = self.outcomes[outcome.number] = by_metrics(outcome, self.metrics)
        self.board.done(outcome)
        leave_reason(self._jobs[outcome.number], outcome)
        began = time.monotonic()
        if began >= self._due:
            self._write_so_far()
            took = time.monotonic() - began
            self._due = time.monotonic() + took / SHARE

    def _write_so_far(self) -> None:
        """`sweep.json`, marked as what is known so far, and `sweep.csv`. A disk that refuses costs the sweep nothing
        while it runs: both are written again at its end."""
        try:
            self.write({SO_FAR: True, **self.summary()})
            write_csv(self.folder, self.jobs, self.outcomes)
        except WriteError as error:
            if not self._refused:
                self.board.note(f"{error}; the sweep goes on")
            self._refused = True

    def summary(self) -> dict[str, Any]:
        """What `sweep.json` holds."""
        found = summary(self.folder, self.jobs, self.outcomes)
        if self.growth is not None:
            found |= {"best": self.growth.best_job(self.jobs, self.outcomes), "growth": self.growth.summary()}
        return found

    def write(self, found: Mapping[str, Any]) -> None:
        """`sweep.json`. Raises WriteError when the disk refuses."""
        write_json(self.folder / REPORT, found)

    def value(self, outcome: Outcome) -> float | None:
        """What a sweeper is told of a job: the best value of its monitored metric; None where it has none."""
        value = outcome.result.get("best_value")
        return None if outcome.status or value is None else float(value)

    def __call__(self, config: DictConfig) -> float | None:
        """One job, as a launcher that is none of ours calls it."""
        from hydra.core.hydra_config import HydraConfig

        from nntrain.sweep.interrupted import Interrupted

        told = HydraConfig.get()
        (job,) = self.add([list(told.overrides.task)], int(told.job.num))
        if self._finished(job) is None:
            self.board.begin([job], [])
            if status := self.train_here([job], self.record):
                raise Interrupted(status)
        return self.value(self.outcomes[job.number])

    def _finished(self, job: Job) -> Outcome | None:
        if job.number not in self.outcomes and (found := find_outcome(job.number, job.folder)) is not None:
            self.outcomes[job.number] = by_metrics(found, self.metrics)
        return self.outcomes.get(job.number)

    def __getstate__(self) -> dict[str, Any]:
        """UserError: it lives in one process."""
        raise UserError(
            "hydra/launcher: this one takes the sweep itself to other processes, which only nntrain's own launchers "
            "can do; choose one of them (see: nntrain fit --help)"
        )

    def _check_same(self, given: Mapping[int, tuple[str, ...]]) -> None:
        """UserError where a number that is taken would come to stand for other words."""
        for number, words in given.items():
            known = self.manifest.jobs.get(number)
            if known is not None and known != words:
                new = " ".join(word for word in words if word not in known)
                old = " ".join(word for word in known if word not in words)
                raise UserError(
                    f"resume: the search space has changed: job {number} was {old} and would now be {new}; start a new "
                    f"sweep for it"
                )


def going_on(saved: int, left: int) -> str:
    """How many of the jobs that are left have a state."""
    if left == 1:
        return "it goes on from where it was"
    they = "goes on from where it was" if saved == 1 else "go on from where they were"
    return f"{'all' if saved == left else saved} of them {they}"
