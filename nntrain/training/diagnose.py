"""What goes wrong in a training: values that are not finite, gradients that vanish or explode, overfitting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nntrain.errors import UserError
from nntrain.training.state import Row, TrainState
from nntrain.training.step import Batch, Program, gradients

ADVICE = (
    "what usually helps: a smaller optimizer.lr (by 10), a schedule with warm-up, regularization.grad_clip_norm=1, "
    "and inputs without extreme values"
)
HALF_ADVICE = "fp16 holds values up to 65504: precision=bf16 or fp32 holds more; " + ADVICE
VANISHED = 1e-6  # of the largest gradient in the network, a layer's share (root mean square)
EXPLODED = 1e4  # norm of the whole gradient; targets and inputs are about 1 in size
SAMPLES = 256  # enough to see either
OVERFIT_EPOCHS, OVERFIT_RISE, OVERFIT_FALL = 5, 1.75, 0.9  # less is what early stopping is for


class NonFiniteError(UserError):
    """Training cannot go on: a loss or a gradient is infinite or NaN. The parameters are those before the step."""


def locate(program: Program, state: TrainState, batches: Sequence[Batch], noise_seed: int) -> str:
    """Replay a step and name the first layer whose output is not finite, or else the parameters whose gradient is not;
    and what helps."""
    found: list[str] = []

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                found.append(name)

        return hook

    leaves = [(name, module) for name, module in program.network.named_modules() if not list(module.children())]
    handles = [module.register_forward_hook(watch(name)) for name, module in leaves]
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
        nowhere = "at a point that the step tried" if program.optimizer.needs_closure else "in most of the steps before"
        where = f"in the gradient of {', '.join(bad[:3])}" if bad else nowhere
    advice = ADVICE if state.loss_scale is None else HALF_ADVICE
    return f"the loss or a gradient is not finite, {where}; {advice}"


def is_due(epoch: int) -> bool:
    """Whether gradients are looked at after this epoch: 1, 2, 4, 8, ... so that it costs next to nothing."""
    return epoch & (epoch - 1) == 0


def gradient_problem(program: Program, state: TrainState, batch: Batch) -> str | None:
    """Whether gradients vanish or explode, by those of a few samples; None where they do not.

    The network is in evaluation mode for it, so nothing of the training's state moves.
    """
    program.network.eval()
    _, grads = gradients(program, state, [batch], 0)
    program.network.train()
    if state.loss_scale is not None:
        grads = [g / state.loss_scale for g in grads]
    weights = state.params.weights
    sizes = torch.stack([g.float().square().mean().sqrt() for g in grads[:weights]]).tolist()
    norm = torch.stack([g.float().norm() for g in grads]).norm().item()
    return size_problem(state.params.names[:weights], sizes, norm)


def size_problem(layers: Sequence[str], sizes: Sequence[float], norm: float) -> str | None:
    """What is wrong with gradients whose root mean square in each layer is `sizes`, and whose norm in all is `norm`."""
    if norm > EXPLODED:
        return (
            f"the gradient's norm is {norm:.1e}: gradients explode; what usually helps: a smaller optimizer.lr, "
            "regularization.grad_clip_norm=1, model.norm=batch"
        )
    smallest = min(range(len(sizes)), key=lambda i: sizes[i])
    if sizes[smallest] < VANISHED * max(sizes):
        return (
            f"the gradient of {layers[smallest]} is {sizes[smallest]:.1e}, of the largest layer {max(sizes):.1e}: "
            "gradients vanish, and that layer hardly learns; what usually helps: model.activation=relu, "
            "model.norm=batch, model.residual=true, init=auto, or fewer layers"
        )
    return None


def overfitting(history: Sequence[Row], remedies: Sequence[str]) -> str | None:
    """Whether validation loss rose while training loss fell, from the epoch of its minimum to the last; else None.

    remedies: what the user has not tried yet.
    """
    if not history:
        return None
    low = min(range(len(history)), key=lambda i: history[i]["val_loss"])
    then, last = history[low], history[-1]
    rose = last["val_loss"] > OVERFIT_RISE * then["val_loss"] > 0
    fell = last["train_loss"] < OVERFIT_FALL * then["train_loss"]
    if len(history) - 1 - low < OVERFIT_EPOCHS or not rose or not fell:
        return None
    return (
        f"from epoch {then['epoch']} on the network overfits: the validation loss rose from {then['val_loss']:.4g} to "
        f"{last['val_loss']:.4g}, the training loss fell from {then['train_loss']:.4g} to {last['train_loss']:.4g}; "
        f"what usually helps: {', '.join([*remedies, 'a smaller model', 'more data'])}"
    )
