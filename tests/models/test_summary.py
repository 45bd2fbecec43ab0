"""The layer table: names, shapes, parameters, multiply-adds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nntrain.models.inputs import PixelInput, TableInput
from nntrain.models.mlp import MLP
from nntrain.models.network import Network
from nntrain.models.summary import layer_table


def test_rows_of_an_mlp_on_pictures():
    network = Network(
        PixelInput([33.0], [78.0]), MLP(784, 10, widths=[256, 128], norm="batch", dropout=0.1, residual=True)
    )
    rows = layer_table(network, torch.zeros(1, 1, 28, 28, dtype=torch.uint8))
    assert [(r.name, r.kind, r.output) for r in rows] == [
        ("input", "PixelInput", (1, 28, 28)),
        ("body.hidden.0", "linear 256, batch norm, relu, dropout 0.1", (256,)),
        ("body.hidden.1", "linear 128, batch norm, relu, dropout 0.1, skip", (128,)),
        ("body.head", "Linear", (10,)),
    ]
    assert [r.multiply_adds for r in rows] == [0, 784 * 256, 2 * 256 * 128, 128 * 10]
    assert sum(r.parameters for r in rows) == sum(p.numel() for p in network.parameters())
    assert network.training


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_rows_of_a_table_network_on_any_device(device):
    network = Network(TableInput(3, (4, 40), embedding_dim=5), MLP(12, 2, depth=1, width=6)).to(device)
    rows = layer_table(network, torch.zeros(2, 5, device=device))
    assert [(r.name, r.output, r.parameters, r.multiply_adds) for r in rows] == [
        ("input", (12,), 200, 0),
        ("body.hidden.0", (6,), 78, 72),
        ("body.head", (2,), 14, 12),
    ]


def test_convolutions_are_counted():
    (row,) = layer_table(nn.Conv2d(3, 8, 3, padding=1), torch.zeros(1, 3, 5, 5))
    assert row.multiply_adds == 8 * 3 * 9 * 25
