"""The step is a pure function, and does what a loop by hand does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nntrain.optim.adam import Adam
from nntrain.optim.optimizer import Hyper
from nntrain.optim.sgd import SGD
from nntrain.optim.table import OPTIMIZERS
from nntrain.training.batches import epoch_order, take
from nntrain.training.state import TrainState
from nntrain.training.step import train_step
from nntrain.training.trainer import Trainer

Build = Callable[..., Trainer]
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "l1": {"l1": 0.01},
    "l2": {"l2": 0.01},
    "max_norm": {"max_norm": 0.5},
    "clip_norm": {"clip_norm": 0.1},
    "clip_value": {"clip_value": 0.01},
    "input_noise": {"input_noise": 0.3, "random": True},
    "ema": {"ema": 0.9},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16", "scaled": True},
    "device": {"asks": False},
}


def bits(state: TrainState) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in state.tensors().items()}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_same_arguments_give_the_same_result(trainer: Build, settings: dict[str, Any]) -> None:
    body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.3), nn.ReLU(), nn.Linear(6, 3))
    ready = trainer(body, Adam(), **{"random": True, **settings})
    batches = take(ready.train, (torch.arange(8),))
    train_step(ready.program, ready.state, batches, Hyper(1, 0.01), 7)
    before = {name: tensor.clone() for name, tensor in ready.state.tensors().items()}
    found = []
    for unrelated in (1, 2):
        with torch.no_grad():
            for name, tensor in ready.state.tensors().items():
                tensor.copy_(before[name])
        torch.manual_seed(unrelated)  # what lies outside of the arguments
        loss = train_step(ready.program, ready.state, batches, Hyper(2, 0.01), 7)
        found.append((loss.item(), bits(ready.state)))
    assert found[0] == found[1]
    assert found[0][1]["params"] != before["params"].numpy().tobytes()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SGD(0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        (SGD(0.1, momentum=0.0), lambda p: torch.optim.SGD(p, lr=0.1)),
        (Adam(0.01), lambda p: torch.optim.Adam(p, lr=0.01)),
        (Adam(0.01, betas=(0.8, 0.9)), lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.9))),
    ],
    ids=["momentum", "sgd", "adam", "betas"],
)
def test_an_epoch_equals_a_loop_by_hand(trainer: Build, ours: Any, theirs: Any) -> None:
    ready = trainer(optimizer=ours, lr=ours.lr, epochs=1)
    network = copy.deepcopy(ready.program.network)
    optimizer = theirs(network.parameters())
    losses = []
    for (index,) in epoch_order(ready.train, ready.course, 1):
        loss = F.cross_entropy(network(ready.train.inputs[index]), ready.train.targets[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item() * len(index))
    ready.fit()
    for (name, p), q in zip(ready.program.network.named_parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-6, atol=1e-6, msg=name)
    assert ready.loop.history[0]["train_loss"] == pytest.approx(sum(losses) / 50, rel=1e-6)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "lbfgs"])
def test_accumulated_gradients_equal_the_big_batch(trainer: Build, name: str) -> None:
    found = []
    for size, parts in ((12, 1), (4, 3)):
        optimizer = OPTIMIZERS[name]()
        ready = trainer(
            optimizer=optimizer, lr=0.01, epochs=2, batch_size=size, accumulate=parts, l2=0.01, clip_norm=1.0
        )
        ready.fit()
        found.append((ready.loop.step, ready.state.params.flat))
    assert found[0][0] == found[1][0]
    if name not in ("rprop", "muon", "lion", "adafactor"):  # these look at signs, where a rounding may turn one
        torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-4, atol=1e-5)


def step_once(trainer: Build, **settings: Any) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """One step of plain gradient descent with lr 0.1 on one batch: parameters before and after, gradients."""
    ready = trainer(optimizer=SGD(0.1, momentum=0.0), **settings)
    batches, state = take(ready.train, (torch.arange(8),)), ready.state
    loss = F.cross_entropy(ready.program.network(batches[0].inputs), batches[0].targets)
    grads = list(torch.autograd.grad(loss, state.params.views))
    before = state.params.flat.clone()
    train_step(ready.program, state, batches, Hyper(1, 0.1), 0)
    return before, state.params.flat.clone(), [*grads, state.params.gather(grads)]


def test_penalties_pull_on_weights_alone(trainer: Build) -> None:
    before, after, grads = step_once(trainer, l1=0.01, l2=0.1)
    pull = torch.zeros_like(before)
    weights = torch.arange(len(before)) < 64  # 6 x 4 and 3 x 6, each padded to 32
    pull[weights] = 0.01 * before[weights].sign() + 2 * 0.1 * before[weights]
    torch.testing.assert_close(after, before - 0.1 * (grads[-1] + pull))


def test_gradients_are_clipped_by_their_norm(trainer: Build) -> None:
    before, after, grads = step_once(trainer, clip_norm=0.05)
    assert grads[-1].norm() > 0.05
    torch.testing.assert_close((before - after).norm().item(), 0.1 * 0.05, rtol=1e-4, atol=0)


def test_gradients_are_clipped_by_value(trainer: Build) -> None:
    before, after, grads = step_once(trainer, clip_value=0.02)
    torch.testing.assert_close(before - after, 0.1 * grads[-1].clamp(-0.02, 0.02))


def test_no_unit_has_more_than_the_maximal_norm(trainer: Build) -> None:
    ready = trainer(max_norm=0.3)
    ready.fit()
    rows = torch.cat([view.norm(dim=1) for view in ready.state.params.views[: ready.state.params.weights]])
    assert rows.max().item() <= 0.3 + 1e-6


def test_noise_on_inputs_depends_on_the_step_alone(trainer: Build) -> None:
    found = []
    for seed, noise in ((1, 0.5), (2, 0.5), (1, 0.0)):
        ready = trainer(input_noise=noise, random=True)
        torch.manual_seed(seed)
        ready.fit()
        found.append(ready.state.params.flat)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_a_bad_step_on_a_device_leaves_everything_as_it_was(trainer: Build) -> None:
    ready = trainer(optimizer=Adam(), asks=False)
    good, state = take(ready.train, (torch.arange(8),)), ready.state
    train_step(ready.program, state, good, Hyper(1, 0.01), 0)
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    bad = take(ready.train, (torch.arange(8),))
    bad[0].inputs = bad[0].inputs * torch.inf
    for step, batches in ((2, bad), (3, good), (4, good)):
        train_step(ready.program, state, batches, Hyper(step, 0.01), 0)
    assert state.found_inf.item() != 0
    assert state.skipped.item() == 3
    del before["found_inf"], before["skipped"]
    assert all(torch.equal(tensor, state.tensors()[name]) for name, tensor in before.items())


def test_with_a_loss_scale_a_bad_step_is_skipped_and_the_scale_halved(trainer: Build) -> None:
    body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
    ready = trainer(body, Adam(), precision="fp16", scaled=True)
    ready.program.network.train()
    good, state = take(ready.train, (torch.arange(8),)), ready.state
    bad = take(ready.train, (torch.arange(8),))
    bad[0].inputs = bad[0].inputs * 1e6
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    train_step(ready.program, state, bad, Hyper(1, 0.01), 0)
    assert state.loss_scale is not None
    assert state.loss_scale.item() == 2.0**15
    assert state.skipped.item() == 1
    del before["loss_scale"], before["skipped"]
    assert all(torch.equal(tensor, state.tensors()[name]) for name, tensor in before.items())
    train_step(ready.program, state, good, Hyper(2, 0.01), 0)
    assert not torch.equal(before["params"], state.params.flat)
    assert state.loss_scale.item() == 2.0**15
