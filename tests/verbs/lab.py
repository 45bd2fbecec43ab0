"""A small problem, and trainings of it that end where a test wants them to."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from nntrain.config.compose import compose
from nntrain.record.console import RunConsole
from nntrain.stack import trainer as stack_trainer
from nntrain.stack import trial
from nntrain.training import trainer
from nntrain.training.course import Interrupted, Stop
from nntrain.verbs import ensemble, finish, folds
from nntrain.verbs.fit import fit, resume
from nntrain.verbs.run import Run, Session

TINY = """
data: {name: synthetic, dataset: blobs, classes: 3, samples: 120, noise: 0.6}
model: {name: mlp, widths: [8]}
optimizer: {name: adam, lr: 0.02}
batch_size: 16
epochs: 4
"""
STEPS_PER_EPOCH = 6  # 84 training samples in batches of 16


class Killed(BaseException):
    """The process is gone, as after SIGKILL: nothing more is saved."""


@cache
def composed(words: tuple[str, ...]) -> dict[str, Any]:
    """Composing takes longer than the training. Called where `tiny.yaml` lies."""
    return compose(["config=tiny.yaml", "device=cpu", *words]).config


@dataclass
class Lab:
    """Trains `tiny.yaml` in `folder`."""

    folder: Path
    said: io.StringIO = field(default_factory=io.StringIO)

    def config(self, *words: str) -> dict[str, Any]:
        return composed(words)

    def fit(self, *words: str, stop_at: int | None = None, kill_at: int | None = None) -> Run:
        """Train; stopped or killed after the step of that number, the run has no result."""
        config = self.config(*words)
        return self._run(lambda session: fit(config, session), stop_at, kill_at)

    def resume(self, run: Path, *words: str, stop_at: int | None = None, kill_at: int | None = None) -> Run:
        saved = yaml.safe_load((run / "config.yaml").read_text())
        config = compose([f"config={run / 'config.yaml'}", *words]).config if words else saved
        return self._run(lambda session: resume(run, config, session), stop_at, kill_at)

    def _run(self, go: Callable[[Session], Run], stop_at: int | None, kill_at: int | None) -> Run:
        stop, step, stacked_step = Stop(), trainer.train_step, stack_trainer.train_step

        def count(step: int) -> None:
            if kill_at is not None and step > kill_at:
                raise Killed
            if step == stop_at:
                stop.signal = 2

        def counted(program: Any, state: Any, batches: Any, h: Any, noise_seed: int) -> torch.Tensor:
            count(h.step)
            return step(program, state, batches, h, noise_seed)

        def counted_stack(part: Any, batches: Any, h: Any, *rest: Any) -> Any:
            count(int(np.max(h.step)))
            return stacked_step(part, batches, h, *rest)

        with pytest.MonkeyPatch.context() as patch, RunConsole(self.said) as console:
            patch.setattr(trainer, "train_step", counted)
            patch.setattr(stack_trainer, "train_step", counted_stack)
            # whatever else this machine does meanwhile
            patch.setattr(trial, "fastest", lambda trainer: len(trainer.members))
            patch.setattr(finish, "_plot", lambda *args: None)  # a second each
            patch.setattr(ensemble, "_plot", lambda *args: None)
            patch.setattr(folds, "_plot", lambda *args: None)
            try:
                return go(Session(console, stop, ["test"], "tiny"))
            except Interrupted as interrupted:
                return Run(interrupted.args[0], stopped="stopped")
            except Killed:
                return Run(max(self.folder.glob("runs/*/*"), key=lambda path: path.stat().st_mtime_ns))


def outcome(run: Run) -> dict[str, Any]:
    """All of a finished run that must not depend on where it was stopped: weights, metrics, choice of best."""
    timed = ("seconds", "samples_per_second")
    rows = [{key: value for key, value in row.items() if key not in timed} for row in run.metrics]
    result = {key: value for key, value in run.result.items() if key not in ("run_dir", "checkpoint", "seconds")}
    lines = [line.split(",")[:-2] for line in (run.dir / "metrics.csv").read_text().splitlines()]
    last = run.dir / "last" / "state.safetensors"
    files = {"best": load_file(run.best), "last": load_file(last) if last.exists() else {}}
    bits = {f"{kind}.{name}": t.numpy().tobytes() for kind, tensors in files.items() for name, t in tensors.items()}
    return {"rows": rows, "csv": lines, "result": result, **bits}
