"""Values that are not finite, and gradients that vanish or explode: caught, placed and said."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.optim.adam import Adam
from nntrain.optim.lbfgs import LBFGS
from nntrain.training import step as step_module
from nntrain.training.diagnose import NonFiniteError
from nntrain.training.trainer import Trainer

Build = Callable[..., Trainer]


def poison(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Make the loss NaN at the evaluation of that number."""
    gradients, calls = step_module.gradients, [0]

    def poisoned(*args: Any) -> Any:
        loss, grads = gradients(*args)
        calls[0] += 1
        return (loss * math.nan, grads) if calls[0] == at else (loss, grads)

    monkeypatch.setattr(step_module, "gradients", poisoned)


@pytest.mark.parametrize("asks", [True, False], ids=["cpu", "device"])
def test_the_parameters_are_those_before_the_bad_step(
    trainer: Build, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    good = trainer(optimizer=Adam(), asks=asks, epochs=1)
    for _ in range(3):
        good.step(good.batches((torch.arange(8),)))
        good.loop.step += 1
    ready = trainer(optimizer=Adam(), asks=asks, epochs=1)
    monkeypatch.setattr("nntrain.training.trainer.epoch_order", lambda *args: [(torch.arange(8),)] * 6)
    poison(monkeypatch, at=4)
    with pytest.raises(NonFiniteError, match="epoch 1, step 4: "):
        ready.fit()
    assert torch.equal(ready.state.params.flat, good.state.params.flat)


def test_on_a_device_a_bad_step_of_a_later_epoch_is_found_at_its_end(
    trainer: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = trainer(asks=False, epochs=5)
    poison(monkeypatch, at=7 + 7 + 3)
    with pytest.raises(NonFiniteError, match="epoch 3, step 3: "):
        ready.fit()
    assert len(ready.loop.history) == 2
    assert [best.epoch for best in ready.keeper.models] == [ready.loop.best_epoch]  # type: ignore[attr-defined]


@pytest.mark.parametrize("asks", [True, False], ids=["cpu", "device"])
def test_the_layer_is_named(trainer: Build, asks: bool) -> None:
    class Overflows(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * math.inf

    body = nn.Sequential(nn.Linear(4, 6), Overflows(), nn.Linear(6, 3))
    ready = trainer(body, asks=asks)
    with pytest.raises(NonFiniteError, match=r"epoch 1, step 1: .* first in the output of layer body\.1; what usually"):
        ready.fit()


def test_inputs_that_are_not_finite_are_named(trainer: Build) -> None:
    inputs = torch.randn(50, 4)
    inputs[:, 2] = math.nan
    with pytest.raises(NonFiniteError, match="in the inputs themselves"):
        trainer(inputs=inputs).fit()


def test_a_gradient_that_is_not_finite_is_named(trainer: Build) -> None:
    class Steep(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Tensor:
            return grad * math.inf

    class Layer(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Steep.apply(x)  # type: ignore[no-any-return, no-untyped-call]

    body = nn.Sequential(nn.Linear(4, 6), Layer(), nn.Linear(6, 3))
    with pytest.raises(NonFiniteError, match=r"in the gradient of body\.0\.weight, body\.0\.bias; what usually helps"):
        trainer(body).fit()


def test_a_loss_scale_that_collapses_ends_the_run(trainer: Build) -> None:
    ready = trainer(precision="fp16", scaled=True, inputs=torch.randn(50, 4) * 1e6, epochs=50)
    with pytest.raises(NonFiniteError, match=r"epoch 3, .*fp16 holds values up to 65504: precision=bf16 or fp32"):
        ready.fit()


def test_a_search_that_leaves_the_finite_is_stopped(trainer: Build) -> None:
    ready = trainer(optimizer=LBFGS(lr=1e30, line_search_fn=None), lr=1e30, batch_size=None)
    with pytest.raises(NonFiniteError, match="at a point that the step tried"):
        ready.fit()
    assert torch.isfinite(ready.state.params.flat).all()


def test_exploding_and_vanishing_gradients_are_warned_of(trainer: Build) -> None:
    steep = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3))
    ready = trainer(steep, inputs=torch.randn(50, 4) * 1e6, lr=1e-12, epochs=1)
    ready.fit()
    assert "gradients explode" in ready.screen.warnings[0]  # type: ignore[attr-defined]

    class Shut(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 1 + x * 1e-9

    ready = trainer(nn.Sequential(nn.Linear(4, 6), Shut(), nn.Linear(6, 3)), epochs=1)
    ready.fit()
    assert "the gradient of body.0.weight is " in ready.screen.warnings[0]  # type: ignore[attr-defined]
    assert "gradients vanish" in ready.screen.warnings[0]  # type: ignore[attr-defined]


def test_healthy_gradients_are_not_warned_of(trainer: Build) -> None:
    ready = trainer(epochs=4)
    ready.fit()
    assert ready.screen.warnings == []  # type: ignore[attr-defined]
