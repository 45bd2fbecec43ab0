"""How far the members of an ensemble disagree about a sample: what its mean prediction is not sure of.

members: predictions [M, N, K] of M networks that differ by seed alone, probabilities or values in the target's unit.
Their mean is the ensemble's prediction, the members being an equal mixture (Lakshminarayanan et al. 2017, "Simple and
scalable predictive uncertainty estimation using deep ensembles", section 2.4).
"""

from __future__ import annotations

import torch
from torch import Tensor

from nntrain.task import Task


def deviation(members: Tensor) -> Tensor:
    """Standard deviation over the members [N, K], in the unit of the predictions.

    It is the mixture's, with 1 / M: the square root of the mean of squares less the square of the mean, as in section
    2.4 of the paper where the members give no variance of their own. Noise in the target itself is no part of it.
    """
    return members.std(0, correction=0)


def entropy(probabilities: Tensor) -> Tensor:
    """-sum p log p over the classes [..., K] -> [...], in nats: 0 where one class is certain, log K where none is."""
    terms: Tensor = torch.special.entr(probabilities)
    return terms.sum(-1)


def mutual_information(members: Tensor) -> Tensor:
    """Entropy of the mean less the mean entropy of the members [N], in nats: 0 where all members say the same, however
    unsure each is (Houlsby et al. 2011, "Bayesian active learning for classification and preference learning")."""
    return (entropy(members.mean(0)) - entropy(members).mean(0)).clamp_min(0)


def uncertainties(members: Tensor, task: Task) -> dict[str, Tensor]:
    """`std` [N, K]; for one class of several also `entropy` and `mutual_information` [N]."""
    found = {"std": deviation(members)}
    if task.is_classification:
        found |= {"entropy": entropy(members.mean(0)), "mutual_information": mutual_information(members)}
    return found
