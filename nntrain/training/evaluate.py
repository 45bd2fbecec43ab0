"""The network's outputs on a whole split: dropout off, batch-norm statistics fixed, no gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.objective.metrics import compute
from nntrain.training.step import Program

if TYPE_CHECKING:
    from nntrain.data.dataset import Split

EVALUATION_BATCH = 2048
EVALUATION_VALUES = 2**20  # in a batch of pictures: a convolution's outputs are many times its inputs


def evaluation_batch(inputs: Tensor) -> int:
    """Samples per batch where no gradient is wanted: as many as are fast without taking much memory."""
    return max(1, min(EVALUATION_BATCH, EVALUATION_VALUES // max(1, inputs[:1].numel())))


def outputs_of(program: Program, inputs: Tensor) -> Tensor:
    """Outputs float32 [N, K] of the network in evaluation mode, which it leaves as it found it."""
    network, device = program.network, program.device
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), program.autocast(device):
            parts = [network(part.to(device)) for part in torch.split(inputs, evaluation_batch(inputs))]
    finally:
        network.train(was_training)
    return torch.cat(parts).float()


@torch.no_grad()
def scores_of(program: Program, outputs: Tensor, split: Split, names: Sequence[str]) -> dict[str, float]:
    """`loss` and the named metrics of a split's outputs; one sync with the device."""
    objective = program.objective
    found = {"loss": objective.evaluation_loss(outputs, split.targets, split.weights)}
    wanted = [name for name in names if name != "loss"]
    found |= compute(wanted, objective.task, objective.predictions(outputs), objective.own_unit(split.targets))
    values = torch.stack([value.double() if value.device.type != "mps" else value for value in found.values()]).tolist()
    return dict(zip(found, values, strict=True))


def evaluate(program: Program, split: Split, names: Sequence[str]) -> dict[str, float]:
    """`loss` and the named metrics of a split."""
    return scores_of(program, outputs_of(program, split.inputs), split, names)
