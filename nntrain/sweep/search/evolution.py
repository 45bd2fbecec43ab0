"""CMA-ES over sessions: what it has learnt of a space, learnt again from the trials of the sessions before.

Optuna notes the state of CMA-ES, its mean, step and covariance, as a pickle in its trials; a file of ours holds none,
for whoever opens one runs what it says. It keeps the generation of each trial, and a state follows from the trials of
all generations before it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

STATE = ":optimizer"  # in the name of what Optuna notes as a pickle, whatever the variant of CMA-ES
GENERATION = ":generation"


def without_state(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a sampler noted of a trial, as far as it is plain data."""
    return {key: value for key, value in attributes.items() if STATE not in key}


def with_states(
    trials: Iterable[FrozenTrial], scratch: Study, distributions: dict[str, BaseDistribution]
) -> Iterator[FrozenTrial]:
    """The trials, in the order in which they were drawn, the first of each generation with the state that it was drawn
    from. scratch: a new study in memory, with a sampler as that of the trials, which is not used otherwise."""
    from optuna.trial import TrialState

    known = 0
    for trial in trials:
        generation = next((value for key, value in trial.system_attrs.items() if key.endswith(GENERATION)), 0)
        if generation > known and trial.state == TrialState.COMPLETE:
            asked = scratch.ask(distributions)
            noted = scratch.trials[asked.number].system_attrs
            scratch.tell(asked, state=TrialState.FAIL)
            if states := {key: value for key, value in noted.items() if STATE in key}:
                trial, known = _with(trial, states), generation
        scratch.add_trial(trial)
        yield trial


def _with(trial: FrozenTrial, attributes: Mapping[str, Any]) -> FrozenTrial:
    found = copy(trial)
    found.system_attrs = {**trial.system_attrs, **attributes}
    return found
