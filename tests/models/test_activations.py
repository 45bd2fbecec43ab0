"""Activations: values beside torch's modules, and gains that keep the mean square of a signal."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nntrain.models.activations import ACTIVATIONS, Maxout, activation

TORCH = {
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(),
    "prelu": nn.PReLU(),
    "relu6": nn.ReLU6(),
    "elu": nn.ELU(),
    "selu": nn.SELU(),
    "celu": nn.CELU(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "mish": nn.Mish(),
    "softplus": nn.Softplus(),
    "softsign": nn.Softsign(),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "hardtanh": nn.Hardtanh(),
    "hardsigmoid": nn.Hardsigmoid(),
    "hardswish": nn.Hardswish(),
    "identity": nn.Identity(),
    "maxout": Maxout(2),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_are_those_of_torchs_module(name):
    x = torch.linspace(-6, 6, 100).view(2, 50)
    torch.testing.assert_close(activation(name).function(x), TORCH[name](x))


@pytest.mark.parametrize(
    ("choice", "module"),
    [
        ({"name": "leaky_relu", "negative_slope": 0.3}, nn.LeakyReLU(0.3)),
        ({"name": "prelu", "initial": 0.3}, nn.PReLU(init=0.3)),
        ({"name": "elu", "alpha": 0.5}, nn.ELU(0.5)),
        ({"name": "celu", "alpha": 0.5}, nn.CELU(0.5)),
        ({"name": "gelu", "approximate": "tanh"}, nn.GELU("tanh")),
        ({"name": "softplus", "beta": 2.0}, nn.Softplus(2.0)),
        ({"name": "hardtanh", "low": 0.0, "high": 2.0}, nn.Hardtanh(0.0, 2.0)),
    ],
)
def test_settings(choice, module):
    x = torch.linspace(-6, 6, 100)
    torch.testing.assert_close(activation(choice).function(x), module(x))


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh", "sigmoid"])
def test_published_gains(name):
    assert activation(name).gain == pytest.approx(nn.init.calculate_gain(name))


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"tanh", "sigmoid", "hardsigmoid"}))
def test_other_gains_keep_the_mean_square(name):
    made = activation(name)
    z = torch.randn(1_000_000, made.pieces, generator=torch.Generator().manual_seed(0))
    assert made.gain**2 * made.function(z).square().mean().item() == pytest.approx(1, rel=0.02)


def test_gain_of_maxout_grows_smaller_with_its_pieces():
    # E[max(z1, z2, z3)^2] = 1 + sqrt(3) / (2 pi), E[max(z1, z2)^2] = 1
    assert activation("maxout").gain == pytest.approx(1, rel=1e-6)
    assert activation({"name": "maxout", "pieces": 3}).gain == pytest.approx(
        (1 + math.sqrt(3) / (2 * math.pi)) ** -0.5, rel=1e-6
    )
