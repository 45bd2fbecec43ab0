"""What keeps trainings from being one program."""

from __future__ import annotations

import re
from typing import Any

import pytest
from stacks import CLASSES, TWO_CLASSES, experiment, member

from nntrain.stack.agree import why_not

Settings = dict[str, Any]


def said_of(*settings: Settings) -> str | None:
    return why_not([member(experiment(one)) for one in settings])


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1, "optimizer.lr": 0.5, "optimizer.weight_decay": 0.1},
        {"model.dropout": 0.4, "model.input_dropout": 0.1},
        {"schedule": "one_cycle", "epochs": 9, "init": "orthogonal", "early_stopping.patience": 3},
        {"regularization.l1": 0.1, "regularization.grad_clip_norm": 1.0, "regularization.label_smoothing": 0.1},
        {"data.split_seed": 5},
    ],
    ids=str,
)
def test_what_may_differ(other: Settings) -> None:
    assert said_of({}, other) is None


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"model.widths": [6, 6]}, "the shape of the network differs"),
        ({"model.widths": [6]}, "the shape of the network differs"),
        ({"model.activation": "tanh"}, "a layer differs"),
        ({"model.activation": "{name: leaky_relu, negative_slope: 0.3}"}, "a layer differs"),
        ({"model.norm": "layer"}, "the shape of the network differs"),
        ({"optimizer": "sgd"}, "the optimizer differs"),
        ({"optimizer.amsgrad": True}, "the optimizer differs"),
        ({"batch_size": 8}, "the batch size differs"),
        ({"precision": "bf16"}, "the precision differs"),
        ({"regularization.ema": 0.9}, "whether weights are averaged differs"),
        (dict.fromkeys(CLASSES) | TWO_CLASSES | {"loss": "cross_entropy"}, "the shape of the network differs"),
    ],
    ids=str,
)
def test_what_must_agree(other: Settings, said: str) -> None:
    assert said_of({}, other) == said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": "lbfgs", "batch_size": "full"}, "the optimizer evaluates the loss several times in a step"),
        ({"precision": "fp16"}, r"the loss is scaled \(fp16\)"),
        ({"objective": "autoencoder"}, "layers are not stacked|reconstructions are not stacked"),
    ],
    ids=str,
)
def test_what_is_trained_alone(settings: Settings, said: str) -> None:
    found = said_of(settings, settings | {"seed": 1})
    assert found is not None
    assert re.search(said, found)


def test_one_inside_an_epoch_is_trained_alone() -> None:
    inside = member(experiment({}))
    inside.loop.position = 2
    assert why_not([inside, member(experiment({"seed": 1}))]) == "one stands inside an epoch"
