"""What may differ between the members of a stack, and how they end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stacks import (
    CLASSES,
    VALUES,
    Recorder,
    alone,
    assert_alike,
    assert_each_as_alone,
    bits,
    categories,
    experiment,
    member,
    stacked,
)

from nntrain.models.members import Rows
from nntrain.stack.draws import HashedDraws
from nntrain.stack.member import Member
from nntrain.stack.trainer import StackedTrainer
from nntrain.training.course import Interrupted, Stop
from nntrain.training.trainer import Trainer

Settings = dict[str, Any]
SMOOTH: Settings = {"model.activation": "tanh"}  # no corner that a rounding could fall to either side of


@pytest.mark.parametrize(
    "settings",
    [
        [{"regularization.l1": 0.01}, {"regularization.l2": 0.02}, {}],
        [
            {"regularization.grad_clip_norm": 0.1},
            {"regularization.grad_clip_value": 0.01},
            {"regularization.max_norm": 0.5},
        ],
        [{"regularization.label_smoothing": 0.1}, {}, {"regularization.label_smoothing": 0.2}],
        [{"regularization.input_noise": 0.3}, {"model.input_dropout": 0.2}, {"model.dropout": 0.3}, {}],
        [{"regularization.ema": 0.9}, {"regularization.ema": 0.5, "seed": 4}],
        [{"regularization.swa_start_epochs": 1}, {"regularization.swa_start_epochs": 2}],
        [{"optimizer": "asgd", "optimizer.t0": 4}, {"optimizer": "asgd", "optimizer.t0": 9}],
        [{"data.split_seed": 1}, {"data.split_seed": 2}, {"seed": 7}],
        [{"epochs": 2}, {"epochs": 5}, {"epochs": 3, "seed": 9}],
        [{"loss.class_weights": "balanced", "loss": "cross_entropy"}, {"loss": "cross_entropy", "data.split_seed": 4}],
        [{"schedule": "one_cycle"}, {"schedule": "constant"}],
    ],
    ids=lambda settings: ",".join(settings[0]),
)
def test_what_may_differ(settings: list[Settings]) -> None:
    assert_each_as_alone(*(SMOOTH | one for one in settings))


@pytest.mark.parametrize(
    "base",
    [
        {"batch_size": "full"},
        {"batch_size": 8, "gradient_accumulation": 3, "model.dropout": 0.2},
        {"model": "linear", "model.widths": None},
        {"deterministic": True},
        {"regularization.ema": 0.9, "model.norm": "batch"},
        {"early_stopping.monitor": "f1_macro"},
        {"early_stopping.restore_best": False},
    ],
    ids=lambda base: ",".join(base),
)
def test_what_all_have_alike(base: Settings) -> None:
    base = (SMOOTH if base.get("model") != "linear" else {}) | base
    assert_each_as_alone(base, base | {"seed": 2, "optimizer.lr": 0.003})


def test_targets_in_units_of_their_own_splits() -> None:
    values = dict.fromkeys(CLASSES) | VALUES | SMOOTH
    assert_each_as_alone(values, values | {"data.split_seed": 3}, values | {"data.split_seed": 4, "seed": 5})


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_training_splits_of_different_sizes(norm: str) -> None:
    """Those of 48 samples have 3 steps, of 49 a fourth with one sample, of 47 a shorter third."""
    base = SMOOTH | {"model.norm": norm, "model.dropout": 0.2, "regularization.ema": 0.8}
    assert_each_as_alone(*(base | {"rows": rows, "seed": seed} for seed, rows in enumerate((48, 49, 47, 49, 48))))


def test_early_stopping_at_different_epochs() -> None:
    base = SMOOTH | {"epochs": 12, "optimizer": "sgd", "optimizer.lr": 0.5}
    members = assert_each_as_alone(
        *(base | {"early_stopping.patience": patience, "seed": seed} for seed, patience in enumerate((1, 2, 3, 1)))
    )
    assert len({len(one.loop.history) for one in members}) > 1
    assert any(str(one.loop.stop_reason).startswith("no better") for one in members)


def test_bfloat16_trains() -> None:
    base = SMOOTH | {"precision": "bf16"}
    assert_each_as_alone(base, base | {"seed": 1}, rel=0.1)


def test_one_hot_and_embedded_categories_and_weights_of_rows(tmp_path: Path) -> None:
    table = {"data": "table", "data.path": str(categories(tmp_path)), "data.target": "y"}
    base = dict.fromkeys(CLASSES) | table | {"data.weight_column": "weight"} | SMOOTH
    members = assert_each_as_alone(base, base | {"seed": 1})
    assert members[0].train.weights is not None
    assert any("embeddings" in name for name in members[0].state.params.names)


def test_pictures_standardised_by_their_own_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "p.npz", x=draw.integers(256, size=(60, 4, 4, 3), dtype=np.uint8), y=draw.integers(3, size=60))
    base = dict.fromkeys(CLASSES) | {"data": "arrays", "data.path": str(tmp_path / "p.npz")} | SMOOTH
    assert_each_as_alone(base, base | {"data.split_seed": 3})
    monkeypatch.setattr("nntrain.stack.batches.ENTERED_BYTES", 0)  # as where they are too many to be kept as numbers
    assert_each_as_alone(base, base | {"data.split_seed": 3})


# Who leaves, and what the others notice of it


@pytest.mark.parametrize(
    "base",
    [
        {"optimizer": "adam", "model.activation": "gelu"},
        {"optimizer": "sgd", "model.dropout": 0.3, "regularization.input_noise": 0.1},
        {"optimizer": "muon", "model.norm": "batch", "regularization.ema": 0.9},
        {"optimizer": "adafactor", "model.norm": "layer"},
        {"model.widths": [33, 7], "data.dataset": "moons", "data.classes": None, "data.noise": 0.1},
    ],
    ids=str,
)
def test_the_others_are_untouched_to_the_bit(base: Settings) -> None:
    base = base | {"regularization.grad_clip_norm": 1.0, "batch_size": 13}
    others = [base | {"seed": 1, "optimizer.lr": 0.01}, base | {"seed": 2}, base | {"seed": 3}]
    brief = [base | {"seed": 4, "epochs": 1}, base | {"seed": 5, "epochs": 2}]
    alone_, beside = stacked(*others), stacked(brief[0], *others[:2], brief[1], others[2])
    for one, other in zip(alone_, [beside[1], beside[2], beside[4]], strict=True):
        assert bits(one) == bits(other)
        assert [{**row, "seconds": 0, "samples_per_second": 0} for row in one.loop.history] == [
            {**row, "seconds": 0, "samples_per_second": 0} for row in other.loop.history
        ]


def test_one_that_is_not_finite_fails_alone_with_the_parameters_before_the_step() -> None:
    base = {"optimizer": "sgd", "model.activation": "relu"}
    wild = base | {"optimizer.lr": 1e30, "seed": 1}
    calm, failed, also_calm = stacked(base, wild, base | {"seed": 2})
    with pytest.raises(Exception, match="not finite") as caught:
        alone(wild)
    assert str(failed.error) == str(caught.value)
    assert failed.loop.stop_reason is None
    assert all(torch.isfinite(view).all() for view in failed.state.params.data)
    for one, other in zip((calm, also_calm), stacked(base, base | {"seed": 2}), strict=True):
        assert bits(one) == bits(other)


def test_one_is_pruned_by_its_judge() -> None:
    members = [member(experiment({"seed": seed})) for seed in range(3)]
    members[1].judge = lambda epoch, value: "pruned: worse than the median" if epoch == 2 else None
    left: list[Member] = []
    StackedTrainer(members, Stop()).fit(left.append)
    assert [len(one.loop.history) for one in members] == [3, 2, 3]
    assert members[1].loop.stop_reason == "pruned: worse than the median"
    assert left[0] is members[1]
    assert set(left) == set(members)


def test_the_screen_sees_the_steps_of_an_epoch() -> None:
    class Seen(Recorder):
        steps: list[int] = []  # noqa: RUF012

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "done":
                self.steps.append(value)

    members = [member(experiment({"epochs": 1, "seed": seed})) for seed in range(2)]
    members[0].screen = Seen()
    trainer = StackedTrainer(members, Stop())
    trainer.fit(lambda member: None)
    assert Seen.steps[1:4] == [1, 2, 3]


def test_time_runs_out_for_one_in_the_midst_of_an_epoch() -> None:
    members = [member(experiment({"seed": 0, "time_limit": 1e-9})), member(experiment({"seed": 1}))]
    StackedTrainer(members, Stop()).fit(lambda one: None)
    assert (members[0].loop.step, len(members[0].loop.history)) == (1, 1)
    assert str(members[0].loop.stop_reason).startswith("time limit")
    assert [bits(one) for one in stacked({"seed": 1}, {"seed": 5})[:1]] == [bits(members[1])]


def test_asked_to_stop_all_states_are_saved() -> None:
    members, stop = [member(experiment({"seed": seed})) for seed in range(2)], Stop()
    trainer = StackedTrainer(members, stop)
    stop.signal = 15
    with pytest.raises(Interrupted):
        trainer.fit(lambda one: None)
    assert [one.keeper.states for one in members] == [[(1, 1)], [(1, 1)]]  # type: ignore[attr-defined]
    assert [one.keeper.losses for one in members] == [[1], [1]]  # type: ignore[attr-defined]


def test_a_member_that_was_interrupted_goes_on_alone() -> None:
    settings: list[Settings] = [{"seed": seed, "model.activation": "tanh"} for seed in range(2)]
    members, stop = [member(experiment(one)) for one in settings], Stop()
    trainer = StackedTrainer(members, stop)
    members[0].judge = lambda epoch, value: setattr(stop, "signal", 15)  # with the first step of the second epoch
    with pytest.raises(Interrupted):
        trainer.fit(lambda one: None)
    one = members[1]
    assert (one.loop.epoch, one.loop.position) == (2, 1)
    losses = list(trainer.losses[:1, 1].unbind())
    rest = Trainer(
        one.program, one.state, one.loop, one.train, one.val, one.course, one.screen, one.keeper, Stop(), losses
    )
    rest.best = one.best
    rest.fit()
    one.best = rest.best
    assert_alike(one, alone(settings[1]))


def test_states_are_saved_as_often_as_each_member_says() -> None:
    settings: list[Settings] = [{"checkpoint.every_seconds": 0}, {"checkpoint.every_seconds": 1e9}]
    every, never = stacked(*settings)
    assert len(every.keeper.states) == 3  # type: ignore[attr-defined]
    assert len(never.keeper.states) == 1  # type: ignore[attr-defined]


def test_a_state_at_the_start_of_an_epoch_goes_on() -> None:
    settings: list[Settings] = [{"seed": seed, "model.activation": "tanh", "model.dropout": 0.2} for seed in range(2)]
    whole, first = stacked(*settings), [member(experiment(one)) for one in settings]
    for one in first:
        one.judge = lambda epoch, value: "paused" if epoch == 2 else None
    StackedTrainer(first, Stop()).fit(lambda one: None)
    for one in first:
        one.judge, one.loop.stop_reason = None, None
    StackedTrainer(first, Stop()).fit(lambda one: None)
    assert [bits(one) for one in first] == [bits(one) for one in whole]


def test_gradients_that_vanish_are_warned_of_as_alone() -> None:
    deep = {"model.widths": [4] * 9, "model.activation": "sigmoid", "init": "normal", "init.std": 1e-3}
    steep = {**deep, "seed": 3, "init.std": 1.0}
    members = stacked(deep, steep)
    for one, settings in zip(members, (deep, steep), strict=True):
        own = alone(settings).screen.warnings  # type: ignore[attr-defined]
        assert [text[:60] for text in one.screen.warnings] == [text[:60] for text in own]  # type: ignore[attr-defined]
    assert members[0].screen.warnings  # type: ignore[attr-defined]


def test_where_the_device_is_asked_once_an_epoch() -> None:
    """As on a GPU: who is not finite stands still until then, and the others go on."""
    wild = {"optimizer": "sgd", "model.activation": "relu", "optimizer.lr": 1e30, "seed": 1}
    settings: list[Settings] = [wild | {"optimizer.lr": 0.1, "seed": 0}, wild, wild | {"optimizer.lr": 0.1, "seed": 2}]
    asked = stacked(*settings)
    members = [member(experiment(one)) for one in settings]
    for one in members:
        one.program = replace(one.program, asks=False)
    StackedTrainer(members, Stop()).fit(lambda one: None)
    assert str(members[1].error) == str(asked[1].error)
    assert torch.equal(members[1].state.params.flat, asked[1].state.params.flat)
    assert [bits(members[i]) for i in (0, 2)] == [bits(asked[i]) for i in (0, 2)]


@pytest.mark.parametrize("settings", [{"model.dropout": 0.3}, {"regularization.input_noise": 0.5}], ids=str)
def test_draws_by_hash_are_each_members_own(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of devices on which a call per member takes too long."""
    monkeypatch.setattr("nntrain.stack.stack.draws_for", lambda members, rows, device: HashedDraws(rows, device))
    none: Settings = {"model.dropout": 0.0, "regularization.input_noise": 0.0}
    first, second, plain = stacked(none | settings, none | settings | {"seed": 1}, none)
    (again,) = stacked(none | settings | {"seed": 1})
    assert bits(second) == bits(again)
    assert bits(first) != bits(second)
    own = alone(none)
    assert plain.loop.history[-1]["val_loss"] == pytest.approx(own.loop.history[-1]["val_loss"], rel=1e-4)


def test_hashed_draws_are_distributed_as_they_should_be() -> None:
    draws = HashedDraws(Rows(5000), torch.device("cpu"))
    draws.seed([1, 2])
    x = torch.zeros(2, 5000, 4)
    kept, noise = draws.keeps(x, [0.25, 1.0]), draws.normal(x, [1.0, 1.0])
    assert float(kept[0].mean()) == pytest.approx(0.25, abs=0.01)
    assert bool((kept[1] == 1).all())
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    assert abs(float(torch.corrcoef(noise.flatten(1))[0, 1])) < 0.03
