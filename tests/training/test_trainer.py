"""The loop: what is evaluated and how, when it stops, what it does with values that are not finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.data.dataset import Split
from nntrain.models.norms import BatchNorm
from nntrain.optim.adam import Adam
from nntrain.optim.asgd import ASGD
from nntrain.optim.lbfgs import LBFGS
from nntrain.optim.sgd import SGD
from nntrain.training import step as step_module
from nntrain.training.averaging import averaged_weights
from nntrain.training.course import Course, Interrupted
from nntrain.training.diagnose import NonFiniteError
from nntrain.training.evaluate import evaluate, outputs_of
from nntrain.training.trainer import Trainer

Build = Callable[..., Trainer]


class Spy(nn.Module):
    """Passes its input on, and notes how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[bool, bool]] = []  # training, gradient

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append((self.training, torch.is_grad_enabled()))
        return x


def test_every_evaluation_is_in_evaluation_mode_and_without_gradient(trainer: Build) -> None:
    spy = Spy()
    body = nn.Sequential(nn.Linear(4, 6), BatchNorm(6), nn.Dropout(0.5), spy, nn.Linear(6, 3))
    ready = trainer(body, random=True, epochs=3)
    ready.fit()
    # 7 training steps and one evaluation per epoch; after epochs 1 and 2 a look at the gradients, without dropout
    training, evaluation, look = (True, True), (False, False), (False, True)
    assert spy.calls == [*([training] * 7 + [evaluation, look]) * 2, *[training] * 7, evaluation]


def test_an_evaluation_changes_nothing(trainer: Build) -> None:
    body = nn.Sequential(nn.Linear(4, 6), BatchNorm(6), nn.Dropout(0.5), nn.Linear(6, 3))
    ready = trainer(body, random=True)
    ready.fit()
    network = ready.program.network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    random = torch.get_rng_state()
    figures = [evaluate(ready.program, ready.val, ("accuracy", "log_loss")) for _ in range(2)]
    assert figures[0] == figures[1]
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())
    assert torch.equal(random, torch.get_rng_state())
    assert network.training
    outputs = outputs_of(ready.program, ready.val.inputs)
    assert not outputs.requires_grad
    network.eval()
    assert torch.equal(outputs, network(ready.val.inputs))


def test_evaluation_in_parts_equals_the_whole(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = trainer(samples=100)
    whole = evaluate(ready.program, ready.val, ("accuracy",))
    monkeypatch.setattr("nntrain.training.evaluate.EVALUATION_BATCH", 7)
    assert evaluate(ready.program, ready.val, ("accuracy",)) == pytest.approx(whole, rel=1e-6)


def test_looking_at_gradients_moves_nothing(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for look in (True, False):
        body = nn.Sequential(nn.Linear(4, 6), BatchNorm(6), nn.Dropout(0.5), nn.Linear(6, 3))
        ready = trainer(body, random=True, epochs=3)
        if not look:
            monkeypatch.setattr(Trainer, "look_at_gradients", lambda self: None)
        ready.fit()
        found.append({name: tensor.numpy().tobytes() for name, tensor in ready.state.tensors().items()})
    assert found[0] == found[1]


@pytest.mark.parametrize("samples", [9, 17])
def test_a_last_batch_of_one_sample_does_not_break_batch_norm(trainer: Build, samples: int) -> None:
    body = nn.Sequential(nn.Linear(4, 6), BatchNorm(6), nn.Linear(6, 3))
    ready = trainer(body, samples=samples, batch_size=8)
    ready.fit()
    assert all(torch.isfinite(value).all() for value in ready.best.weights.values())


@pytest.mark.parametrize(("size", "steps"), [(None, 1), (1, 50), (8, 7), (50, 1)])
def test_steps_per_epoch(trainer: Build, size: int | None, steps: int) -> None:
    ready = trainer(batch_size=size, lr=0.01)
    ready.fit()
    assert [row["step"] for row in ready.loop.history] == [steps, 2 * steps]
    assert len(ready.keeper.states) == 1  # type: ignore[attr-defined]


def test_every_sample_once_an_epoch_in_an_order_of_its_own(trainer: Build) -> None:
    from nntrain.training.batches import epoch_order

    ready = trainer()
    orders = [torch.cat([index for (index,) in epoch_order(ready.train, ready.course, epoch)]) for epoch in (1, 2)]
    assert all(sorted(order.tolist()) == list(range(50)) for order in orders)
    assert not torch.equal(*orders)


# What is not finite


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
        good.step((torch.arange(8),))
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


# When it stops


def test_patience_runs_out(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([5.0, 4.0, 4.0, 3.9, 4.5, 4.4, 9.0])
    monkeypatch.setattr("nntrain.training.trainer.evaluate", lambda *args: {"loss": next(losses)})
    ready = trainer(epochs=100, patience=2, min_delta=0.2)
    ready.fit()
    assert (ready.loop.best_epoch, ready.loop.best_value) == (2, 4.0)
    assert len(ready.loop.history) == 4
    assert ready.loop.stop_reason == "no better loss for 2 epochs"


def test_patience_starts_late(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.training.trainer.evaluate", lambda *args: {"loss": 1.0})
    ready = trainer(epochs=100, patience=2, start_epoch=6)
    ready.fit()
    assert len(ready.loop.history) == 7
    assert ready.loop.best_epoch == 1


def test_nan_is_never_an_improvement(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([math.nan, 2.0, math.nan, 1.5, math.nan])
    monkeypatch.setattr("nntrain.training.trainer.evaluate", lambda *args: {"loss": next(losses)})
    ready = trainer(epochs=5)
    ready.fit()
    assert (ready.loop.best_epoch, ready.loop.best_value, ready.best.epoch) == (4, 1.5, 4)


def test_the_weights_of_the_best_epoch_are_kept(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def falls_then_rises(program: Any, split: Split, names: Any) -> dict[str, float]:
        seen.append(program.network.body[0].weight.detach().clone())
        return {"loss": abs(len(seen) - 3.0)}

    monkeypatch.setattr("nntrain.training.trainer.evaluate", falls_then_rises)
    for restore, kept in ((True, 2), (False, 4)):
        seen.clear()
        ready = trainer(epochs=5, restore_best=restore)
        ready.fit()
        assert torch.equal(ready.best.weights["body.0.weight"], seen[kept])
        assert ready.best.epoch == kept + 1
        assert ready.loop.best_epoch == 3


def test_it_stops_in_the_midst_of_an_epoch_when_time_is_up(trainer: Build) -> None:
    ready = trainer(time_limit=1e-9, epochs=100)
    ready.fit()
    assert ready.loop.step == 1
    assert [row["epoch"] for row in ready.loop.history] == [1]
    assert ready.loop.stop_reason is not None
    assert ready.loop.stop_reason.startswith("time limit")


def test_asked_to_stop_the_step_under_way_ends_and_the_state_is_saved(trainer: Build) -> None:
    ready = trainer()
    ready.stop.signal = 15
    with pytest.raises(Interrupted):
        ready.fit()
    assert ready.keeper.states == [1]  # type: ignore[attr-defined]


def test_a_state_is_not_saved_before_its_best_model(trainer: Build) -> None:
    ready = trainer(epochs=3, every_seconds=0)
    ready.keeper.model = lambda best: False  # type: ignore[method-assign]
    ready.fit()
    assert ready.keeper.states == []  # type: ignore[attr-defined]
    assert not ready.best.saved


def test_plateau_lowers_the_rate_for_the_next_epoch(trainer: Build) -> None:
    def watch(state: dict[str, Any] | None, value: float) -> dict[str, Any]:
        return {"factor": (state or {"factor": 1.0})["factor"] / 2}

    ready = trainer(lr=0.1, epochs=3, watch=watch)
    ready.fit()
    assert [row["lr"] for row in ready.loop.history] == [0.1, 0.05, 0.025]


def test_the_schedule_moves_lr_and_momentum_step_by_step(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[float, float | None]] = []
    update = SGD.update

    def noted(self: SGD, params: Any, grads: Any, state: Any, h: Any, found_inf: Any = None) -> None:
        seen.append((h.lr, h.momentum))
        update(self, params, grads, state, h, found_inf)

    monkeypatch.setattr(SGD, "update", noted)
    trainer(epochs=1, rates=lambda step: (0.1 / step, 0.5 + step / 100)).fit()
    assert seen == [(0.1 / step, 0.5 + step / 100) for step in range(1, 8)]


# Averages


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


def test_averaged_weights_get_batch_statistics_of_their_own(trainer: Build) -> None:
    body = nn.Sequential(nn.Linear(4, 6), BatchNorm(6), nn.Linear(6, 3))
    ready = trainer(body, ema=0.9, epochs=2)
    ready.fit()
    weight, bias = ready.best.weights["body.0.weight"], ready.best.weights["body.0.bias"]
    hidden = ready.train.inputs @ weight.T + bias
    torch.testing.assert_close(ready.best.weights["body.1.running_mean"], hidden.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ready.best.weights["body.1.running_var"], hidden.var(0), rtol=1e-4, atol=1e-5)


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


def test_reasons_to_stop_follow_from_the_finished_epochs(trainer: Build) -> None:
    course: Course = trainer(epochs=2, patience=3, time_limit=60).course
    loop = trainer().loop
    assert course.reason_to_stop(loop) is None
    loop.history = [{}, {}]
    assert course.reason_to_stop(loop) == "all 2 epochs done"
    loop.bad_epochs = 3
    assert course.reason_to_stop(loop) == "no better loss for 3 epochs"
    loop.seconds = 61
    assert course.reason_to_stop(loop) == "time limit of 1 minutes"
