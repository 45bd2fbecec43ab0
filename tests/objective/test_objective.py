"""The objective: smoothing in training alone, weights, units, and the class weights of a recipe."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from nntrain.errors import UserError
from nntrain.objective.metrics import compute
from nntrain.objective.objective import Objective, class_weight_tensor
from nntrain.objective.table import LOSSES
from nntrain.task import Task

THREE = Task("classification", ("y",), ("cat", "dog", "owl"))
VALUES = Task("regression", ("u", "v"), center=(10.0, -1.0), scale=(2.0, 0.5))
PRICE = Task("regression", ("price",), center=(100.0,), scale=(20.0,))
OUTPUTS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
Y = torch.tensor([0, 1, 2, 0, 0, 1])


def test_labels_are_smoothed_in_training_alone():
    objective = Objective(THREE, LOSSES["auto"](), label_smoothing=0.1)
    torch.testing.assert_close(objective.loss(OUTPUTS, Y), F.cross_entropy(OUTPUTS, Y, label_smoothing=0.1))
    torch.testing.assert_close(objective.evaluation_loss(OUTPUTS, Y), F.cross_entropy(OUTPUTS, Y))


@pytest.mark.parametrize(("name", "task"), [("hinge", THREE), ("squared", VALUES)])
def test_label_smoothing_without_meaning_is_refused(name, task):
    with pytest.raises(UserError, match=f"label_smoothing has no meaning for loss {name}; set it to 0"):
        Objective(task, LOSSES[name](), label_smoothing=0.1)


def test_class_and_sample_weights_multiply():
    by_class, by_sample = torch.tensor([1.0, 2.0, 4.0]), torch.rand(6)
    objective = Objective(THREE, LOSSES["cross_entropy"](), class_weights=by_class)
    each = F.cross_entropy(OUTPUTS, Y, reduction="none")
    torch.testing.assert_close(objective.loss(OUTPUTS, Y), (each * by_class[Y]).sum() / 6)
    torch.testing.assert_close(objective.loss(OUTPUTS, Y, by_sample), (each * by_class[Y] * by_sample).sum() / 6)


def test_half_precision_outputs_are_compared_in_full():
    half = OUTPUTS.bfloat16()
    loss = Objective(THREE, LOSSES["auto"]()).loss(half, Y)
    assert loss.dtype is torch.float32
    torch.testing.assert_close(loss, F.cross_entropy(half.float(), Y))


@pytest.mark.parametrize("task", [VALUES, PRICE])
def test_targets_and_predictions_in_their_own_unit(task):
    objective = Objective(task, LOSSES["auto"]())
    standardised = torch.randn(4, len(task.targets))
    expected = standardised.double() * torch.tensor(task.scale) + torch.tensor(task.center)
    torch.testing.assert_close(objective.own_unit(standardised), expected)
    torch.testing.assert_close(objective.predictions(standardised), expected)
    assert objective.outputs == len(task.targets)


def test_metrics_of_a_small_spread_far_from_0_are_not_those_of_rounding():
    objective = Objective(Task("regression", ("t",), center=(1e8,), scale=(0.5,)), LOSSES["auto"]())
    predicted, true = torch.tensor([[0.0], [1.0], [-1.0]]), torch.tensor([[0.1], [0.9], [-1.2]])
    scores = compute(["rmse", "r2"], objective.task, objective.predictions(predicted), objective.own_unit(true))
    assert float(scores["rmse"]) == pytest.approx(0.5 * math.sqrt(0.06 / 3), rel=1e-5)
    assert float(scores["r2"]) == pytest.approx(1 - 0.06 / float(((true - true.mean()) ** 2).sum()), rel=1e-5)


def test_raw_targets_and_classes_are_in_their_own_unit_already():
    raw = torch.rand(4, 2)
    assert Objective(VALUES, LOSSES["poisson"]()).own_unit(raw) is raw
    assert Objective(THREE, LOSSES["auto"]()).own_unit(Y) is Y


def test_moving_keeps_everything():
    objective = Objective(THREE, LOSSES["auto"](), 0.1, torch.tensor([1.0, 2.0, 3.0]))
    moved = objective.to(torch.device("meta"))
    assert moved.class_weights.device.type == "meta"
    assert (moved.outputs, moved.label_smoothing, moved.task) == (3, 0.1, THREE)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        ("balanced", [6 / (3 * 3), 6 / (3 * 2), 6 / (3 * 1)]),
        ([1, 2, 3], [1, 2, 3]),
        ({"owl": 5}, [1, 1, 5]),
    ],
)
def test_class_weights(choice, expected):
    weights = class_weight_tensor(choice, THREE, Y)
    assert (weights if weights is None else weights.tolist()) == (
        expected if expected is None else pytest.approx(expected)
    )


def test_classes_that_are_numbers_may_be_written_as_numbers():
    task = Task("classification", ("y",), ("0", "1"))
    assert class_weight_tensor({1: 3}, task, Y).tolist() == [1, 3]


def test_balanced_weights_average_to_1_over_the_training_samples():
    assert class_weight_tensor("balanced", THREE, Y)[Y].mean().item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("choice", "task", "text"),
    [
        ("balancd", THREE, "unknown class weighting 'balancd'; did you mean 'balanced'"),
        ([1, 2], THREE, "2 entries for 3 classes .cat, dog, owl"),
        ({"owll": 2}, THREE, "class_weights: unknown class 'owll'; did you mean 'owl'"),
        ("balanced", VALUES, "class_weights needs classes, and the target is real"),
    ],
)
def test_wrong_class_weights_are_named(choice, task, text):
    with pytest.raises(UserError, match=text):
        class_weight_tensor(choice, task, Y)
