"""How many trials a search draws before it learns from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.config.variants import Composer
from nntrain.sweep.search.prospect import batch, pruned_words, search_words
from nntrain.sweep.search.samplers import learns_nothing
from nntrain.sweep.search.space import Axis, read_space

TPE, CMAES = {"name": "tpe", "n_startup_trials": 3}, {"name": "cmaes", "popsize": 12}
AXES = [Axis("optimizer.lr", 1e-4, 1.0), Axis("model.dropout", 0.0, 0.5), Axis("optimizer", choices=("adam", "sgd"))]
DRAWN: dict[str, tuple[Any, int, int]] = {  # sampler, trials in all, at a time in two workers
    "tpe": ("tpe", 1000, 16),
    "gp": ("gp", 1000, 16),
    "auto": ("auto", 1000, 16),
    "tpe of few trials": ({"name": "tpe", "n_startup_trials": 5}, 24, 4),
    "tpe of very few": ("tpe", 3, 2),
    "cmaes": ("cmaes", 1000, 6),
    "cmaes of its own": ({"name": "cmaes", "popsize": 20}, 1000, 20),
    "nsga2": ("nsga2", 1000, 50),
    "nsga2 of few trials": ("nsga2", 30, 5),
    "nsga2 of its own": ({"name": "nsga2", "population_size": 8}, 1000, 8),
    "random": ("random", 1000, 128),
    "qmc": ("qmc", 1000, 128),
}


@pytest.mark.parametrize("name", DRAWN)
def test_samplers_that_learn_draw_few_at_a_time(name: str) -> None:
    sampler, total, drawn = DRAWN[name]
    settings = {"sampler": sampler, "n_trials": total, "batch": None}
    assert batch(settings, AXES, 2, stacks=True) == drawn
    assert batch(settings, AXES, 2, stacks=False) == 2
    assert batch(settings, AXES, 24, stacks=True) >= 24


def test_a_batch_that_is_set_is_taken() -> None:
    assert batch({"sampler": "tpe", "n_trials": 1000, "batch": 64}, AXES, 2, stacks=True) == 64


AT_RANDOM = "all trials are drawn at random: "
BLIND: dict[str, tuple[Any, int, int, str]] = {  # sampler, trials in all, at a time; what is said
    "tpe": (
        "auto",
        10,
        1,
        "tpe learns from the first 10 (n_startup_trials), and there are 10; raise search.n_trials, or ",
    ),
    "tpe that learns": ("auto", 11, 1, ""),
    "tpe of its own": (TPE, 10, 1, ""),
    "gp": ("gp", 6, 1, "gp learns from the first 10 (n_startup_trials), and there are 6"),
    "cmaes": (CMAES, 12, 12, "cmaes learns from the first 12 (popsize), and there are 12"),
    "nsga2": ("nsga2", 30, 5, ""),
    "nsga2 of its own": (
        {"name": "nsga2", "population_size": 50},
        30,
        30,
        "nsga2 learns from the first 50 (population_",
    ),
    "all at once": (
        "tpe",
        20,
        20,
        "they are drawn 20 at a time, before any of them has ended; raise search.n_trials, or ",
    ),
    "random": ("random", 8, 8, ""),
}


@pytest.mark.parametrize("name", BLIND)
def test_a_search_that_ends_before_its_sampler_learns_is_told_of(name: str) -> None:
    sampler, total, at_once, said = BLIND[name]
    found = learns_nothing({"sampler": sampler, "n_trials": total}, AXES, at_once)
    assert found.startswith(AT_RANDOM + said) if said else found == ""


TOLD = "trials of several networks (ensemble, data.folds) run to their end"
PRUNED = {
    "one network": (["seed=1"], "median", "pruned by median"),
    "folds": (["data.folds=3"], "median", f"not pruned by median: {TOLD}"),
    "members": (["ensemble=2"], "hyperband", f"not pruned by hyperband: {TOLD}"),
    "some with members": (["ensemble=choice(1,2)"], "median", f"pruned by median, but {TOLD}"),
    "nobody prunes": (["data.folds=3"], "none", ""),
}


@pytest.mark.parametrize("name", PRUNED)
def test_that_trials_of_several_networks_are_not_pruned_is_said(name: str, tmp_path: Path) -> None:
    given, pruner, said = PRUNED[name]
    words, axes = read_space(["config=iris", "optimizer.lr=interval(0.01,0.1)", *given])
    found = pruned_words(pruner, words, axes, Composer(tmp_path))
    assert found == said
    settings = {"sampler": "tpe", "n_trials": 20}
    begins = f"20 trials by tpe, {said}" if said else "20 trials by tpe"
    assert search_words(settings, 1, "", found) == f"{begins}, one after another"
