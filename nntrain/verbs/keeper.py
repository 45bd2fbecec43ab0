"""What the training loop hands over, written into the run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

from torch import Tensor

from nntrain.experiment import Experiment
from nntrain.model_file import about_model
from nntrain.record.console import RunConsole
from nntrain.record.files import WriteError
from nntrain.record.metrics_log import MetricsLog
from nntrain.training.checkpoint import BEST, save_model, save_state
from nntrain.training.course import Best
from nntrain.training.state import LoopState, Row, TrainState

ROWS_EVERY = 1.0  # seconds


class FolderKeeper:
    """Where the disk refuses, it says so once, and the run goes on: what was there before is intact.

    unsaved: why the state of the training is not on disk, or None.
    """

    def __init__(self, folder: Path, experiment: Experiment, console: RunConsole) -> None:
        self.folder = folder
        self.experiment = experiment
        self.console = console
        self.unsaved: str | None = None
        self._log = MetricsLog(folder / "metrics.csv")
        self._rows = -1  # in the file; -1: not known
        self._warned = False

    def model(self, best: Best) -> bool:
        about = about_model(self.experiment, {"best_epoch": best.epoch, "val": best.scores})
        self.unsaved = self.attempt(lambda: save_model(self.folder / BEST, best.weights, about))
        return self.unsaved is None

    def state(self, state: TrainState, loop: LoopState, losses: Tensor) -> None:
        if self.experiment.config["checkpoint"]["resumable"]:
            self.unsaved = self.attempt(lambda: save_state(self.folder, state, loop, losses))
        else:
            self.unsaved = "checkpoint.resumable=false"

    def rows(self, history: Sequence[Row]) -> None:
        """The rows that the file does not hold yet; or all of them, where it is not known which it holds."""
        new = history[self._rows :]
        write = (lambda: self._log.append(*new)) if self._rows >= 0 else self._rewrite(history)
        self._rows = len(history) if self.attempt(write) is None else -1

    def begin(self, history: Sequence[Row]) -> None:
        """Make the file hold the epochs that a resumed run goes on from, and no others."""
        self._rows = len(history) if self.attempt(self._rewrite(history)) is None else -1

    def settle(self, *, model: bool = True) -> None:
        """Write what waits, where anything does. model: False where the best one has been written otherwise."""

    def _rewrite(self, history: Sequence[Row]) -> Callable[[], None]:
        return lambda: self._log.rewrite(history)

    def attempt(self, write: Callable[[], None]) -> str | None:
        """What the disk said, or None where all is well."""
        try:
            write()
        except WriteError as error:
            if not self._warned:
                self.console.warn(f"{error}; training goes on")
            self._warned = True
            return str(error)
        return None


class MemberKeeper(FolderKeeper):
    """Of one of many runs that train at the same time, which mostly are short: rows of metrics reach the disk at least
    every `ROWS_EVERY` seconds and whenever the state does, and what the trainer saves when a run ends is kept for
    `settle`, to be written together with its result.

    each_epoch: called after every epoch.
    """

    def __init__(self, folder: Path, experiment: Experiment, console: RunConsole) -> None:
        super().__init__(folder, experiment, console)
        self.each_epoch: Callable[[], None] = lambda: None
        self._history: Sequence[Row] = []
        self._written_at = perf_counter()
        self._best: Best | None = None
        self._last: Callable[[], None] | None = None

    def model(self, best: Best) -> bool:
        self._best = best
        return True

    def state(self, state: TrainState, loop: LoopState, losses: Tensor) -> None:
        if loop.stop_reason is not None:
            self._last = partial(super().state, state, loop, losses)
            return
        self._write_rows()
        if self._settle_model():
            super().state(state, loop, losses)

    def rows(self, history: Sequence[Row]) -> None:
        self._history = history
        self.each_epoch()
        if perf_counter() - self._written_at > ROWS_EVERY:
            self._write_rows()

    def settle(self, *, model: bool = True) -> None:
        self._write_rows()
        if not model:
            self._best = None
        if self._settle_model() and self._last is not None:
            self._last()
            self._last = None

    def _write_rows(self) -> None:
        self._written_at = perf_counter()
        if self._rows != len(self._history):
            super().rows(self._history)

    def _settle_model(self) -> bool:
        """Whether the best model is on disk."""
        if self._best is None or super().model(self._best):
            self._best = None
            return True
        return False
