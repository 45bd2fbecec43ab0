"""What each member of a stack loses, and what it predicts: one call for all members whose objective is the same.

Legend: M members, B samples each, K outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from nntrain.objective.objective import Objective
from nntrain.stack.batches import StackedBatch

Run = tuple[int, int, Objective]  # neighbours start ... stop - 1, whose objective is as this one


class StackedObjective:
    """The objectives of M members; those that are alike are neighbours, or are called for one by one."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.training = runs(objectives, lambda o: (criterion_of(o), o.label_smoothing))
        self.evaluation = runs(objectives, criterion_of)
        self.units = runs(objectives, lambda o: (type(o.criterion), o.raw_targets, o.task))
        self.class_weights = _class_weights(objectives)

    def losses(self, outputs: Tensor, batch: StackedBatch) -> Tensor:
        """The mean training loss of each member, [M]; outputs [M, B, K]."""
        if batch.mixed is None:
            return self._losses(self.training, outputs, batch, smoothed=True)
        share = batch.mixed.share
        own = share if batch.weights is None else share * batch.weights
        rest = 1 - share if batch.weights is None else batch.weights - own
        of_own, of_others = replace(batch, weights=own), replace(batch, targets=batch.mixed.targets, weights=rest)
        losses = self._losses(self.training, outputs, of_own, smoothed=True)
        return losses + self._losses(self.training, outputs, of_others, smoothed=True)

    def evaluation_losses(self, outputs: Tensor, batch: StackedBatch) -> Tensor:
        """The same with labels as they are, not smoothed."""
        return self._losses(self.evaluation, outputs, batch, smoothed=False)

    def _losses(self, members: Sequence[Run], outputs: Tensor, batch: StackedBatch, smoothed: bool) -> Tensor:
        targets, weights = batch.targets, batch.weights
        if outputs.dtype in (torch.float16, torch.bfloat16):  # under autocast; a loss needs the full mantissa
            outputs = outputs.float()
        if self.class_weights is not None:
            weights = self._weights(self.class_weights, targets, weights)
        found = []
        for start, stop, objective in members:
            smoothing = objective.label_smoothing if smoothed else 0.0
            own = None if weights is None else weights[start:stop]
            losses = objective.criterion.weighted(outputs[start:stop], targets[start:stop], own, smoothing)
            found.append(losses[:, : batch.rows].mean(1))
        return found[0] if len(found) == 1 else torch.cat(found)

    def _weights(self, of_class: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Class and sample weights together: [M, B], or [M, B, K] for labels."""
        if targets.is_floating_point():
            by_label = torch.where(targets > 0, of_class.unsqueeze(1), 1.0)
            return by_label if weights is None else weights.unsqueeze(2) * by_label
        by_class = of_class.gather(1, targets)
        return by_class if weights is None else weights * by_class

    def predictions(self, outputs: Tensor) -> Tensor:
        """Probabilities or values in each target's own unit, [M, N, K], for outputs of the same shape."""
        return self._in_units(outputs.float(), lambda o, rows: o.predictions(rows))

    def own_unit(self, targets: Tensor) -> Tensor:
        """Targets [M, N, ...] as the metrics want them."""
        return self._in_units(targets, lambda o, rows: o.own_unit(rows))

    def _in_units(self, values: Tensor, convert: Callable[[Objective, Tensor], Tensor]) -> Tensor:
        parts = [convert(objective, values[start:stop]) for start, stop, objective in self.units]
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def criterion_of(objective: Objective) -> Hashable:
    """What two objectives share whose losses are computed alike; the weights of classes, being data, aside."""
    settings = {key: value for key, value in vars(objective.criterion).items() if key != "class_weights"}
    return type(objective.criterion), tuple(sorted(settings.items()))


def runs(objectives: Sequence[Objective], key: Callable[[Objective], Any]) -> list[Run]:
    return list(_runs(objectives, key))


def _runs(objectives: Sequence[Objective], key: Callable[[Objective], Any]) -> Iterator[Run]:
    start = 0
    for _, alike in groupby(objectives, key):
        first, *rest = alike
        yield start, start + 1 + len(rest), first
        start += 1 + len(rest)


def _class_weights(objectives: Sequence[Objective]) -> Tensor | None:
    """float32 [M, K], 1 for members without; None where no member has any."""
    given = [objective.class_weights for objective in objectives]
    known = next((weights for weights in given if weights is not None), None)
    if known is None:
        return None
    return torch.stack([torch.ones_like(known) if weights is None else weights for weights in given])
