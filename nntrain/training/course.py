"""What a training follows and whom it talks to: its course, the display, the folder it is kept in, the wish to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from nntrain.optim.schedule import Plan
from nntrain.record.words import plural
from nntrain.training.state import LoopState, Row, TrainState
from nntrain.training.stopping import Stopping
from nntrain.training.thaw import Thawing


@dataclass(frozen=True)
class Course:
    """How long, in what order and at what rates to train.

    batch_size: samples per batch, None: all. accumulate: batches per step. rates: learning rate and momentum of each
    step. metrics: validation metrics of every epoch. swa_start: first step whose weights are averaged. watch: of a
    schedule that follows the monitored metric, from its state (None at first) and the epoch's value to the new state.
    time_limit: seconds. every_seconds: how often state and best model are saved at most, in seconds; 0: every epoch.
    thawing: when frozen layers begin to train.
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
    thawing: Thawing | None = None

    @property
    def step_size(self) -> int | None:
        """Samples of a step, None: all."""
        return None if self.batch_size is None else self.batch_size * self.accumulate

    def out_of_time(self, seconds: float) -> bool:
        return self.time_limit is not None and seconds > self.time_limit

    def next_epoch(self, loop: LoopState, value: float, judge: Judge | None) -> None:
        """Take `loop` from the end of an epoch, its row added, to before the next one; sets `stop_reason` where none
        follows. value: of the monitored metric."""
        if self.watch is not None:
            loop.plateau = self.watch(loop.plateau, value)
        pruned = judge and judge(loop.epoch, value)
        loop.epoch, loop.position, loop.epoch_seconds = loop.epoch + 1, 0, 0.0
        loop.stop_reason = self.reason_to_stop(loop) or pruned

    def reason_to_stop(self, loop: LoopState) -> str | None:
        """Why no epoch follows the finished ones of `loop`, or None where one does."""
        patience = self.stopping.patience
        if self.time_limit is not None and self.out_of_time(loop.seconds):
            return f"time limit of {self.time_limit / 60:g} minutes"
        if patience is not None and loop.bad_epochs >= patience:
            return f"no better {self.stopping.monitor} for {plural(patience, 'epoch')}"
        if len(loop.history) < self.epochs:
            return None
        return f"{'all ' * (self.epochs > 1)}{plural(self.epochs, 'epoch')} done"


class Screen(Protocol):
    """The display; `done` (steps of the epoch under way) is all of it that the loop touches in a step."""

    done: int

    def epoch_begin(self, epoch: int, steps: int) -> None: ...
    def epoch_end(self, row: Row, best: bool) -> None: ...
    def note(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...


class Keeper(Protocol):
    """Where the run is kept: the best model, the state that resume needs, and a row of metrics per epoch.

    `model` says whether it could be written; where the disk refuses, the training goes on."""

    def model(self, best: Best) -> bool: ...
    def state(self, state: TrainState, loop: LoopState, losses: Tensor) -> None: ...
    def rows(self, history: Sequence[Row]) -> None: ...


@dataclass
class Best:
    """The model to keep, on the device: its weights and buffers by name, the epoch that made them and its validation
    scores. saved: whether it is on disk."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    epoch: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    saved: bool = True

    def save(self, keeper: Keeper) -> bool:
        """Write it, if it is new; whether it is on disk."""
        self.saved = self.saved or keeper.model(self)
        return self.saved


@dataclass
class Stop:
    """Set from outside (by a signal) to end the run after the step under way, its state saved."""

    signal: int | None = None


# What ends a run that is not worth going on with: called with each finished epoch and the value of the monitored metric
# there; a text ends the run, and is its stop_reason.
Judge = Callable[[int, float], str | None]


class Interrupted(Exception):  # noqa: N818 (not an error)
    """The training ended because it was asked to; its state is saved."""
