"""A disk that refuses: the run goes on or stops cleanly, and the old best is intact."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from lab import STEPS_PER_EPOCH, Lab, outcome

from nntrain.record.files import WriteError
from nntrain.verbs import finish


class FullDisk:
    """fsync refuses while `full`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, reason: int = errno.ENOSPC) -> None:
        self.full = False
        self.refused = 0
        fsync = os.fsync

        def refusing(file: int) -> None:
            if self.full:
                self.refused += 1
                raise OSError(reason, os.strerror(reason))
            fsync(file)

        monkeypatch.setattr(os, "fsync", refusing)


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO], ids=os.strerror)
def test_a_disk_that_refuses_for_a_while_costs_one_warning(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    from nntrain.training import trainer

    whole = outcome(lab.fit("checkpoint.every_seconds=0"))
    disk, step = FullDisk(monkeypatch, reason), trainer.train_step

    def filling(program: Any, state: Any, batches: Any, h: Any, noise_seed: int) -> torch.Tensor:
        disk.full = STEPS_PER_EPOCH < h.step < 3 * STEPS_PER_EPOCH + 2
        return step(program, state, batches, h, noise_seed)

    monkeypatch.setattr(trainer, "train_step", filling)
    run = lab.fit("checkpoint.every_seconds=0")
    assert disk.refused > 1
    said = " ".join(lab.said.getvalue().split())
    assert said.count(os.strerror(reason)) == 1
    assert "training goes on" in said
    assert outcome(run) == whole
    assert not list(run.dir.rglob("*.tmp"))


def test_a_disk_that_is_full_at_the_end_keeps_the_old_best(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FullDisk(monkeypatch)
    before: dict[Path, bytes] = {}

    def fill(*args: Any) -> dict[str, float]:
        disk.full = True
        before.update({path: path.read_bytes() for path in lab.folder.rglob("*.safetensors")})
        return {"loss": 0.0}

    monkeypatch.setattr(finish, "scores_of", fill)
    with pytest.raises(
        WriteError, match=r"cannot write .*best.safetensors: No space left on device; the old file is kept"
    ):
        lab.fit()
    disk.full = False
    assert before == {path: path.read_bytes() for path in lab.folder.rglob("*.safetensors")}
    assert len(before) == 2
    assert not list(lab.folder.rglob("*.tmp"))
    assert not list(lab.folder.rglob("result.json"))
    (run,) = lab.folder.glob("runs/*/*")
    monkeypatch.undo()
    monkeypatch.chdir(lab.folder)
    assert lab.resume(run, kill_at=0).result["epochs_run"] == 4


def test_stopped_on_a_full_disk_it_does_not_say_that_the_state_is_saved(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nntrain.training import trainer

    disk, step = FullDisk(monkeypatch), trainer.train_step

    def filling(program: Any, state: Any, batches: Any, h: Any, noise_seed: int) -> torch.Tensor:
        disk.full = True
        return step(program, state, batches, h, noise_seed)

    monkeypatch.setattr(trainer, "train_step", filling)
    with pytest.raises(WriteError, match=r"stopped, but the state could not be saved: .*No space left on device"):
        lab.fit(stop_at=STEPS_PER_EPOCH + 1)


def test_rows_that_could_not_be_written_are_made_up_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from nntrain.record.metrics_log import MetricsLog

    append = MetricsLog.append

    def refusing(self: MetricsLog, row: Any) -> None:
        if row["epoch"] in (2, 3):
            raise WriteError("cannot write metrics.csv: No space left on device")
        append(self, row)

    monkeypatch.setattr(MetricsLog, "append", refusing)
    run = lab.fit()
    assert [line.split(",")[0] for line in (run.dir / "metrics.csv").read_text().splitlines()[1:]] == [
        "1",
        "2",
        "3",
        "4",
    ]
    assert lab.said.getvalue().count("cannot write metrics.csv") == 1
