"""Losses for any number of labels per sample: one output per label, each a yes or no of its own."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from nntrain.objective.loss import ClassWeights, Loss, soft_binary
from nntrain.task import Task


class LabelLoss(Loss):
    """One output per label, the logit of its presence; a sample's loss is the mean over its labels.

    named: what a recipe calls it. Weights are [B], or [B, K] where they differ by label.
    """

    serves = "multilabel"
    smooths = True
    named: ClassVar[str]

    def __init__(self, class_weights: ClassWeights = None) -> None:
        self.class_weights = class_weights

    @property
    def name(self) -> str:
        return self.named

    def outputs(self, task: Task) -> int:
        return len(task.classes)

    def elements(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        """[B, K], [B, K] of 0 and 1 -> [B, K]."""
        raise NotImplementedError

    def per_sample(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return self.elements(outputs, targets, smoothing).mean(-1)

    def weighted(self, outputs: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
        if weights is None or weights.shape == targets.shape[:-1]:
            return super().weighted(outputs, targets, weights, smoothing)
        return (self.elements(outputs, targets, smoothing) * weights).mean(-1)

    def predictions(self, outputs: Tensor, task: Task) -> Tensor:
        return torch.sigmoid(outputs)

    def link(self, predictions: Tensor, task: Task) -> Tensor:
        return torch.logit(predictions.float(), eps=torch.finfo(torch.float32).eps)


class LabelCrossEntropy(LabelLoss):
    """-log p of what is true of each label, its presence or its absence."""

    named = "binary_cross_entropy"

    def elements(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        y = soft_binary(targets, smoothing, outputs.dtype)
        return F.binary_cross_entropy_with_logits(outputs, y, reduction="none")

    def mean(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs, soft_binary(targets, smoothing, outputs.dtype))


class LabelFocal(LabelLoss):
    """-(1 - p)^gamma log p of what is true of each label (Lin et al. 2017, eq. 4, without their alpha, which
    class_weights is)."""

    named = "focal"

    def __init__(self, gamma: float = 2.0, class_weights: ClassWeights = None) -> None:
        super().__init__(class_weights)
        self.gamma = gamma

    def elements(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        y = soft_binary(targets, smoothing, outputs.dtype)
        return y * self._term(outputs) + (1 - y) * self._term(-outputs)

    def _term(self, logits: Tensor) -> Tensor:
        log_p = F.logsigmoid(logits)
        # Below the smallest step of float32 the power has no finite slope for gamma < 1.
        return (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).eps) ** self.gamma * -log_p
