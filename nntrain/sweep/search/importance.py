"""Which settings of a search a metric depends on, and of which trials that can be told."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import TYPE_CHECKING

from nntrain.record.words import plural
from nntrain.sweep.search.study import failed
from nntrain.sweep.told.words import searched_words

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from nntrain.sweep.search.study import Study

FEWEST = 20  # trials that importance can be told from
MOST = 300  # trials that it is told from: its cost grows with their square, to half a minute for 1,000
SHARE = 2 / 3  # of the trials that did not fail; those that came further are the better ones, chosen by the settings


@dataclass(frozen=True)
class Importance:
    """shares: how much of the metric's variation each setting brings about, the most first, in all 1; none where that
    cannot be told. after: epochs at which the trials are compared; None where they are at their end. trials: that are
    compared; of: that did not fail."""

    metric: str
    trials: int
    of: int
    after: int | None = None
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def when(self) -> str:
        """`after 3 epochs, which 24 of 30 trials ran`; "" at their end."""
        if self.after is None:
            return ""
        ran = f"all {self.of}" if self.trials == self.of else f"{self.trials} of {self.of}"
        return f"after {plural(self.after, 'epoch')}, which {ran} trials ran"

    @property
    def said(self) -> str:
        """The shares, or why there are none."""
        start = "importance of the settings"
        if self.trials < FEWEST:
            return f"{start}: it takes {FEWEST} trials to tell, and {self.trials} can be compared"
        if not self.shares:
            return f"{start}: all trials came to the same {searched_words(self.metric)}"
        shares = ", ".join(f"{key} {share:.2f}" for key, share in self.shares.items())
        return f"{start} for the {searched_words(self.metric)}{f' {self.when}' * bool(self.when)}, about: {shares}"


def importance_of(study: Study, place: int = 0) -> Importance | None:
    """By functional ANOVA (Hutter et al. 2014), for the metric in that place; None where a single setting is searched.

    Trials are compared after the same number of epochs: at their end where enough ran so far, else at the latest epoch
    that enough of them ran, as those that are pruned have no end to be compared by (so do Falkner et al. 2018). Of very
    many trials it is told from MOST, taken evenly from first to last.
    """
    if len(study.axes) < 2:
        return None
    metric, running = study.goal.metrics[place], [trial for trial in study.trials if not failed(trial)]
    enough = max(FEWEST, ceil(SHARE * len(running)))
    epochs = sorted({epoch for trial in running for epoch in trial.intermediate_values}, reverse=True)
    points = [(after, _values(running, place, after)) for after in (None, *epochs)]
    most = max(points, key=lambda point: len(point[1]))
    after, values = next((point for point in points if len(point[1]) >= enough), most)
    some = _spread(list(values), MOST)
    shares = _shares(study, [running[i] for i in some], [values[i] for i in some]) if len(values) >= FEWEST else {}
    return Importance(metric, len(values), len(running), after, shares)


def _spread(places: Sequence[int], most: int) -> Sequence[int]:
    """So many of them at most, evenly from first to last."""
    return places if len(places) <= most else [places[i * len(places) // most] for i in range(most)]


def _values(trials: Sequence[FrozenTrial], place: int, after: int | None) -> dict[int, float]:
    """What each trial, by its place, had after so many epochs, as far as it can be compared."""
    found = ((i, _value(trial, place, after)) for i, trial in enumerate(trials))
    return {i: value for i, value in found if value is not None and isfinite(value)}


def _value(trial: FrozenTrial, place: int, after: int | None) -> float | None:
    """The best value that a trial had after so many epochs, None for all of them; None where it did not come so far.
    One that came to its end before has its best value from then on."""
    reported = [epoch for epoch in trial.intermediate_values if after is None or epoch <= after]
    ended = trial.state.name == "COMPLETE" and len(reported) == len(trial.intermediate_values)
    if ended and (reported or after is None):
        return float(trial.values[place])
    ran_so_far = after is not None and reported and max(trial.intermediate_values) >= after
    return trial.intermediate_values[max(reported)] if ran_so_far else None


def _shares(study: Study, trials: Sequence[FrozenTrial], values: Sequence[float]) -> dict[str, float]:
    import optuna

    if len(set(values)) < 2:
        return {}
    compared = optuna.create_study()
    for trial, value in zip(trials, values, strict=True):
        compared.add_trial(
            optuna.trial.create_trial(params=trial.params, distributions=study.distributions, values=[value])
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn's forest, on few trials
        return optuna.importance.get_param_importances(compared, evaluator=evaluator)
