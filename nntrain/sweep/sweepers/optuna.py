"""`hydra/sweeper=optuna`: trials drawn from a space, each by what those before it came to."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from nntrain.config.origin import Origin
from nntrain.config.schema.search import COSTS, named
from nntrain.config.search import defaults, setting_problems
from nntrain.config.stackable import alone_because
from nntrain.config.variants import Composer
from nntrain.errors import UserError
from nntrain.folder import shown
from nntrain.record.files import WriteError
from nntrain.record.words import plural
from nntrain.sweep.search.examples import MONITOR, examples, monitoring
from nntrain.sweep.search.prospect import batch, pruned_words, search_words, trained_words
from nntrain.sweep.search.samplers import check_installed, learns_nothing
from nntrain.sweep.search.searched import values_of
from nntrain.sweep.search.space import MARK, Axis, notes, read_space, size
from nntrain.sweep.search.study import ERROR, JOB, NAME, Goal, Study
from nntrain.sweep.told.ranking import lower_is_better
from nntrain.sweep.told.words import figure
from nntrain.sweep.workers.curve import curve_of

if TYPE_CHECKING:
    from optuna import Trial

    from nntrain.sweep.job import Job
    from nntrain.sweep.sweep import Sweep

FAILED = 3  # trials, at least, that a search takes to fail as a whole
IN_PLACE = "hydra.sweeper."


@dataclass
class Asked:
    """A trial with the number and the words of its job."""

    trial: Trial
    number: int
    words: list[str]


class Search(Sweeper):
    """settings: those of `search`, without its space."""

    sweeping: Sweep
    launcher: Launcher

    def __init__(self, **settings: Any) -> None:
        given = {key: _plain(value) for key, value in settings.items()}
        origin = Origin("command line", f"{IN_PLACE}...")
        plain = defaults()
        del plain["space"]
        changed = {key: (value, origin) for key, value in given.items() if value != plain[key]}
        if problems := list(setting_problems(changed)):
            raise UserError(*problems)
        self.settings: dict[str, Any] = {**plain, **given}
        self.clashes: set[str] = set()  # of values that were drawn, as they were said
        check_installed(named(self.settings["sampler"])[0])

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.sweeping = task_function  # type: ignore[assignment]  # that it is a sweep, only we know
        self.sweeping.drawn, self.sweeping.says_plans = True, False  # of every few trials, where there is one for all
        self.sweeping.expected = self.sweeping.board.tally.total = self.settings["n_trials"]
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[JobReturn]:
        from nntrain.sweep.search.storage import FILE, Storage
        from nntrain.sweep.workers.judging import judging

        words, axes = read_space(arguments)
        self.sweeping.check_examples(examples(words, axes), self.launcher)
        goal = self._goal(words, axes)
        self._check_metrics(goal, words, axes)
        self.sweeping.rank_by(goal.metrics)
        kept: list[Storage] = []

        def storage() -> Storage:
            if not kept:
                kept.append(Storage(self.sweeping.folder / FILE, NAME, goal.directions))
            return kept[0]

        study = Study(axes, goal, self.settings, storage)
        for note in notes(axes):
            self.sweeping.board.note(note)
        judged = self.settings["time_limit"] is not None or named(self.settings["pruner"])[0] != "none"
        with judging(study.judge) if judged else nullcontext() as judges:
            self.sweeping.judges = judges
            try:
                self._search(study, words)
            finally:
                if self.sweeping.manifest.jobs:
                    with suppress(UserError):  # of a file that is refused: what was kept last stands
                        study.keep_time()
        self._end(study)
        return []

    def _search(self, study: Study, words: Sequence[Axis | str]) -> None:
        axes, jobs = study.axes, self.sweeping.manifest.jobs
        cut = {number for number, outcome in self.sweeping.outcomes.items() if outcome.out_of_time}
        done = study.load(cut) if jobs else set()
        for number in cut - done:
            self.sweeping.reopen(number)
        again = [_again(study, job, jobs[job]) for job in sorted(jobs) if job not in done]
        earlier = [job for job in self.sweeping.jobs if job.number in self.sweeping.outcomes]
        if earlier:  # the count goes on where the session before was
            self.sweeping.board.begin(earlier, [], finished=[self.sweeping.outcomes[job.number] for job in earlier])
        limit = self.settings["time_limit"]
        if limit is not None and study.spent_before:
            said = f"{study.spent_before / 60:.3g} of {limit:g} minutes were spent in earlier sessions"
            self.sweeping.board.note(f"search: {said}")
        if again and not study.over:
            self._run(study, again)
        combinations, total = size(axes), self.settings["n_trials"]
        stacks = getattr(self.launcher, "stacks", False)
        at_once = batch(self.settings, axes, int(getattr(self.launcher, "at_once", 1)), stacks and study.goal.stacks)
        composer = Composer(Path(self.sweeping.manifest.cwd))
        trained = trained_words(words, axes, composer) if stacks else ""
        pruned = pruned_words(named(self.settings["pruner"])[0], words, axes, composer)
        self.sweeping.board.begin([], [search_words(self.settings, at_once, trained, pruned)])
        if said := learns_nothing(self.settings, axes, at_once):
            self.sweeping.board.note(f"search: {said}")
        first = 1 + max((*jobs, *study.jobs), default=-1)
        while first < total:
            if study.over:
                self.sweeping.board.note(
                    f"search: the time limit of {limit:g} minutes is over, {plural(first, 'trial')} drawn"
                )
                return
            numbers = range(first, min(first + at_once, total))
            self._run(study, [_new(study, number, words) for number in numbers])
            first = numbers.stop
            study.keep_time()
            if combinations is not None and study.combinations >= combinations:
                said = "the only combination is" if combinations == 1 else f"all {combinations} combinations are"
                self.sweeping.board.note(f"search: {said} tried, after {plural(len(study.jobs), 'trial')} of {total}")
                return

    def _run(self, study: Study, asked: Sequence[Asked]) -> None:
        """Train the jobs of some trials, and tell the study how they ended."""
        jobs = self._jobs(study, asked)
        for one in asked:
            if one.number in jobs:
                job = jobs[one.number]
                earlier = [] if job.number in self.sweeping.outcomes else curve_of(job)
                study.start(one.trial, one.number, job.number, earlier)
        for block in _blocks([one for one in asked if one.number in jobs]):
            self.launcher.launch([one.words for one in block], block[0].number)
        for one in asked:
            if one.number in jobs:
                outcome = self.sweeping.outcomes[jobs[one.number].number]
                study.tell(one.trial, outcome, values_of(outcome, study.goal.metrics))
        if study.all_failed and len(failed := study.trials) >= FAILED:
            raise UserError(_all_failed(len(failed), failed[0].user_attrs[ERROR]))

    def _jobs(self, study: Study, asked: Sequence[Asked]) -> dict[int, Job]:
        """Of the numbers that were asked for. Values that clash with each other have no job."""
        jobs: dict[int, Job] = {}
        for block in _blocks(asked):
            try:
                found = self.sweeping.add([one.words for one in block], block[0].number)
                jobs |= {one.number: job for one, job in zip(block, found, strict=True)}
            except WriteError:  # no fault of the values
                raise
            except UserError as error:
                if len(block) > 1:
                    for one in block:
                        jobs |= self._jobs(study, [one])
                    continue
                study.reject(block[0].trial, block[0].number, str(error))
                if (said := error.problems[0]) not in self.clashes:
                    self.sweeping.board.note(f"search: {said}")
                self.clashes.add(said)
        return jobs

    def _goal(self, words: Sequence[Axis | str], axes: Sequence[Axis]) -> Goal:
        """What is looked for. UserError where trials could not be compared by it, or one of them is wrong in itself."""
        example = [word if isinstance(word, str) else word.word(word.example) for word in words]
        composer = Composer(Path(self.sweeping.manifest.cwd))
        config = composer.compose([word.removeprefix(MARK) for word in example]).config
        given, monitor = self.settings["metrics"], config["early_stopping"]["monitor"]
        metrics = (monitor,) if given is None else (given,) if isinstance(given, str) else tuple(given)
        varied = {axis.key for axis in axes}
        if given is None and "early_stopping.monitor" in varied:
            raise UserError(
                "search: early_stopping.monitor cannot be searched, for trials are compared by it; name what they are "
                "compared by in search.metrics"
            )
        clash = sorted(key for key in varied if key.partition(".")[0] in ("loss", "objective"))
        if "loss" in metrics and clash:
            raise UserError(
                f"search: trials are compared by the validation loss, which means another thing for each {clash[0]}; "
                "set early_stopping.monitor or search.metrics to a metric such as accuracy or rmse"
            )
        epochs = next((axis.most for axis in axes if axis.key == "epochs"), config["epochs"])
        lower = tuple(lower_is_better(metric) for metric in metrics)
        return Goal(metrics, lower, int(epochs), alone_because(config) is None)

    def _check_metrics(self, goal: Goal, words: Sequence[Axis | str], axes: Sequence[Axis]) -> None:
        """UserError where trials have no such metric, found as one is that is monitored."""
        for metric in () if self.settings["metrics"] is None else goal.metrics:
            if metric in COSTS:
                continue
            try:
                self.sweeping.check_examples((monitoring(metric, of) for of in examples(words, axes)), self.launcher)
            except UserError as error:
                raise UserError(*(said.replace(MONITOR, "search.metrics") for said in error.problems)) from None

    def _end(self, study: Study) -> None:
        """What was learnt about the settings, in words and pictures."""
        from nntrain.sweep.search.importance import importance_of
        from nntrain.sweep.search.plots import draw

        if clashing := len(study.jobs - self.sweeping.manifest.jobs.keys()):
            said = f"{clashing} of {plural(len(study.jobs), 'trial')} drew values that clash, and trained nothing"
            self.sweeping.board.note(f"search: {said}")
        if cut := [number for number, outcome in self.sweeping.outcomes.items() if outcome.out_of_time]:
            said = f"the time limit ended {plural(len(cut), 'trial')} before the last epoch, with the models they had"
            again = f"nntrain fit resume={shlex.quote(shown(self.sweeping.folder))} search.time_limit=..."
            self.sweeping.board.note(f"search: {said}; {again} goes on with them")
        if not study.completed:
            self.sweeping.board.note("search: no trial ran to its end, so nothing can be said of the settings")
            return
        found = [one for place in range(len(study.goal.metrics)) if (one := importance_of(study, place)) is not None]
        for said in dict.fromkeys(one.said for one in found):
            self.sweeping.board.note(said)
        if len(study.goal.metrics) == 2:
            self.sweeping.board.note(f"best trade-offs of {' and '.join(study.goal.metrics)}: {_front(study)}")
        try:
            draw(study, found, self.sweeping.folder / "plots")
        except WriteError as error:  # the trials are safe
            self.sweeping.board.note(str(error))


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _new(study: Study, job: int, words: Sequence[Axis | str]) -> Asked:
    trial = study.ask()
    chosen = [word if isinstance(word, str) else word.word(trial.params[word.key]) for word in words]
    return Asked(trial, job, chosen)


def _again(study: Study, job: int, known: Sequence[str]) -> Asked:
    """A job that did not come to its end, with the values it had."""
    written = dict(word.split("=", 1) for word in known)
    params = {axis.key: axis.value(written[axis.key]) for axis in study.axes}
    return Asked(study.retry(params), job, list(known))


def _blocks(asked: Sequence[Asked]) -> Iterator[list[Asked]]:
    """Those whose numbers follow each other, together: Hydra's launchers number their jobs by the first."""
    block: list[Asked] = []
    for one in asked:
        if block and one.number != block[-1].number + 1:
            yield block
            block = []
        block.append(one)
    if block:
        yield block


def _front(study: Study) -> str:
    """The jobs that no other beats in both metrics, with these."""
    first: dict[tuple[float, ...], int] = {}  # a job that is the same as another stands for that one
    for trial in sorted(study.optuna.best_trials, key=lambda trial: (trial.values[1], trial.number)):
        first.setdefault(tuple(trial.values), trial.user_attrs[JOB])
    said = {job: map(figure, values, study.goal.metrics) for values, job in first.items()}
    return "; ".join(f"#{job} {' and '.join(values)}" for job, values in said.items())


def _all_failed(count: int, error: str) -> str:
    return f"search: all of the first {count} trials failed, so there is nothing to learn from; the first: {error}"
