"""Any number of labels per sample: losses beside torch's, metrics beside scikit-learn's, weights of labels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torch.nn import functional as F

from nntrain.errors import UserError
from nntrain.objective.label_metrics import per_label
from nntrain.objective.metrics import baseline_metrics, compute, metric_names
from nntrain.objective.objective import Objective, class_weight_tensor
from nntrain.objective.table import LOSSES
from nntrain.task import Task

TASK = Task("multilabel", ("tags",), ("sky", "sea", "sand"))
OUTPUTS = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
Y = (torch.rand(8, 3, generator=torch.Generator().manual_seed(1)) > 0.6).float()
WEIGHTS = torch.rand(8, generator=torch.Generator().manual_seed(2)) + 0.1


@pytest.mark.parametrize("name", ["auto", "binary_cross_entropy"])
def test_labels_are_as_many_yes_or_no_questions(name):
    objective = Objective(TASK, LOSSES[name]())
    assert objective.outputs == 3
    torch.testing.assert_close(objective.loss(OUTPUTS, Y), F.binary_cross_entropy_with_logits(OUTPUTS, Y))
    torch.testing.assert_close(objective.predictions(OUTPUTS), torch.sigmoid(OUTPUTS))
    assert objective.own_unit(Y) is Y


def test_class_weights_weigh_the_presence_of_labels_as_torchs_pos_weight():
    by_label = torch.tensor([1.0, 3.0, 0.5])
    objective = Objective(TASK, LOSSES["auto"](), class_weights=by_label)
    each = F.binary_cross_entropy_with_logits(OUTPUTS, Y, pos_weight=by_label, reduction="none")
    torch.testing.assert_close(objective.loss(OUTPUTS, Y), each.mean())
    torch.testing.assert_close(objective.loss(OUTPUTS, Y, WEIGHTS), (each.mean(1) * WEIGHTS).mean())


def test_sample_weights_weigh_all_labels_of_a_sample():
    each = F.binary_cross_entropy_with_logits(OUTPUTS, Y, reduction="none").mean(1)
    torch.testing.assert_close(Objective(TASK, LOSSES["auto"]()).loss(OUTPUTS, Y, WEIGHTS), (each * WEIGHTS).mean())


@pytest.mark.parametrize("name", ["binary_cross_entropy", "focal"])
def test_the_link_gives_outputs_that_predict_the_same(name):
    objective = Objective(TASK, LOSSES[name]())
    torch.testing.assert_close(objective.link(objective.predictions(OUTPUTS)), OUTPUTS, rtol=1e-4, atol=1e-5)
    assert objective.loss(objective.link(1 - Y), Y).isfinite()


def test_smoothed_labels_are_drawn_towards_one_half_in_training_alone():
    objective = Objective(TASK, LOSSES["auto"](), label_smoothing=0.2)
    soft = Y * 0.8 + 0.1
    torch.testing.assert_close(objective.loss(OUTPUTS, Y), F.binary_cross_entropy_with_logits(OUTPUTS, soft))
    torch.testing.assert_close(objective.evaluation_loss(OUTPUTS, Y), F.binary_cross_entropy_with_logits(OUTPUTS, Y))


def test_focal_loss_of_labels_is_its_formula_and_without_gamma_cross_entropy():
    p = torch.where(Y > 0, torch.sigmoid(OUTPUTS), torch.sigmoid(-OUTPUTS))
    found = Objective(TASK, LOSSES["focal"](gamma=1.5)).loss(OUTPUTS, Y)
    torch.testing.assert_close(found, (-((1 - p) ** 1.5) * p.log()).mean())
    plain = Objective(TASK, LOSSES["focal"](gamma=0.0), label_smoothing=0.1).loss(OUTPUTS, Y)
    torch.testing.assert_close(plain, F.binary_cross_entropy_with_logits(OUTPUTS, Y * 0.9 + 0.05))


@pytest.mark.parametrize("name", ["cross_entropy", "hinge", "squared", "poisson"])
def test_losses_that_labels_have_not_say_which_they_have(name):
    with pytest.raises(
        UserError, match=f"loss {name} is for .*, and this is multilabel; use binary_cross_entropy, focal, or auto"
    ):
        Objective(TASK, LOSSES[name]())


def test_balanced_labels_weigh_those_without_per_one_with():
    targets = torch.tensor([[1.0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]])
    assert class_weight_tensor("balanced", TASK, targets).tolist() == pytest.approx([3, 1 / 3, 4])
    assert class_weight_tensor({"sea": 2}, TASK, targets).tolist() == [1, 2, 1]
    with pytest.raises(UserError, match=r"class_weights has 2 entries for 3 classes \(sky, sea, sand\)"):
        class_weight_tensor([1, 2], TASK, targets)


def sample(size: int, seed: int, coarse: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    p = torch.rand(size, 3, generator=g)
    y = (torch.rand(size, 3, generator=g) < torch.tensor([0.5, 0.3, 0.1])).float()
    return (p * 8).round() / 8 if coarse else p, y, torch.rand(size, generator=g) + 0.1


def by_sklearn(name: str, p: np.ndarray, y: np.ndarray, w: np.ndarray | None) -> float:
    guess = p > 0.5
    return {
        "f1_macro": lambda: sk.f1_score(y, guess, average="macro", sample_weight=w, zero_division=0),
        "f1_micro": lambda: sk.f1_score(y, guess, average="micro", sample_weight=w, zero_division=0),
        "average_precision": lambda: sk.average_precision_score(y, p, average="macro", sample_weight=w),
        "roc_auc": lambda: sk.roc_auc_score(y, p, average="macro", sample_weight=w),
        "exact_match": lambda: sk.accuracy_score(y, guess, sample_weight=w),
        "hamming_accuracy": lambda: 1 - sk.hamming_loss(y, guess, sample_weight=w),
    }[name]()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("name", metric_names(TASK))
def test_every_metric_of_labels_is_sklearns(name, coarse, weighted):
    p, y, w = sample(300, 0, coarse)
    found = compute([name], TASK, p, y, w if weighted else None)[name]
    assert found.ndim == 0
    assert found.item() == pytest.approx(by_sklearn(name, p.numpy(), y.numpy(), w.numpy() if weighted else None))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_small_samples_in_which_labels_are_absent(seed, size):
    p, y, _ = sample(size, seed, True)
    for name in ("f1_macro", "f1_micro", "exact_match", "hamming_accuracy"):
        assert compute([name], TASK, p, y)[name].item() == pytest.approx(by_sklearn(name, p.numpy(), y.numpy(), None))
    present = y.any(0)
    if present.any():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            expected = sk.average_precision_score(y[:, present].numpy(), p[:, present].numpy())
        assert compute(["average_precision"], TASK, p, y)["average_precision"].item() == pytest.approx(expected)


def test_scores_per_label_are_sklearns():
    p, y, _ = sample(100, 3, False)
    expected = sk.precision_recall_fscore_support(y, p > 0.5, zero_division=0)
    for name, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(per_label(p, y)[name].numpy(), column, atol=1e-12)


def test_the_trivial_prediction_of_labels_is_how_often_each_occurs():
    train, y = torch.tensor([[1.0, 0, 0], [1, 1, 0], [1, 0, 0]]), torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    found = {name: value.item() for name, value in baseline_metrics(TASK, train, y).items()}
    guess = np.tile([1.0, 1 / 3, 0.0], (2, 1))
    assert found["exact_match"] == 0.5
    assert found["f1_micro"] == pytest.approx(by_sklearn("f1_micro", guess, y.numpy(), None))


def test_no_metric_of_labels_waits_for_the_device():
    p, y, w = (t.to("meta") for t in sample(10, 0, False))
    for weights in (None, w):
        assert all(value.shape == () for value in compute(metric_names(TASK), TASK, p, y, weights).values())
