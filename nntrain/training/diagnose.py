"""Where a loss or gradient stopped being finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nntrain.errors import UserError
from nntrain.training.state import TrainState
from nntrain.training.step import Batch, Program, gradients

ADVICE = (
    "what usually helps: a smaller optimizer.lr (by 10), a schedule with warm-up, regularization.grad_clip_norm=1, "
    "and inputs without extreme values"
)


class NonFinite(UserError):
    """Training cannot go on from here: a loss or a gradient is infinite or NaN. The parameters are those before the step."""


def locate(
    program: Program, state: TrainState, batches: Sequence[Batch], noise_seed: int, epoch: int, step: int
) -> NonFinite:
    """Replay the step and name the first layer whose output is not finite, or else the parameters whose gradient is not."""
    found: list[str] = []

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                found.append(name)

        return hook

    handles = [
        m.register_forward_hook(watch(name)) for name, m in program.network.named_modules() if not list(m.children())
    ]
    try:
        loss, grads = gradients(program, state, batches, noise_seed)
    finally:
        for handle in handles:
            handle.remove()
    bad = [name for name, g in zip(state.params.names, grads, strict=True) if not g.isfinite().all()]
    if not all(torch.isfinite(batch.inputs.float()).all() for batch in batches):
        where = "in the inputs themselves"
    elif found:
        where = f"first in the output of layer {found[0]}"
    elif not loss.isfinite():
        where = "in the loss itself, all layers' outputs being finite"
    else:
        where = f"in the gradient of {', '.join(bad[:3])}"
    return NonFinite(f"epoch {epoch}, step {step}: the loss or a gradient is not finite, {where}; {ADVICE}")
