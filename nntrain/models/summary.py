"""What a network consists of, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from nntrain.models.backbone import Backbone


@dataclass(frozen=True)
class LayerRow:
    """name: path in the network. kind: its class, or what it says of itself. output: shape of its output for one
    sample. parameters: trainable numbers. multiply_adds: in its matrix products and convolutions, for one sample."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int


def _layers(module: nn.Module) -> list[nn.Module]:
    """The modules that hold tensors of their own, or no other modules; what is inside one of them belongs to it. A
    backbone has its building blocks instead."""
    if isinstance(module, Backbone):
        return [block for _, block in module.blocks()]
    own = (
        next(module.parameters(recurse=False), None) is not None
        or next(module.buffers(recurse=False), None) is not None
    )
    children = list(module.children())
    if own or not children:
        return [module]
    return [layer for child in children for layer in _layers(child)]


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention by operations that are counted, and not by the one kernel that does it all without a gradient."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@torch.no_grad()
def layer_table(network: nn.Module, example_input: Tensor) -> list[LayerRow]:
    """A row for every layer that computes something itself or has parameters, in order of computation; then one for
    every parameter that is in none of them.

    example_input: [B, ...] as in `Split.inputs`, on the network's device (meta as well); one sample is enough. The
    network is run in evaluation mode, and left in the mode it was in.
    """
    rows: list[LayerRow] = []
    counter = FlopCounterMode(display=False)
    names = {module: name for name, module in network.named_modules()}
    start: dict[nn.Module, int] = {}

    def enter(module: nn.Module, _: object) -> None:
        start[module] = counter.get_total_flops()

    def leave(module: nn.Module, _: object, output: Tensor) -> None:
        macs = (counter.get_total_flops() - start[module]) // (2 * len(example_input))
        parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
        kind = getattr(module, "kind", type(module).__name__)
        rows.append(LayerRow(names[module], kind, tuple(output.shape[1:]), parameters, macs))

    layers = _layers(network)
    hooks = [module.register_forward_pre_hook(enter) for module in layers]
    hooks += [module.register_forward_hook(leave) for module in layers]
    training = network.training
    network.eval()
    try:
        with counter, _plain_attention():
            network(example_input)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
    held = {id(p) for module in layers for p in module.parameters()}
    rest = [(name, p) for name, p in network.named_parameters() if id(p) not in held]
    return rows + [LayerRow(name, "parameter", tuple(p.shape), p.numel() * p.requires_grad, 0) for name, p in rest]
