"""Metrics of any number of labels per sample: a label counts as predicted where its probability is above one half.

predictions: probabilities [B, K]. targets: [B, K], 1 where the sample has the label and 0 where not. weights: [B] or
None. Conventions are scikit-learn's for arrays of labels, but that roc_auc and average_precision leave out labels that
no sample has, and roc_auc those that every sample has.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nntrain.objective import ranking
from nntrain.objective.averages import found_scores, ratio, real, weighted_mean

THRESHOLD = 0.5


def _counts(predictions: Tensor, targets: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Weight of the samples rightly found, predicted and having each label, [K] each."""
    w = torch.ones_like(targets[:, 0]) if weights is None else weights
    w = w.to(real(predictions)).unsqueeze(1)
    predicted, having = predictions > THRESHOLD, targets > 0
    return ((predicted & having) * w).sum(0), (predicted * w).sum(0), (having * w).sum(0)


def per_label(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> dict[str, Tensor]:
    """See `found_scores`: of each label, [K]."""
    return found_scores(*_counts(predictions, targets, weights))


def f1_macro(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over all labels of the harmonic mean of precision and recall."""
    return per_label(predictions, targets, weights)["f1"].mean()


def f1_micro(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Harmonic mean of precision and recall over all labels of all samples together."""
    hits, predicted, support = _counts(predictions, targets, weights)
    return ratio(2 * hits.sum(), predicted.sum() + support.sum())


def exact_match(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Share of samples of which every label is right."""
    right = ((predictions > THRESHOLD) == (targets > 0)).all(1)
    return weighted_mean(right.to(real(predictions)), weights)


def hamming_accuracy(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Share of labels that are right, present or absent: 1 - the Hamming loss."""
    right = (predictions > THRESHOLD) == (targets > 0)
    return weighted_mean(right.to(real(predictions)).mean(1), weights)


def average_precision(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean average precision over the labels (see `ranking`)."""
    return ranking.average_precision(predictions.t(), targets.t() > 0, weights)


def roc_auc(predictions: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Area under the ROC curve, mean over the labels (see `ranking`)."""
    return ranking.roc_auc(predictions.t(), targets.t() > 0, weights)
