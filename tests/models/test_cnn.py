"""Convolutional networks: shapes, the order of operations in a block, sizes too small, memory layout, counts."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nntrain.errors import UserError
from nntrain.models.activations import ACTIVATIONS
from nntrain.models.cnn import CNN, POOLINGS
from nntrain.models.conv import DOWNSAMPLES, ConvBlock, average
from nntrain.models.initializers import INITIALIZERS, initialize
from nntrain.models.network import Network
from nntrain.models.norms import PICTURE_NORMS, PictureBatchNorm
from nntrain.models.summary import layer_table


def pictures(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("norm", PICTURE_NORMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_with_every_norm(activation, norm):
    model = CNN((2, 9, 12), 3, depth=2, width=8, activation=activation, norm=norm, dropout=0.1, head_depth=1)
    outputs = model(pictures(4, 2, 9, 12))
    assert outputs.shape == (4, 3)
    outputs.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("downsample", DOWNSAMPLES)
def test_every_downsampling_with_every_pooling(downsample, pooling):
    model = CNN((1, 9, 7), 3, depth=2, width=4, convs=2, downsample=downsample, pooling=pooling)
    x = pictures(5, 1, 9, 7)
    assert model(x).shape == (5, 3)
    torch.testing.assert_close(model.head(model.features(x)), model(x))


def test_channels_grow_from_stage_to_stage():
    model = CNN((3, 16, 16), 10, depth=3, width=10, growth=1.5, convs=2)
    channels = [(block.in_channels, block.out_channels) for block in model.blocks]
    assert channels == [(3, 10), (10, 10), (10, 15), (15, 15), (15, 22), (22, 22)]


def test_a_stage_ends_by_halving():
    model = CNN((1, 16, 16), 10, depth=2, convs=2, downsample="stride")
    assert [block.downsample for block in model.blocks] == ["none", "stride", "none", "stride"]


@pytest.mark.parametrize("downsample", DOWNSAMPLES)
def test_a_block_says_how_it_halves(downsample):
    block = ConvBlock(1, 2, 5, "relu", "none", downsample)
    assert tuple(block(pictures(1, 1, 9, 6)).shape[2:]) == (block.halved(9), block.halved(6))


def test_the_order_of_a_block_is_convolution_norm_activation_average():
    block = ConvBlock(3, 4, 3, "relu", "layer", "average")
    x = pictures(2, 3, 8, 8)
    normed = F.group_norm(F.conv2d(x, block.weight, padding=1), 1)
    torch.testing.assert_close(block(x), F.avg_pool2d(F.relu(normed), 2))


def test_without_a_norm_the_greatest_before_a_rising_activation_is_the_greatest_after_it():
    block = ConvBlock(3, 4, 3, "tanh", "none", "max")
    x = pictures(2, 3, 8, 8)
    after = F.max_pool2d(torch.tanh(F.conv2d(x, block.weight, block.bias, padding=1)), 2)
    torch.testing.assert_close(block(x), after)


def test_dropout_drops_whole_channels_after_a_stage():
    model = CNN((1, 8, 8), 2, depth=2, width=500, convs=2, dropout=[0.5, 0.0])
    assert [block.dropout for block in model.blocks] == [0.0, 0.5, 0.0, 0.0]
    dropped = ConvBlock(1, 1000, 3, "sigmoid", "none", dropout=0.5)(pictures(1, 1, 4, 4))
    kept = (dropped != 0).flatten(2)  # a sigmoid itself is never 0
    assert torch.equal(kept.all(2), kept.any(2))
    assert 400 < kept.all(2).sum() < 600


def test_flatten_keeps_all_places():
    model = CNN((1, 8, 4), 2, depth=1, width=3, pooling="flatten", norm="none")
    assert model.head.in_features == 3 * 4 * 2
    x = pictures(2, 1, 8, 4)
    torch.testing.assert_close(model.features(x), model.blocks[0](x).reshape(2, -1))


def test_the_head_has_hidden_layers_without_a_norm():
    model = CNN((1, 8, 8), 2, depth=1, head_depth=2, head_width=7, head_dropout=0.5)
    assert model.layers == ("blocks.0", "dense.0", "dense.1", "head")
    assert [(layer.in_features, layer.out_features, layer.norm) for layer in model.dense] == [
        (32, 7, None),
        (7, 7, None),
    ]
    assert model.dense[0].dropout == 0.5


@pytest.mark.parametrize(
    "model", [CNN((3, 16, 16), 10, convs=2, head_depth=1), CNN((1, 8, 8), 2, activation="prelu", norm="group")]
)
def test_the_layers_hold_all_parameters(model):
    held = [name for layer in model.layers for name, _ in model.get_submodule(layer).named_parameters(prefix=layer)]
    assert held == [name for name, _ in model.named_parameters()]


def test_pictures_too_small_are_named_with_their_layer():
    said = (
        r"model: layer blocks.7 would shrink pictures to nothing: 4 stages that halve them need at least 16x16 pixels, "
        r"and the data has 28x8 \(height x width\); lower model.depth, or set model.downsample=stride or none"
    )
    with pytest.raises(UserError, match=said):
        CNN((1, 28, 8), 10, depth=4, convs=2)
    assert CNN((1, 28, 8), 10, depth=4, downsample="stride")(pictures(2, 1, 28, 8)).shape == (2, 10)


def test_kernels_larger_than_the_picture_are_named_with_their_layer():
    said = (
        r"model: layer blocks.0 has kernels larger than a picture: 99x99 needs one with a side of at least 99 pixels, "
        r"and the data has 28x32 \(height x width\); lower model.kernel"
    )
    with pytest.raises(UserError, match=said):
        CNN((3, 28, 32), 10, kernel=99)
    assert CNN((1, 2, 7), 2, depth=1, width=2, kernel=7)(pictures(2, 1, 2, 7)).shape == (2, 2)


def test_what_does_not_fit_is_said():
    with pytest.raises(UserError, match=r"model.dropout has 2 entries for 3 stages; give one number, or one per stage"):
        CNN((1, 8, 8), 2, dropout=[0.1, 0.2])
    with pytest.raises(UserError, match="unknown pooling 'mean'"):
        CNN((1, 8, 8), 2, pooling="mean")
    with pytest.raises(UserError, match="unknown downsample 'strides'; did you mean 'stride'"):
        CNN((1, 8, 8), 2, downsample="strides")
    with pytest.raises(UserError, match=r"model.norm: 8 groups do not divide 12 channels; choose groups that do"):
        CNN((1, 8, 8), 2, width=12, norm="group")
    with pytest.raises(UserError, match="unknown norm 'rms'"):
        CNN((1, 8, 8), 2, norm="rms")


def test_one_picture_of_one_place_is_normalised_by_the_running_statistics_and_leaves_them():
    norm = PictureBatchNorm(5)
    norm(3 * pictures(64, 5, 2, 2) + 1)
    before = copy.deepcopy(norm.state_dict())
    x = pictures(1, 5, 1, 1)
    expected = (x[0, :, 0, 0] - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps)
    torch.testing.assert_close(norm(x)[0, :, 0, 0], expected)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_more_places_are_normalised_as_torch_does():
    norm, theirs = PictureBatchNorm(5), nn.BatchNorm2d(5)
    x = pictures(1, 5, 3, 3)
    torch.testing.assert_close(norm(x), theirs(x))
    torch.testing.assert_close(norm.running_var, theirs.running_var)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("downsample", DOWNSAMPLES)
def test_the_memory_layout_changes_no_result_and_no_gradient(downsample, pooling):
    model = CNN((2, 8, 8), 3, depth=2, width=4, downsample=downsample, pooling=pooling).double()
    x = pictures(4, 2, 8, 8).double()
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        out = model(x.contiguous(memory_format=layout))
        found.append([out, *torch.autograd.grad(out.square().sum(), list(model.parameters()))])
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_any_colour_are_channels_last_through_the_network(channels):
    network = Network(nn.Identity(), CNN((channels, 8, 8), 3, depth=1, width=4))
    x = pictures(2, channels, 8, 8)
    assert torch.equal(network.enter(x), x)
    assert network.body.blocks[0](network.enter(x)).is_contiguous(memory_format=torch.channels_last)


def test_the_mean_over_all_places_has_a_gradient_that_stays_channels_last():
    x = pictures(2, 8, 3, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    torch.testing.assert_close(average(x), x.mean((2, 3)))
    (gradient,) = torch.autograd.grad(average(x).square().sum(), x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_rows_of_the_layer_table():
    model = CNN((3, 16, 12), 10, depth=2, width=8, convs=2, kernel=5, head_depth=1, head_width=20, dropout=0.1)
    rows = layer_table(model, torch.zeros(2, 3, 16, 12))
    assert [(row.name, row.kind, row.output) for row in rows] == [
        ("blocks.0", "conv 5x5, 8, batch norm, relu", (8, 16, 12)),
        ("blocks.1", "conv 5x5, 8, max pool, batch norm, relu, dropout 0.1", (8, 8, 6)),
        ("blocks.2", "conv 5x5, 16, batch norm, relu", (16, 8, 6)),
        ("blocks.3", "conv 5x5, 16, max pool, batch norm, relu, dropout 0.1", (16, 4, 3)),
        ("dense.0", "linear 20, relu", (20,)),
        ("head", "Linear", (10,)),
    ]
    convolutions = [3 * 8 * 25 * 192, 8 * 8 * 25 * 192, 8 * 16 * 25 * 48, 16 * 16 * 25 * 48]
    assert [row.multiply_adds for row in rows] == [*convolutions, 16 * 20, 20 * 10]
    assert [row.parameters for row in rows] == [616, 1616, 3232, 6432, 340, 210]
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("activation", ["relu", "tanh", "selu", "maxout"])
def test_a_signal_keeps_its_size_through_many_convolutions(activation):
    model = CNN((3, 16, 16), 2, depth=1, convs=12, width=64, downsample="none", norm="none", activation=activation)
    initialize(model, INITIALIZERS["auto"](), seed=0)
    x = pictures(16, 3, 16, 16)
    for block in model.blocks:
        x = block(x)
    inside = x[:, :, 6:10, 6:10]  # the zeros at the borders take some away
    assert 0.1 < inside.square().mean() < 10
