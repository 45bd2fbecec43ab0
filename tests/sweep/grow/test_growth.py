"""What comes of the steps of a growing: which is the best, when it ends, where overfitting starts."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from nntrain.config.options import option_names
from nntrain.sweep.grow.growth import (
    AXES,
    Growth,
    Step,
    best_and_waited,
    hard_to_train,
    overfitting,
    sizes,
    smallest_alike,
)

UNSET = {"from": None, "to": None, "steps": None, "factor": 2.0}

SIZES = {
    ("depth", "mlp"): [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    ("depth", "cnn"): [1, 2, 3, 4, 5, 6],
    ("depth", "resnet"): [8, 14, 20, 26, 32, 38, 44, 50, 56],
    ("width", "mlp"): [4, 8, 16, 32, 64, 128, 256, 512, 1024],
    ("width", "cnn"): [8, 16, 32, 64, 128],
    ("width", "resnet"): [0.25, 0.5, 1, 2],
}


@pytest.mark.parametrize("what", AXES, ids=" of ".join)
def test_sizes_where_nobody_says_them(what: tuple[str, str]) -> None:
    assert what[0] in option_names("grow")
    assert sizes(UNSET, AXES[what]) == SIZES[what]


@pytest.mark.parametrize(
    ("what", "settings", "expected"),
    [
        (("depth", "mlp"), {"from": 0, "to": 3}, [0, 1, 2, 3]),
        (("depth", "mlp"), {"steps": [1, 4]}, [1, 4]),
        (("depth", "resnet"), {"from": 20, "to": 40}, [20, 26, 32, 38]),
        (("width", "mlp"), {"from": 10, "to": 45}, [10, 20, 40]),
        (("width", "mlp"), {"from": 1, "to": 4, "factor": 1.3}, [1, 2, 3, 4]),
        (("width", "mlp"), {"from": 100, "to": 50}, []),
        (("width", "resnet"), {"factor": 4.0}, [0.25, 1]),
    ],
)
def test_sizes_as_they_are_asked_for(what: tuple[str, str], settings: dict[str, Any], expected: list[float]) -> None:
    assert sizes(UNSET | settings, AXES[what]) == expected


@pytest.mark.parametrize(
    ("means", "delta", "best", "waited"),
    [
        ([], 0, None, 0),
        ([3.0], 0, 0, 0),
        ([3.0, 2.0, 2.5], 0, 1, 1),
        ([3.0, 2.0, 2.5, 2.0], 0, 1, 2),
        ([3.0, 2.0, 2.5, 1.9], 0, 3, 0),
        ([3.0, 2.0, 1.9, 1.8], 0.5, 3, 2),  # the best is kept, though less than min_delta is no reason to go on
        ([3.0, 2.8, 2.6, 2.4], 0.5, 3, 0),  # several small steps are one that is large enough
        ([nan, nan], 0, None, 2),
        ([nan, 2.0, nan], 0, 1, 1),
    ],
)
def test_the_best_and_how_long_ago_it_got_better(
    means: list[float], delta: float, best: int | None, waited: int
) -> None:
    assert best_and_waited(means, delta, lower=True) == (best, waited)
    assert best_and_waited([-mean for mean in means], delta, lower=False) == (best, waited)


def steps(*rows: tuple[list[float], list[float]]) -> list[Step]:
    """Of training and validation values, one for each seed; the sizes are 1, 2, ..."""
    return [Step(size, dict(enumerate(train)), dict(enumerate(val))) for size, (train, val) in enumerate(rows, start=1)]


GOOD = ([0.30, 0.31, 0.32], [0.50, 0.51, 0.52])
SLIPPED = ([0.20, 0.21, 0.22], [0.51, 0.50, 0.53])  # trains better; validation is the same but for chance
OVERFIT = ([0.10, 0.11, 0.12], [0.60, 0.61, 0.63])
SATURATED = ([0.30, 0.31, 0.32], [0.70, 0.71, 0.73])  # training cannot get better, and validation gets worse
STUCK = ([0.90, 0.92, 0.93], [0.95, 0.96, 0.98])
POOR = ([0.80, 0.81, 0.82], [0.80, 0.82, 0.81])
FAILED: tuple[list[float], list[float]] = ([], [])


@pytest.mark.parametrize(
    ("rows", "starts"),
    [
        ([POOR, GOOD, SLIPPED, OVERFIT, OVERFIT], 3),
        ([POOR, GOOD, OVERFIT, SLIPPED], None),  # it did not last
        ([POOR, GOOD, SLIPPED], None),
        ([POOR, GOOD, SATURATED], 2),
        ([POOR, GOOD, STUCK], None),
        ([POOR, GOOD, OVERFIT, STUCK], 2),
        ([POOR, GOOD, OVERFIT, FAILED], 2),
        ([POOR, GOOD], None),
    ],
)
def test_overfitting_starts_where_validation_is_worse_from_there_on_and_training_is_not(
    rows: list[tuple[list[float], list[float]]], starts: int | None
) -> None:
    assert overfitting(steps(*rows), 1, lower=True) == starts


def test_of_metrics_of_which_more_is_better_as_well() -> None:
    accuracies = [([1 - t for t in train], [1 - v for v in val]) for train, val in (POOR, GOOD, OVERFIT)]
    assert overfitting(steps(*accuracies), 1, lower=False) == 2


def test_what_trains_worse_too_does_not_overfit() -> None:
    assert hard_to_train(steps(POOR, GOOD, STUCK, STUCK), 1, lower=True) == 2
    assert hard_to_train(steps(POOR, GOOD, OVERFIT, STUCK), 1, lower=True) == 3
    assert hard_to_train(steps(POOR, GOOD, STUCK, SLIPPED), 1, lower=True) is None


def test_a_single_seed_tells_nothing_from_chance() -> None:
    alone = steps(([0.3], [0.5]), ([0.1], [0.9]))
    assert overfitting(alone, 0, lower=True) is None
    assert smallest_alike(alone, 0, lower=True) == 0


def test_the_smallest_that_cannot_be_told_from_the_best() -> None:
    assert smallest_alike(steps(POOR, SLIPPED, GOOD), 2, lower=True) == 1
    assert smallest_alike(steps(POOR, POOR, GOOD), 2, lower=True) == 2


def test_mean_and_spread_are_of_the_runs_with_a_number() -> None:
    step = Step(3, {0: 1.0, 1: 2.0}, {0: 3.0})
    assert (step.mean("train"), step.spread("train")) == (1.5, pytest.approx(0.5**0.5))
    assert (step.mean("val"), step.spread("val")) == (3.0, None)
    assert Step(3).mean("val") != Step(3).mean("val")


def test_the_summary_says_all_by_size() -> None:
    tried = (*steps(POOR, GOOD, SLIPPED, OVERFIT), Step(5))
    found = Growth(AXES["depth", "mlp"], tried, 1, 3, "val_loss", True, "enough").summary()
    assert {key: found[key] for key in found if key != "steps"} == {
        "key": "model.depth",
        "monitor": "val_loss",
        "best": 2,
        "smallest_alike": 2,
        "overfitting_from": 4,
        "training_worse_from": None,
        "ended": "enough",
    }
    assert found["steps"][1] == {
        "value": 2,
        "n": 3,
        "train": pytest.approx(0.31),
        "train_std": pytest.approx(0.01),
        "val": pytest.approx(0.51),
        "val_std": pytest.approx(0.01),
        "parameters": None,
        "epochs": None,
        "seconds": None,
    }
    assert found["steps"][4]["n"] == 0
    assert found["steps"][4]["val"] is None
