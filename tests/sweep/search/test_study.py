"""What a search knows of its trials while they run."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log10
from typing import Any

import pytest

from nntrain.seeding import derive
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.search.evolution import without_state
from nntrain.sweep.search.samplers import make_sampler
from nntrain.sweep.search.space import Axis
from nntrain.sweep.search.study import NAME, Goal, Study

optuna = pytest.importorskip("optuna")


def study(pruner: str = "median") -> Study:
    settings: dict[str, Any] = {"sampler": "random", "pruner": pruner, "seed": 0, "time_limit": 10}
    return Study([Axis("optimizer.lr", 0.1, 1.0)], Goal(("loss",), (True,), 9), settings, pytest.fail)


def test_a_trial_that_is_tried_again_goes_on_from_its_best() -> None:
    search = study()
    search.start(search.ask(), 0, 0, [(1, 0.5), (2, 0.2), (3, None)])
    assert search.judge(0, 4, 0.9) is None
    assert search.optuna.trials[0].intermediate_values == {1: 0.5, 2: 0.2, 4: 0.2}


@pytest.mark.parametrize("pruner", ["none", "median"])
def test_a_running_trial_ends_when_the_time_is_over(pruner: str) -> None:
    search = study(pruner)
    search.start(search.ask(), 0, 0)
    search.spent_before = 590.0
    assert search.judge(0, 1, 0.5) is None
    search.spent_before = 601.0
    assert search.judge(0, 2, 0.4) == "time limit of the search (10 minutes), after epoch 2"


@dataclass
class Kept:
    """Storage whose trials are plain, as in the file."""

    all: list[Any] = field(default_factory=list)
    spent: float = 0.0

    def add(self, trial: Any) -> None:
        trial.system_attrs = without_state(trial.system_attrs)
        self.all.append(trial)

    def trials(self) -> list[Any]:
        return self.all


SAMPLERS: dict[str, Any] = {
    "cmaes": {"name": "cmaes", "popsize": 4},
    "cmaes with margin": {"name": "cmaes", "popsize": 4, "with_margin": True},
    "cmaes, separable": {"name": "cmaes", "popsize": 4, "use_separable_cma": True},
    "tpe": "tpe",
    "gp": {"name": "gp", "n_startup_trials": 16},
    "qmc": "qmc",
    "nsga2": {"name": "nsga2", "population_size": 4},
    "random": "random",
}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_goes_on_from_what_it_has_learnt(name: str, batch: int) -> None:
    for package in ("cmaes", "scipy"):
        pytest.importorskip(package)
    settings: dict[str, Any] = {"sampler": SAMPLERS[name], "pruner": "none", "seed": 0, "time_limit": None}
    axes, kept = [Axis("lr", 1e-4, 1.0, log=True), Axis("dropout", 0.0, 0.9)], Kept()
    search, again = (Study(axes, Goal(("loss",), (True,), 9), settings, lambda: kept) for _ in range(2))
    drawn = 0
    while drawn < 18:
        trials = [search.ask() for _ in range(batch)]
        for trial in trials:
            search.start(trial, drawn, drawn)
            loss = (log10(trial.params["lr"]) + 2) ** 2 + trial.params["dropout"]
            failed = drawn % 7 == 5
            search.tell(trial, Outcome(drawn, 2 * failed), None if failed else [loss])
            drawn += 1
    again.load()
    if name != "qmc":  # which goes on by its own count
        search.optuna.sampler = make_sampler(settings, axes, derive(0, NAME, drawn))
    assert [again.ask().params for _ in range(3)] == [search.ask().params for _ in range(3)]


@pytest.mark.parametrize("pruned", [False, True])
def test_a_trial_that_ends_costs_no_look_at_all_others(pruned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"sampler": "random", "pruner": "none", "seed": 0, "time_limit": None}
    search = Study([Axis("lr", 0.1, 1.0)], Goal(("loss",), (True,), 9), settings, Kept)
    copied: list[int] = []
    all_trials = search.optuna.get_trials

    def get_trials(deepcopy: bool = True, states: Any = None) -> Any:
        copied.append(deepcopy)
        return all_trials(deepcopy, states)

    monkeypatch.setattr(search.optuna, "get_trials", get_trials)
    for job in range(4):
        trial = search.ask()
        search.start(trial, job, job)
        search.tell(trial, Outcome(job, result={"epochs_run": 3}, pruned=pruned), [0.5])
        assert not search.all_failed
    assert not any(copied)
    assert [trial.user_attrs["job"] for trial in search.trials] == [0, 1, 2, 3]
    assert search.combinations == 4
