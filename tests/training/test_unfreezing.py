"""Layers that train at their own rate, or from some epoch on: each as torch's parameter groups would have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.optim.adafactor import Adafactor
from nntrain.optim.adam import Adam, AdamW
from nntrain.optim.asgd import ASGD
from nntrain.optim.optimizer import Hyper, Optimizer
from nntrain.optim.parameters import Parameters
from nntrain.optim.sgd import SGD
from nntrain.training.state import LoopState
from nntrain.training.thaw import Stage, Thawing, carried, epoch_of, thaw
from nntrain.training.trainer import Trainer

PAIRS: dict[str, tuple[Callable[[], Optimizer], Callable[[Any], torch.optim.Optimizer]]] = {
    "sgd": (lambda: SGD(0.1, momentum=0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "adam": (lambda: Adam(0.1, weight_decay=0.1), lambda p: torch.optim.Adam(p, 0.1)),
    "adamw": (lambda: AdamW(0.1, weight_decay=0.1), lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.1)),
}


class Unfused:
    """The optimizer's own rule in place of torch's kernel."""

    def has_fused(self, device: torch.device) -> bool:
        return False


def unfused(rule: Optimizer) -> Optimizer:
    rule.__class__ = type("Rule", (Unfused, type(rule)), {})
    return rule


def parameters() -> dict[str, nn.Parameter]:
    draw = torch.Generator().manual_seed(3)
    shapes = {"low.weight": (4, 3), "low.bias": (4,), "high.weight": (2, 4), "high.bias": (2,)}
    return {name: nn.Parameter(torch.randn(shape, generator=draw)) for name, shape in shapes.items()}


def gradients(step: int) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(100 + step)
    return {name: torch.randn(p.shape, generator=draw) for name, p in parameters().items()}


def groups(named: dict[str, nn.Parameter], rate: float) -> list[dict[str, Any]]:
    """torch's: the lower layer at a fraction of the rate; biases without decay."""
    found = []
    for name, p in named.items():
        decay = {} if name.endswith("weight") else {"weight_decay": 0.0}
        lr = {"lr": 0.1 * rate} if name.startswith("low") else {}
        found.append({"params": [p], **lr, **decay})
    return found


@pytest.mark.parametrize("kernel", ["fused", "rule"])
@pytest.mark.parametrize("name", PAIRS)
def test_a_layers_own_rate_is_that_of_torchs_parameter_groups(name: str, kernel: str) -> None:
    ours, theirs = parameters(), parameters()
    rule = PAIRS[name][0]() if kernel == "fused" else unfused(PAIRS[name][0]())
    params = Parameters(ours.items(), {key: 0.25 if key.startswith("low") else 1.0 for key in ours})
    state = rule.initial_state(params)
    options = {"weight_decay": 0.1} if name == "adam" else {}
    other = PAIRS[name][1]([{**group, **(options | group)} for group in groups(theirs, 0.25)])
    for step in range(1, 8):
        grads = gradients(step)
        rule.update(params, [grads[key] for key in params.names], state, Hyper(step, 0.1))
        for key, p in theirs.items():
            p.grad = grads[key]
        other.step()
    for key, p in ours.items():
        torch.testing.assert_close(p.data, theirs[key].data, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", ["fused", "rule"])
@pytest.mark.parametrize("name", PAIRS)
def test_what_joins_later_is_updated_as_a_group_that_torch_adds_later(name: str, kernel: str) -> None:
    ours, theirs = parameters(), parameters()
    rule = PAIRS[name][0]() if kernel == "fused" else unfused(PAIRS[name][0]())
    for key in ("low.weight", "low.bias"):
        ours[key].requires_grad_(False)
    params = Parameters(ours.items())
    state = rule.initial_state(params)
    options = {"weight_decay": 0.1} if name == "adam" else {}
    listed = dict(zip(theirs, ({**options, **group} for group in groups(theirs, 1.0)), strict=True))
    other = PAIRS[name][1]([listed["high.weight"], listed["high.bias"]])
    for step in range(1, 12):
        if step == 6:
            for p in ours.values():
                p.requires_grad_(True)
            new = Parameters(ours.items())
            since = [5 if key.startswith("low") else 0 for key in new.names]
            params, state = new, carried(state, params, rule.initial_state(new), new, since)
            other.add_param_group(listed["low.weight"])
            other.add_param_group(listed["low.bias"])
        grads = gradients(step)
        rule.update(params, [grads[key] for key in params.names], state, Hyper(step, 0.1))
        for key, p in theirs.items():
            p.grad = grads[key]
        other.step()
    for key, p in ours.items():
        torch.testing.assert_close(p.data, theirs[key].data, rtol=1e-5, atol=1e-6)


def three_layers() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 5), nn.Linear(5, 3))


Build = Callable[..., Trainer]


@pytest.fixture
def frozen(trainer: Build) -> Build:
    """Of the layers 0 (with its norm), 3 and 4 the last trains; 3 joins in epoch 3, 0 in epoch 4."""
    thawing = Thawing((Stage("first", ("body.0", "body.1"), 4), Stage("second", ("body.3",), 3)), 7)

    def build(optimizer: Optimizer | None = None, **settings: Any) -> Trainer:
        still = ["body.0", "body.1", "body.3"]
        return trainer(three_layers(), optimizer, thawing=thawing, frozen=still, **settings)

    return build


def test_layers_begin_to_train_with_their_epoch_and_it_is_said(frozen: Build) -> None:
    trainer = frozen(Adam(0.05), epochs=5)
    network, seen = trainer.program.network, []
    weights = {name: p.data.clone() for name, p in network.named_parameters()}
    statistics = network.body[1].running_mean.clone()
    steps = trainer.steps

    def watched(began: float) -> Any:
        done = steps(began)
        moved = {n.split(".")[1] for n, p in network.named_parameters() if not torch.equal(p.data, weights[n])}
        seen.append((sorted(moved), not torch.equal(network.body[1].running_mean, statistics)))
        return done

    trainer.steps = watched  # type: ignore[method-assign]
    trainer.fit()
    assert seen == [
        (["4"], False),
        (["4"], False),
        (["3", "4"], False),
        (["0", "1", "3", "4"], True),
        (["0", "1", "3", "4"], True),
    ]
    assert trainer.screen.notes == ["epoch 3: second begins to train", "epoch 4: first begins to train"]


@pytest.mark.parametrize("rule", [lambda: Adam(0.05), lambda: SGD(0.05, momentum=0.9), lambda: Adafactor(0.05), ASGD])
def test_what_was_trained_before_keeps_its_state_and_the_rest_starts_afresh(
    frozen: Build, rule: Callable[[], Optimizer]
) -> None:
    trainer = frozen(rule(), epochs=2, ema=0.9)
    trainer.fit()
    state, names = trainer.state, trainer.state.params.names
    before = {name: dict(own) for name, own in zip(names, state.optimizer.own, strict=True)}
    average = dict(zip(names, (t.clone() for t in state.params.split(state.average)), strict=True))
    joined = thaw(trainer.program, state, trainer.course.thawing, 4)
    assert joined == ["first", "second"]
    fresh = trainer.program.optimizer.initial_state(state.params)
    averages = state.params.split(state.average)
    for i, name in enumerate(state.params.names):
        own = before.get(name, fresh.own[i])
        assert all(torch.equal(value, own[slot]) for slot, value in state.optimizer.own[i].items()), name
        assert torch.equal(averages[i], average.get(name, state.params.views[i].data))
    assert set(state.optimizer.since) == {0, 14, 21}
    assert state.frozen == {}


def test_several_stages_at_once_are_the_same_as_one_after_the_other(frozen: Build) -> None:
    one, other = frozen(Adam(0.05), epochs=2), frozen(Adam(0.05), epochs=2)
    one.fit()
    other.fit()
    for epoch in (3, 4):
        thaw(one.program, one.state, one.course.thawing, epoch)
    thaw(other.program, other.state, other.course.thawing, 4)
    mine, theirs = one.state.tensors(), other.state.tensors()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_saved_state_is_of_the_epoch_whose_steps_it_has_done() -> None:
    assert epoch_of(LoopState(epoch=3, position=0)) == 2
    assert epoch_of(LoopState(epoch=3, position=1)) == 3


def test_frozen_weights_are_part_of_the_state(frozen: Build) -> None:
    trainer = frozen()
    found = {name for name in trainer.state.tensors() if name.startswith("frozen.")}
    assert found == {
        f"frozen.body.{name}" for name in ("0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias")
    }


def test_penalties_and_limits_leave_what_is_frozen_alone(frozen: Build) -> None:
    trainer = frozen(epochs=1, l1=0.5, l2=0.5, max_norm=0.1)
    low = trainer.program.network.body[0].weight.data.clone()
    trainer.fit()
    assert torch.equal(trainer.program.network.body[0].weight.data, low)
    assert trainer.program.network.body[4].weight.norm(dim=1).max() <= 0.1 + 1e-6


def test_the_best_model_is_that_of_its_epoch_whatever_trains_later(frozen: Build) -> None:
    trainer = frozen(Adam(0.05), epochs=3)
    before = {name: value.clone() for name, value in trainer.program.network.state_dict().items()}
    trainer.course = replace(trainer.course, epochs=2)
    trainer.fit()
    best = trainer.best.weights
    assert best["body.0.weight"].data_ptr() == trainer.state.frozen["body.0.weight"].data_ptr()  # not copied
    trainer.course, trainer.loop.stop_reason = replace(trainer.course, epochs=5), None
    kept = {name: value.clone() for name, value in best.items()}
    trainer.fit()
    assert all(torch.equal(value, best[name]) for name, value in kept.items())
    assert torch.equal(best["body.0.weight"], before["body.0.weight"])
    assert not torch.equal(trainer.program.network.body[0].weight, before["body.0.weight"])
