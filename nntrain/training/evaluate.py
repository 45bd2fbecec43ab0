"""The network's outputs on a whole split: dropout off, batch-norm statistics fixed, no gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nntrain.objective.metrics import compute
from nntrain.optim.parameters import Parameters
from nntrain.training.step import Program

if TYPE_CHECKING:
    from nntrain.data.dataset import Split
    from nntrain.models.network import Network

EVALUATION_BATCH = 2048


def outputs_of(program: Program, inputs: Tensor) -> Tensor:
    """Outputs float32 [N, K] of the network in evaluation mode, which it leaves as it found it."""
    network = program.network
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), program.autocast(inputs.device):
            parts = [network(part) for part in torch.split(inputs, EVALUATION_BATCH)]
    finally:
        network.train(was_training)
    return torch.cat(parts).float()


def evaluate(program: Program, split: Split, names: Sequence[str]) -> dict[str, float]:
    """`loss` and the named metrics of a split; one sync with the device."""
    outputs = outputs_of(program, split.inputs)
    objective = program.objective
    with torch.no_grad():
        found = {"loss": objective.evaluation_loss(outputs, split.targets, split.weights)}
        wanted = [name for name in names if name != "loss"]
        predictions = objective.predictions(outputs)
        found |= compute(wanted, objective.task, predictions, objective.own_unit(split.targets))
    values = torch.stack([value.double() if value.device.type != "mps" else value for value in found.values()]).tolist()
    return dict(zip(found, values, strict=True))


def refresh_norms(network: Network, inputs: Tensor) -> None:
    """Recompute batch-norm statistics for weights that no step has run with: the mean over all of `inputs`."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = network.training
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    with torch.no_grad():
        for part in torch.split(inputs, EVALUATION_BATCH):
            network(part)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train(was_training)


@contextmanager
def weights_of(params: Parameters, flat: Tensor | None) -> Iterator[None]:
    """With `flat` in place of the parameters for a while (an average); None leaves them."""
    if flat is None:
        yield
        return
    own = params.flat.clone()
    with torch.no_grad():
        params.flat.copy_(flat)
    try:
        yield
    finally:
        with torch.no_grad():
            params.flat.copy_(own)
