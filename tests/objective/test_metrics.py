"""Metrics beside scikit-learn's, to 1e-6, with and without sample weights, ties and absent classes."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from nntrain.errors import UserError
from nntrain.objective.metrics import METRICS, baseline_metrics, compute, confusion, metric_names, per_class
from nntrain.task import Task

TASKS = {
    2: Task("classification", ("y",), ("a", "b")),
    5: Task("classification", ("y",), tuple("abcde")),
    0: Task("regression", ("u", "v"), center=(0.0, 0.0), scale=(1.0, 1.0)),
}


def sample(classes: int, size: int, seed: int, coarse: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Probabilities (coarse ones tie often) or values, targets, weights."""
    g = torch.Generator().manual_seed(seed)
    weights = torch.rand(size, generator=g) + 0.1
    if not classes:
        targets = torch.randn(size, 2, generator=g)
        return targets + torch.randn(size, 2, generator=g), targets, weights
    logits = torch.randn(size, classes, generator=g)
    return (
        torch.softmax(logits.round() if coarse else logits, 1),
        torch.randint(0, classes, (size,), generator=g),
        weights,
    )


def by_sklearn(name: str, p: np.ndarray, y: np.ndarray, classes: int, w: np.ndarray | None) -> float:
    labels = list(range(classes))
    score = p[:, 1] if classes == 2 else p
    return {
        "accuracy": lambda: sk.accuracy_score(y, p.argmax(1), sample_weight=w),
        "balanced_accuracy": lambda: sk.recall_score(
            y, p.argmax(1), labels=np.unique(y), average="macro", sample_weight=w, zero_division=0
        ),
        "f1_macro": lambda: sk.f1_score(y, p.argmax(1), average="macro", sample_weight=w, zero_division=0),
        "roc_auc": lambda: sk.roc_auc_score(
            y, score, multi_class="ovr", labels=labels if classes > 2 else None, sample_weight=w
        ),
        "log_loss": lambda: sk.log_loss(y, p, labels=labels, sample_weight=w),
        "rmse": lambda: sk.root_mean_squared_error(y, p, sample_weight=w),
        "mae": lambda: sk.mean_absolute_error(y, p, sample_weight=w),
        "r2": lambda: sk.r2_score(y, p, sample_weight=w),
    }[name]()


CASES = [(classes, name) for classes, task in TASKS.items() for name in metric_names(task)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize(("classes", "name"), CASES)
def test_every_metric_is_sklearns(classes, name, coarse, weighted):
    p, y, w = sample(classes, 300, 0, coarse)
    found = compute([name], TASKS[classes], p, y, w if weighted else None)[name]
    assert found.ndim == 0
    expected = by_sklearn(name, p.numpy(), y.numpy(), classes, w.numpy() if weighted else None)
    assert found.item() == pytest.approx(expected, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 25))
def test_small_samples_in_which_classes_are_absent(seed, size):
    p, y, _ = sample(5, size, seed, True)
    for name in ("accuracy", "balanced_accuracy", "f1_macro", "log_loss"):
        assert compute([name], TASKS[5], p, y)[name].item() == pytest.approx(
            by_sklearn(name, p.numpy(), y.numpy(), 5, None), abs=1e-6
        )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 12))
def test_roc_auc_counts_pairs_and_half_of_ties(seed, size):
    p, y, _ = sample(2, size, seed, True)
    above, below = p[y == 1, 1], p[y == 0, 1]
    pairs = (above[:, None] > below).double() + 0.5 * (above[:, None] == below)
    found = compute(["roc_auc"], TASKS[2], p, y)["roc_auc"]
    assert found.item() == pytest.approx(pairs.mean().item(), nan_ok=True)


def test_roc_auc_of_several_classes_leaves_out_those_that_do_not_occur():
    p, y, _ = sample(5, 100, 0, False)
    y = y % 3
    expected = np.mean([sk.roc_auc_score(y == k, p[:, k]) for k in range(3)])
    assert compute(["roc_auc"], TASKS[5], p, y)["roc_auc"].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("classes", [2, 5])
def test_roc_auc_of_one_class_alone_is_not_defined(classes):
    p, _, _ = sample(classes, 10, 0, False)
    assert compute(["roc_auc"], TASKS[classes], p, torch.zeros(10, dtype=torch.int64))["roc_auc"].isnan()


def test_roc_auc_of_ten_classes_and_ten_thousand_samples_is_quick():
    task = Task("classification", ("y",), tuple("0123456789"))
    p, y, _ = sample(10, 10_000, 0, False)
    seconds = []
    for _ in range(5):
        start = time.thread_time()
        compute(["roc_auc"], task, p, y)
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.1


def test_log_loss_of_a_certain_mistake_is_finite():
    found = compute(["log_loss"], TASKS[2], torch.tensor([[1.0, 0.0]]), torch.tensor([1]))["log_loss"]
    assert found.item() == pytest.approx(-np.log(np.finfo(np.float32).eps), rel=1e-6)


@pytest.mark.parametrize(("p", "expected"), [([[1.0], [1.0]], 1.0), ([[1.0], [2.0]], 0.0)])
def test_r2_of_a_constant_target(p, expected):
    task = Task("regression", ("u",), center=(0.0,), scale=(1.0,))
    assert compute(["r2"], task, torch.tensor(p), torch.ones(2, 1))["r2"].item() == expected
    assert compute(["r2"], task, torch.ones(1, 1), torch.ones(1, 1))["r2"].isnan()


def test_confusion_and_scores_per_class_are_sklearns():
    p, y, w = sample(5, 200, 1, False)
    y = y % 4  # the last class never occurs
    guess = p.argmax(1).numpy()
    table = confusion(p, y, 5)
    assert table.dtype is torch.int64
    assert np.array_equal(table.numpy(), sk.confusion_matrix(y, guess, labels=range(5)))
    np.testing.assert_allclose(
        confusion(p, y, 5, w), sk.confusion_matrix(y, guess, labels=range(5), sample_weight=w), atol=1e-6
    )
    expected = sk.precision_recall_fscore_support(y, guess, labels=range(5), zero_division=0)
    for name, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(per_class(p, y, 5)[name].numpy(), column, atol=1e-6)


def test_baseline_of_classes_predicts_the_training_frequencies():
    train, y = torch.tensor([0, 1, 1, 1]), torch.tensor([0, 1, 1, 0])
    found = {name: value.item() for name, value in baseline_metrics(TASKS[2], train, y).items()}
    p = np.tile([0.25, 0.75], (4, 1))
    assert found == pytest.approx(
        {
            "accuracy": 0.5,
            "balanced_accuracy": 0.5,
            "f1_macro": sk.f1_score(y, [1] * 4, average="macro", zero_division=0),
            "roc_auc": 0.5,
            "log_loss": sk.log_loss(y, p),
        }
    )


def test_baseline_of_values_predicts_the_training_mean():
    train, y = torch.randn(50, 2), torch.randn(20, 2)
    guess = train.mean(0).expand(20, 2).numpy()
    for name, value in baseline_metrics(TASKS[0], train, y).items():
        assert value.item() == pytest.approx(by_sklearn(name, guess, y.numpy(), 0, None), abs=1e-6)


def test_a_metric_of_the_other_task_is_named_with_what_there_is():
    p, y, _ = sample(0, 4, 0, False)
    with pytest.raises(UserError, match=r"unknown regression metric 'accuracy' \(choices: rmse, mae, r2\)"):
        compute(["accuracy"], TASKS[0], p, y)


def test_directions():
    assert {name for name, metric in METRICS.items() if metric.direction == "min"} == {
        "loss",
        "log_loss",
        "rmse",
        "mae",
    }


@pytest.mark.parametrize("classes", TASKS)
def test_no_metric_waits_for_the_device(classes):
    """On the meta device there are no values to look at, so whatever needs one fails."""
    p, y, w = (t.to("meta") for t in sample(classes, 10, 0, False))
    names = metric_names(TASKS[classes])
    for weights in (None, w):
        assert all(value.shape == () for value in compute(names, TASKS[classes], p, y, weights).values())
