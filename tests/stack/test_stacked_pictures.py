"""Convolutional networks in a stack: each as alone, and untouched by who is beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stacks import CLASSES, assert_each_as_alone, bits, stacked

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
    assert_each_as_alone(base, base | {"seed": 1, "optimizer.lr": 0.003}, base | {"seed": 2})


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
@pytest.mark.parametrize("threads", [1, 2])
def test_the_others_are_untouched_to_the_bit(settings: Settings, threads: int, grey: Settings) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        base = grey | settings | {"batch_size": 13, "epochs": 3}
        others = [base | {"seed": 1}, base | {"seed": 2}]
        brief = [base | {"seed": 4, "epochs": 1}, base | {"seed": 5, "epochs": 2}]
        three, five = stacked(*others, base | {"seed": 3}), stacked(brief[0], others[0], brief[1], others[1], brief[0])
        (one,) = stacked(others[0])
        assert [bits(own) for own in three[:2]] == [bits(five[1]), bits(five[3])]
        assert bits(one) == bits(three[0])
    finally:
        torch.set_num_threads(before)
