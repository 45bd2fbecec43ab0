"""Multi-layer perceptrons: shapes, the order of operations in a layer, and modes."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from nntrain.errors import UserError
from nntrain.models.activations import ACTIVATIONS
from nntrain.models.mlp import MLP, SHAPES, hidden_widths
from nntrain.models.network import Network
from nntrain.models.norms import NORMS
from nntrain.models.table import MODELS


@pytest.mark.parametrize(
    ("depth", "width", "shape", "expected"),
    [
        (3, 64, "constant", (64, 64, 64)),
        (4, 256, "funnel", (256, 128, 64, 32)),
        (3, 256, "widening", (64, 128, 256)),
        (4, 64, "diamond", (32, 64, 64, 32)),
        (5, 64, "diamond", (16, 32, 64, 32, 16)),
        (1, 7, "diamond", (7,)),
        (0, 7, "funnel", ()),
    ],
)
def test_hidden_widths(depth, width, shape, expected):
    assert hidden_widths(depth, width, shape) == expected


@given(st.integers(0, 40), st.integers(1, 2000), st.sampled_from(SHAPES))
def test_no_shape_starves_a_layer(depth, width, shape):
    widths = hidden_widths(depth, width, shape)
    assert len(widths) == depth
    assert max(widths, default=width) == width
    assert min(widths, default=width) >= max(1, width // 8)


def test_unknown_shape_names_the_nearest():
    with pytest.raises(UserError, match="unknown shape 'funel'; did you mean 'funnel'"):
        hidden_widths(2, 8, "funel")


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if not hasattr(model, "takes_pictures")])
def test_every_model_for_tables_flattens_pictures_and_trains(name):
    model = MODELS[name](inputs=12, outputs=3)
    outputs = model(torch.randn(5, 3, 2, 2))
    assert outputs.shape == (5, 3)
    outputs.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("norm", NORMS)
def test_every_activation_with_every_norm(activation, norm):
    model = MLP(4, 2, depth=3, width=6, shape="funnel", activation=activation, norm=norm, dropout=0.1, residual=True)
    outputs = model(torch.randn(7, 4))
    assert outputs.shape == (7, 2)
    outputs.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_depth_0_is_one_linear_layer():
    model = MLP(4, 2, depth=0)
    x = torch.randn(3, 4)
    assert [name for name, _ in model.named_parameters()] == ["head.weight", "head.bias"]
    torch.testing.assert_close(model(x), F.linear(x, model.head.weight, model.head.bias))


def test_widths_stand_in_for_depth_width_and_shape():
    model = MLP(4, 2, depth=9, width=9, widths=[5, 3])
    assert [tuple(p.shape) for p in model.parameters() if p.ndim == 2] == [(5, 4), (3, 5), (2, 3)]


def test_the_norm_comes_before_the_activation():
    model = MLP(4, 2, depth=1, width=5, norm="layer", activation="relu")
    layer = model.hidden[0]
    x = torch.randn(8, 4)
    expected = F.relu(F.layer_norm(F.linear(x, layer.weight), (5,)))
    torch.testing.assert_close(layer(x), expected)
    assert layer(x).min() == 0  # a norm after the activation would leave negative values


def test_dropout_comes_last_and_scales_what_it_keeps():
    layer = MLP(4, 2, depth=1, width=1000, activation="sigmoid", dropout=0.5).hidden[0]
    x = torch.randn(1, 4)
    dropped = layer(x)
    kept = dropped != 0  # a sigmoid itself is never 0
    assert 400 < kept.sum() < 600
    torch.testing.assert_close(dropped[kept], 2 * layer.eval()(x)[kept])


def test_input_dropout_drops_inputs():
    model = MLP(1000, 1, depth=0, input_dropout=0.25)
    nn.init.ones_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    assert model(torch.ones(1, 1000)).item() == pytest.approx(1000, rel=0.1)
    assert model(torch.ones(1, 1000)).item() != 1000
    assert model.eval()(torch.ones(1, 1000)).item() == 1000


def test_residual_adds_the_input_or_its_projection():
    model = MLP(4, 2, widths=[6, 6, 3], residual=True, activation="tanh")
    first, same, other = model.hidden
    x = torch.randn(5, 6)
    torch.testing.assert_close(same(x), x + torch.tanh(F.linear(x, same.weight, same.bias)))
    torch.testing.assert_close(other(x), other.projection(x) + torch.tanh(F.linear(x, other.weight, other.bias)))
    assert not first.skip


@pytest.mark.parametrize(("norm", "biased"), [("none", True), ("rms", True), ("batch", False), ("layer", False)])
def test_no_bias_before_a_norm_that_shifts(norm, biased):
    assert (MLP(4, 2, depth=1, norm=norm).hidden[0].bias is not None) == biased


def test_dropout_per_layer():
    assert [layer.dropout for layer in MLP(4, 2, widths=[5, 3], dropout=[0.1, 0.0]).hidden] == [0.1, 0.0]
    with pytest.raises(
        UserError, match=r"model.dropout has 2 entries for 3 hidden layers; give one number, or one per layer"
    ):
        MLP(4, 2, depth=3, dropout=[0.1, 0.2])


def test_maxout_takes_the_greatest_of_its_pieces():
    layer = MLP(4, 2, depth=1, width=5, activation={"name": "maxout", "pieces": 3}).hidden[0]
    x = torch.randn(7, 4)
    pieces = F.linear(x, layer.weight, layer.bias)
    assert layer.weight.shape == (15, 4)
    assert torch.equal(layer(x), torch.stack([pieces[:, i : i + 3].amax(1) for i in range(0, 15, 3)], 1))


def test_prelu_layers_do_not_share_their_slope():
    model = MLP(4, 2, depth=2, activation={"name": "prelu", "initial": 0.1})
    slopes = [p for name, p in model.named_parameters() if "activation" in name]
    assert len(slopes) == 2
    assert slopes[0].item() == pytest.approx(0.1)


def test_evaluation_is_free_of_noise_and_leaves_the_statistics():
    model = MLP(4, 2, depth=2, norm="batch", dropout=0.5, input_dropout=0.5)
    model(torch.randn(8, 4))
    state = copy.deepcopy(model.state_dict())
    x = torch.randn(8, 4)
    model.eval()
    assert torch.equal(model(x), model(x))
    torch.testing.assert_close(model(x)[:1], model(x[:1]))  # no sample depends on its batch
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_one_sample_is_normalised_by_the_running_statistics_and_leaves_them():
    norm = MLP(4, 2, depth=1, width=5, norm="batch").hidden[0].norm
    norm(torch.randn(64, 5) * 3 + 1)
    before = copy.deepcopy(norm.state_dict())
    x = torch.randn(1, 5)
    expected = (x - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps)
    torch.testing.assert_close(norm(x), expected)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_unknown_names_point_to_the_nearest():
    with pytest.raises(UserError, match="unknown activation 'rellu'; did you mean 'relu'"):
        MLP(4, 2, activation="rellu")
    with pytest.raises(UserError, match="unknown norm 'bach'; did you mean 'batch'"):
        MLP(4, 2, norm="bach")


@pytest.mark.parametrize(
    ("settings", "noisy"),
    [({}, False), ({"dropout": 0.1}, True), ({"dropout": [0.0, 0.1]}, True), ({"input_dropout": 0.1}, True)],
)
def test_a_network_knows_whether_training_draws_noise(settings, noisy):
    assert Network(nn.Identity(), MLP(4, 2, **settings)).draws_noise == noisy


def test_a_copy_computes_the_same_with_parameters_of_its_own():
    model = MLP(4, 2, activation="prelu", norm="batch").eval()
    other = copy.deepcopy(model)
    x = torch.randn(3, 4)
    with torch.no_grad():
        expected = model(x)
        for p in model.parameters():
            p.zero_()
    assert torch.equal(other(x), expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_network_can_be_built_without_memory(activation):
    with torch.device("meta"):
        model = MLP(4, 2, activation=activation, norm="batch")
    assert all(p.is_meta for p in model.parameters())
