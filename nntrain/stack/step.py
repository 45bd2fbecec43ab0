"""One training step of a stack: `training/step.py` with a member axis.

Legend: M members, B samples in a batch, W numbers in a member's row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nntrain.optim.optimizer import Hyper
from nntrain.stack.batches import StackedBatch
from nntrain.stack.member import Member
from nntrain.stack.stack import Part


def forward(part: Part, batch: StackedBatch) -> Tensor:
    """Each member's mean training loss [M] with its graph."""
    part.rows.count = batch.rows
    x = part.network.enter(batch.inputs)
    if part.noise is not None:
        x = part.noise(x)
    return part.objective.losses(part.network.compute(x), batch)


def gradients(part: Part, batches: Sequence[StackedBatch], seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Losses [M] and gradients [M, W] of the mean over all samples of `batches`. The next call writes over them.

    seeds: of each member's noise.
    """
    if part.random:
        part.draws.seed(seeds)
    if len(batches) == 1:
        losses, grads = _gradients(part, batches[0], 1.0)
        return losses, part.params.gather(grads)
    total = sum(batch.rows for batch in batches)
    losses, grads = _gradients(part, batches[0], batches[0].rows / total)
    for batch in batches[1:]:
        more, next_grads = _gradients(part, batch, batch.rows / total)
        losses = losses + more
        grads = list(torch._foreach_add(grads, next_grads))
    return losses, part.params.gather(grads)


def _gradients(part: Part, batch: StackedBatch, share: float) -> tuple[Tensor, list[Tensor]]:
    with part.program.autocast(part.program.device):
        losses = forward(part, batch)
    losses = losses.float()
    if share != 1.0:
        losses = losses * share
    grads = torch.autograd.grad(losses.sum(), part.params.views)  # a member's loss depends on its own row alone
    return losses.detach(), list(grads)


def train_step(
    part: Part, batches: Sequence[StackedBatch], h: Hyper, seeds: Sequence[int], shares: NDArray[np.float64] | None
) -> tuple[Tensor, list[int]]:
    """Advance all members by one update; their losses [M] before it, and which of them could not take it.

    shares: of the new weights in the running averages [M], None where there are none. A member whose loss or gradient
    is not finite stays as it is: said at once where the program asks, else `found_inf` is set for it, and from then on
    it stands still.
    """
    losses, grads = gradients(part, batches, seeds)
    flat, found_inf = part.params.flat, part.tensors["found_inf"]
    bad: list[int] = []
    with torch.no_grad():
        if part.program.asks:
            bad = not_finite(losses, grads)
        else:
            found_inf.copy_(torch.maximum(found_inf, (~_finite(losses, grads)).float()))
        kept = _set_aside(part, bad, grads) if bad else []
        part.limits.on_gradients(flat, grads)
        part.optimizer.update(flat, grads, h, None if part.program.asks else found_inf)
        if not part.program.asks:
            part.tensors["skipped"].add_(found_inf)
        part.limits.on_weights(flat)
        if shares is not None:
            weights = torch.from_numpy(shares.astype(np.float32)).to(flat.device, non_blocking=True)
            part.tensors["average"].lerp_(flat, weights.unsqueeze(1))
        for tensor, rows in kept:
            tensor[bad] = rows
    return losses, bad


def not_finite(losses: Tensor, grads: Tensor) -> list[int]:
    """The rows with a loss or a gradient that is infinite or NaN. One number tells, nearly always, that there are
    none."""
    if math.isfinite((grads.sum() + losses.sum()).item()):
        return []
    return [row for row, fine in enumerate(_finite(losses, grads).tolist()) if not fine]


def _finite(losses: Tensor, grads: Tensor) -> Tensor:
    return grads.isfinite().all(1) & losses.isfinite()


def _set_aside(part: Part, rows: list[int], grads: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What an update would change of these members, to be put back; their gradients become 0."""
    grads[rows] = 0.0
    part.tensors["found_inf"][rows] = 1.0
    moved = [part.params.flat, *part.optimizer.tensors.values()]
    moved += [part.tensors["average"]] if "average" in part.tensors else []
    return [(tensor, tensor[rows]) for tensor in moved]


def average_shares(members: Sequence[Member], steps: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """What share in its running average the weights of each member have after so many steps [M]: see `follow_average`
    and `average_in` in training/. None where nothing is averaged."""
    if members[0].program.ema:
        decays = np.array([member.program.ema for member in members])
        own: NDArray[np.float64] = 1 - np.minimum(decays, (1 + steps) / (10 + steps))
        return own
    starts = [member.course.swa_start for member in members]
    if starts[0] is None:
        return None
    counts = steps - np.array(starts, dtype=np.int64) + 1
    return np.where(counts > 0, 1 / np.maximum(counts, 1), 0.0)
