"""Residual networks for small pictures: the paper's shapes and sizes, shortcuts, starts."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nntrain.errors import UserError
from nntrain.models.initializers import INITIALIZERS, initialize
from nntrain.models.resnet import Residual, ResNet
from nntrain.models.summary import layer_table


@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85)]
)  # table 6 of the paper
def test_as_many_parameters_as_in_the_paper(depth, millions):
    with torch.device("meta"):
        model = ResNet((3, 32, 32), 10, depth)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(convolutions) == depth
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


def test_the_papers_sizes_stage_by_stage():
    model = ResNet((3, 32, 32), 10, 20)
    rows = layer_table(model, torch.zeros(1, 3, 32, 32))
    assert [row.output for row in rows] == [*[(16, 32, 32)] * 7, *[(32, 16, 16)] * 6, *[(64, 8, 8)] * 6, (10,)]
    stem, head = 3 * 16 * 9 * 1024, 64 * 10
    stages = 6 * 16 * 16 * 9 * 1024 + (16 + 5 * 32) * 32 * 9 * 256 + (32 + 5 * 64) * 64 * 9 * 64
    assert sum(row.multiply_adds for row in rows) == stem + stages + head
    assert rows[1].kind == "conv 3x3, 16, batch norm, relu"
    assert rows[2].kind == "conv 3x3, 16, batch norm"
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())


def test_a_block_adds_its_input():
    block = Residual(4, 4, False, "relu", "layer", 0.0, False)
    x = torch.randn(2, 4, 5, 5)
    y = F.relu(F.group_norm(F.conv2d(x, block.first.weight, padding=1), 1))
    y = F.group_norm(F.conv2d(y, block.second.weight, padding=1), 1)
    torch.testing.assert_close(block(x), F.relu(x + y))


@pytest.mark.parametrize("size", [(6, 6), (7, 5), (1, 1)])
def test_where_it_halves_the_shortcut_takes_every_second_place_and_pads_channels(size):
    block = Residual(4, 6, True, "identity", "batch", 0.0, True)
    initialize(block, INITIALIZERS["auto"](), seed=0)  # the last norm at 0: what is left is the shortcut
    x = torch.randn(2, 4, *size)
    expected = torch.cat([x[:, :, ::2, ::2], torch.zeros_like(x[:, :2, ::2, ::2])], 1)
    torch.testing.assert_close(block(x), expected)


def test_zero_init_starts_every_block_as_its_shortcut():
    plain, zeroed = ResNet((3, 8, 8), 10, 8), ResNet((3, 8, 8), 10, 8, zero_init=True)
    for model, start in ((plain, 1.0), (zeroed, 0.0)):
        initialize(model, INITIALIZERS["auto"](), seed=0)
        assert {block.second.norm.weight.mean().item() for block in model.blocks} == {start}
        assert {block.first.norm.weight.mean().item() for block in model.blocks} == {1.0}


def test_the_width_multiplier_scales_all_stages():
    model = ResNet((1, 8, 8), 10, 8, width_multiplier=0.5)
    assert [block.second.out_channels for block in model.blocks] == [8, 16, 32]
    assert model.head.in_features == 32


@pytest.mark.parametrize("norm", ["batch", "group", "layer"])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (8, 8)])
def test_any_size_trains(size, norm):
    model = ResNet((2, *size), 3, 8, norm=norm, activation="gelu", dropout=0.1)
    x = torch.randn(3, 2, *size)
    outputs = model(x)
    assert outputs.shape == (3, 3)
    outputs.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    torch.testing.assert_close(model.head(model.features(x)), model(x))


def test_the_layers_hold_all_parameters():
    model = ResNet((3, 8, 8), 10, 14)
    assert model.layers == ("stem", *(f"blocks.{i}" for i in range(6)), "head")
    held = [name for layer in model.layers for name, _ in model.get_submodule(layer).named_parameters(prefix=layer)]
    assert held == [name for name, _ in model.named_parameters()]


def test_gradients_stay_channels_last_all_the_way():
    model = ResNet((3, 8, 8), 10, 8)
    seen: list[bool] = []
    for block in model.blocks:
        block.register_full_backward_hook(
            lambda module, inputs, outputs: seen.append(
                all(g.is_contiguous(memory_format=torch.channels_last) for g in (*inputs, *outputs))
            )
        )
    x = torch.randn(4, 3, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
    model(x).square().sum().backward()
    assert seen == [True] * 3


def test_what_is_no_resnet_is_said():
    with pytest.raises(
        UserError, match=r"model.depth: 18 is no depth of a resnet, which is 8, 14, 20, ... \(6n \+ 2\)"
    ):
        ResNet((3, 8, 8), 10, 18)
    with pytest.raises(UserError, match="maxout has no place after a sum"):
        ResNet((3, 8, 8), 10, 8, activation="maxout")
