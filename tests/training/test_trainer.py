"""The loop: what is evaluated and how, when it stops, what it hands over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.data.dataset import Split
from nntrain.models.norms import BatchNorm
from nntrain.optim.sgd import SGD
from nntrain.training.course import Course, Interrupted
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
    # 7 training steps and two evaluations (validation, some of training) per epoch; after epochs 1 and 2 a look at the
    # gradients, without dropout
    training, evaluation, look = (True, True), (False, False), (False, True)
    assert spy.calls == [*([training] * 7 + [evaluation] * 2 + [look]) * 2, *[training] * 7, *[evaluation] * 2]


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


# When it stops


def test_patience_runs_out(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([5.0, 4.0, 4.0, 3.9, 4.5, 4.4, 9.0])
    ready = trainer(epochs=100, patience=2, min_delta=0.2)
    monkeypatch.setattr(
        "nntrain.training.trainer.evaluate",
        lambda program, split, names: {"loss": next(losses) if split is ready.val else 0.0},
    )
    ready.fit()
    assert (ready.loop.best_epoch, ready.loop.best_value) == (4, 3.9)  # the best is the best, however slightly
    assert len(ready.loop.history) == 4  # but 0.1 is no reason to wait longer
    assert ready.loop.stop_reason == "no better loss for 2 epochs"


def test_patience_starts_late(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.training.trainer.evaluate", lambda *args: {"loss": 1.0})
    ready = trainer(epochs=100, patience=2, start_epoch=6)
    ready.fit()
    assert len(ready.loop.history) == 7
    assert ready.loop.best_epoch == 1


def test_nan_is_never_an_improvement(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([math.nan, 2.0, math.nan, 1.5, math.nan])
    ready = trainer(epochs=5)
    monkeypatch.setattr(
        "nntrain.training.trainer.evaluate",
        lambda program, split, names: {"loss": next(losses) if split is ready.val else 0.0},
    )
    ready.fit()
    assert (ready.loop.best_epoch, ready.loop.best_value, ready.best.epoch) == (4, 1.5, 4)


def test_an_infinite_value_is_never_an_improvement(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([math.inf, 2.0, -math.inf, 1.5, math.inf])
    ready = trainer(epochs=5)
    monkeypatch.setattr(
        "nntrain.training.trainer.evaluate",
        lambda program, split, names: {"loss": next(losses) if split is ready.val else 0.0},
    )
    ready.fit()
    assert (ready.loop.best_epoch, ready.loop.best_value, ready.best.epoch) == (4, 1.5, 4)


def test_the_weights_of_the_best_epoch_are_kept(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def falls_then_rises(program: Any, split: Split, names: Any) -> dict[str, float]:
        if split is not ready.val:
            return {"loss": 0.0}
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


def test_reasons_to_stop_follow_from_the_finished_epochs(trainer: Build) -> None:
    course: Course = trainer(epochs=2, patience=3, time_limit=60).course
    loop = trainer().loop
    assert course.reason_to_stop(loop) is None
    loop.history = [{}, {}]
    assert course.reason_to_stop(loop) == "all 2 epochs done"
    loop.bad_epochs = 3
    assert course.reason_to_stop(loop) == "no better loss for 3 epochs"
    one: Course = trainer(epochs=1, patience=1).course
    loop.bad_epochs = 0
    assert one.reason_to_stop(loop) == "1 epoch done"
    loop.bad_epochs = 1
    assert one.reason_to_stop(loop) == "no better loss for 1 epoch"
    assert replace(one, epochs=3000, stopping=replace(one.stopping, patience=None)).reason_to_stop(loop) is None
    loop.history = [{}] * 3000
    assert replace(one, epochs=3000, stopping=replace(one.stopping, patience=None)).reason_to_stop(loop) == (
        "all 3,000 epochs done"
    )
    loop.seconds = 61
    assert course.reason_to_stop(loop) == "time limit of 1 minutes"


def test_a_judge_sees_every_epoch_and_may_end_the_run(trainer: Build) -> None:
    seen: list[tuple[int, float]] = []

    def judge(epoch: int, value: float) -> str | None:
        seen.append((epoch, value))
        return "pruned for a test" if epoch == 2 else None

    ready = trainer(epochs=5)
    ready.judge = judge
    ready.fit()
    assert ready.loop.stop_reason == "pruned for a test"
    assert [epoch for epoch, _ in seen] == [1, 2]
    assert [value for _, value in seen] == [row["val_loss"] for row in ready.loop.history]


def test_a_run_that_is_done_is_not_called_pruned(trainer: Build) -> None:
    ready = trainer(epochs=1)
    ready.judge = lambda epoch, value: "pruned for a test"
    ready.fit()
    assert ready.loop.stop_reason == "1 epoch done"
