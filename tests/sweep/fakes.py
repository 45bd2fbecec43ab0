"""Jobs that end at once, for what a sweep does around its trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nntrain.record.files import write_json
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome, finished
from nntrain.sweep.workers import work

How = Callable[[Job], Outcome | None]


def fake_training(monkeypatch: pytest.MonkeyPatch, how: How = lambda job: None) -> list[int]:
    """Let jobs end as `how` says, or else well with their learning rate as their value; the numbers of those that ran,
    as they do."""
    ran: list[int] = []

    def train(job: Job, command: Sequence[str], judge: Any = None, again: bool = True) -> Outcome:
        ran.append(job.number)
        ended = how(job)
        if ended is not None:
            return ended
        value = float(job.config["optimizer"]["lr"])
        result: dict[str, Any] = {"monitor": "val_loss", "best_epoch": 1, "best_value": value, "val": {"loss": value}}
        result |= {"test": None, "epochs_run": 1, "seconds": 0.1, "stop_reason": "all epochs done"}
        work.resumable(job.folder)
        write_json(job.folder / "result.json", result)
        (job.folder / "best.safetensors").touch()
        return finished(job.number, result)

    monkeypatch.setattr(work, "train_alone", train)
    monkeypatch.setattr("nntrain.sweep.told.plots.draw", lambda *_: None)
    return ran
