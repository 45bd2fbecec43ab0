"""What the training loop hands over, written into the run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from nntrain.experiment import Experiment
from nntrain.model_file import about_model
from nntrain.record.console import RunConsole
from nntrain.record.files import WriteError
from nntrain.record.metrics_log import MetricsLog
from nntrain.training.checkpoint import BEST, save_model, save_state
from nntrain.training.course import Best
from nntrain.training.state import LoopState, Row, TrainState


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
        """One more row; or all of them, where the file does not hold those before it."""
        write = (lambda: self._log.append(history[-1])) if self._rows == len(history) - 1 else self._rewrite(history)
        self._rows = len(history) if self.attempt(write) is None else -1

    def begin(self, history: Sequence[Row]) -> None:
        """Make the file hold the epochs that a resumed run goes on from, and no others."""
        self._rows = len(history) if self.attempt(self._rewrite(history)) is None else -1

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
