"""Averages of the weights are what is evaluated and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.models.norms import BatchNorm
from nntrain.optim.asgd import ASGD
from nntrain.optim.sgd import SGD
from nntrain.training.averaging import averaged_weights
from nntrain.training.trainer import Trainer

Build = Callable[..., Trainer]


def test_the_moving_average_is_what_is_evaluated_and_kept(trainer: Build) -> None:
    ready = trainer(ema=0.9, epochs=1, optimizer=SGD(0.5))
    path, step = [ready.state.params.flat.clone()], ready.step

    def noted(indices: Any) -> Tensor:
        loss = step(indices)
        path.append(ready.state.params.flat.clone())
        return loss

    ready.step = noted  # type: ignore[method-assign]
    ready.fit()
    average = path[0]
    for number, flat in enumerate(path[1:], 1):
        decay = min(0.9, (1 + number) / (10 + number))
        average = decay * average + (1 - decay) * flat
    kept = ready.state.params.split(average)
    torch.testing.assert_close(ready.best.weights["body.0.weight"], kept[0])
    assert torch.equal(ready.state.params.flat, path[-1])  # training goes on with its own weights


def test_the_mean_of_the_last_weights_is_what_is_evaluated_and_kept(trainer: Build) -> None:
    ready = trainer(swa_start=4, epochs=1, optimizer=SGD(0.5))
    path, step = [], ready.step

    def noted(indices: Any) -> Tensor:
        loss = step(indices)
        path.append(ready.state.params.flat.clone())
        return loss

    ready.step = noted  # type: ignore[method-assign]
    ready.fit()
    mean = ready.state.params.split(torch.stack(path[3:]).mean(0))
    torch.testing.assert_close(ready.best.weights["body.0.weight"], mean[0])


@pytest.mark.parametrize(("samples", "rtol"), [(50, 1e-4), (2050, 5e-3)])  # the latter in two parts
def test_averaged_weights_get_batch_statistics_of_their_own(trainer: Build, samples: int, rtol: float) -> None:
    body = nn.Sequential(nn.Linear(4, 6), BatchNorm(6), nn.Linear(6, 3))
    ready = trainer(body, ema=0.9, epochs=2, samples=samples)
    ready.fit()
    weight, bias = ready.best.weights["body.0.weight"], ready.best.weights["body.0.bias"]
    hidden = ready.train.inputs @ weight.T + bias
    torch.testing.assert_close(ready.best.weights["body.1.running_mean"], hidden.mean(0), rtol=rtol, atol=1e-5)
    torch.testing.assert_close(ready.best.weights["body.1.running_var"], hidden.var(0), rtol=rtol, atol=1e-5)


def test_asgd_is_evaluated_at_its_average_once_that_has_begun(trainer: Build) -> None:
    ready = trainer(optimizer=ASGD(lr=0.5, t0=8), epochs=1, lr=0.5)
    ready.fit()
    assert averaged_weights(ready.program, ready.state, ready.loop) is None
    longer = trainer(optimizer=ASGD(lr=0.5, t0=8), epochs=3, lr=0.5, restore_best=False)
    longer.fit()
    average = averaged_weights(longer.program, longer.state, longer.loop)
    assert average is longer.state.optimizer.tensors["ax"]
    kept = longer.state.params.split(average)[0]
    assert torch.equal(longer.best.weights["body.0.weight"], kept)
    assert not torch.equal(longer.state.params.data[0], kept)
