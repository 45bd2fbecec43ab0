"""What a search knows of its trials while they run."""

from __future__ import annotations

import time
from typing import Any

import pytest

from nntrain.sweep.search.space import Axis
from nntrain.sweep.search.study import Goal, Study

optuna = pytest.importorskip("optuna")


def study(pruner: str = "median") -> Study:
    settings: dict[str, Any] = {"sampler": "random", "pruner": pruner, "seed": 0}
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
    search.until = time.monotonic() + 1000
    assert search.judge(0, 1, 0.5) is None
    search.until = time.monotonic() - 1
    assert search.judge(0, 2, 0.4) == "pruned after epoch 2: the time of the search is over"
