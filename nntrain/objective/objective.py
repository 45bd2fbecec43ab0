"""The objective: a loss bound to its task, its class weights and its label smoothing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nntrain.errors import UserError, unknown
from nntrain.objective.loss import ClassWeights, Loss
from nntrain.objective.losses import own_unit
from nntrain.task import Task


class Objective:
    """What training lowers and what the network's outputs mean.

    outputs: how many outputs the network needs. raw_targets: whether regression targets are wanted in their own unit
    (`task.center` 0 and `task.scale` 1), not standardised. label_smoothing: in [0, 1), for training alone.
    class_weights: float32 [K], or None for all alike; a sample's weight is its own times its class's, and a loss with
    weights is sum(weight * loss) / B. With labels they weigh the samples that have the label, not those without it.
    """

    def __init__(
        self, task: Task, loss: Loss, label_smoothing: float = 0.0, class_weights: Tensor | None = None
    ) -> None:
        chosen = loss.resolve(task)
        if label_smoothing and not chosen.smooths:
            raise UserError(
                f"regularization.label_smoothing has no meaning for loss {chosen.name}; "
                "set it to 0, or use cross_entropy, binary_cross_entropy or focal"
            )
        self.task = task
        self.criterion = chosen
        self.outputs = chosen.outputs(task)
        self.raw_targets = chosen.raw_targets
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights

    def to(self, device: torch.device) -> Objective:
        """The same objective with its tensors on `device`."""
        weights = None if self.class_weights is None else self.class_weights.to(device)
        return Objective(self.task, self.criterion, self.label_smoothing, weights)

    def check_targets(self, targets: Tensor) -> None:
        """UserError where the loss is not defined for one of `targets` (of a whole split)."""
        self.criterion.check_targets(targets)

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """The training loss, 0-d: outputs [B, outputs], targets as in a `Split`, sample weights [B]."""
        return self._value(outputs, targets, weights, self.label_smoothing)

    def evaluation_loss(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """The same with labels as they are, not smoothed."""
        return self._value(outputs, targets, weights, 0.0)

    def _value(self, outputs: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
        if outputs.dtype in (torch.float16, torch.bfloat16):  # under autocast; a loss needs the full mantissa
            outputs = outputs.float()
        if self.class_weights is not None:
            weights = self._weights(self.class_weights, targets, weights)
        return self.criterion(outputs, targets, weights, smoothing)

    def _weights(self, of_class: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Class and sample weights together: [B], or [B, K] for labels."""
        if not self.task.is_multilabel:
            by_class = of_class[targets]
            return by_class if weights is None else weights * by_class
        by_label = torch.where(targets > 0, of_class, 1.0)
        return by_label if weights is None else weights.unsqueeze(1) * by_label

    def predictions(self, outputs: Tensor) -> Tensor:
        """Probabilities [B, K] or values [B, T] in the target's own unit."""
        return self.criterion.predictions(outputs.float(), self.task)

    def link(self, predictions: Tensor) -> Tensor:
        """Outputs float32 [B, outputs] that would predict these."""
        return self.criterion.link(predictions, self.task)

    def own_unit(self, targets: Tensor) -> Tensor:
        """Targets as the metrics want them: class indices and labels as they are, values in the target's own unit."""
        return own_unit(targets, self.task) if self.task.is_regression and not self.raw_targets else targets


def class_weight_tensor(choice: ClassWeights, task: Task, targets: Tensor) -> Tensor | None:
    """The weight of each class, float32 [K], from a recipe's `class_weights`; None for all alike.

    `balanced`: N / (K * count), from the training targets int64 [N], so that the mean over them is 1; for labels the
    samples without the label per sample with it. A list: one weight per class, in the order of `task.classes`. A
    mapping {class: weight}: 1 for the classes it leaves out.
    """
    if choice is None:
        return None
    if task.is_regression:
        raise UserError(
            "loss.class_weights needs classes, and the target is real; set it to null (rows get weights from a column)"
        )
    classes = task.classes
    if isinstance(choice, str):
        if choice != "balanced":
            raise UserError(f"loss.class_weights: {unknown('class weighting', choice, ['balanced'])}")
        if task.is_multilabel:
            having = targets.sum(0)
            return (len(targets) - having).clamp_min(1) / having.clamp_min(1)
        counts = torch.bincount(targets, minlength=len(classes)).clamp_min(1)
        return (len(targets) / (len(classes) * counts)).float()
    if isinstance(choice, Mapping):
        given = {str(key): float(value) for key, value in choice.items()}
        if wrong := [unknown("class", key, classes) for key in given if key not in classes]:
            raise UserError(*(f"loss.class_weights: {said}" for said in wrong))
        return torch.tensor([given.get(name, 1.0) for name in classes])
    if len(choice) != len(classes):
        listed = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
        raise UserError(f"loss.class_weights has {len(choice)} entries for {len(classes)} classes ({listed})")
    return torch.tensor([float(value) for value in choice])
