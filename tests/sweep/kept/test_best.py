"""The best job's model as the sweep's own."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from nntrain.record.files import WriteError
from nntrain.source_weights import model_path
from nntrain.sweep.kept.best import drop_best, link_best


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for number in ("0", "1"):
        (tmp_path / number).mkdir()
        (tmp_path / number / "best.safetensors").write_text(f"model {number}")
    return tmp_path


def refuse(*_: Any, **__: Any) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_it_is_the_same_file(sweep: Path) -> None:
    made = link_best(sweep, sweep / "1")
    assert made == sweep / "best.safetensors"
    assert made.samefile(sweep / "1" / "best.safetensors")
    assert model_path(sweep) == made


def test_where_hard_links_are_refused_it_is_a_relative_one(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse)
    assert link_best(sweep, sweep / "1").readlink() == Path("1") / "best.safetensors"


def test_where_all_links_are_refused_it_is_a_copy(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert link_best(sweep, sweep / "1").read_text() == "model 1"


def test_a_better_job_takes_its_place_and_the_same_again_leaves_nothing(sweep: Path) -> None:
    for number in ("0", "1", "1"):
        link_best(sweep, sweep / number)
        assert (sweep / "best.safetensors").read_text() == f"model {number}"
    assert {path.name for path in sweep.iterdir()} == {"0", "1", "best.safetensors"}
    drop_best(sweep)
    drop_best(sweep)
    assert {path.name for path in sweep.iterdir()} == {"0", "1"}


def test_a_model_that_was_deleted_has_no_link_but_an_earlier_one(sweep: Path) -> None:
    for number in ("0", "1"):
        made = link_best(sweep, sweep / number)
        (sweep / number / "best.safetensors").unlink()
        assert link_best(sweep, sweep / number) == made
    drop_best(sweep)
    assert link_best(sweep, sweep / "1") is None


def test_a_disk_that_refuses_all_is_named(sweep: Path) -> None:
    (sweep / "best.safetensors").mkdir()
    with pytest.raises(WriteError, match=r"cannot write .*best\.safetensors: Is a directory"):
        link_best(sweep, sweep / "1")
    assert not list(sweep.glob(".*"))
