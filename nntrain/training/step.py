"""One training step, a pure function: what it does depends on its arguments alone, and it changes only what they hold.

Legend: B samples in a batch, P numbers in the flat vector of parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.objective.objective import Objective
from nntrain.objective.penalties import add_penalty_gradients, clip_by_norm, clip_by_value, max_norm_, penalty
from nntrain.objective.reconstruction import Reconstruction
from nntrain.optim.lbfgs import LBFGS
from nntrain.optim.optimizer import Hyper, Optimizer
from nntrain.training.state import TrainState

if TYPE_CHECKING:
    from nntrain.models.network import Network

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Program:
    """What is fixed through a run: the function that a step computes.

    l1, l2, max_norm, clip_norm, clip_value: see configs/regularization; 0 or None leaves each out. input_noise:
    standard deviation of the noise on standardised inputs. ema: decay of the averaged weights. random: whether a
    forward pass draws. asks: whether every step asks for a loss or gradient that is not finite: on the CPU that costs
    nothing; another device would have to be waited for, and is asked at the end of an epoch.
    """

    network: Network
    objective: Objective | Reconstruction
    optimizer: Optimizer
    precision: str = "fp32"
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    input_noise: float = 0.0
    ema: float = 0.0
    random: bool = True
    asks: bool = True

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        dtype = AUTOCAST.get(self.precision)
        return nullcontext() if dtype is None else torch.autocast(device.type, dtype)


@dataclass(slots=True)
class Mixed:
    """What mixup and cutmix put into each sample: the other sample's target, and the share [B] of the own one."""

    targets: Tensor
    share: Tensor


@dataclass(slots=True)
class Batch:
    """inputs: as in the split, [B, ...]; targets: [B] or [B, T]; weights: [B] or None; mixed: None for none."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None = None
    mixed: Mixed | None = None


def forward(program: Program, batch: Batch) -> Tensor:
    """The mean training loss of a batch, a scalar with its graph."""
    network = program.network
    if isinstance(program.objective, Reconstruction):
        return program.objective.loss(network, batch.inputs, program.input_noise)
    x = network.enter(batch.inputs)
    if program.input_noise:
        x = x + program.input_noise * torch.randn_like(x)
    outputs, objective = network.compute(x), program.objective
    if batch.mixed is None:
        return objective.loss(outputs, batch.targets, batch.weights)
    own = batch.mixed.share if batch.weights is None else batch.mixed.share * batch.weights
    rest = 1 - batch.mixed.share if batch.weights is None else batch.weights - own
    return objective.loss(outputs, batch.targets, own) + objective.loss(outputs, batch.mixed.targets, rest)


def gradients(
    program: Program, state: TrainState, batches: Sequence[Batch], noise_seed: int
) -> tuple[Tensor, list[Tensor]]:
    """Loss (scalar) and gradients (one per parameter) of the mean over all samples of `batches`, both times the loss
    scale."""
    device = state.params.flat.device
    if program.random:
        seed_default(noise_seed, device)
    if len(batches) == 1:
        return _gradients(program, state, batches[0], 1.0, device)
    total = sum(len(batch.inputs) for batch in batches)
    loss, grads = _gradients(program, state, batches[0], len(batches[0].inputs) / total, device)
    for batch in batches[1:]:
        more, next_grads = _gradients(program, state, batch, len(batch.inputs) / total, device)
        loss = loss + more
        grads = list(torch._foreach_add(grads, next_grads))
    return loss, grads


def _gradients(
    program: Program, state: TrainState, batch: Batch, share: float, device: torch.device
) -> tuple[Tensor, list[Tensor]]:
    if program.precision in AUTOCAST:
        with program.autocast(device):
            loss = forward(program, batch)
        loss = loss.float()
    else:
        loss = forward(program, batch)
    if share != 1.0:
        loss = loss * share
    if state.loss_scale is not None:
        loss = loss * state.loss_scale
    grads = torch.autograd.grad(loss, state.params.views)
    return loss.detach(), list(grads)


def train_step(program: Program, state: TrainState, batches: Sequence[Batch], h: Hyper, noise_seed: int) -> Tensor:
    """Advance `state` by one update on the mean gradient of `batches`; the loss before it, a scalar on the device.

    A loss or gradient that is not finite never reaches the parameters: FloatingPointError where the program asks, else
    `state.found_inf` is set and from then on they stand still. With loss scaling the step is skipped and the scale
    halved.
    """
    if isinstance(program.optimizer, LBFGS):
        return _closure_step(program, program.optimizer, state, batches, h, noise_seed)
    scaled = state.loss_scale is not None and state.growth is not None
    kept = [buffer.clone() for buffer in state.buffers.values()] if scaled else []
    loss, grads = gradients(program, state, batches, noise_seed)
    views, weights = state.params.views, state.params.weights
    check_finite([*grads, loss], state.found_inf, state.loss_scale)
    if program.l1 or program.l2:
        grads = add_penalty_gradients(grads, views, weights, program.l1, program.l2)
    if program.clip_norm is not None:
        grads = clip_by_norm(grads, program.clip_norm)
    if program.clip_value is not None:
        grads = clip_by_value(grads, program.clip_value)
    if program.asks and not scaled:
        if state.found_inf.item():
            raise FloatingPointError
        program.optimizer.update(state.params, grads, state.optimizer, h)
    else:
        program.optimizer.update(state.params, grads, state.optimizer, h, state.found_inf)
        state.skipped.add_(state.found_inf)
    with torch.no_grad():
        if program.max_norm is not None:
            max_norm_(views[:weights], program.max_norm)
        follow_average(program, state, h)
        if state.loss_scale is not None and state.growth is not None:
            for buffer, before in zip(state.buffers.values(), kept, strict=True):  # batch-norm statistics of a bad step
                buffer.copy_(torch.where(state.found_inf == 0, buffer, before))
            torch._amp_update_scale_(state.loss_scale, state.growth, state.found_inf, 2.0, 0.5, 2000)
            state.found_inf.zero_()
    return loss


def _closure_step(
    program: Program, optimizer: LBFGS, state: TrainState, batches: Sequence[Batch], h: Hyper, noise_seed: int
) -> Tensor:
    """A step of an optimizer that evaluates the loss several times (L-BFGS); penalties are then part of the loss."""
    params = state.params
    losses: list[Tensor] = []

    def closure() -> tuple[Tensor, list[Tensor]]:
        loss, grads = gradients(program, state, batches, noise_seed)
        losses.append(loss)
        check_finite([*grads, loss], state.found_inf, None)
        if program.l1 or program.l2:
            with torch.no_grad():
                loss = loss + penalty(params.views[: params.weights], program.l1, program.l2)
            grads = add_penalty_gradients(grads, params.views, params.weights, program.l1, program.l2)
        return loss, grads

    before = params.flat.clone()
    optimizer.minimize(params, closure, state.optimizer, h)
    if program.asks and state.found_inf.item():
        params.flat.data.copy_(before)
        raise FloatingPointError
    with torch.no_grad():
        params.flat.copy_(torch.where(state.found_inf == 0, params.flat, before))
        state.skipped.add_(state.found_inf)
        if program.max_norm is not None:
            max_norm_(params.views[: params.weights], program.max_norm)
        follow_average(program, state, h)
    return losses[0]


def follow_average(program: Program, state: TrainState, h: Hyper) -> None:
    """Exponential moving average (EMA): the decay starts small, so that the random start is soon forgotten."""
    if program.ema and state.average is not None:
        decay = min(program.ema, (1 + h.step) / (10 + h.step))
        state.average.lerp_(state.params.flat, 1 - decay)


def check_finite(tensors: list[Tensor], found_inf: Tensor, loss_scale: Tensor | None) -> None:
    """Set `found_inf` to 1 where any entry is infinite or NaN, and divide all by the loss scale, in place; no sync."""
    if found_inf.device.type in ("cpu", "cuda"):
        inverse = torch.ones_like(found_inf) if loss_scale is None else loss_scale.reciprocal()
        torch._amp_foreach_non_finite_check_and_unscale_(tensors, found_inf, inverse)
        return
    bad = torch.stack([~t.isfinite().all() for t in tensors]).any()
    found_inf.copy_(torch.maximum(found_inf, bad.to(found_inf.dtype)))
    if loss_scale is not None:
        for t in tensors:
            t.div_(loss_scale)


def seed_default(seed: int, device: torch.device) -> None:
    """Seed torch's own generator of `device`, which dropout and noise draw from."""
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
