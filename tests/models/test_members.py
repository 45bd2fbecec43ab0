"""Layers that compute many networks at once: each member's outputs and gradients are those of its own layer."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from nntrain.models.activations import Maxout
from nntrain.models.members import Embedding, LayerNorm, Linear, PReLU, RMSNorm, Rows
from nntrain.models.norms import BatchNorm

MEMBERS, BATCH = 3, 8
LAYERS: dict[str, tuple[Callable[[], nn.Module], int]] = {  # and the width of what it takes
    "linear": (lambda: Linear(5, 4), 5),
    "linear, of 16": (lambda: Linear(16, 4), 16),
    "linear, one output": (lambda: Linear(5, 1), 5),
    "linear, one input": (lambda: Linear(1, 3), 1),
    "linear, no bias": (lambda: Linear(5, 4, bias=False), 5),
    "layer norm": (lambda: LayerNorm(6), 6),
    "rms norm": (lambda: RMSNorm(6), 6),
    "prelu": (PReLU, 6),
    "maxout": (lambda: Maxout(2), 6),
    "batch norm": (lambda: BatchNorm(6), 6),
}


def stacked(layers: list[nn.Module], rows: int) -> nn.Module:
    one = deepcopy(layers[0])
    for name, _ in layers[0].named_parameters():
        setattr(one, name, nn.Parameter(torch.stack([layer.get_parameter(name).detach() for layer in layers])))
    for name, _ in layers[0].named_buffers():
        setattr(one, name, torch.stack([layer.get_buffer(name) for layer in layers]))
    if isinstance(one, BatchNorm):
        one.rows = Rows(rows)
    return one


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_a_member_axis(name: str, training: bool) -> None:
    make, width = LAYERS[name]
    torch.manual_seed(0)
    layers = [make().train(training) for _ in range(MEMBERS)]
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.normal_(parameter)
    x = torch.randn(MEMBERS, BATCH, width, requires_grad=True)
    together = stacked(layers, BATCH)
    y = together(x)
    y.square().sum().backward()
    for i, layer in enumerate(layers):
        own: Tensor = layer(x[i])
        own.square().sum().backward()
        torch.testing.assert_close(y[i], own, rtol=1e-5, atol=1e-5)
        for key, parameter in layer.named_parameters():
            grad = together.get_parameter(key).grad
            assert grad is not None
            torch.testing.assert_close(grad[i], parameter.grad, rtol=1e-4, atol=1e-5)
        for key, buffer in layer.named_buffers():
            torch.testing.assert_close(together.get_buffer(key)[i], buffer, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("samples", [5, 1])
def test_batch_norm_leaves_out_rows_that_only_fill_the_batch_up(samples: int) -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = [BatchNorm(4) for _ in range(MEMBERS)]
    x, together = torch.randn(MEMBERS, BATCH, 4), stacked(layers, samples)
    y = together(x)
    for i, layer in enumerate(layers):
        torch.testing.assert_close(y[i, :samples], layer(x[i, :samples]), rtol=1e-5, atol=1e-5)
        assert together.num_batches_tracked[i] == layer.num_batches_tracked


def test_each_member_looks_up_its_own_table() -> None:
    layers: list[nn.Module] = [Embedding(7, 3) for _ in range(MEMBERS)]
    codes = torch.randint(7, (MEMBERS, BATCH))
    y = stacked(layers, BATCH)(codes)
    assert all(torch.equal(y[i], layer(codes[i])) for i, layer in enumerate(layers))
