"""The training loop. A feature is a visible line here; there are no callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import torch
from torch import Tensor

from nntrain.optim.optimizer import Hyper
from nntrain.optim.schedule import Plan
from nntrain.seeding import derive, generator
from nntrain.training.diagnose import locate
from nntrain.training.evaluate import evaluate, refresh_norms, weights_of
from nntrain.training.state import LoopState, TrainState
from nntrain.training.step import Batch, Program, train_step
from nntrain.training.stopping import Stopping

if TYPE_CHECKING:
    from nntrain.data.dataset import Split

Row = dict[str, float]


class Screen(Protocol):
    """The display; `done` (steps of the epoch under way) is all of it that the loop touches in a step."""

    done: int

    def epoch_begin(self, epoch: int, steps: int) -> None: ...
    def epoch_end(self, row: Row, best: bool) -> None: ...


class Keeper(Protocol):
    """Where the run is kept: the best model, the state that resume needs, and a row of metrics per epoch."""

    def model(self, weights: dict[str, Tensor], loop: LoopState) -> None: ...
    def state(self, state: TrainState, loop: LoopState, losses: Tensor) -> None: ...
    def row(self, row: Row) -> None: ...


@dataclass
class Stop:
    """Set from outside (by a signal) to end the run after the step under way, its state saved."""

    signal: int | None = None


class Interrupted(Exception):
    """The run in `folder` ended because it was asked to; its state is saved."""

    folder: Path


@dataclass(frozen=True)
class Course:
    """How long, in what order and at what rates to train.

    batch_size: samples per batch, None: all. accumulate: batches per step. rates: learning rate and momentum of each step.
    metrics: validation metrics of every epoch. swa_start: first step whose weights are averaged. watch: of a schedule that
    follows the monitored metric, from its state (None at first) and the epoch's value to the new state. time_limit: seconds.
    every_seconds: how often state and best model are saved at most, in seconds.
    """

    seed: int
    epochs: int
    batch_size: int | None
    accumulate: int
    rates: Plan
    stopping: Stopping
    metrics: tuple[str, ...]
    swa_start: int | None = None
    watch: Callable[[dict[str, Any] | None, float], dict[str, Any]] | None = None
    time_limit: float | None = None
    every_seconds: float = 30.0


@dataclass
class Best:
    """The best weights so far, on the device, and whether they are on disk."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    saved: bool = True


@dataclass
class Trainer:
    """Trains from where `loop` stands until its `stop_reason` is set; then `best.weights` are the model, by name.

    splits: training and validation, on the device. losses: of the steps already done in the epoch under way.
    """

    program: Program
    state: TrainState
    loop: LoopState
    train: Split
    val: Split
    course: Course
    screen: Screen
    keeper: Keeper
    stop: Stop
    losses: list[Tensor] = field(default_factory=list)
    best: Best = field(default_factory=Best)

    def fit(self) -> None:
        """Raises NonFinite where a loss or gradient is not finite, Interrupted where asked to stop; what was learnt is saved."""
        loop, course = self.loop, self.course
        self.saved_at = perf_counter()
        while loop.stop_reason is None:
            began = perf_counter() - loop.epoch_seconds
            lr, samples = self.steps(began)
            train_loss = weighted_mean(self.losses, samples)
            scores, better = self.validate()
            seconds = perf_counter() - began
            row: Row = {"epoch": loop.epoch, "step": loop.step, "lr": lr, "train_loss": train_loss}
            row |= {f"val_{name}": value for name, value in scores.items()}
            row |= {"seconds": seconds, "samples_per_second": sum(samples) / seconds}
            loop.history.append(row)
            self.keeper.row(row)
            self.screen.epoch_end(row, better)
            loop.seconds += seconds
            if course.watch is not None:
                loop.plateau = course.watch(loop.plateau, scores[course.stopping.monitor])
            if loop.epoch >= course.epochs and loop.stop_reason is None:
                loop.stop_reason = f"all {course.epochs} epochs done"
            loop.epoch, loop.position, loop.epoch_seconds, self.losses = loop.epoch + 1, 0, 0.0, []
            if loop.stop_reason is not None or perf_counter() - self.saved_at > course.every_seconds:
                self.save()

    def steps(self, began: float) -> tuple[float, list[int]]:
        """The steps of one epoch, from `loop.position`; the last learning rate, and the number of samples in each step."""
        program, state, loop, course = self.program, self.state, self.loop, self.course
        order = epoch_order(self.train, course, loop.epoch)
        samples = [sum(map(len, indices)) or len(self.train) for indices in order]
        self.screen.epoch_begin(loop.epoch, len(order))
        program.network.train()
        lr = 0.0
        for position in range(loop.position, len(order)):
            lr, momentum = course.rates(loop.step + 1)
            lr *= loop.rate_factor
            noise_seed = derive(course.seed, "noise", loop.epoch, position) if program.random else 0
            batches = take(self.train, order[position])
            try:
                loss = train_step(program, state, batches, Hyper(loop.step + 1, lr, momentum), noise_seed)
            except FloatingPointError:
                self.fail(batches, noise_seed, position)
            self.losses.append(loss)
            loop.step += 1
            loop.position = self.screen.done = position + 1
            if course.swa_start is not None and loop.step >= course.swa_start:
                average_in(state, loop)
            now = perf_counter()
            loop.epoch_seconds = now - began
            if self.stop.signal is not None:
                self.save()
                raise Interrupted
            if now - self.saved_at > course.every_seconds:
                self.save()
            if course.time_limit is not None and loop.seconds + loop.epoch_seconds > course.time_limit:
                loop.stop_reason = f"time limit of {course.time_limit / 60:g} minutes"
                break
        if state.found_inf.item():  # a device is asked once an epoch; the parameters stood still from the bad step on
            position = int(state.good_steps.item()) - (loop.step - loop.position)
            noise_seed = derive(course.seed, "noise", loop.epoch, position)
            self.fail(take(self.train, order[position]), noise_seed, position)
        return lr, samples[: loop.position]

    def validate(self) -> tuple[dict[str, float], bool]:
        """Metrics of the validation split, by the averaged weights where there are any; whether they are the best so far."""
        network, course = self.program.network, self.course
        with weights_of(self.state.params, averaged_weights(self.program, self.state, self.loop)):
            if self.loop.averaged_steps:
                refresh_norms(network, self.train.inputs)
            scores = evaluate(self.program, self.val, course.metrics)
            better = course.stopping.observe(self.loop, scores[course.stopping.monitor])
            if better or not course.stopping.restore_best:
                self.best = Best({name: value.clone() for name, value in network.state_dict().items()}, saved=False)
        return scores, better

    def save(self) -> None:
        """Write the best model, if it is new, and then the state: a state on disk never speaks of a better model than there is."""
        self.save_best()
        self.keeper.state(self.state, self.loop, torch.stack(self.losses).cpu() if self.losses else torch.zeros(0))
        self.saved_at = perf_counter()

    def save_best(self) -> None:
        if not self.best.saved:
            self.keeper.model(self.best.weights, self.loop)
            self.best.saved = True

    def fail(self, batches: list[Batch], noise_seed: int, position: int) -> NoReturn:
        """End the run at a step whose loss or gradient is not finite; the parameters are those before it."""
        self.save_best()
        raise locate(self.program, self.state, batches, noise_seed, self.loop.epoch, position + 1)


def epoch_order(split: Split, course: Course, epoch: int) -> list[tuple[Tensor, ...]]:
    """For each step of the epoch the indices of its batches, on the device; derived from (seed, epoch) alone.

    With batch_size None the one step has no indices: it takes the split as it is.
    """
    if course.batch_size is None:
        return [()]
    order = torch.randperm(len(split), generator=generator(course.seed, "order", epoch)).to(split.inputs.device)
    if course.accumulate == 1:
        return [(part,) for part in torch.split(order, course.batch_size)]
    return [torch.split(part, course.batch_size) for part in torch.split(order, course.batch_size * course.accumulate)]


def take(split: Split, indices: tuple[Tensor, ...]) -> list[Batch]:
    """The batches of one step."""
    if not indices:
        return [Batch(split.inputs, split.targets, split.weights)]
    weights = split.weights
    return [
        Batch(
            split.inputs.index_select(0, index),
            split.targets.index_select(0, index),
            None if weights is None else weights.index_select(0, index),
        )
        for index in indices
    ]


def weighted_mean(losses: Sequence[Tensor], samples: Sequence[int]) -> float:
    """The mean training loss per sample; the one sync of an epoch's training."""
    values = torch.stack(list(losses)).cpu().double()
    return float(values @ torch.tensor(samples, dtype=torch.float64) / sum(samples))


def average_in(state: TrainState, loop: LoopState) -> None:
    """Stochastic weight averaging (Izmailov et al. 2018): the plain mean of the weights after each step."""
    assert state.average is not None
    loop.averaged_steps += 1
    with torch.no_grad():
        state.average.lerp_(state.params.flat, 1 / loop.averaged_steps)


def averaged_weights(program: Program, state: TrainState, loop: LoopState) -> Tensor | None:
    """The averaged weights, where they are what is evaluated and kept."""
    return state.average if program.ema or loop.averaged_steps else None
