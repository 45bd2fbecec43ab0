"""How many trials a search draws before it learns from them."""

from __future__ import annotations

from typing import Any

import pytest

from nntrain.sweep.search.prospect import batch
from nntrain.sweep.search.space import Axis

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
