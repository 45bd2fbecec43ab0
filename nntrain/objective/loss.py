"""What every loss is: how outputs are compared with targets, and what is predicted from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from nntrain.errors import UserError
from nntrain.task import Task

ClassWeights = str | Sequence[float] | Mapping[Any, float] | None


class Loss:
    """Compares outputs with targets (see `Task`). A subclass gives `per_sample`, and `mean` where torch has one kernel
    for it.

    serves: the kind of task. raw_targets: wants regression targets in their own unit, not standardised.
    smooths: whether label smoothing has a meaning. class_weights: as the recipe gives them (see `class_weight_tensor`).
    """

    serves: ClassVar[str]
    raw_targets: ClassVar[bool] = False
    smooths: ClassVar[bool] = False

    class_weights: ClassWeights = None

    @property
    def name(self) -> str:
        """Its name in a recipe: CrossEntropy -> cross_entropy."""
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in type(self).__name__).lstrip("_")

    def resolve(self, task: Task) -> Loss:
        """The loss that serves `task`, which is itself; UserError where it cannot."""
        if task.kind != self.serves:
            allowed = "squared, absolute, huber, log_cosh, quantile, poisson"
            if task.is_multilabel:
                allowed = "binary_cross_entropy, focal"
            elif task.is_classification:
                allowed = ("binary_cross_entropy, " if len(task.classes) == 2 else "") + "cross_entropy, focal, hinge"
            raise UserError(f"loss {self.name} is for {self.serves}, and this is {task.kind}; use {allowed}, or auto")
        return self

    def outputs(self, task: Task) -> int:
        """How many outputs the network needs."""
        raise NotImplementedError

    def check_targets(self, targets: Tensor) -> None:
        """UserError where a target is outside what the loss is defined for."""

    def per_sample(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        """[B, outputs], targets -> [B]; with a leading axis of members, all of them have it."""
        raise NotImplementedError

    def mean(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return self.per_sample(outputs, targets, smoothing).mean()

    def __call__(
        self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None, smoothing: float = 0.0
    ) -> Tensor:
        """The batch's mean, 0-d; with weights [B] sum(weights * losses) / B. Smoothing is label smoothing in [0, 1)."""
        if weights is None:
            return self.mean(outputs, targets, smoothing)
        return self.weighted(outputs, targets, weights, smoothing).mean()

    def weighted(self, outputs: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
        """Every sample's loss times its weight: [B] as `per_sample` gives it."""
        losses = self.per_sample(outputs, targets, smoothing)
        return losses if weights is None else losses * weights

    def predictions(self, outputs: Tensor, task: Task) -> Tensor:
        """Outputs -> probabilities [B, K], for one output too, or values [B, T] in the target's own unit."""
        raise NotImplementedError

    def link(self, predictions: Tensor, task: Task) -> Tensor:
        """Outputs float32 that `predictions` makes these of: what the loss of a mean over several networks is of."""
        raise NotImplementedError


def soft_binary(targets: Tensor, smoothing: float, dtype: torch.dtype) -> Tensor:
    """0 and 1 as real numbers, drawn towards 1/2 by label smoothing."""
    y = targets.to(dtype)
    return y * (1 - smoothing) + smoothing / 2 if smoothing else y
