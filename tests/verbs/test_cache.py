"""`nntrain cache`: what is kept, and how it goes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.data.pictures import cache as picture_cache
from nntrain.data.pictures.cache import HEADER, UNFINISHED, Entry


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNTRAIN_CACHE", str(tmp_path))


def keep(name: str, what: str = "/pictures/cats", count: int = 1500, used: float = 1e9) -> None:
    def build(file: Path) -> dict[str, object]:
        with file.open("r+b") as out:
            out.truncate(HEADER + count * 64)
        return {"what": what, "pictures": count, "channels": 1, "height": 8, "width": 8}

    entry = picture_cache.make(name, build)
    os.utime(entry.folder / "about.json", (used, used))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["cache", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_an_empty_cache_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys)
    assert status == 0
    assert out.split("\n", 1)[1].split() == ["folder", str(tmp_path / "pictures"), "nothing", "is", "kept"]


def test_it_lists_what_is_kept_the_last_used_first(capsys: pytest.CaptureFixture[str]) -> None:
    keep("cats-12", used=2e9)
    keep("dogs-34", "/pictures/dogs.tar", used=1e9)
    _, out, _ = said(capsys)
    lines = out.splitlines()
    rows = [line.split() for line in lines if line.startswith(("cats-12", "dogs-34"))]
    assert rows[0][:8] == ["cats-12", "1,500", "8", "x", "8", "grey", "94.0", "KiB"]
    assert [row[0] for row in rows] == ["cats-12", "dogs-34"] * 2
    assert rows[3][1] == "/pictures/dogs.tar"
    assert "188.0 KiB in all; to delete:" in out
    assert "  nntrain cache clear dogs-34" in lines


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep("cats-12")
    _, out, _ = said(capsys, "--json")
    found = json.loads(out)
    assert found["folder"] == str(tmp_path / "pictures")
    (entry,) = found["entries"]
    assert (entry["name"], entry["pictures"], entry["what"]) == ("cats-12", 1500, "/pictures/cats")
    assert entry["bytes"] > 1500 * 64


def test_one_entry_or_all_can_be_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a-1", "b-2", "c-3"):
        keep(name)
    assert said(capsys, "clear", "b-2")[1].startswith("1 entry deleted, 94.")
    assert {entry.name for entry in picture_cache.entries()} == {"a-1", "c-3"}
    assert said(capsys, "clear")[1].startswith("2 entries deleted, 18")
    assert list((tmp_path / "pictures").iterdir()) == []


def test_what_a_killed_process_left_is_said_and_cleared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = tmp_path / "pictures" / f"{UNFINISHED}x-1-abcd"
    left.mkdir(parents=True)
    (left / "pixels.npy").write_bytes(b"half")
    assert "1 folder unfinished or damaged" in said(capsys)[1]
    assert said(capsys, "clear")[0] == 0
    assert not left.exists()


def test_what_is_in_work_now_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []

    def build(file: Path) -> dict[str, object]:
        heard.append(said(capsys, "clear")[1])
        file.write_bytes(b"")
        return {"what": "x", "pictures": 0, "channels": 1, "height": 8, "width": 8}

    keep("cats-12")
    assert picture_cache.make("dogs-34", build).pixels().shape == (0, 1, 8, 8)
    assert "1 entry deleted, 94.0 KiB freed; 1 unfinished folder stays, being in work now" in heard[0]
    assert [entry.name for entry in picture_cache.entries()] == ["dogs-34"]


def test_what_vanishes_meanwhile_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    keep("cats-12")
    keep("dogs-34")
    real = picture_cache.find

    def find(name: str) -> Entry | None:
        found = real(name)
        if found is not None and name == "cats-12":
            shutil.rmtree(found.folder)
        return found

    monkeypatch.setattr(picture_cache, "find", find)
    (dogs,) = picture_cache.entries()
    assert dogs.name == "dogs-34"
    shutil.rmtree(dogs.folder)
    assert (dogs.size, dogs.last_used) == (0, 0.0)
    picture_cache.remove(dogs.folder)


def test_mistakes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert said(capsys, "clear", "x")[2] == f"nntrain: cache clear: nothing is kept in {tmp_path / 'pictures'}\n"
    keep("cats-12")
    assert said(capsys, "clear", "cast-12") == (
        2,
        "",
        "nntrain: cache clear: unknown entry 'cast-12'; did you mean 'cats-12'? (choices: cats-12)\n",
    )
    assert "cache: unknown action 'clean'; did you mean 'clear'?" in said(capsys, "clean")[2]
