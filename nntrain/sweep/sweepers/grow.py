"""The sweeper behind `grow=depth` and `grow=width`: size after size, until validation improves no more."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from nntrain.errors import UserError
from nntrain.folder import FOLD, RESULT, read_json
from nntrain.record.words import plural
from nntrain.sweep.grow.growth import AXES, Growth, Step, best_and_waited
from nntrain.sweep.told.ranking import has_model, lower_is_better

Result = Mapping[str, Any]
USER = 2  # the exit status of a run that asks for what cannot be

if TYPE_CHECKING:
    from nntrain.sweep.sweep import Sweep


class Grow(Sweeper):
    """name: depth or width; model: whose. patience, min_delta: see configs/grow."""

    sweeping: Sweep
    launcher: Launcher

    def __init__(self, *, name: str, model: str, patience: int, min_delta: float) -> None:
        self.axis = AXES[name, model]
        self.patience, self.min_delta = patience, min_delta

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.sweeping = task_function  # type: ignore[assignment]  # that it is a sweep, only we know
        self.sweeping.drawn = self.sweeping.board.tally.open = True
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[JobReturn]:
        """Steps that are sure to be needed, whatever comes of them, train beside each other."""
        common, values, seeds = self._taken_apart(arguments)
        self.sweeping.check_examples([[*common, f"{self.axis.key}={values[0]}", f"seed={seeds[0]}"]], self.launcher)
        steps: list[Step] = []
        waited, ended = -1, ""  # the first step waits for nothing: there is no better one before it
        while not ended:
            first, sure = len(steps), values[len(steps) :][: self.patience - waited]
            lists = [[*common, f"{self.axis.key}={value}", f"seed={seed}"] for value in sure for seed in seeds]
            self.launcher.launch(lists, first * len(seeds))
            numbers = [range(place * len(seeds), (place + 1) * len(seeds)) for place in range(first, first + len(sure))]
            steps += [self._step(float(value), of, seeds) for value, of in zip(sure, numbers, strict=True)]
            best, waited = best_and_waited([step.mean("val") for step in steps], self.min_delta, lower=self._lower())
            ended = self._ended(steps, len(values), waited, best)
        self._tell(steps, best, len(seeds), ended)
        return []

    def _taken_apart(self, arguments: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
        """The words that all jobs share, the sizes and the seeds."""
        common: list[str] = []
        varied: dict[str, list[str]] = {}
        for word in OverridesParser.create().parse_overrides(list(arguments)):
            if word.is_sweep_override():
                varied[word.get_key_element().lstrip("+")] = [str(value) for value in word.sweep_string_iterator()]
            else:
                common.append(f"{word.get_key_element()}={word.get_value_element_as_str()}")
        return common, varied[self.axis.key], varied["seed"]

    def _step(self, value: float, numbers: Sequence[int], seeds: Sequence[str]) -> Step:
        outcomes = {seed: self.sweeping.outcomes[n] for seed, n in zip(map(int, seeds), numbers, strict=True)}
        done = {seed: outcome.result for seed, outcome in outcomes.items() if has_model(outcome)}
        metric = self._monitor().removeprefix("val_")
        folders = {job.number: job.folder for job in self.sweeping.jobs}
        every: dict[Hashable, Result] = {}
        for seed, result in done.items():
            every |= _replicates(seed, result, folders[outcomes[seed].number])
        scores: dict[str, dict[Hashable, float]] = {
            part: {
                key: score
                for key, result in every.items()
                if (score := (result.get(part) or {}).get(metric)) is not None
            }
            for part in ("train", "val")
        }
        parameters = next((int(result["parameters"]) for result in done.values() if "parameters" in result), None)
        epochs, seconds = _mean(every, "best_epoch"), _mean(done, "seconds")
        return Step(value, **scores, parameters=parameters, epochs=epochs, seconds=seconds)

    def _monitor(self) -> str:
        """Of the runs, such as `val_loss`; they all have the same."""
        done = (outcome.result for outcome in self.sweeping.outcomes.values() if has_model(outcome))
        return str(next(done, {}).get("monitor", "val_loss"))

    def _lower(self) -> bool:
        return lower_is_better(self._monitor())

    def _ended(self, steps: Sequence[Step], values: int, waited: int, best: int | None) -> str:
        """Why there is no further step, "" where there is one."""
        failed = next((step for step in steps if not step.val), None)
        if failed is not None:
            return f"no network with {self.axis.said(failed.value)} came to an end"
        if waited >= self.patience:
            return f"{plural(self.patience, 'step')} without a better mean on validation"
        if len(steps) < values:
            return ""
        still = ", and validation still improved" * (best == len(steps) - 1)
        return f"all sizes were tried{still}; larger ones: grow.to=..., or more grow.steps"

    def _tell(self, steps: Sequence[Step], best: int | None, seeds: int, ended: str) -> None:
        folds = max([1, *(int(outcome.result.get("folds") or 1) for outcome in self.sweeping.outcomes.values())])
        lower = self._lower()
        self.sweeping.growth = Growth(self.axis, tuple(steps), best, seeds, self._monitor(), lower, ended, folds)
        if best is not None:  # what cannot be built any larger is an end like any other
            failed = [place * seeds + i for place, step in enumerate(steps) if not step.val for i in range(seeds)]
            self.sweeping.excused = {n for n in failed if self.sweeping.outcomes[n].status == USER}


def _replicates(seed: int, result: Result, folder: Path) -> dict[Hashable, Result]:
    """The run of a seed; of a cross-validation each fold, which networks of all sizes share."""
    folds = int(result.get("folds") or 0)
    try:
        return {(seed, i): read_json(folder / f"{FOLD}{i}" / RESULT) for i in range(folds)} or {seed: result}
    except UserError:  # what it was is not there any more
        return {seed: result}


def _mean(results: Mapping[Any, Result], key: str) -> float | None:
    found = [float(value) for result in results.values() if (value := result.get(key)) is not None]
    return fmean(found) if found else None
