"""A file appears whole or not at all, and a disk that refuses is the user's to mend."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from nntrain.errors import UserError
from nntrain.record.files import json_text, later, together, write_atomic, write_json, write_safetensors


def refuse(code: int) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return call


def test_content_replaces_what_was_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "file.txt"
    write_atomic(path, "one")
    write_atomic(path, "zwei: ü")
    assert path.read_text(encoding="utf-8") == "zwei: ü"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("call", ["write", "fsync", "open", "replace"])
def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "best.safetensors"
    path.write_text("old")
    owner = Path if call == "replace" else os
    monkeypatch.setattr(owner, call, refuse(errno.ENOSPC))
    with pytest.raises(UserError) as caught:
        write_atomic(path, "new")
    monkeypatch.undo()
    said = f"cannot write {path}: No space left on device; the old file is kept; free some space, or write elsewhere"
    assert str(caught.value) == said
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_takes_only_a_part_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:3]))
    write_atomic(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.EACCES, "make the folder writable, or write elsewhere"), (errno.EROFS, "the file system is read-only")],
)
def test_a_read_only_folder_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    monkeypatch.setattr(os, "open", refuse(code))  # not by chmod: root may write anywhere
    with pytest.raises(UserError, match=remedy) as caught:
        write_atomic(tmp_path / "file", "new")
    assert "nothing was left behind" in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        write_atomic(tmp_path / "file", "new")
    tmp_path.chmod(0o700)


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "file", "new")
    assert list(tmp_path.iterdir()) == []


def test_file_and_folder_are_flushed_around_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flushed(file: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file")
        fsync(file)

    def renamed(source: Path, target: Path) -> Path:
        events.append("rename")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    write_atomic(tmp_path / "file", "new")
    assert events == ["file", "rename", "folder"]


def test_a_link_stays_a_link_and_its_file_keeps_its_mode(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_atomic(Path("/dev/null"), "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this is a folder: give the name of a file"):
        write_atomic(tmp_path, "new")


def test_json_has_no_nan_and_takes_what_numpy_and_torch_give(tmp_path: Path) -> None:
    value = {"b": float("nan"), "a": [np.float32(0.5), torch.tensor(2), -np.inf], "path": Path("x"), "ü": (True, None)}
    write_json(tmp_path / "result.json", value)
    text = (tmp_path / "result.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"b": None, "a": [0.5, 2, None], "path": "x", "ü": [True, None]}
    assert text.startswith('{\n  "b": null,\n  "a": [')
    assert text.endswith("}\n")
    assert json_text({"a": 1.5}, indent=None) == '{"a": 1.5}'


def test_json_refuses_what_it_cannot_say() -> None:
    with pytest.raises(TypeError, match="no JSON for object"):
        json_text({"a": object()})


def test_safetensors_holds_tensors_and_text(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    write_safetensors(path, {"w": torch.arange(6.0).view(2, 3).T}, {"format": "1"})
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"format": "1"}
        assert torch.equal(file.get_tensor("w"), torch.arange(6.0).view(2, 3).T)


def test_files_written_together_appear_together_each_flushed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flushed(file: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file")
        fsync(file)

    def renamed(source: Path, target: Path) -> Path:
        events.append(target.name)
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    with together():
        write_atomic(tmp_path / "model", "early")
        with together():
            write_atomic(tmp_path / "state", "one")
        write_atomic(tmp_path / "model", "late")
        assert list(tmp_path.iterdir()) == []
    assert events == ["file", "file", "model", "state", "folder"]
    assert [(tmp_path / name).read_text() for name in ("model", "state")] == ["late", "one"]


@pytest.mark.parametrize("call", ["write", "fsync", "open", "replace"])
def test_a_full_disk_keeps_the_old_of_files_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    monkeypatch.setattr(Path if call == "replace" else os, call, refuse(errno.ENOSPC))

    def both() -> None:
        with together():
            write_atomic(tmp_path / "a", "new")
            write_atomic(tmp_path / "b", "new")

    with pytest.raises(UserError, match=r"cannot write .*a: No space left on device; the old file is kept"):
        both()
    monkeypatch.undo()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old", "b": "old"}


def test_what_was_written_before_a_fault_is_there(tmp_path: Path) -> None:
    def faulty() -> None:
        with together():
            write_atomic(tmp_path / "file", "text")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        faulty()
    assert (tmp_path / "file").read_text() == "text"


def test_files_written_later_are_there_once_that_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with later() as write:
        write_atomic(tmp_path / "file", "text")
    write().result()
    assert (tmp_path / "file").read_text() == "text"
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    with later() as write:
        write_atomic(tmp_path / "file", "other")
    with pytest.raises(UserError, match="No space left on device; the old file is kept"):
        write().result()
    assert (tmp_path / "file").read_text() == "text"
