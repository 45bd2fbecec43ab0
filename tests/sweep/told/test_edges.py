"""Where the best setting is the last that was tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from standings import composed, ended

from nntrain.sweep.search.searched import SEARCHED
from nntrain.sweep.told.edges import edge_words
from nntrain.sweep.told.ranking import contests

LR = {"optimizer.lr": [0.001, 0.01, 0.1]}


def said(space: Mapping[str, Sequence[Any]], *, slope: float = -1.0, **result: Any) -> list[str]:
    """slope: of the loss over the first setting."""
    jobs, first = composed(space), next(iter(space))

    def loss(varied: Mapping[str, str]) -> float:
        return 2 + slope * [str(value) for value in space[first]].index(varied[first]) / 10

    outcomes = {n: replace(one, result=one.result | result) for n, one in ended(jobs, loss).items()}
    return edge_words(contests(jobs, outcomes)[0])


@pytest.mark.parametrize(
    ("space", "slope", "expected"),
    [
        (LR, -1, "optimizer.lr=0.1 is the largest that was tried; larger ones may be better"),
        (LR, 1, "optimizer.lr=0.001 is the smallest that was tried; smaller ones may be better"),
        ({"model.width": [16, 64, 32, 8], "seed": [1, 2]}, 1, ""),  # the best is in between
        ({"model.width": [8, 16, 64], "seed": [1, 2]}, -1, "model.width=64 is the largest that was tried; "),
    ],
)
def test_of_three_values_the_best_may_be_the_last(
    space: Mapping[str, Sequence[Any]], slope: float, expected: str
) -> None:
    assert " ".join(said(space, slope=slope)).startswith(expected)
    assert bool(said(space, slope=slope)) == bool(expected)


@pytest.mark.parametrize(
    ("space", "slope"),
    [
        ({"optimizer.lr": [0.01, 0.1]}, -1),  # two show no trend
        ({"seed": [1, 2, 3]}, -1),
        ({"data.split_seed": [1, 2, 3]}, -1),
        ({"optimizer": ["adam", "sgd", "lion"]}, -1),
        ({"model.residual": [False, True]}, -1),
        ({"data.labels": [100, 500, None]}, -1),  # no number is the last
        ({"model.dropout": [0.0, 0.1, 0.2]}, 1),  # there is none below 0
        ({"batch_size": [1, 2, 4]}, 1),
        (LR, 0),  # the next is no worse
    ],
)
def test_of_what_nothing_is_said(space: Mapping[str, Sequence[Any]], slope: float) -> None:
    assert said(space, slope=slope) == []


def test_a_search_looks_beyond_by_itself() -> None:
    assert said(LR, **{SEARCHED: {"loss": 1.0}}) == []


def test_the_next_is_compared_with_all_else_the_same() -> None:
    assert len(said({"model.width": [8, 16, 32], "optimizer.lr": [0.001, 0.01, 0.1]})) == 1
