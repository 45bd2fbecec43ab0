"""Decoders mirror encoders: exact sizes, the encoder's names as in the network for a task, pairs of layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from nntrain.errors import UserError
from nntrain.models.autoencoder import Decoder, encoder_layers, mirror, train_layer
from nntrain.models.cnn import CNN
from nntrain.models.linear import Linear
from nntrain.models.mlp import MLP
from nntrain.models.network import Network
from nntrain.models.resnet import ResNet

CNNS: tuple[dict[str, Any], ...] = (
    {"depth": 2, "width": 4},
    {"depth": 2, "width": 4, "pooling": "flatten", "head_depth": 2, "head_width": 9},
    {"depth": 2, "width": 4, "pooling": "max", "head_depth": 1, "head_width": 9, "downsample": "stride"},
    {"depth": 1, "width": 4, "convs": 2, "downsample": "average", "activation": {"name": "maxout"}, "kernel": 5},
)


def autoencoder(settings: dict[str, Any], shape: tuple[int, int, int] = (1, 7, 10)) -> nn.Module:
    """A cnn whose head is its mirror image."""
    body = CNN(shape, 3, **settings)
    body.head = mirror("cnn", settings, body, shape, 0)  # type: ignore[assignment]
    return body


def test_hidden_widths_are_mirrored_and_the_last_layer_is_linear() -> None:
    body = MLP(20, 1, widths=[12, 8, 3], norm="batch")
    decoder = mirror("mlp", {"widths": [12, 8, 3], "norm": "batch"}, body, 20, 25)
    assert [tuple(layer.weight.shape) for layer in decoder.layers] == [(8, 3), (12, 8), (25, 12)]
    assert type(decoder.layers[-1]) is nn.Linear
    assert decoder(torch.randn(4, 3)).shape == (4, 25)


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (13, 5)])
@pytest.mark.parametrize("settings", CNNS)
def test_pictures_of_any_size_come_out_as_large_as_they_went_in(
    settings: dict[str, Any], size: tuple[int, int]
) -> None:
    x = torch.randn(2, 3, *size)
    assert autoencoder(settings, (3, *size))(x).shape == x.shape


@pytest.mark.parametrize("settings", CNNS)
def test_every_layer_has_a_counterpart_that_gives_back_its_inputs(settings: dict[str, Any]) -> None:
    body = autoencoder(settings)
    assert isinstance(body.head, Decoder)
    for i in range(len(encoder_layers(body))):
        given = body.head.below(body, torch.randn(2, 1, 7, 10), i)
        assert body.head.pair(body, given, i).shape == given.shape


def test_the_encoder_keeps_the_names_it_has_in_the_network_for_a_task() -> None:
    plain, body = MLP(6, 2, widths=[5, 4]), MLP(6, 2, widths=[5, 4])
    body.head = mirror("mlp", {"widths": [5, 4]}, body, 6, 6)  # type: ignore[assignment]
    own = {name for name in plain.state_dict() if not name.startswith("head.")}
    assert own == {name for name in body.state_dict() if not name.startswith("head.")}
    assert body.layers == plain.layers


def test_one_layer_and_its_counterpart_train_and_all_others_stand_still() -> None:
    body = MLP(6, 2, widths=[5, 4, 3])
    body.head = mirror("mlp", {"widths": [5, 4, 3]}, body, 6, 6)  # type: ignore[assignment]
    network = Network(nn.Identity(), body)
    train_layer(network, 1)
    trained = {name.rpartition(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert trained == {"body.hidden.1", "body.head.layers.1"}
    network.train()
    assert [layer.training for layer in body.hidden] == [False, True, False]


@pytest.mark.parametrize(("name", "body"), [("linear", Linear(4, 2)), ("resnet", ResNet((1, 8, 8), 2, depth=8))])
def test_a_model_that_cannot_be_mirrored_says_which_can(name: str, body: nn.Module) -> None:
    said = f"objective: the layers of model {name} cannot be mirrored by a decoder; use mlp or cnn"
    with pytest.raises(UserError, match=said):
        mirror(name, {}, body, (1, 8, 8), 64)


def test_without_hidden_layers_there_is_no_code() -> None:
    with pytest.raises(UserError, match=r"no code to learn; set model\.depth to at least 1"):
        mirror("mlp", {"depth": 0}, MLP(4, 2, depth=0), 4, 4)
