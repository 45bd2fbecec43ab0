"""Losses for one class of several and for real values, and the choice by the target."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from nntrain.errors import UserError
from nntrain.objective.label_losses import LabelCrossEntropy, LabelFocal
from nntrain.objective.loss import ClassWeights, Loss, soft_binary
from nntrain.task import Task


class ClassificationLoss(Loss):
    """One output per class; one in all for two classes where `single_output` says so: the logit of the second class."""

    serves = "classification"
    single_output: ClassVar[bool] = True

    def __init__(self, class_weights: ClassWeights = None) -> None:
        self.class_weights = class_weights

    def outputs(self, task: Task) -> int:
        return 1 if self.single_output and len(task.classes) == 2 else len(task.classes)

    def predictions(self, outputs: Tensor, task: Task) -> Tensor:
        if outputs.shape[-1] == 1:
            return torch.sigmoid(torch.cat((-outputs, outputs), -1))
        return torch.softmax(outputs.mT, 1).mT if outputs.ndim == 3 else torch.softmax(outputs, 1)

    def link(self, predictions: Tensor, task: Task) -> Tensor:
        logs = predictions.float().clamp_min(torch.finfo(torch.float32).tiny).log()
        return logs[:, 1:] - logs[:, :1] if self.outputs(task) == 1 else logs


class CrossEntropy(ClassificationLoss):
    """-log p(class), softmax over one output per class. Smoothing: Szegedy et al. 2016, sec. 7."""

    smooths = True
    single_output = False

    def per_sample(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        by_class = outputs.mT if outputs.ndim == 3 else outputs  # torch wants the classes in axis 1
        return F.cross_entropy(by_class, targets, reduction="none", label_smoothing=smoothing)

    def mean(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return F.cross_entropy(outputs, targets, label_smoothing=smoothing)


class BinaryCrossEntropy(ClassificationLoss):
    """-log p(class) for two classes on one output, the logit of the second class; for labels, one output each."""

    smooths = True

    def resolve(self, task: Task) -> Loss:
        if task.is_multilabel:
            return LabelCrossEntropy(self.class_weights)
        if task.is_classification and len(task.classes) != 2:
            raise UserError(
                f"loss binary_cross_entropy is for two classes, and the target has {len(task.classes)}; "
                "use cross_entropy, or auto"
            )
        return super().resolve(task)

    def per_sample(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        y = soft_binary(targets, smoothing, outputs.dtype)
        return F.binary_cross_entropy_with_logits(outputs.squeeze(-1), y, reduction="none")

    def mean(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs.squeeze(1), soft_binary(targets, smoothing, outputs.dtype))


class Focal(ClassificationLoss):
    """-(1 - p)^gamma log p: cross-entropy that turns from what is already right (Lin et al. 2017).

    gamma 0 is cross-entropy. Smoothed labels weigh the term of every class. For labels, one output each.
    """

    smooths = True

    def __init__(self, gamma: float = 2.0, class_weights: ClassWeights = None) -> None:
        super().__init__(class_weights)
        self.gamma = gamma

    def resolve(self, task: Task) -> Loss:
        return LabelFocal(self.gamma, self.class_weights) if task.is_multilabel else super().resolve(task)

    def per_sample(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        logits = torch.cat((torch.zeros_like(outputs), outputs), -1) if outputs.shape[-1] == 1 else outputs
        log_p, own = F.log_softmax(logits, -1), targets.unsqueeze(-1)
        if not smoothing:
            log_p = log_p.gather(-1, own)
        # Below the smallest step of float32 the power has no finite slope for gamma < 1.
        terms = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).eps) ** self.gamma * -log_p
        if not smoothing:
            return terms.squeeze(-1)
        classes = logits.shape[-1]
        return (1 - smoothing) * terms.gather(-1, own).squeeze(-1) + smoothing / classes * terms.sum(-1)


class Hinge(ClassificationLoss):
    """Margin of 1: max(0, 1 - y f) with y = +-1 on one output for two classes, and for more (Crammer & Singer 2001)
    max(0, 1 + the greatest other score - the class's own).

    Scores are no probabilities: what is predicted is their sigmoid or softmax, which sums to 1 and orders as the
    scores do but is not calibrated, so log_loss says little.
    """

    def per_sample(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        if outputs.shape[-1] == 1:
            return F.relu(1 - outputs.squeeze(-1) * (2 * targets - 1))
        own = targets.unsqueeze(-1)
        others = outputs.scatter(-1, own, -math.inf).amax(-1)
        return F.relu(1 + others - outputs.gather(-1, own).squeeze(-1))


class RegressionLoss(Loss):
    """One output per target column; a sample's loss is the mean over its columns."""

    serves = "regression"

    def outputs(self, task: Task) -> int:
        return len(task.targets)

    def elements(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """[B, T], [B, T] -> [B, T]."""
        raise NotImplementedError

    def per_sample(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return self.elements(outputs, targets).mean(-1)

    def mean(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return self.elements(outputs, targets).mean()

    def predictions(self, outputs: Tensor, task: Task) -> Tensor:
        return own_unit(outputs, task)

    def link(self, predictions: Tensor, task: Task) -> Tensor:
        center, scale = predictions.new_tensor(task.center), predictions.new_tensor(task.scale)
        return ((predictions - center) / scale).float()


def own_unit(standardised: Tensor, task: Task) -> Tensor:
    """center + scale * standardised, per column: [B, T] -> float64 [B, T], for float32 keeps seven digits of a value
    whose spread may be in the eighth (float32 on mps, which has no other)."""
    if standardised.device.type != "mps":
        standardised = standardised.double()
    if len(task.center) == 1:
        return standardised * task.scale[0] + task.center[0]  # no copy to the device
    return standardised.new_tensor(task.center) + standardised.new_tensor(task.scale) * standardised


class Squared(RegressionLoss):
    """(output - target)^2: predicts the mean."""

    def elements(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets) ** 2

    def mean(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return F.mse_loss(outputs, targets)


class Absolute(RegressionLoss):
    """|output - target|: predicts the median."""

    def elements(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).abs()

    def mean(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return F.l1_loss(outputs, targets)


class Huber(RegressionLoss):
    """Half the square up to `delta` standard deviations of the target, linear beyond (Huber 1964)."""

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def elements(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.huber_loss(outputs, targets, reduction="none", delta=self.delta)

    def mean(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return F.huber_loss(outputs, targets, delta=self.delta)


class LogCosh(RegressionLoss):
    """log cosh(output - target): half the square near 0, linear far off, smooth throughout."""

    def elements(self, outputs: Tensor, targets: Tensor) -> Tensor:
        error = (outputs - targets).abs()
        return error + F.softplus(-2 * error) - math.log(2)


class Quantile(RegressionLoss):
    """quantile * e where the target is e above, (1 - quantile) * e where it is e below: predicts that quantile
    (Koenker & Bassett 1978)."""

    def __init__(self, quantile: float = 0.5) -> None:
        self.quantile = quantile

    def elements(self, outputs: Tensor, targets: Tensor) -> Tensor:
        error = targets - outputs
        return torch.maximum(self.quantile * error, (self.quantile - 1) * error)


class Poisson(RegressionLoss):
    """exp(output) - target * output, for counts: the output is the logarithm of the rate; the rate is what is
    predicted."""

    raw_targets = True

    def check_targets(self, targets: Tensor) -> None:
        if (lowest := float(targets.min())) < 0:
            raise UserError(
                f"loss poisson needs targets of at least 0, and the lowest is {lowest:g}; use squared or huber, or auto"
            )

    def elements(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.poisson_nll_loss(outputs, targets, reduction="none")

    def mean(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return F.poisson_nll_loss(outputs, targets)

    def predictions(self, outputs: Tensor, task: Task) -> Tensor:
        return outputs.exp()

    def link(self, predictions: Tensor, task: Task) -> Tensor:
        return predictions.float().clamp_min(torch.finfo(torch.float32).tiny).log()


class Auto(Loss):
    """By the target: binary_cross_entropy for two classes and for labels, cross_entropy for more classes, squared for
    real values."""

    def __init__(self, class_weights: ClassWeights = None) -> None:
        self.class_weights = class_weights

    def resolve(self, task: Task) -> Loss:
        if task.is_regression:
            return Squared()
        if task.is_multilabel:
            return LabelCrossEntropy(self.class_weights)
        return (BinaryCrossEntropy if len(task.classes) == 2 else CrossEntropy)(self.class_weights)
