"""How far members disagree, against what it is by hand."""

from __future__ import annotations

import math

import pytest
import torch

from nntrain.objective.uncertainty import deviation, entropy, mutual_information, uncertainties
from nntrain.task import Task

CERTAIN = torch.tensor([[1.0, 0.0]])
UNSURE = torch.tensor([[0.5, 0.5]])


@pytest.mark.parametrize(
    ("members", "unsure", "disagreement"),
    [
        ([CERTAIN, 1 - CERTAIN], math.log(2), math.log(2)),  # each is certain, of another class
        ([UNSURE, UNSURE], math.log(2), 0.0),  # all agree that nobody knows
        ([CERTAIN, CERTAIN], 0.0, 0.0),
        ([CERTAIN, UNSURE], -0.75 * math.log(0.75) - 0.25 * math.log(0.25), 0.215762),
    ],
)
def test_disagreement_is_told_from_doubt(members: list[torch.Tensor], unsure: float, disagreement: float) -> None:
    stacked = torch.stack(members)
    assert entropy(stacked.mean(0)).item() == pytest.approx(unsure, abs=1e-6)
    assert mutual_information(stacked).item() == pytest.approx(disagreement, abs=1e-6)


def test_the_deviation_is_that_of_an_equal_mixture_of_the_members() -> None:
    members = torch.tensor([[[1.0, 10.0]], [[3.0, 10.0]], [[8.0, 10.0]]], dtype=torch.float64)
    mixture = (members**2).mean(0) - members.mean(0) ** 2
    torch.testing.assert_close(deviation(members), mixture.sqrt())


def test_what_is_told_of_each_kind_of_task() -> None:
    members = torch.rand(4, 3, 2)
    one = Task("classification", ("y",), ("a", "b"))
    assert {name: tuple(value.shape) for name, value in uncertainties(members, one).items()} == {
        "std": (3, 2),
        "entropy": (3,),
        "mutual_information": (3,),
    }
    assert set(uncertainties(members, Task("multilabel", ("y",), ("a", "b")))) == {"std"}
    assert set(uncertainties(members, Task("regression", ("a", "b")))) == {"std"}
