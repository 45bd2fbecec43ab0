"""Augmentation in a stack: each sample is changed as in its member's training alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stacks import (
    CLASSES,
    VALUES,
    alone,
    assert_alike,
    assert_each_as_alone,
    bits,
    categories,
    experiment,
    member,
    stacked,
)

from nntrain.augment.table import AUGMENTATIONS
from nntrain.config.options import option_names
from nntrain.stack import augmented, trial
from nntrain.stack.agree import why_not
from nntrain.stack.batches import StackedBatch
from nntrain.stack.trainer import StackedTrainer
from nntrain.training.batches import epoch_order
from nntrain.training.course import Interrupted, Stop
from nntrain.training.step import Batch
from nntrain.training.trainer import Trainer

Settings = dict[str, Any]
NO_DATA: Settings = dict.fromkeys(CLASSES)
SMOOTH: Settings = {"model.activation": "tanh", "epochs": 2}
MIXED = {"augment.mixup": 0.4, "augment.cutmix": 1.0, "augment.mix_p": 0.7}
PICTURES: dict[str, Settings] = {
    **{name: {"augment": name} for name in AUGMENTATIONS if name != "table"},
    "randaugment": {"augment": "pictures", "augment.randaugment": 2},
    "trivialaugment": {"augment": "pictures", "augment.trivialaugment": True},
    "mixed": {"augment": "pictures"} | MIXED,
    "all": {"augment": "cifar", "augment.crop_padding": 2, "augment.rotate": 15, "augment.erase": 0.5} | MIXED,
    "expanded": {"augment": "mnist", "augment.expand": 2},
}
MORE: dict[str, Settings] = {
    "moves": {"augment": "pictures", "augment.crop_padding": 2, "augment.flip": 0.5, "augment.fill": "mean"},
    "warps": {"augment": "pictures", "augment.perspective": 0.3, "augment.crop_scale": [0.5, 1.0]},
    "colours": {"augment": "pictures", "augment.brightness": 0.3, "augment.blur": 1.0, "augment.noise": 0.1},
    "erase": {"augment": "pictures", "augment.erase": 0.7, "augment.erase_fill": "noise"},
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
def test_trainings_on_rows_are_those_alone(name: str) -> None:
    assert_each_as_alone(*seeds(CLASSES | SMOOTH | ROWS[name], {}, {}, {"data.split_seed": 3}))


def test_values_are_mixed_in_units_of_their_own_splits() -> None:
    assert_each_as_alone(*seeds(NO_DATA | VALUES | SMOOTH | ROWS["mixed"], {}, {"data.split_seed": 3}))


@pytest.mark.parametrize("name", [name for name in PICTURES | MORE if name != "expanded"])
def test_the_same_pictures_to_the_bit(name: str, pictures: Settings) -> None:
    settings = seeds(pictures | (PICTURES | MORE)[name], {}, {}, {})
    trainer = StackedTrainer([member(experiment(one)) for one in settings], Stop())
    batch, alone = first_batches(trainer)
    assert batch.rows == 16
    for row, own in enumerate(alone):
        assert torch.equal(batch.inputs[row, : batch.rows], own.inputs), row
        if own.mixed is not None:
            assert batch.mixed is not None
            assert torch.equal(batch.mixed.share[row, : batch.rows], own.mixed.share)
            assert torch.equal(batch.mixed.targets[row, : batch.rows], own.mixed.targets)


def test_settings_may_differ_as_long_as_all_are_mixed_or_none(pictures: Settings) -> None:
    base = pictures | {"augment": "pictures", "augment.flip": 0.5}
    turns, colours = {"augment.rotate": 10}, {"augment.brightness": 0.3}
    assert_each_as_alone(*seeds(base, turns, {}, colours, {}, {"augment.rotate": [-5, 20]}))
    mixed = [{"augment.mixup": 0.2}, {"augment.mixup": 0.4}, {"augment.cutmix": 1.0, **turns}]
    assert_each_as_alone(*seeds(base, *mixed))
    assert why_not([member(experiment(base | own)) for own in ({}, mixed[0])]) == (
        "whether samples are changed or mixed differs"
    )


def test_targets_that_are_mixed_with_weights_of_classes_and_smoothing(pictures: Settings) -> None:
    base = pictures | {"augment": "cifar", "augment.crop_padding": 1} | MIXED
    weighted = {"loss": "cross_entropy", "loss.class_weights": "balanced"}
    assert_each_as_alone(*seeds(base | weighted, {}, {"regularization.label_smoothing": 0.1}))


def test_categories_and_weights_of_rows_are_mixed(tmp_path: Path) -> None:
    table = {
        "data": "table",
        "data.path": str(categories(tmp_path)),
        "data.target": "y",
        "data.weight_column": "weight",
    }
    settings = {"augment": "table", "augment.mixup": 0.4, "augment.mix_p": 0.8, "augment.feature_dropout": 0.1}
    members = assert_each_as_alone(*seeds(NO_DATA | SMOOTH | table | settings, {}, {}))
    assert members[0].train.weights is not None


def test_training_splits_of_different_sizes(pictures: Settings) -> None:
    base = pictures | {"augment": "pictures", "augment.translate": 1} | MIXED
    assert_each_as_alone(*seeds(base, *({"rows": rows} for rows in (48, 49, 47, 49))))


@pytest.mark.parametrize("base", [{"batch_size": "full"}, {"batch_size": 8, "gradient_accumulation": 3}], ids=str)
def test_batches_of_other_sizes(base: Settings, pictures: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmented, "VALUES", 1)  # so that all are not changed by one call
    monkeypatch.setattr(augmented, "FEWEST", 2)
    assert_each_as_alone(*seeds(pictures | PICTURES["all"] | base, {}, {}, {}))


@pytest.mark.parametrize("name", ["all", "mnist", "randaugment", "colours"])
def test_the_others_are_untouched_to_the_bit(name: str, pictures: Settings) -> None:
    base = pictures | (PICTURES | MORE)[name] | {"batch_size": 13}
    others, brief = seeds(base, {}, {"augment.rotate": 30}, {}), seeds(base | {"epochs": 1}, {"seed": 8}, {"seed": 9})
    alone_, beside = stacked(*others), stacked(brief[0], *others[:2], brief[1], others[2])
    assert [bits(one) for one in alone_] == [bits(one) for one in (beside[1], beside[2], beside[4])]


def test_a_state_goes_on_in_a_stack_and_alone(pictures: Settings) -> None:
    settings = seeds(pictures | PICTURES["all"] | {"epochs": 3}, {}, {})
    members, stop = [member(experiment(one)) for one in settings], Stop()
    for one in members:
        one.judge = lambda epoch, value: "paused" if epoch == 1 else None
    StackedTrainer(members, stop).fit(lambda one: None)
    for one in members:
        one.judge, one.loop.stop_reason = None, None
    members[0].judge = lambda epoch, value: setattr(stop, "signal", 15)  # with the first step of the third epoch
    trainer = StackedTrainer(members, stop)
    with pytest.raises(Interrupted):
        trainer.fit(lambda one: None)
    one, losses = members[1], list(trainer.losses[:1, 1].unbind())
    assert (one.loop.epoch, one.loop.position) == (3, 1)
    own = (one.program, one.state, one.loop, one.train, one.val, one.course, one.screen, one.keeper, Stop(), losses)
    rest = Trainer(*own, one.augment, best=one.best)
    rest.fit()
    one.best = rest.best
    assert_alike(one, alone(settings[1]))


def test_one_that_is_not_finite_names_the_batch_as_it_trained(pictures: Settings) -> None:
    wild = pictures | PICTURES["mixed"] | {"optimizer": "sgd", "optimizer.lr": 1e30, "model.activation": "relu"}
    failed, _ = stacked(wild, wild | {"seed": 1, "optimizer.lr": 0.1})
    with pytest.raises(Exception, match="not finite") as caught:
        alone(wild)
    assert str(failed.error) == str(caught.value)


def test_a_trial_changes_samples_in_a_stack_and_alone(pictures: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = StackedTrainer([member(experiment(one)) for one in seeds(pictures | MORE["moves"], {}, {})], Stop())
    changed: list[int] = []
    change = type(trainer.members[0].augment).changed  # type: ignore[union-attr]

    def counted(self: Any, inputs: torch.Tensor, draws: Any) -> torch.Tensor:
        changed.append(len(inputs))
        return change(self, inputs, draws)

    monkeypatch.setattr("nntrain.augment.pictures.Pictures.changed", counted)
    monkeypatch.setattr(trial, "SHARE", 1.0)
    trial.fastest(trainer)
    assert {2 * 32, 16} <= set(changed)  # both members' batches, filled up, and one's own
