"""Test-time augmentation: the mean prediction over each sample as it is and several draws of an augmentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.objective.metrics import compute
from nntrain.objective.objective import Objective
from nntrain.training.evaluate import evaluating, evaluation_batch
from nntrain.training.step import Program

if TYPE_CHECKING:
    from nntrain.augment.augmentation import Augmentation
    from nntrain.data.dataset import Split


def mean_predictions(program: Program, inputs: Tensor, augment: Augmentation, views: int) -> Tensor:
    """Probabilities [N, K] or values [N, T], each the mean over `views`: the sample itself and views - 1 draws of it.

    Sample i gets the draws of number i in epochs 0 ... views - 2, whatever the batches.
    """
    objective = program.objective
    assert isinstance(objective, Objective), "codes of several views are not to be averaged"
    size, found = evaluation_batch(inputs), []
    for start in range(0, len(inputs), size):
        part = inputs[start : start + size].to(program.device)
        predicted = []
        for view in _views(part, start, augment, views):  # drawn outside of autocast
            with evaluating(program):
                outputs = program.network(view)
            predicted.append(objective.predictions(outputs))
        found.append(torch.stack(predicted).mean(0))
    return torch.cat(found)


def _views(part: Tensor, start: int, augment: Augmentation, views: int) -> Iterator[Tensor]:
    samples = torch.arange(start, start + len(part), device=part.device)
    yield part
    for epoch in range(views - 1):
        yield augment(part, samples, epoch)


def view_scores(
    program: Program, split: Split, names: Sequence[str], augment: Augmentation, views: int
) -> dict[str, float]:
    """The named metrics of the mean predictions. The loss is left out: it is of a network's outputs, and a mean of
    predictions is none."""
    objective = program.objective
    assert isinstance(objective, Objective)
    predictions = mean_predictions(program, split.inputs, augment, views)
    wanted = [name for name in names if name != "loss"]
    found = compute(wanted, objective.task, predictions, objective.own_unit(split.targets))
    return {name: float(value) for name, value in found.items()}
