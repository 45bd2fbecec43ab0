"""How far a network is grown: the steps there are, the best of them, when it ends, and where overfitting starts.

Nothing here trains: a step is what its networks, one per seed (and fold), scored on training and validation rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from statistics import fmean, stdev
from typing import Any, Literal

from nntrain.record.words import plural
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.ranking import has_model
from nntrain.sweep.told.significance import LEVEL, chances_of_worse

Part = Literal["train", "val"]
PARTS: tuple[Part, Part] = ("train", "val")


@dataclass(frozen=True)
class Axis:
    """What grows. key: the setting; first, last: where it starts and ends where nobody says; by: added at every step
    (0: multiplied by grow.factor); whole: a whole number; one, many: how so many of it are called."""

    key: str
    first: float
    last: float
    by: int = 0
    whole: bool = True
    one: str = ""
    many: str = ""

    def said(self, value: float) -> str:
        """`3 hidden layers`, `width 64`."""
        if not self.one:
            return f"{self.title} {value:g}"
        return f"{value:g} {self.one if value == 1 else self.many}"

    @property
    def title(self) -> str:
        """Of a column or an axis: `hidden layers`, `width`."""
        return self.many or self.key.partition(".")[2].replace("_", " ")


AXES = {
    ("depth", "mlp"): Axis("model.depth", 1, 10, by=1, one="hidden layer", many="hidden layers"),
    ("depth", "cnn"): Axis("model.depth", 1, 6, by=1, one="stage", many="stages"),
    ("depth", "resnet"): Axis("model.depth", 8, 56, by=6, one="layer", many="layers"),
    ("width", "mlp"): Axis("model.width", 4, 1024),
    ("width", "cnn"): Axis("model.width", 8, 128),
    ("width", "resnet"): Axis("model.width_multiplier", 0.25, 2, whole=False),
}


@dataclass(frozen=True)
class Step:
    """What the networks of one size scored by the monitored metric at their best epochs, by seed, or by seed and fold;
    those that failed or never had a number are in neither."""

    value: float
    train: Mapping[Hashable, float] = field(default_factory=dict)
    val: Mapping[Hashable, float] = field(default_factory=dict)
    parameters: int | None = None
    epochs: float | None = None  # the best one, on average
    seconds: float | None = None  # of training, on average

    def mean(self, part: Part) -> float:
        """Over the networks; NaN where there is none."""
        found: Mapping[Hashable, float] = getattr(self, part)
        return fmean(found.values()) if found else nan

    def spread(self, part: Part) -> float | None:
        """Standard deviation over the networks; None for fewer than two."""
        found: Mapping[Hashable, float] = getattr(self, part)
        return stdev(found.values()) if len(found) > 1 else None

    def summary(self) -> dict[str, Any]:
        """As in `sweep.json`."""
        means: dict[str, Any] = {}
        for part in PARTS:
            mean = self.mean(part)
            means |= {part: mean if mean == mean else None, f"{part}_std": self.spread(part)}
        told = {"parameters": self.parameters, "epochs": self.epochs, "seconds": self.seconds}
        return {"value": self.value, "n": len(self.val), **means, **told}


@dataclass(frozen=True)
class Growth:
    """What came of it. steps: tried, from small to large. best: place of the step with the best mean on validation,
    None where no run had a number. seeds, folds: of each step. monitor: `val_loss`; lower: whether less of it is
    better. ended: why there is no further step."""

    axis: Axis
    steps: tuple[Step, ...]
    best: int | None
    seeds: int
    monitor: str
    lower: bool
    ended: str
    folds: int = 1

    @property
    def replicates(self) -> str:
        """What the networks of a step differ by: `3 seeds`, `3 seeds of 5 folds`."""
        return plural(self.seeds, "seed") + (f" of {self.folds} folds" if self.folds > 1 else "")

    @property
    def overfits(self) -> int | None:
        """See `overfitting`."""
        return None if self.best is None else overfitting(self.steps, self.best, lower=self.lower)

    @property
    def hard(self) -> int | None:
        """See `hard_to_train`."""
        return None if self.best is None else hard_to_train(self.steps, self.best, lower=self.lower)

    @property
    def alike(self) -> int | None:
        """See `smallest_alike`."""
        return None if self.best is None else smallest_alike(self.steps, self.best, lower=self.lower)

    def best_job(self, jobs: Sequence[Job], outcomes: Mapping[int, Outcome]) -> int | None:
        """The number of the best run of the best step."""
        if self.best is None:
            return None
        size, sign = self.steps[self.best].value, 1 if self.lower else -1
        found = [
            (sign * outcomes[job.number].result["best_value"], job.number)
            for job in jobs
            if float(job.varied[self.axis.key]) == size and has_model(outcomes.get(job.number))
        ]
        return min(found)[1]

    def summary(self) -> dict[str, Any]:
        """As in `sweep.json`."""

        def value(place: int | None) -> float | None:
            return None if place is None else self.steps[place].value

        return {
            "key": self.axis.key,
            "monitor": self.monitor,
            "steps": [step.summary() for step in self.steps],
            "best": value(self.best),
            "smallest_alike": value(self.alike),
            "overfitting_from": value(self.overfits),
            "training_worse_from": value(self.hard),
            "ended": self.ended,
        }


def sizes(settings: Mapping[str, Any], axis: Axis) -> list[float]:
    """The values of the axis that `grow` asks for, from small to large.

    settings: the section `grow`. An axis of whole numbers rounds, and leaves out what it has already.
    """
    if settings["steps"] is not None:
        return list(settings["steps"])
    value = axis.first if settings["from"] is None else settings["from"]
    last = axis.last if settings["to"] is None else settings["to"]
    found: list[float] = []
    while value <= last * (1 + 1e-9):
        if (size := round(value) if axis.whole and not axis.by else value) not in found:
            found.append(size)
        value = value + axis.by if axis.by else value * settings["factor"]
    return found


def best_and_waited(means: Sequence[float], min_delta: float, *, lower: bool) -> tuple[int | None, int]:
    """The step with the best mean so far, None where none has a number, and how many steps ago validation last got
    better by more than min_delta. lower: whether less is better."""
    best: int | None = None
    waited, reference, sign = 0, nan, -1 if lower else 1
    for place, mean in enumerate(means):
        if mean == mean and (best is None or sign * (mean - means[best]) > 0):
            best = place
        if mean == mean and not sign * (mean - reference) <= min_delta:  # at first there is nothing to compare with
            waited, reference = 0, mean
        else:
            waited += 1
    return best, waited


def overfitting(steps: Sequence[Step], best: int, *, lower: bool) -> int | None:
    """The first step after the best from which on validation is worse than there, beyond chance, while training is as
    good: what larger networks learn more of the training rows does not hold elsewhere. None where no step shows it."""
    found: int | None = None
    worse, sign = _worse(steps, best, "val", lower=lower), 1 if lower else -1
    for place in _after(steps, best):
        if not worse[place]:
            break
        if sign * (steps[place].mean("train") - steps[best].mean("train")) <= 0:
            found = place
    return found


def hard_to_train(steps: Sequence[Step], best: int, *, lower: bool) -> int | None:
    """The first step after the best from which on training too is worse than there, beyond chance: a larger network
    can do whatever a smaller one does, and these were not brought to it."""
    found: int | None = None
    parts = [_worse(steps, best, part, lower=lower) for part in PARTS]
    for place in _after(steps, best):
        if not all(worse[place] for worse in parts):
            break
        found = place
    return found


def smallest_alike(steps: Sequence[Step], best: int, *, lower: bool) -> int:
    """The first step that is not worse than the best beyond chance; the best itself where all smaller ones are, or
    where a single seed tells nothing."""
    worse = _worse(steps, best, "val", lower=lower)
    return next((place for place in range(best) if worse[place] is False), best)


def _after(steps: Sequence[Step], best: int) -> list[int]:
    """The places after the best of those steps that came to an end, from the last one on."""
    return [place for place in range(len(steps) - 1, best, -1) if steps[place].val]


def _worse(steps: Sequence[Step], best: int, part: Part, *, lower: bool) -> list[bool | None]:
    """Whether each step is worse than the best one beyond chance, by the runs of the same seeds; None where too few of
    them say nothing."""
    values: list[Mapping[Hashable, float]] = [step.train if part == "train" else step.val for step in steps]
    chances = chances_of_worse(values, values[best], lower=lower)
    return [None if p is None else p < LEVEL for p in chances]
