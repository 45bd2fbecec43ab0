"""The training loop. A feature is a visible line here; there are no callbacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

import torch
from torch import Tensor

from nntrain.optim.optimizer import Hyper
from nntrain.seeding import derive
from nntrain.training.averaging import average_in, averaged_weights, refresh_norms, weights_of
from nntrain.training.batches import Indices, batches_of, epoch_order, some_of, step_sizes, take, upcoming
from nntrain.training.course import Best, Course, Interrupted, Judge, Keeper, Screen, Stop
from nntrain.training.diagnose import SAMPLES, NonFiniteError, gradient_problem, is_due, locate
from nntrain.training.evaluate import evaluate
from nntrain.training.state import LoopState, TrainState
from nntrain.training.step import Batch, Program, train_step
from nntrain.training.thaw import Thawing, thaw

if TYPE_CHECKING:
    from nntrain.augment.augmentation import Augmentation
    from nntrain.data.dataset import Split

PROBE = 10_000  # training samples, at most, on which an epoch's training metrics are computed
LEAST_LOSS_SCALE = 1.0  # below it, gradients overflow fp16 even as they are


@dataclass
class Trainer:
    """Trains from where `loop` stands until its `stop_reason` is set; then `best` is the model.

    train, val: on the device. losses: of the steps already done in the epoch under way. augment: changes to the
    training samples, or None. judge: of a search, which may end the run after any epoch.
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
    augment: Augmentation | None = None
    judge: Judge | None = None
    best: Best = field(default_factory=Best)
    saved_at: float = field(default_factory=perf_counter)
    probe: Split = field(init=False)

    def __post_init__(self) -> None:
        self.probe = some_of(self.train, min(len(self.val), PROBE), self.course.seed)

    def fit(self) -> None:
        """Raises NonFiniteError where a loss or gradient is not finite, Interrupted where asked to stop; what was
        learnt is saved."""
        while self.loop.stop_reason is None:
            self.epoch()

    def epoch(self) -> None:
        """The epoch under way, from where it stands to what follows it; sets `stop_reason` where no other does."""
        loop, course = self.loop, self.course
        began = perf_counter() - loop.epoch_seconds
        lr, sizes = self.steps(began)
        train_loss = weighted_mean(self.losses, sizes)
        scores, better, seen = self.validate()
        self.look_at_gradients()
        seconds = perf_counter() - began
        row = loop.add_row(lr, train_loss, seen, scores, seconds, sum(sizes))
        self.keeper.rows(loop.history)
        self.screen.epoch_end(row, better)
        course.next_epoch(loop, scores[course.stopping.monitor], self.judge)
        self.losses = []
        if loop.stop_reason is not None or perf_counter() - self.saved_at > course.every_seconds:
            self.save()

    def steps(self, began: float) -> tuple[float, list[int]]:
        """The steps of one epoch, from `loop.position`: the last learning rate, and how many samples each step had."""
        loop, course = self.loop, self.course
        order = epoch_order(self.train, course, loop.epoch)
        self.screen.epoch_begin(loop.epoch, len(order))
        if course.thawing is not None and loop.position == 0:
            self.thaw(course.thawing)
        self.program.network.train()
        batches = upcoming(self.train, order, loop.position, self.augment, loop.epoch)
        for position, step in enumerate(batches, loop.position):
            self.losses.append(self.step(step))
            loop.step += 1
            loop.position = self.screen.done = position + 1
            if course.swa_start is not None and loop.step >= course.swa_start:
                average_in(self.state, loop)
            now = perf_counter()
            loop.epoch_seconds = now - began
            if self.stop.signal is not None:
                self.save()
                raise Interrupted
            if 0 < course.every_seconds < now - self.saved_at:
                self.save()
            if course.out_of_time(loop.seconds + loop.epoch_seconds):
                break
        self.check_device(order)
        return course.rates(loop.step)[0] * loop.rate_factor, step_sizes(self.train, order[: loop.position])

    def thaw(self, thawing: Thawing) -> None:
        """Let the layers train that begin to with this epoch, and say so."""
        if thawing.still(self.loop.epoch) != thawing.still(self.loop.epoch - 1):
            layers = thaw(self.program, self.state, thawing, self.loop.epoch)
            self.screen.note(f"epoch {self.loop.epoch}: {', '.join(layers)} begin{'s' * (len(layers) == 1)} to train")

    def step(self, batches: Sequence[Batch]) -> Tensor:
        """The next step; its loss, on the device."""
        program, loop = self.program, self.loop
        lr, momentum = self.course.rates(loop.step + 1)
        h = Hyper(loop.step + 1, lr * loop.rate_factor, momentum)
        noise_seed = derive(self.course.seed, "noise", loop.epoch, loop.position) if program.random else 0
        try:
            return train_step(program, self.state, batches, h, noise_seed)
        except FloatingPointError:
            self.fail(batches, loop.position)

    def check_device(self, order: Sequence[Indices]) -> None:
        """Ask, once an epoch, whether a step was not finite; the parameters stood still from that one on."""
        if self.state.found_inf.item():
            position = self.loop.position - int(self.state.skipped.item())
            self.fail(self.batches(order[position]), position)
        if self.state.loss_scale is not None and self.state.loss_scale.item() < LEAST_LOSS_SCALE:
            position = self.loop.position - 1
            self.fail(self.batches(order[position]), position)

    def batches(self, indices: Indices) -> list[Batch]:
        """The batches of a step, as they trained."""
        return batches_of(self.train, indices, self.augment, self.loop.epoch)

    def validate(self) -> tuple[dict[str, float], bool, dict[str, float]]:
        """Metrics of the validation split, by averaged weights where there are any; whether they are the best; and
        the same metrics of as many training samples."""
        network, course = self.program.network, self.course
        average = averaged_weights(self.program, self.state, self.loop)
        with weights_of(self.state.params, average):
            if average is not None:
                refresh_norms(self.program, self.train.inputs)
            scores = evaluate(self.program, self.val, course.metrics)
            better = course.stopping.observe(self.loop, scores[course.stopping.monitor])
            if better or not course.stopping.restore_best or self.loop.best_value is None:
                still = self.state.frozen  # as large as it may be, nothing writes to it
                weights = {n: v if n in still else v.clone() for n, v in network.state_dict().items()}
                self.best = Best(weights, self.loop.epoch, scores, saved=False)
            return scores, better, evaluate(self.program, self.probe, course.metrics)

    def look_at_gradients(self) -> None:
        """Warn, after epochs 1, 2, 4, 8 and so on, where gradients vanish or explode."""
        if is_due(self.loop.epoch):
            few = take(self.train, (torch.arange(min(SAMPLES, len(self.train)), device=self.train.inputs.device),))
            if problem := gradient_problem(self.program, self.state, few[0]):
                self.screen.warn(f"epoch {self.loop.epoch}: {problem}")

    def save(self) -> None:
        """Write the best model, if it is new, and then the state: one on disk never speaks of a better model than there
        is."""
        self.saved_at = perf_counter()
        if self.best.save(self.keeper):
            losses = torch.stack(self.losses).cpu() if self.losses else torch.zeros(0)
            self.keeper.state(self.state, self.loop, losses)

    def fail(self, batches: Sequence[Batch], position: int) -> NoReturn:
        """End the run at a step whose loss or gradient is not finite; the parameters are those before it."""
        self.best.save(self.keeper)
        noise_seed = derive(self.course.seed, "noise", self.loop.epoch, position)
        where = locate(self.program, self.state, batches, noise_seed)
        raise NonFiniteError(f"epoch {self.loop.epoch}, step {position + 1}: {where}")


def weighted_mean(losses: Sequence[Tensor], sizes: Sequence[int]) -> float:
    """The mean training loss per sample, the steps having `sizes` samples; the one sync of an epoch's training."""
    values = torch.stack(list(losses)).cpu().double()
    return float(values @ torch.tensor(sizes, dtype=torch.float64) / sum(sizes))
