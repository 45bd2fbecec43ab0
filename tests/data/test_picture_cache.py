"""Decoded pictures on disk: found again, whole or not at all, shared by processes; streamed where memory is short."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_lab import DIVIDED, fill, load, packed, picture, said, tree

from nntrain.data.pictures import cache as picture_cache
from nntrain.data.pictures import pool as picture_pool
from nntrain.data.pictures import reading as picture_reading
from nntrain.data.pictures import source as picture_source
from nntrain.data.pictures.cache import HEADER, PIXELS, UNFINISHED
from nntrain.data.pictures.layout import lay_out
from nntrain.data.progress import watched


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NNTRAIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


@pytest.fixture
def in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes decode, however few pictures there are, in chunks of three."""
    monkeypatch.setattr(picture_reading, "FEW_BYTES", 0)
    monkeypatch.setattr("nntrain.data.pictures.files.FEW_BYTES", 0)
    monkeypatch.setattr(picture_reading, "cores", lambda: 2)
    monkeypatch.setattr("nntrain.data.pictures.files.CHUNK", 3)


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each time that pictures are decoded."""
    calls: list[int] = []
    real = picture_reading.decode_all

    def counted(*args: object, **settings: object) -> object:
        calls.append(len(calls))
        return real(*args, **settings)

    monkeypatch.setattr(picture_reading, "decode_all", counted)
    return calls


def test_pictures_are_decoded_once(tmp_path: Path, decodes: list[int], empty_cache: Path) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    first, second = load(root), load(root, split_seed=3)
    assert len(decodes) == 1
    assert first.fingerprint == second.fingerprint
    (entry,) = picture_cache.entries()
    assert entry.about["what"] == str(root)
    assert np.load(entry.folder / PIXELS).shape == (16, 3, 5, 6)
    assert not [path for path in empty_cache.iterdir() if UNFINISHED in path.name]


CHANGES = {
    "another size": {"size": 4},
    "another fit": {"size": 4, "fit": "pad"},
    "another colour": {"colour": "grey"},
    "other classes": {"classes": ["b", "a"]},
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_look_is_another_entry(tmp_path: Path, decodes: list[int], change: str) -> None:
    root = fill(tmp_path / "tree", tree("a", "b", "c"))
    load(root, size=4 if change == "another fit" else None)
    load(root, **CHANGES[change])
    assert len(decodes) == len(picture_cache.entries()) == 2


def test_a_file_that_changed_is_noticed(tmp_path: Path, decodes: list[int]) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    for path in (root, packed(root, "tar")):
        load(path)
        about = (root / "a" / "00.png").stat()
        picture(77).save(root / "a" / "00.png")
        os.utime(root / "a" / "00.png", ns=(about.st_atime_ns, about.st_mtime_ns + 1))
        if path != root:
            packed(root, "tar")
            os.utime(path, ns=(5, 5))
        load(path)
    assert len(decodes) == 4


@pytest.mark.usefixtures("in_processes")
@pytest.mark.parametrize("kind", ["tree", "tar"])
def test_processes_decode_what_one_does(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(tmp_path / "tree", DIVIDED)
    path = root if kind == "tree" else packed(root, kind)
    together = load(path)
    monkeypatch.setattr(picture_reading, "FEW_BYTES", 1 << 30)
    monkeypatch.setenv("NNTRAIN_CACHE", str(tmp_path / "another"))
    alone = load(path)
    assert together.fingerprint == alone.fingerprint
    assert torch.equal(together.train.inputs, alone.train.inputs)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that were started."""
    processes: list[subprocess.Popen[bytes]] = []
    real = picture_pool.subprocess.Popen

    def noted(*args: object, **settings: object) -> subprocess.Popen[bytes]:
        processes.append(real(*args, **settings))  # type: ignore[call-overload]
        return processes[-1]

    monkeypatch.setattr(picture_pool.subprocess, "Popen", noted)
    return processes


@pytest.mark.usefixtures("in_processes")
def test_processes_start_while_the_files_are_listed(
    tmp_path: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    before: list[int] = []
    monkeypatch.setattr(picture_source, "lay_out", lambda *told: (before.append(len(started)), lay_out(*told))[1])
    load(root)
    load(root)
    assert before == [2, 2]  # the second time there are pictures of that name, and none is started for nothing
    assert len(started) == 2


@pytest.mark.usefixtures("in_processes")
def test_processes_that_have_nothing_to_do_are_ended(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    root = fill(tmp_path / "tree", ["a/0.png", "1.png"])
    assert "lies in no class folder" in said(root)
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 2


@pytest.mark.usefixtures("in_processes")
def test_processes_name_what_is_broken(tmp_path: Path) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    (root / "b" / "05.png").write_bytes(b"nothing")
    for path in (root, packed(root, "tar")):
        assert "b/05.png: cannot be read as a picture" in said(path)
        data = load(path, on_broken="skip")
        assert sum(map(len, (data.train, data.val, data.test))) == 15
    picture(3, size=(9, 9)).save(root / "b" / "05.png")
    assert "b/05.png is 9 x 9, the first is 6 x 5" in said(root)


@pytest.mark.usefixtures("in_processes")
def test_a_process_that_dies_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    monkeypatch.setattr(sys, "executable", "/bin/false" if Path("/bin/false").exists() else "/usr/bin/false")
    assert "data: a process that decodes pictures ended (status " in said(root)


@pytest.mark.usefixtures("in_processes")
def test_progress_is_told_and_may_end_it_with_nothing_left_behind(tmp_path: Path, empty_cache: Path) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    told: list[tuple[int, int | None]] = []

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with watched(stop), pytest.raises(KeyboardInterrupt):
        load(root)
    assert not [path for path in empty_cache.iterdir() if path.is_dir()]
    with watched(lambda done, total: told.append((done, total))):
        load(root)
    assert told[0] == (0, 16)
    assert told[-1] == (16, 16)


def test_a_damaged_entry_is_made_again(tmp_path: Path, decodes: list[int]) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    whole = load(root)
    (entry,) = picture_cache.entries()
    with (entry.folder / PIXELS).open("r+b") as file:
        file.truncate(HEADER + 50)
    assert picture_cache.leftovers() == [entry.folder]
    assert torch.equal(load(root).train.inputs, whole.train.inputs)
    (entry.folder / "about.json").write_text("{")
    load(root)
    assert len(decodes) == 3


KILLED = """
import sys
from pathlib import Path
from nntrain.data.pictures import cache as picture_cache
def build(file):
    file.write_bytes(b"half")
    print("half", flush=True)
    import time; time.sleep(60)
picture_cache.make("x-1", build)
"""


def test_a_process_that_is_killed_leaves_no_entry(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"half\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert picture_cache.find("x-1") is None
    assert len(picture_cache.leftovers()) == 1
    made = picture_cache.make("x-1", _two)
    assert made.pixels().ravel().tolist() == [1, 2]


def _two(file: Path) -> dict[str, object]:
    with file.open("r+b") as out:
        out.seek(HEADER)
        out.write(bytes([1, 2]))
    return {"what": "two", "pictures": 2, "channels": 1, "height": 1, "width": 1}


def test_who_comes_second_waits_and_takes_what_the_first_made() -> None:
    made: list[str] = []

    def build(file: Path) -> dict[str, object]:
        made.append("once")
        time.sleep(0.2)
        return _two(file)

    threads = [threading.Thread(target=picture_cache.make, args=("x-1", build)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["once"]


def test_what_is_deleted_before_it_is_mapped_is_made_again(
    tmp_path: Path, decodes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    first = load(root, memory_limit=SMALL)
    real, vanishing = picture_cache.find, [entry.name for entry in picture_cache.entries()]

    def find(name: str) -> picture_cache.Entry | None:
        found = real(name)
        if name in vanishing:
            vanishing.remove(name)
            picture_cache.remove(picture_cache.pictures_dir() / name)
        return found

    monkeypatch.setattr(picture_cache, "find", find)
    second = load(root, memory_limit=SMALL)
    assert not vanishing
    assert len(decodes) == 2
    assert torch.equal(first.train.inputs, second.train.inputs)


def test_pixels_mapped_from_the_cache_cannot_be_spoiled() -> None:
    entry = picture_cache.make("x-1", _two)
    entry.pixels()[:] = 9
    assert entry.pixels().ravel().tolist() == [1, 2]


def test_what_was_computed_is_remembered() -> None:
    entry = picture_cache.make("x-1", _two)
    assert entry.remember("sum", lambda: {"sum": 3}) == {"sum": 3}
    assert entry.remember("sum", lambda: {"sum": 4}) == {"sum": 3}


def test_a_disk_that_refuses_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NNTRAIN_CACHE", str(tmp_path / "file"))
    message = said(fill(tmp_path / "tree", tree("a", "b")))
    assert message.startswith(f"cache: cannot write to {tmp_path / 'file' / 'pictures'}: ")
    assert message.endswith("free some space, or set NNTRAIN_CACHE to a folder elsewhere")


@pytest.mark.parametrize(
    ("platform", "given", "expected"),
    [
        ("linux", {"NNTRAIN_CACHE": "/a"}, "/a"),
        ("linux", {"XDG_CACHE_HOME": "/b"}, "/b/nntrain"),
        ("linux", {}, "~/.cache/nntrain"),
        ("darwin", {}, "~/Library/Caches/nntrain"),
        ("win32", {"LOCALAPPDATA": "/c"}, "/c/nntrain/cache"),
    ],
)
def test_it_lies_where_the_system_keeps_what_can_be_made_again(
    monkeypatch: pytest.MonkeyPatch, platform: str, given: dict[str, str], expected: str
) -> None:
    for name in ("NNTRAIN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert picture_cache.cache_dir() == Path(expected).expanduser()


SMALL = 1000 / 2**30  # GiB: less than the pictures here take


@pytest.mark.parametrize("names", [tree("a", "b"), DIVIDED], ids=["drawn", "divided"])
def test_what_does_not_fit_is_mapped_from_disk_and_the_same(tmp_path: Path, names: list[str]) -> None:
    root = fill(tmp_path / "tree", names)
    held, streamed = load(root, labels=8), load(root, labels=8, memory_limit=SMALL)
    assert streamed.train.streamed
    assert not held.train.streamed
    assert held.fingerprint == streamed.fingerprint
    assert held.features == streamed.features
    assert torch.equal(held.unlabelled, streamed.unlabelled)
    for name in ("train", "val", "test"):
        one, other = vars(held)[name], vars(streamed)[name]
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)
    assert any("more than data.memory_limit" in note for note in streamed.notes)


def test_splits_that_lie_in_order_are_not_copied(tmp_path: Path) -> None:
    load(fill(tmp_path / "tree", DIVIDED), memory_limit=SMALL)
    assert len(picture_cache.entries()) == 1
    load(fill(tmp_path / "other", tree("a", "b")), memory_limit=SMALL)
    assert len(picture_cache.entries()) == 3


def test_statistics_are_taken_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.data.pictures.assembling.BLOCK", 200)
    data = load(fill(tmp_path / "tree", tree("a", "b")))
    pixels = data.train.inputs.double()
    assert data.features.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist())
    assert data.features.std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist())


def test_a_thousand_names_are_found_again_fast(tmp_path: Path) -> None:
    """The bar is a second for 60,000; here the pixels are one file, linked under many names."""
    root = tmp_path / "tree"
    one = fill(tmp_path, ["one.png"]) / "one.png"
    for name in tree("a", "b", each=500):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(one, root / name)
    load(root)
    began = time.process_time()
    load(root)
    assert time.process_time() - began < 0.5


def test_the_header_is_numpys() -> None:
    entry = picture_cache.make("x-1", _two)
    assert np.load(entry.folder / PIXELS, allow_pickle=False).shape == (2, 1, 1, 1)
    about = json.loads((entry.folder / "about.json").read_text())
    assert about["what"] == "two"


def test_a_worker_needs_no_torch() -> None:
    code = "import sys, nntrain.data.pictures.worker; print(*sorted({'torch', 'polars', 'scipy'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"
