"""Forward and backward pass of M convolutional networks (see stacked_convolutions.py) in several ways.

Legend: M members, B samples in a batch, C channels, K places of a kernel's window, O channels of the output.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn import functional as F

from nntrain.models.cnn import CNN
from nntrain.models.conv import average
from nntrain.models.network import channels_last

ALONE = "one after another"
DEPTH = 2


def steps(size: tuple[int, int, int], width: int, batch: int, members: int) -> dict[str, Callable[[], Any]]:
    """Each computes losses and gradients of all members, for pictures of a size [C, H, W]."""
    torch.manual_seed(0)
    networks = [CNN(size, 10, DEPTH, width).train() for _ in range(members)]
    x, y = torch.randn(members, batch, *size), torch.randint(10, (members, batch))
    names = [name for name, _ in networks[0].named_parameters()]
    own = [list(network.parameters()) for network in networks]
    stacked = [torch.stack([p.detach() for p in alike]).requires_grad_() for alike in zip(*own, strict=True)]
    params = dict(zip(names, stacked, strict=True))
    inputs = [channels_last(some) for some in x]
    beside = x.permute(1, 3, 4, 0, 2).contiguous().flatten(3).permute(0, 3, 1, 2)
    unfolded = x.permute(0, 1, 3, 4, 2).contiguous()

    def alone() -> None:
        for network, p, some, targets in zip(networks, own, inputs, y, strict=True):
            torch.autograd.grad(F.cross_entropy(network(some), targets), p)

    def together(features: Callable[[], Tensor]) -> Callable[[], None]:
        def step() -> None:
            outputs = torch.baddbmm(params["head.bias"].unsqueeze(1), features(), params["head.weight"].mT)
            losses = F.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="sum") / batch
            torch.autograd.grad(losses, stacked)

        return step

    return {
        ALONE: alone,
        "groups": together(lambda: in_groups(params, beside, members)),
        "vmap": by_vmap(networks[0], params, x, y),
        "unfolded": together(lambda: by_products(params, unfolded)),
    }


def in_groups(params: dict[str, Tensor], x: Tensor, members: int) -> Tensor:
    """[B, M * C, H, W] -> [M, B, F]."""
    for i in range(DEPTH):
        weight, scale, shift = (params[f"blocks.{i}.{name}"] for name in ("weight", "norm.weight", "norm.bias"))
        x = F.max_pool2d(F.conv2d(x, weight.flatten(0, 1), None, 1, 1, groups=members), 2)
        x = F.relu(F.batch_norm(x, None, None, scale.flatten(), shift.flatten(), True))
    return torch.unflatten(average(x), 1, (members, -1)).transpose(0, 1)


def by_vmap(network: CNN, params: dict[str, Tensor], x: Tensor, y: Tensor) -> Callable[[], Any]:
    """Running statistics, which vmap cannot move, are left out."""
    network = deepcopy(network)
    for block in network.blocks:
        block.norm = nn.BatchNorm2d(block.norm.num_features, track_running_stats=False)  # type: ignore[union-attr, arg-type]

    def loss(p: dict[str, Tensor], some: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(network, p, (some,)), targets)

    each, values = vmap(grad_and_value(loss)), {name: p.detach() for name, p in params.items()}
    return lambda: each(values, x, y)


def by_products(params: dict[str, Tensor], x: Tensor) -> Tensor:
    """[M, B, H, W, C] -> [M, B, F]."""
    members, batch, *_ = x.shape
    for i in range(DEPTH):
        weight, scale, shift = (params[f"blocks.{i}.{name}"] for name in ("weight", "norm.weight", "norm.bias"))
        y = Unfolded.apply(x, weight)
        y = F.max_pool2d(y.flatten(0, 1).permute(0, 3, 1, 2), 2)
        _, channels, height, width = y.shape
        units = y.permute(0, 2, 3, 1).reshape(members, -1, channels).transpose(0, 1).reshape(-1, members * channels)
        units = F.relu(F.batch_norm(units, None, None, scale.flatten(), shift.flatten(), True))
        x = units.view(-1, members, channels).transpose(0, 1).reshape(members, batch, height, width, channels)
    return x.mean((2, 3))


class Unfolded(torch.autograd.Function):
    """A convolution with borders of zeros as a batched product: x [M, B, H, W, C], weight [M, O, C, 3, 3] -> [M, B, H,
    W, O]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:  # type: ignore[override]
        members, batch, height, width, channels = x.shape
        padded = F.pad(x, (0, 0, 1, 1, 1, 1))
        member, sample, row, place, channel = padded.stride()
        windows = (members, batch, height, width, 3, 3, channels)
        columns = padded.as_strided(windows, (member, sample, row, place, row, place, channel))
        columns = columns.reshape(members, -1, 9 * channels)  # [M, B * H * W, K * C]
        matrix = weight.permute(0, 1, 3, 4, 2).reshape(members, weight.shape[1], -1)
        ctx.save_for_backward(columns, matrix)
        ctx.windows = windows
        return torch.bmm(columns, matrix.mT).view(members, batch, height, width, -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor]:
        columns, matrix = ctx.saved_tensors
        members, batch, height, width, _, _, channels = ctx.windows
        grad = grads[0].reshape(members, -1, matrix.shape[1])
        weight = torch.bmm(grad.mT, columns).view(members, -1, 3, 3, channels).permute(0, 1, 4, 2, 3)
        if not ctx.needs_input_grad[0]:
            return None, weight
        windows = torch.bmm(grad, matrix).view(ctx.windows)
        inputs = grad.new_zeros(members, batch, height + 2, width + 2, channels)
        for i in range(3):
            for j in range(3):
                inputs[:, :, i : i + height, j : j + width] += windows[:, :, :, :, i, j]
        return inputs[:, :, 1:-1, 1:-1], weight
