"""Averages of the weights: what is evaluated and saved in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nntrain.objective.reconstruction import Reconstruction
from nntrain.optim.parameters import Parameters
from nntrain.training.evaluate import evaluation_batch
from nntrain.training.state import LoopState, TrainState
from nntrain.training.step import Program


@torch.no_grad()
def average_in(state: TrainState, loop: LoopState) -> None:
    """Stochastic weight averaging (SWA, Izmailov et al. 2018): the plain mean of the weights after each step."""
    assert state.average is not None
    loop.averaged_steps += 1
    state.average.lerp_(state.params.flat, 1 / loop.averaged_steps)


def averaged_weights(program: Program, state: TrainState, loop: LoopState) -> Tensor | None:
    """The average that is to be evaluated and kept, laid out like the parameters: EMA, SWA once it has begun, else what
    the optimizer averages; None where there is none."""
    if program.ema or loop.averaged_steps:
        return state.average
    return program.optimizer.averaged(state.optimizer, loop.step)


@contextmanager
def weights_of(params: Parameters, flat: Tensor | None) -> Iterator[None]:
    """With `flat` in place of the parameters for a while; None leaves them."""
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


@torch.no_grad()
def refresh_norms(program: Program, inputs: Tensor) -> None:
    """Recompute batch-norm statistics for weights that no step has run with: the mean over all of `inputs`.

    inputs: the training split as it is, not augmented, where torch's `update_bn` takes the batches that trained: what
    is evaluated next is not augmented either, and the statistics do not depend on an epoch's draws.
    """
    network = program.network
    norms = [
        module
        for module in network.modules()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.training
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = network.training
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    with program.autocast(program.device):
        # equal parts, for they weigh alike: two samples left over would make up half of the statistics of 2050
        fixed = program.objective.fixed(program.device) if isinstance(program.objective, Reconstruction) else None
        for part in torch.tensor_split(inputs, -(-len(inputs) // evaluation_batch(inputs))):
            if isinstance(program.objective, Reconstruction):  # of what its layers are given, not of clean inputs
                program.objective.look(network, part.to(program.device), fixed)
            else:
                network(part.to(program.device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train(was_training)
