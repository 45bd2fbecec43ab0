"""`metrics.csv` holds exactly what it was given, row by row."""

from __future__ import annotations

import errno
import io
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntrain.errors import UserError
from nntrain.record.metrics_log import MetricsLog, read_metrics


def row(epoch: int, loss: float = 0.1) -> dict[str, float | None]:
    return {"epoch": epoch, "step": 10 * epoch, "lr": 0.1, "train_loss": loss, "val_loss": 1.0, "val_roc_auc": None}


def test_every_row_is_on_disk_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.csv")
    for epoch in (1, 2):
        log.append(row(epoch))
        assert read_metrics(tmp_path / "metrics.csv") == [row(e) for e in range(1, epoch + 1)]
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == "epoch,step,lr,train_loss,val_loss,val_roc_auc"


@given(st.floats())
def test_numbers_read_back_exactly(value: float) -> None:
    from nntrain.record.metrics_log import _csv, _value

    cell = _value(_csv([{"x": value}], ["x"], header=False).strip())
    assert isinstance(cell, float)
    assert cell == value or (math.isnan(cell) and math.isnan(value))


def test_a_resumed_run_drops_the_rows_past_its_epoch(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    log = MetricsLog(path)
    for epoch in (1, 2, 3):
        log.append(row(epoch))
    resumed = MetricsLog(path)
    resumed.rewrite([r for r in read_metrics(path) if r["epoch"] <= 2])
    resumed.append(row(3, loss=7.5))
    assert read_metrics(path) == [row(1), row(2), row(3, loss=7.5)]


def test_rewriting_to_no_rows_starts_over(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.csv")
    log.append(row(1))
    log.rewrite([])
    log.append({"epoch": 1, "other": 2})
    assert read_metrics(tmp_path / "metrics.csv") == [{"epoch": 1, "other": 2}]


def test_a_last_line_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,lr\n1,0.1\n2,0.")
    assert read_metrics(path) == [{"epoch": 1, "lr": 0.1}]


def test_other_columns_are_a_bug(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.csv")
    log.append({"epoch": 1})
    with pytest.raises(ValueError, match="row has columns"):
        log.append({"epoch": 2, "extra": 1})


def test_a_full_disk_takes_no_half_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.csv"
    log = MetricsLog(path)
    log.append(row(1))

    class Full(io.FileIO):
        def write(self, data: object) -> int:
            if getattr(self, "took", False):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.took = True
            return super().write(bytes(data)[:4])  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", lambda self, mode, **_: Full(self, mode.replace("b", "")))
    with pytest.raises(UserError, match=r"metrics\.csv: No space left on device; the rows before are kept"):
        log.append(row(2))
    monkeypatch.undo()
    log.append(row(3))
    assert read_metrics(path) == [row(1), row(3)]
