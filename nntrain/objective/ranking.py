"""How well scores put the samples of a class before the others, one class a row; none waits for the device.

Legend: K classes, N samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nntrain.objective.averages import mean_over, ratio, real


def _sorted(
    scores: Tensor, labels: Tensor, weights: Tensor | None, descending: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """In the order of the scores: weights of the positives and of the negatives, and whether a sample begins and ends a
    group of equal scores, each [K, N]."""
    scores, order = scores.contiguous().sort(1, descending=descending)
    labels = labels.gather(1, order)
    # Without weights everything is counted in whole numbers, whose running sums CUDA computes deterministically.
    one = torch.ones_like(labels, dtype=torch.int64)
    w = one if weights is None else weights.to(real(weights)).expand_as(labels).gather(1, order)
    positive = labels * w
    step = scores[:, 1:] != scores[:, :-1]
    edge = torch.ones_like(scores[:, :1], dtype=torch.bool)
    return positive, w - positive, torch.cat((edge, step), 1), torch.cat((step, edge), 1)


def _at_end(running: Tensor, last: Tensor) -> Tensor:
    """What a running sum has reached at the end of each sample's group of equal scores."""
    return torch.where(last, running, running[:, -1:]).flip(1).cummin(1).values.flip(1)


def roc_auc(scores: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Chance that a sample of the class scores above another one, ties counting half (Mann & Whitney 1947): mean over
    the classes that occur and do not stand alone. scores, labels (bool): [K, N]; weights: [N]."""
    positive, negative, first, last = _sorted(scores, labels, weights, descending=False)
    running = negative.cumsum(1)
    # Both run through a group of equal scores with one value: the weight below the group, and below or in it.
    below = torch.where(first, running - negative, 0).cummax(1).values
    up_to = _at_end(running, last)
    pairs = positive.sum(1) * negative.sum(1)
    return mean_over(ratio((positive * (below + up_to)).sum(1).to(real(scores)) / 2, pairs), pairs > 0)


def average_precision(scores: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Precision at each sample of the class, over all that score at least as high, averaged over those samples, without
    interpolation: mean over the classes that occur. scores, labels (bool): [K, N]; weights: [N]."""
    positive, negative, _, last = _sorted(scores, labels, weights, descending=True)
    found = _at_end(positive.cumsum(1), last)
    precision = ratio(found.to(real(scores)), found + _at_end(negative.cumsum(1), last))
    total = positive.sum(1)
    return mean_over(ratio((positive * precision).sum(1), total), total > 0)
