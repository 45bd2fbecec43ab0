"""Augmentation in a stack: each sample is changed as in its member's training alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stacks import CLASSES, VALUES, assert_each_as_alone, experiment, member

from nntrain.augment.table import AUGMENTATIONS
from nntrain.config.options import option_names
from nntrain.stack.batches import StackedBatch
from nntrain.stack.trainer import StackedTrainer
from nntrain.training.batches import epoch_order
from nntrain.training.course import Stop
from nntrain.training.step import Batch

Settings = dict[str, Any]
NO_DATA: Settings = dict.fromkeys(CLASSES)
SMOOTH: Settings = {"model.activation": "tanh", "epochs": 2}
MIXED = {"augment.mixup": 0.4, "augment.cutmix": 1.0, "augment.mix_p": 0.7}
PICTURES: dict[str, Settings] = {
    **{name: {"augment": name} for name in AUGMENTATIONS if name != "table"},
    "moves": {"augment": "pictures", "augment.crop_padding": 2, "augment.flip": 0.5, "augment.fill": "mean"},
    "warps": {"augment": "pictures", "augment.perspective": 0.3, "augment.crop_scale": [0.5, 1.0]},
    "colours": {"augment": "pictures", "augment.brightness": 0.3, "augment.blur": 1.0, "augment.noise": 0.1},
    "erase": {"augment": "pictures", "augment.erase": 0.7, "augment.erase_fill": "noise"},
    "randaugment": {"augment": "pictures", "augment.randaugment": 2},
    "trivialaugment": {"augment": "pictures", "augment.trivialaugment": True},
    "mixed": {"augment": "pictures"} | MIXED,
    "all": {"augment": "cifar", "augment.crop_padding": 2, "augment.rotate": 15, "augment.erase": 0.5} | MIXED,
    "expanded": {"augment": "mnist", "augment.expand": 2},
}
ROWS: dict[str, Settings] = {
    "table": {"augment": "table"},
    "dropped": {"augment": "table", "augment.noise": 0.0, "augment.feature_dropout": 0.2},
    "mixed": {"augment": "table", "augment.mixup": 0.3},
    "expanded": {"augment": "table", "augment.expand": 3},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Smooth pictures of 3 classes, of 8 x 8 pixels."""
    path, draw = tmp_path_factory.mktemp("pictures") / "p.npz", np.random.default_rng(0)
    labels, ramp = draw.integers(3, size=75), np.linspace(0, 1, 8)
    shades = 60 * labels[:, None, None, None] + 40 * draw.random((75, 1, 1, 3)) + 60 * ramp[:, None, None]
    np.savez(path, x=(shades + 30 * ramp[:, None]).astype(np.uint8), y=labels)
    return NO_DATA | SMOOTH | {"data": "arrays", "data.path": str(path)}


def seeds(base: Settings, *more: Settings) -> list[Settings]:
    return [base | {"seed": seed} | own for seed, own in enumerate(more)]


def first_batches(trainer: StackedTrainer) -> tuple[StackedBatch, list[Batch]]:
    """The first batch of an epoch in a stack, and the same of each member alone."""
    trainer.arrange()
    ((start, stop, places),) = trainer.orders.at(0)
    own = [one.batches(epoch_order(one.train, one.course, one.loop.epoch)[0])[0] for one in trainer.members]
    return trainer.stack.part(start, stop).take(trainer.samples, places), own


def test_every_augmentation_is_tried() -> None:
    assert {settings["augment"] for settings in (*PICTURES.values(), *ROWS.values())} == {*option_names("augment")} - {
        "none"
    }


@pytest.mark.parametrize("name", PICTURES)
def test_trainings_on_pictures_are_those_alone(name: str, pictures: Settings) -> None:
    members = assert_each_as_alone(*seeds(pictures | PICTURES[name], {}, {}, {"data.split_seed": 3}))
    assert (members[0].augment is None) == (name == "expanded")


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("data", [CLASSES, NO_DATA | VALUES], ids=["classes", "values"])
def test_trainings_on_rows_are_those_alone(name: str, data: Settings) -> None:
    assert_each_as_alone(*seeds(data | SMOOTH | ROWS[name], {}, {}, {"data.split_seed": 3}))


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "expanded"])
def test_the_same_pictures_to_the_bit(name: str, pictures: Settings) -> None:
    trainer = StackedTrainer([member(experiment(one)) for one in seeds(pictures | PICTURES[name], {}, {}, {})], Stop())
    batch, alone = first_batches(trainer)
    assert batch.rows == 16
    for row, own in enumerate(alone):
        assert torch.equal(batch.inputs[row, : batch.rows], own.inputs), row
        if own.mixed is not None:
            assert batch.mixed is not None
            assert torch.equal(batch.mixed.share[row, : batch.rows], own.mixed.share)
            assert torch.equal(batch.mixed.targets[row, : batch.rows], own.mixed.targets)
