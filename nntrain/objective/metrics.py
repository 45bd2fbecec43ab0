"""Metrics, computed where the predictions lie without waiting for the device: each is a 0-d tensor.

Conventions are scikit-learn's, and tests hold them to its figures: with several targets rmse, mae and r2 are means
over the columns, each in its own unit; f1_macro is over the classes that occur in targets or predictions,
balanced_accuracy over those that occur in targets. roc_auc with more than two classes is one-vs-rest, macro-averaged
over the classes that occur (and do not stand alone); where none does it is nan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from nntrain.errors import UserError, unknown
from nntrain.task import Task


def _real(x: Tensor) -> torch.dtype:
    return torch.float32 if x.device.type == "mps" else torch.float64  # mps has no float64


def _weighted_mean(x: Tensor, weights: Tensor | None) -> Tensor:
    """Mean over the samples, dimension 0."""
    if weights is None:
        return x.mean(0)
    w = weights.to(x.dtype)
    return w @ x / w.sum()


def confusion(predictions: Tensor, targets: Tensor, classes: int, weights: Tensor | None = None) -> Tensor:
    """How often class i (row) was taken for class j (column), [classes, classes]: int64, or the sum of weights."""
    cells = targets * classes + predictions.argmax(1)
    amounts = torch.ones_like(cells) if weights is None else weights.to(_real(weights))
    table = torch.zeros(classes * classes, dtype=amounts.dtype, device=cells.device)
    return table.index_add_(0, cells, amounts).view(classes, classes)


def per_class(predictions: Tensor, targets: Tensor, classes: int, weights: Tensor | None = None) -> dict[str, Tensor]:
    """`precision`, `recall`, `f1` (0 where nothing was there to find) and `support` (samples) of each class, each
    [classes]."""
    table = confusion(predictions, targets, classes, weights).to(_real(predictions))
    hits, predicted, support = table.diagonal(), table.sum(0), table.sum(1)
    return {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, support),
        "f1": _ratio(2 * hits, predicted + support),
        "support": support,
    }


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where b is 0."""
    return torch.where(b > 0, a / torch.where(b > 0, b, 1.0), 0.0)


def _mean_over(values: Tensor, present: Tensor) -> Tensor:
    """Mean of the values that are present; nan where none is."""
    return torch.where(present, values, 0.0).sum() / present.sum()


def accuracy(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Share of samples whose most probable class is theirs."""
    return _weighted_mean((predictions.argmax(1) == targets).to(_real(predictions)), weights)


def balanced_accuracy(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean recall over the classes that occur in the targets."""
    scores = per_class(predictions, targets, predictions.shape[1], weights)
    return _mean_over(scores["recall"], scores["support"] > 0)


def f1_macro(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over classes of the harmonic mean of precision and recall."""
    table = confusion(predictions, targets, predictions.shape[1], weights).to(_real(predictions))
    present = table.sum(0) + table.sum(1)
    return _mean_over(_ratio(2 * table.diagonal(), present), present > 0)


def log_loss(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean -log p(class), natural logarithm; probabilities are kept one rounding step away from 0 and 1."""
    step = torch.finfo(predictions.dtype).eps
    p = predictions.gather(1, targets.unsqueeze(1)).squeeze(1).clamp(step, 1 - step)
    return _weighted_mean(-p.to(_real(p)).log(), weights)


def roc_auc(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Chance that a sample of the class scores above one of another class, ties counting half (Mann & Whitney 1947)."""
    classes = predictions.shape[1]
    scores, labels = predictions.t(), torch.arange(classes, device=targets.device).unsqueeze(1) == targets
    if classes == 2:
        scores, labels = scores[1:], labels[1:]
    scores, order = scores.contiguous().sort(1)
    # Without weights everything is counted in whole numbers, whose running sums CUDA computes deterministically.
    w = torch.ones_like(targets) if weights is None else weights.to(_real(weights))
    w = w[order]
    positive = labels.gather(1, order) * w
    negative = w - positive
    below_or_here = negative.cumsum(1)  # weight of the negatives up to and including each sample in order of score
    step = scores[:, 1:] != scores[:, :-1]
    edge = torch.ones_like(scores[:, :1], dtype=torch.bool)
    first, last = torch.cat((edge, step), 1), torch.cat((step, edge), 1)
    # Both run through a group of equal scores with one value: the weight below the group, and below or in it.
    below = torch.where(first, below_or_here - negative, 0).cummax(1).values
    up_to = torch.where(last, below_or_here, below_or_here[:, -1:]).flip(1).cummin(1).values.flip(1)
    pairs = positive.sum(1) * negative.sum(1)
    return _mean_over(_ratio((positive * (below + up_to)).sum(1).to(_real(scores)) / 2, pairs), pairs > 0)


def rmse(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Root of the mean squared error, mean over columns."""
    return _weighted_mean((predictions - targets).to(_real(targets)) ** 2, weights).sqrt().mean()


def mae(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean absolute error, mean over columns."""
    return _weighted_mean((predictions - targets).to(_real(targets)).abs(), weights).mean()


def r2(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """1 - squared error / squared distance from the mean of `targets`, mean over columns; nan for a single sample.

    A column that is constant scores 1 where it is met exactly and 0 otherwise.
    """
    y = targets.to(_real(targets))
    error = _weighted_mean((predictions - y) ** 2, weights)
    spread = _weighted_mean((y - _weighted_mean(y, weights)) ** 2, weights)
    score = torch.where(spread > 0, 1 - _ratio(error, spread), (error == 0).to(y.dtype)).mean()
    return score if len(targets) > 1 else torch.full_like(score, torch.nan)


@dataclass(frozen=True)
class Metric:
    """direction: which way is better. kind: of the task it belongs to, None for any.

    function: (predictions, targets in their own unit, weights [B] or None) -> 0-d; None for `loss`, which is the
    objective's.
    """

    direction: Literal["min", "max"]
    kind: Literal["classification", "regression"] | None
    function: Callable[[Tensor, Tensor, Tensor | None], Tensor] | None


METRICS: dict[str, Metric] = {
    "loss": Metric("min", None, None),
    "accuracy": Metric("max", "classification", accuracy),
    "balanced_accuracy": Metric("max", "classification", balanced_accuracy),
    "f1_macro": Metric("max", "classification", f1_macro),
    "roc_auc": Metric("max", "classification", roc_auc),
    "log_loss": Metric("min", "classification", log_loss),
    "rmse": Metric("min", "regression", rmse),
    "mae": Metric("min", "regression", mae),
    "r2": Metric("max", "regression", r2),
}


def metric_names(task: Task) -> tuple[str, ...]:
    """The metrics that are reported for the task, without `loss`."""
    return tuple(name for name, metric in METRICS.items() if metric.kind == task.kind)


def compute(
    names: Sequence[str], task: Task, predictions: Tensor, targets: Tensor, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """Each named metric, 0-d on the device of `predictions`.

    predictions: probabilities [B, K] or values [B, T]. targets: int64 [B], or values [B, T] in their own unit.
    """
    results = {}
    for name in names:
        metric = METRICS.get(name)
        if metric is None or metric.kind != task.kind or metric.function is None:
            raise UserError(unknown(f"{task.kind} metric", name, metric_names(task)))
        results[name] = metric.function(predictions, targets, weights)
    return results


def baseline_metrics(
    task: Task, train_targets: Tensor, targets: Tensor, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """What the trivial prediction scores on `targets`: the training split's class frequencies as everyone's
    probabilities (so its majority class), or its mean. Targets are in their own unit."""
    if task.is_classification:
        counts = torch.bincount(train_targets, minlength=len(task.classes))
        guess = (counts / len(train_targets)).to(torch.float32)
    else:
        guess = train_targets.mean(0)
    return compute(metric_names(task), task, guess.expand(len(targets), -1), targets, weights)
