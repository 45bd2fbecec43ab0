"""Metrics, computed where the predictions lie without waiting for the device: each is a 0-d tensor.

Conventions are scikit-learn's, and tests hold them to its figures: with several targets rmse, mae and r2 are means
over the columns, each in its own unit; f1_macro is over the classes that occur in targets or predictions,
balanced_accuracy over those that occur in targets. roc_auc with more than two classes is one-vs-rest, macro-averaged
over the classes that occur (and do not stand alone); where none does it is nan. Labels have metrics of their own (see
`label_metrics`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from nntrain.errors import UserError, unknown
from nntrain.objective import label_metrics, ranking
from nntrain.objective.averages import found_scores, mean_over, ratio, real, weighted_mean
from nntrain.task import Task, TaskKind


def confusion(predictions: Tensor, targets: Tensor, classes: int, weights: Tensor | None = None) -> Tensor:
    """How often class i (row) was taken for class j (column), [classes, classes]: int64, or the sum of weights."""
    cells = targets * classes + predictions.argmax(1)
    amounts = torch.ones_like(cells) if weights is None else weights.to(real(weights))
    table = torch.zeros(classes * classes, dtype=amounts.dtype, device=cells.device)
    return table.index_add_(0, cells, amounts).view(classes, classes)


def per_class(predictions: Tensor, targets: Tensor, classes: int, weights: Tensor | None = None) -> dict[str, Tensor]:
    """See `found_scores`: of each class, [classes]."""
    table = confusion(predictions, targets, classes, weights).to(real(predictions))
    return found_scores(table.diagonal(), table.sum(0), table.sum(1))


def accuracy(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Share of samples whose most probable class is theirs."""
    return weighted_mean((predictions.argmax(1) == targets).to(real(predictions)), weights)


def balanced_accuracy(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean recall over the classes that occur in the targets."""
    scores = per_class(predictions, targets, predictions.shape[1], weights)
    return mean_over(scores["recall"], scores["support"] > 0)


def f1_macro(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over classes of the harmonic mean of precision and recall."""
    table = confusion(predictions, targets, predictions.shape[1], weights).to(real(predictions))
    present = table.sum(0) + table.sum(1)
    return mean_over(ratio(2 * table.diagonal(), present), present > 0)


def log_loss(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean -log p(class), natural logarithm; probabilities are kept one rounding step away from 0 and 1."""
    step = torch.finfo(predictions.dtype).eps
    p = predictions.gather(1, targets.unsqueeze(1)).squeeze(1).clamp(step, 1 - step)
    return weighted_mean(-p.to(real(p)).log(), weights)


def roc_auc(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Chance that a sample of the class scores above one of another class (see `ranking`); of two classes the second's,
    of more one-vs-rest."""
    classes = predictions.shape[1]
    scores, labels = predictions.t(), torch.arange(classes, device=targets.device).unsqueeze(1) == targets
    return (
        ranking.roc_auc(scores[1:], labels[1:], weights) if classes == 2 else ranking.roc_auc(scores, labels, weights)
    )


def rmse(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Root of the mean squared error, mean over columns."""
    return weighted_mean((predictions - targets).to(real(targets)) ** 2, weights).sqrt().mean()


def mae(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean absolute error, mean over columns."""
    return weighted_mean((predictions - targets).to(real(targets)).abs(), weights).mean()


def r2(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """1 - squared error / squared distance from the mean of `targets`, mean over columns; nan for a single sample.

    A column that is constant scores 1 where it is met exactly and 0 otherwise.
    """
    y = targets.to(real(targets))
    error = weighted_mean((predictions - y) ** 2, weights)
    spread = weighted_mean((y - weighted_mean(y, weights)) ** 2, weights)
    score = torch.where(spread > 0, 1 - ratio(error, spread), (error == 0).to(y.dtype)).mean()
    return score if len(targets) > 1 else torch.full_like(score, torch.nan)


Function = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Metric:
    """direction: which way is better. functions: by the kinds of task that it belongs to, (predictions, targets in
    their own unit, weights [B] or None) -> 0-d; none for `loss`, which is the objective's."""

    direction: Literal["min", "max"]
    functions: Mapping[TaskKind, Function]


METRICS: dict[str, Metric] = {
    "loss": Metric("min", {}),
    "accuracy": Metric("max", {"classification": accuracy}),
    "balanced_accuracy": Metric("max", {"classification": balanced_accuracy}),
    "f1_macro": Metric("max", {"classification": f1_macro, "multilabel": label_metrics.f1_macro}),
    "f1_micro": Metric("max", {"multilabel": label_metrics.f1_micro}),
    "average_precision": Metric("max", {"multilabel": label_metrics.average_precision}),
    "roc_auc": Metric("max", {"classification": roc_auc, "multilabel": label_metrics.roc_auc}),
    "exact_match": Metric("max", {"multilabel": label_metrics.exact_match}),
    "hamming_accuracy": Metric("max", {"multilabel": label_metrics.hamming_accuracy}),
    "log_loss": Metric("min", {"classification": log_loss}),
    "rmse": Metric("min", {"regression": rmse}),
    "mae": Metric("min", {"regression": mae}),
    "r2": Metric("max", {"regression": r2}),
}


def metric_names(task: Task) -> tuple[str, ...]:
    """The metrics that are reported for the task, without `loss`."""
    if task.is_reconstruction:
        return ("rmse", "r2")  # as `reconstruction.Totals` has them
    return tuple(name for name, metric in METRICS.items() if task.kind in metric.functions)


def compute(
    names: Sequence[str], task: Task, predictions: Tensor, targets: Tensor, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """Each named metric, 0-d on the device of `predictions`.

    predictions: probabilities [B, K] or values [B, T]. targets: classes int64 [B], labels [B, K], or values [B, T] in
    their own unit.
    """
    results = {}
    for name in names:
        functions = METRICS[name].functions if name in METRICS else {}
        if task.kind not in functions:
            raise UserError(unknown(f"{task.kind} metric", name, metric_names(task)))
        results[name] = functions[task.kind](predictions, targets, weights)
    return results


def baseline_metrics(
    task: Task, train_targets: Tensor, targets: Tensor, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """What the trivial prediction scores on `targets`: the training split's class or label frequencies as everyone's
    probabilities (so its majority class), or its mean. Targets are in their own unit."""
    if task.is_classification:
        counts = torch.bincount(train_targets, minlength=len(task.classes))
        guess = (counts / len(train_targets)).to(torch.float32)
    else:
        guess = train_targets.mean(0)
    return compute(metric_names(task), task, guess.expand(len(targets), -1), targets, weights)
