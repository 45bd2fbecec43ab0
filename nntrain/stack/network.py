"""M networks of the same shape as one network, whose parameters carry a leading member axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from nntrain.models.network import Network
from nntrain.models.norms import BatchNorm, PictureBatchNorm
from nntrain.stack.draws import Draws, Dropout
from nntrain.stack.parameters import StackedParameters

RATES = ("dropout", "input_dropout")  # attributes of modules that may differ between members


def stacked_network(
    networks: Sequence[Network],
    params: StackedParameters,
    buffers: Mapping[str, Tensor],
    draws: Draws,
    entered: bool,
) -> Network:
    """[M, B, ...] -> [M, B, outputs]: a copy of the first network that computes with the parameters of all.

    buffers: by name [M, ...], those that training moves. The others are constants of the data: one for all where all
    members have the same, else stacked. entered: whether it is given what the body takes.
    """
    network = deepcopy(networks[0])
    if entered:
        network.input = nn.Identity()
        networks = [Network(network.input, other.body) for other in networks]
    for name, view in zip(params.names, params.views, strict=True):
        put(network, name, view)
    constants = [dict(other.named_buffers()) for other in networks]
    for name, value in constants[0].items():
        others = [mine[name] for mine in constants[1:]]
        if name in buffers:
            put(network, name, buffers[name])
        elif not all(other is value or torch.equal(other, value) for other in others):
            put(network, name, torch.stack([value, *others]))
    for name, module in network.named_modules():
        if isinstance(module, BatchNorm | PictureBatchNorm):
            module.rows = draws.rows
        for rate in RATES:
            if hasattr(module, rate):
                rates = [float(getattr(other.get_submodule(name), rate)) for other in networks]
                setattr(module, rate, Dropout(rates, draws, params.flat.device) if any(rates) else 0.0)
    return network


def put(network: nn.Module, name: str, value: Tensor) -> None:
    """A parameter or buffer in place of the one of that name."""
    path, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(path), leaf, value)
