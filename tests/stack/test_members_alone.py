"""Over the tables of components: each member of a stack is the training that it would have been alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stacks import CLASSES, TWO_CLASSES, VALUES, assert_each_as_alone

from nntrain.models.activations import ACTIVATIONS
from nntrain.models.norms import NORMS
from nntrain.models.table import INITIALIZERS
from nntrain.objective.table import LOSSES
from nntrain.optim.table import OPTIMIZERS, SCHEDULES

Settings = dict[str, Any]


@pytest.fixture(autouse=True, scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose target is a count."""
    path, draw = tmp_path_factory.mktemp("stack") / "counts.csv", np.random.default_rng(0)
    rows = (f"{x:.3f},{draw.poisson(np.exp(x))}" for x in draw.normal(size=90))
    path.write_text("\n".join(["x,n", *rows]) + "\n")
    return path


def pair(base: Settings, change: Settings | None = None) -> list[Settings]:
    """Two members of different seeds, of which the second has the change."""
    return [base | {"seed": 0}, base | {"seed": 1} | (change or {})]


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "lbfgs"])
def test_every_optimizer(name: str) -> None:
    assert_each_as_alone(*pair({"optimizer": name, "model.activation": "tanh"}, {"optimizer.lr": 0.003}))


def test_schedules_of_every_kind_in_one_stack() -> None:
    base = {"optimizer": "sgd", "optimizer.lr": 0.05, "optimizer.momentum": 0.8}
    own: dict[str, Settings] = {"plateau": {"schedule.patience_epochs": 1}, "cosine": {"schedule.warmup_epochs": 1}}
    assert_each_as_alone(*({**base, "schedule": name, **own.get(name, {})} for name in SCHEDULES))


def test_initialisers_of_every_kind_in_one_stack() -> None:
    assert_each_as_alone(*({"init": name, "model.activation": "tanh", "optimizer": "sgd"} for name in INITIALIZERS))


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss(name: str, counts: Path) -> None:
    served = LOSSES[name].serves if name != "auto" else "classification"
    data = CLASSES if served == "classification" else dict.fromkeys(CLASSES) | VALUES
    if name == "binary_cross_entropy":
        data = dict.fromkeys(CLASSES) | TWO_CLASSES
    if name == "poisson":
        data = dict.fromkeys(CLASSES) | {
            "data": "table",
            "data.path": str(counts),
            "data.target": "n",
            "data.task": "regression",
        }
    numbers = {"focal": "gamma", "huber": "delta", "quantile": "quantile"}
    change = {f"loss.{numbers[name]}": 0.7} if name in numbers else {}
    assert_each_as_alone(*pair(data | {"loss": name, "model.activation": "tanh", "optimizer.lr": 0.01}, change))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name: str) -> None:
    assert_each_as_alone(*pair({"model.activation": name}))


@pytest.mark.parametrize("name", NORMS)
def test_every_norm_with_dropout_and_skips(name: str) -> None:
    base = {"model.norm": name, "model.widths": [6, 6, 5], "model.residual": True, "batch_size": 31}
    base |= {"model.activation": "tanh", "model.dropout": 0.2}
    assert_each_as_alone(*pair(base, {"model.dropout": [0.0, 0.5, 0.1]}))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_two_hundred_steps(optimizer: str) -> None:
    base = {"optimizer": optimizer, "model.activation": "tanh", "batch_size": 4, "epochs": 13, "schedule": "cosine"}
    members = assert_each_as_alone(*pair(base, {"optimizer.lr": 0.01, "regularization.grad_clip_norm": 1.0}))
    assert members[0].loop.step >= 200
