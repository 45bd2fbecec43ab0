"""The network's outputs on a whole split: dropout off, batch-norm statistics fixed, no gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.objective.metrics import compute
from nntrain.objective.objective import Objective
from nntrain.objective.reconstruction import Reconstruction, Totals
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
    return _in_parts(program, inputs, program.network)


def codes_of(program: Program, inputs: Tensor) -> Tensor:
    """What the head is given, float32 [N, F], in evaluation mode: the code of an autoencoder."""
    network = program.network
    features: Callable[[Tensor], Tensor] = network.body.features  # type: ignore[assignment]
    return _in_parts(program, inputs, lambda part: features(network.enter(part)))


def _in_parts(program: Program, inputs: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    with evaluating(program) as device:
        parts = [function(part.to(device)) for part in torch.split(inputs, evaluation_batch(inputs))]
    return torch.cat(parts).float()


@contextmanager
def evaluating(program: Program) -> Iterator[torch.device]:
    """The network in evaluation mode, without gradients, on the device that is given; it is left as it was found."""
    network, device = program.network, program.device
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), program.autocast(device):
            yield device
    finally:
        network.train(was_training)


@torch.no_grad()
def scores_of(program: Program, outputs: Tensor, split: Split, names: Sequence[str]) -> dict[str, float]:
    """`loss` and the named metrics of a split's outputs; one sync with the device."""
    objective = program.objective
    assert not isinstance(objective, Reconstruction), "whose outputs are not kept: see totals_of"
    return _scores(objective, outputs, objective.predictions(outputs), split, names)


@torch.no_grad()
def mean_scores(objective: Objective, predictions: Tensor, split: Split, names: Sequence[str]) -> dict[str, float]:
    """The same of predictions that are a mean over networks; their `loss` is that of outputs that would predict them.
    Of cross-entropy that is the mean -log p of a mixture. predictions: on the device of the split."""
    return _scores(objective, objective.link(predictions), predictions, split, names)


def _scores(
    objective: Objective, outputs: Tensor, predictions: Tensor, split: Split, names: Sequence[str]
) -> dict[str, float]:
    found = {"loss": objective.evaluation_loss(outputs, split.targets, split.weights)}
    wanted = [name for name in names if name != "loss"]
    found |= compute(wanted, objective.task, predictions, objective.own_unit(split.targets))
    values = torch.stack([value.double() if value.device.type != "mps" else value for value in found.values()]).tolist()
    return dict(zip(found, values, strict=True))


def evaluate(program: Program, split: Split, names: Sequence[str]) -> dict[str, float]:
    """`loss` and the named metrics of a split."""
    if isinstance(program.objective, Reconstruction):
        return reconstruction_scores(totals_of(program, program.objective, split.inputs), names)
    return scores_of(program, outputs_of(program, split.inputs), split, names)


def totals_of(program: Program, objective: Reconstruction, inputs: Tensor) -> Totals:
    """What the reconstructions of all inputs add up to; they themselves would take the memory of another data set."""
    with evaluating(program) as device:
        fixed, parts = objective.fixed(device), torch.split(inputs, evaluation_batch(inputs))
        first, *rest = (objective.totals(program.network, part.to(device), fixed) for part in parts)
        return sum(rest, first)


def reconstruction_scores(totals: Totals, names: Sequence[str]) -> dict[str, float]:
    """`loss` and the named scores; one sync with the device."""
    scores = totals.scores()
    wanted = ["loss", *(name for name in names if name != "loss")]
    return dict(zip(wanted, torch.stack([scores[name] for name in wanted]).tolist(), strict=True))
