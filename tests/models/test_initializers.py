"""Initialisers: moments against closed forms, signals through deep nets, reproducibility."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nntrain.errors import UserError
from nntrain.models.initializers import INITIALIZERS, initialize
from nntrain.models.inputs import TableInput
from nntrain.models.mlp import MLP
from nntrain.models.network import Network

FAN_IN, FAN_OUT = 300, 500
XAVIER = math.sqrt(2 / (FAN_IN + FAN_OUT))
LECUN = math.sqrt(1 / FAN_IN)


def first_weight(name: str, activation: str = "relu", **settings: object) -> torch.Tensor:
    model = MLP(FAN_IN, 10, depth=1, width=FAN_OUT, activation=activation)
    initialize(model, INITIALIZERS[name](**settings), seed=0)
    return model.hidden[0].weight.detach()


@pytest.mark.parametrize(
    ("name", "activation", "settings", "std"),
    [
        ("xavier_normal", "tanh", {}, XAVIER),
        ("xavier_uniform", "tanh", {}, XAVIER),
        ("xavier_normal", "tanh", {"gain": "auto"}, 5 / 3 * XAVIER),
        ("he_normal", "relu", {}, math.sqrt(2) * LECUN),
        ("he_uniform", "relu", {}, math.sqrt(2) * LECUN),
        ("he_normal", "leaky_relu", {}, math.sqrt(2 / (1 + 0.01**2)) * LECUN),
        ("he_normal", "relu", {"gain": 0.5}, 0.5 * LECUN),
        ("lecun_normal", "selu", {}, LECUN),
        ("lecun_uniform", "relu", {}, LECUN),
        ("auto", "relu", {}, math.sqrt(2) * LECUN),
        ("auto", "relu", {"distribution": "uniform"}, math.sqrt(2) * LECUN),
        ("auto", "tanh", {}, 5 / 3 * XAVIER),
        ("auto", "sigmoid", {}, XAVIER),
        ("auto", "selu", {}, LECUN),
        ("normal", "relu", {"std": 0.3}, 0.3),
        ("truncated_normal", "relu", {"std": 0.3}, 0.8796 * 0.3),
        ("uniform", "relu", {"low": -0.2, "high": 0.2}, 0.2 / math.sqrt(3)),
        ("sparse", "relu", {}, math.sqrt(2 / FAN_IN)),
        ("orthogonal", "identity", {}, 1 / math.sqrt(FAN_OUT)),
        ("torch", "relu", {}, LECUN / math.sqrt(3)),
    ],
)
def test_moments(name, activation, settings, std):
    weight = first_weight(name, activation, **settings)
    assert weight.std().item() == pytest.approx(std, rel=0.02)
    assert abs(weight.mean().item()) < 5 * std / math.sqrt(weight.numel())


@pytest.mark.parametrize(("name", "bound"), [("xavier_uniform", math.sqrt(3) * XAVIER), ("torch", LECUN)])
def test_uniform_draws_reach_and_keep_their_bound(name, bound):
    assert first_weight(name, "tanh").abs().max().item() == pytest.approx(bound, rel=1e-3)


def test_truncated_draws_stay_within_two_standard_deviations():
    assert first_weight("truncated_normal", std=0.1, mean=1.0).sub(1).abs().max() <= 0.2 + 1e-6


@pytest.mark.parametrize("name", ["normal", "truncated_normal"])
def test_mean(name):
    assert first_weight(name, mean=2.0, std=0.1).mean().item() == pytest.approx(2, rel=1e-2)


def test_orthogonal_columns():
    weight = first_weight("orthogonal", "relu")
    torch.testing.assert_close(weight.T @ weight, 2 * torch.eye(FAN_IN), rtol=0, atol=1e-4)


@pytest.mark.parametrize("connections", [15, 10_000])
def test_sparse_units_have_that_many_connections(connections):
    weight = first_weight("sparse", connections=connections)
    assert ((weight != 0).sum(1) == min(connections, FAN_IN)).all()


@pytest.mark.parametrize(("name", "expected"), [("he_normal", 1.0), ("xavier_normal", 2**-15)])
def test_he_keeps_the_signal_over_30_relu_layers_where_xavier_shrinks_it(name, expected):
    """With as many inputs as outputs, each ReLU layer with Xavier's weights halves the mean square."""
    model = MLP(512, 512, depth=30, width=512)
    initialize(model, INITIALIZERS[name](), seed=1)
    with torch.no_grad():
        outputs = model(torch.randn(64, 512, generator=torch.Generator().manual_seed(0)))
    assert expected / 2 < outputs.square().mean().sqrt().item() < expected * 2


def test_residual_branches_keep_the_signal_of_a_deep_net():
    model = MLP(256, 256, depth=40, width=256, residual=True)
    initialize(model, INITIALIZERS["auto"](), seed=0)
    with torch.no_grad():
        outputs = model(torch.randn(64, 256, generator=torch.Generator().manual_seed(0)))
    assert 0.5 < outputs.square().mean().sqrt().item() < 4  # unscaled branches would give about 2^20


def network() -> Network:
    return Network(
        TableInput(2, (3, 40), embedding_dim=20), MLP(25, 3, depth=2, width=8, activation="prelu", norm="batch")
    )


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_initializer_is_reproducible_and_finite(name):
    one, other = network(), network()
    notes = initialize(one, INITIALIZERS[name](), seed=3)
    torch.manual_seed(123)  # the surroundings have no say
    initialize(other, INITIALIZERS[name](), seed=3)
    for (parameter, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b), parameter
        assert a.isfinite().all(), parameter
    assert bool(notes) == (name == "constant")


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"constant"}))
def test_every_draw_depends_on_seed_and_position(name):
    model = MLP(8, 8, depth=2, width=8)
    initialize(model, INITIALIZERS[name](), seed=0)
    first, second = (layer.weight.clone() for layer in model.hidden)
    assert not torch.equal(first, second)
    initialize(model, INITIALIZERS[name](), seed=1)
    assert not torch.equal(first, model.hidden[0].weight)


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"torch"}))
def test_bias_value(name):
    model = MLP(4, 2, depth=1)
    initialize(model, INITIALIZERS[name](bias=0.25), seed=0)
    assert all((p == 0.25).all() for n, p in model.named_parameters() if n.endswith("bias"))


def test_the_last_layer_has_gain_1():
    model = MLP(4, 500, widths=[400])
    initialize(model, INITIALIZERS["he_normal"](), seed=0)
    assert model.head.weight.std().item() == pytest.approx(400**-0.5, rel=0.02)


def test_norms_slopes_and_embeddings():
    model = network()
    norm = model.body.hidden[0].norm
    norm(torch.randn(9, 8))
    nn.init.constant_(norm.weight, 5.0)
    initialize(model, INITIALIZERS["he_normal"](), seed=0)
    assert (norm.weight == 1).all()
    assert (norm.bias == 0).all()
    assert (norm.running_mean == 0).all()
    assert model.body.hidden[0].activation.weight.item() == 0.25
    table = model.input.embeddings[0].weight
    assert (table[0] == 0).all()
    assert table[1:].std().item() == pytest.approx(0.1, rel=0.1)


def test_constant_says_that_units_stay_alike_and_they_do():
    model = MLP(4, 1, depth=1, width=3)
    (note,) = initialize(model, INITIALIZERS["constant"](value=0.1), seed=0)
    assert "start alike" in note
    assert "stay alike" in note
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.rand(8, 4)).square().mean().backward()
    optimizer.step()
    weight = model.hidden[0].weight
    assert not torch.equal(weight, torch.full((3, 4), 0.1))
    assert torch.equal(weight[0], weight[1])


def test_a_layer_without_a_rule_is_refused():
    with pytest.raises(UserError, match="init: there is no rule to initialise GRU; a network is made of linear"):
        initialize(nn.GRU(2, 2), INITIALIZERS["auto"](), seed=0)
