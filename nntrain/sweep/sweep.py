"""A sweep while it runs: its jobs, how each ended, and its folder, in the parent process alone.

Hydra hands it to the launchers as the function that runs a job. Launchers of ours ask it for the jobs that stand behind
lists of words, and tell it how each ended; one of somebody else's may call it like any such function.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.config.compose import Composed
from nntrain.config.variants import Composer
from nntrain.errors import UserError
from nntrain.record.files import json_text, write_json
from nntrain.sweep.board import Board
from nntrain.sweep.job import Job
from nntrain.sweep.leaderboard import summary
from nntrain.sweep.manifest import Manifest, add_jobs
from nntrain.sweep.outcome import Outcome, find_outcome

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from nntrain.sweep.launchers.base import Launcher
    from nntrain.sweep.work import Judges

RESULTS = "sweep.json"
MARK = "++"  # lets Hydra carry words whose keys it has no config for
SHARE = 0.1  # of the time goes to writing what was done so far, at most
UNTOLD = ("run_dir", "quiet")  # settings in which two jobs that are the same may differ


class Sweep:
    """fixed: the keys that are the same in all jobs; varied: those that differ. folder: made when it is first asked
    for. jobs: all that are known. outcomes: by number, of those that ended. judges: what ends a running job early, set
    by a sweeper. exits: closed when the sweep ends. expected: how many jobs there will be at most, where that is known
    before. on_cpu: whether all ask for the CPU."""

    def __init__(
        self,
        manifest: Manifest,
        fixed: Set[str],
        make_folder: Callable[[], Path],
        command: Sequence[str],
        board: Board,
        exits: ExitStack,
    ) -> None:
        self.manifest = manifest
        self.command = command
        self.board = board
        self.exits = exits
        self.jobs: list[Job] = []
        self.outcomes: dict[int, Outcome] = {}
        self.judges: Judges | None = None
        self.expected: int | None = None
        self.on_cpu = False
        self._fixed = fixed
        self._make_folder = make_folder
        self._composer = Composer(Path(manifest.cwd))
        self._numbers: dict[str, int] = {}  # by config: of the first job that has it
        self._given: dict[int, Job] = {}  # by the number a sweeper gave
        self._due = 0.0  # when sweep.json is to be written again

    @cached_property
    def folder(self) -> Path:
        return self._make_folder()

    @property
    def varied(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key for job in self.jobs for key in job.varied))

    def add(self, overrides: Sequence[Sequence[str]], first_number: int) -> list[Job]:
        """The jobs of some lists of words, in their order, numbered from `first_number`; of those that come to the same
        config as one before it is that one. What is there already, as on resume, is not added again.

        UserError with the mistakes of all of them.
        """
        lists = [tuple(word.removeprefix(MARK) for word in words) for words in overrides]
        return self._add(dict(enumerate(lists, first_number)))

    def restore(self) -> None:
        """The jobs of an earlier session, and how those ended that are finished."""
        self._add(self.manifest.jobs)
        self.collect()

    def collect(self) -> None:
        """The outcomes of jobs that ended without saying so, as one does that a signal meets just then."""
        for job in self.jobs:
            self._finished(job)

    def _add(self, given: Mapping[int, tuple[str, ...]]) -> list[Job]:
        self._check_same(given)
        new = {number: words for number, words in given.items() if number not in self._given}
        configs = self.compose(list(new.values()))
        same: list[tuple[int, int]] = []
        for (number, words), composed in zip(new.items(), configs, strict=True):
            first = self._numbers.setdefault(_content(composed.config), number)
            if first == number:
                self._given[number] = self._job(number, words, composed)
                self.jobs.append(self._given[number])
            else:
                self._given[number] = self._given[first]
                same.append((number, first))
        if unwritten := {number: words for number, words in new.items() if number not in self.manifest.jobs}:
            add_jobs(self.folder, unwritten)
            self.manifest.jobs.update(unwritten)
        if same:
            self.board.note(_same_words(same))
        return [self._given[number] for number in given]

    def compose(self, lists: Sequence[Sequence[str]]) -> list[Composed]:
        """The config of each list of words. UserError with the mistakes of all of them."""
        configs: list[Composed] = []
        problems: list[str] = []
        for words in lists:
            try:
                configs.append(self._composer.compose(words))
            except UserError as error:
                problems += error.problems
        if problems:
            raise UserError(*dict.fromkeys(problems))
        return configs

    def train(self, jobs: Sequence[Job], launcher: Launcher) -> list[Outcome]:
        """Train those that are not finished, and give the outcome of each, in order. Raises Interrupted where a signal
        ends it."""
        once = list({job.number: job for job in jobs}.values())
        done = [outcome for job in once if (outcome := self._finished(job)) is not None]
        left = [job for job in once if job.number not in self.outcomes]
        if left:
            plan = launcher.plan(left)
            self.board.begin(once, plan.words, finished=done)
            launcher.run(plan.units, self.record)
        else:
            self.board.begin(once, [], finished=done)
        return [self.outcomes[job.number] for job in jobs]

    def record(self, outcome: Outcome) -> None:
        """A job has ended: what is known of the sweep so far is written, however it may end itself."""
        self.outcomes[outcome.number] = outcome
        self.board.done(outcome)
        began = time.monotonic()
        if began >= self._due:
            self.write()
            took = time.monotonic() - began
            self._due = time.monotonic() + took / SHARE

    def write(self) -> dict[str, Any]:
        """`sweep.json`; its content."""
        found = summary(self.folder, self.jobs, self.outcomes)
        write_json(self.folder / RESULTS, found)
        return found

    def value(self, outcome: Outcome) -> float | None:
        """What a sweeper is told of a job: the best value of its monitored metric; None where it has none."""
        value = outcome.result.get("best_value")
        return None if outcome.status or value is None else float(value)

    def __call__(self, config: DictConfig) -> float | None:
        """One job, as a launcher that is none of ours calls it."""
        from hydra.core.hydra_config import HydraConfig

        from nntrain.sweep.interrupted import Interrupted
        from nntrain.sweep.work import train_unit

        told = HydraConfig.get()
        (job,) = self.add([list(told.overrides.task)], int(told.job.num))
        if self._finished(job) is None:
            self.board.begin([job], [])
            self.board.running([job.number])
            if status := train_unit([job], self.command, self.record, self.judges):
                raise Interrupted(status)
        return self.value(self.outcomes[job.number])

    def _finished(self, job: Job) -> Outcome | None:
        if job.number not in self.outcomes and (found := find_outcome(job.number, job.folder)) is not None:
            self.outcomes[job.number] = found
        return self.outcomes.get(job.number)

    def _job(self, number: int, words: Sequence[str], composed: Composed) -> Job:
        folder = self.folder / str(number)
        varied: dict[str, str] = {}
        for word in map(self._composer.word, words):
            if word.key not in self._fixed:
                varied[word.key] = word.value if isinstance(word.value, str) else word.text.partition("=")[2]
        return Job(number, tuple(words), varied, folder, {**composed.config, "run_dir": str(folder)})

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


def _content(config: Mapping[str, Any]) -> str:
    return json_text({key: value for key, value in config.items() if key not in UNTOLD}, indent=None)


def _same_words(same: Sequence[tuple[int, int]]) -> str:
    told = ", ".join(f"job {number} is job {first}" for number, first in same[:5])
    more = f", and {len(same) - 5} more" if len(same) > 5 else ""
    are = "job is identical to another" if len(same) == 1 else "jobs are identical to others"
    return f"{len(same)} {are}, and not run twice: {told}{more}"
