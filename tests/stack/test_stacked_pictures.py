"""Convolutional networks in a stack: each as alone, and untouched by who is beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stacks import CLASSES, assert_each_as_alone, bits, stacked
from torch import Tensor

from nntrain.models.members import apart, conv2d, side_by_side
from nntrain.models.norms import PICTURE_NORMS

Settings = dict[str, Any]

# No corner that a rounding could fall to either side of.
CNN: Settings = {"model": "cnn", "model.widths": None, "model.depth": 2, "model.width": 4, "model.activation": "tanh"}
CNN |= {"model.downsample": "average", "epochs": 2, "optimizer.lr": 0.01}
RESNET = CNN | {"model": "resnet", "model.depth": 8, "model.width": None, "model.downsample": None}
RESNET |= {"model.width_multiplier": 0.25, "optimizer": "sgd"}


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return pictures(tmp_path_factory.mktemp("grey"), 1)


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return pictures(tmp_path_factory.mktemp("coloured"), 3)


def pictures(folder: Path, channels: int) -> Settings:
    """60 of 8 by 8 pixels, of three classes that differ in brightness."""
    draw, y = np.random.default_rng(0), np.arange(60) % 3
    x = draw.integers(128, size=(60, 8, 8, channels)) + 50 * y[:, None, None, None]
    np.savez(folder / "p.npz", x=x.astype(np.uint8), y=y)
    return dict.fromkeys(CLASSES) | {"data": "arrays", "data.path": str(folder / "p.npz")}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"model.pooling": "flatten", "model.head_depth": 1, "model.head_width": 8, "model.head_dropout": 0.2},
        {"model.pooling": "max", "model.downsample": "stride", "model.convs": 2, "model.growth": 1.5},
        {"model.dropout": 0.3, "model.kernel": 5, "model.width": 1, "regularization.input_noise": 0.1},
        {"model.activation": "{name: prelu}", "model.downsample": "none", "model.depth": 1},
        {"model.activation": "{name: maxout, pieces: 2}", "model.norm": "none", "model.width": 5},
    ],
    ids=str,
)
def test_every_part_of_a_cnn(settings: Settings, grey: Settings) -> None:
    base = grey | CNN | settings
    assert_each_as_alone(base, base | {"seed": 1, "optimizer.lr": 0.003}, base | {"seed": 2, "model.head_dropout": 0.4})


@pytest.mark.parametrize("norm", PICTURE_NORMS)
def test_every_norm_of_pictures(norm: str, coloured: Settings) -> None:
    base = coloured | CNN | {"model.norm": norm, "model.width": 8, "batch_size": 35}  # the last batch is one picture
    assert_each_as_alone(base, base | {"seed": 1, "model.dropout": 0.2})


def test_a_resnet(coloured: Settings) -> None:
    base = coloured | RESNET
    assert_each_as_alone(base, base | {"seed": 1, "data.split_seed": 2, "model.dropout": 0.1})


@pytest.mark.parametrize(
    "settings",
    [
        CNN | {"model.activation": "gelu", "model.downsample": "max", "model.width": 5},
        CNN | {"model.norm": "group", "model.width": 8, "model.dropout": 0.2, "model.activation": "{name: prelu}"},
        CNN | {"model.norm": "none", "model.downsample": "stride", "model.pooling": "flatten"},
        RESNET,
    ],
    ids=["batch norm", "group norm", "no norm", "resnet"],
)
def test_the_others_are_untouched_to_the_bit(settings: Settings, grey: Settings) -> None:
    base = grey | settings | {"batch_size": 13}
    one, other, brief = base | {"seed": 1}, base | {"seed": 2}, base | {"seed": 3, "epochs": 1}
    four, two, (alone,) = stacked(brief, one, brief, other), stacked(one, other), stacked(one)
    assert [bits(member) for member in two] == [bits(four[1]), bits(four[3])]
    assert bits(alone) == bits(two[0])


def test_convolutions_by_two_threads_are_untouched_to_the_bit(two_threads: None) -> None:
    """Of five members and of two; with a bias, whose gradient threads share among them."""
    draw = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(5, *size, generator=draw) for size in ((32, 4, 8, 8), (8, 4, 3, 3), (8,)))
    rows = [1, 3]
    for whole, part in zip(passed(x, weight, bias), passed(x[rows], weight[rows], bias[rows]), strict=True):
        assert torch.equal(whole[rows], part)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def passed(x: Tensor, *tensors: Tensor) -> list[Tensor]:
    """The output of a convolution, and its gradients for weights and biases."""
    weight, bias = given = [tensor.clone().requires_grad_() for tensor in tensors]
    y = conv2d(side_by_side(x), weight, bias, (1, 1), (1, 1))
    return [apart(y.flatten(1), len(x)), *torch.autograd.grad(y.tanh().sum(), given)]
