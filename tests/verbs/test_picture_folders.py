"""Pictures in folders from the command line: train, check, evaluate, predict."""

from __future__ import annotations

import csv
import json
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nntrain.cli import main
from nntrain.data.progress import watcher

FEW = ("model.widths=[4]", "epochs=1", "batch_size=4")


def fill(root: Path, *folders: str, each: int = 8, size: int = 6) -> Path:
    """Dark pictures in `cat`, light ones in all other folders."""
    rng = np.random.default_rng(0)
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(each):
            light = 0 if folder.endswith("cat") else 150
            pixels = rng.integers(light, light + 100, (size, size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{i}.png")
    return root


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(list(words))
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A run on class folders."""
    pictures = fill(tmp_path / "pets", "cat", "dog")
    words = ("fit", "data=folder", f"data.path={pictures}", f"run_dir={tmp_path / 'run'}", *FEW)
    status, out, _ = said(capsys, *words)
    assert status == 0
    text = " ".join(out.split())
    assert "pets: 16 rows (12 train, 2 val, 2 test)" in text
    assert "note 16 pictures of 6 x 6 in colour, decoded in " in text
    assert "classification, 2 classes" in text
    assert text.count("up to 1 epoch ") == 1
    assert "; 1 epoch done" in text
    return tmp_path / "run"


def test_check_says_size_colour_classes_and_where_the_pixels_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = fill(tmp_path / "pets", "cat", "dog")
    _, out, _ = said(capsys, "check", "data=folder", f"data.path={pictures}", *FEW)
    assert "pictures  6 by 6 pixels, 3 channels" in out
    assert [line.split() for line in out.splitlines() if line.startswith(("cat ", "dog "))] == [
        ["cat", "6", "1", "1", "50.0%"],
        ["dog", "6", "1", "1", "50.0%"],
    ]
    assert "kept in the cache (pets-" in " ".join(out.split())


def test_class_folders_are_evaluated_whole_and_divided_ones_by_their_test(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = fill(tmp_path / "new", "cat", "dog/deep", each=3)
    _, out, _ = said(capsys, "eval", str(run), f"data.path={whole}", "--json")
    result = json.loads(out)
    assert (result["split"], result["rows"]) == (str(whole), 6)
    divided = fill(tmp_path / "divided", *(f"{split}/{name}" for split in ("train", "test") for name in ("cat", "dog")))
    _, out, _ = said(capsys, "eval", str(run), f"data.path={divided}", "--json")
    result = json.loads(out)
    assert (result["split"], result["rows"]) == ("test", 16)


def test_folders_of_splits_with_fewer_classes_are_evaluated_by_name(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fewer = fill(tmp_path / "fewer", "train/dog", "test/dog", each=3)
    _, out, _ = said(capsys, "eval", str(run), f"data.path={fewer}", "--json")
    result = json.loads(out)
    assert (result["split"], result["rows"]) == (str(fewer / "test"), 3)
    _, out, _ = said(capsys, "eval", str(run), f"data.path={fewer}", "split=train", "--json")
    assert json.loads(out)["split"] == str(fewer / "train")


def test_a_class_of_the_test_folder_that_the_model_does_not_know_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = fill(tmp_path / "more", "train/cat", "train/dog", "test/cat", "test/cow", each=3)
    status, _, err = said(capsys, "eval", str(run), f"data.path={more}")
    assert (status, err) == (2, f"nntrain: {more}/test/cow: unknown class 'cow' (choices: cat, dog)\n")


def test_a_list_of_pictures_without_labels_is_asked_for_them(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "new", "cat", each=1)
    listed = tmp_path / "list.csv"
    listed.write_text("path,size\nnew/cat/0.png,6\n")
    status, _, err = said(capsys, "eval", str(run), f"data.path={listed}")
    assert status == 2
    assert err == f"nntrain: {listed}: has no column 'label' that says what each picture is (columns: path, size)\n"


def test_a_tree_is_predicted_file_by_file(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = fill(tmp_path / "new", "cat", "dog/deep", each=2, size=9)
    assert said(capsys, "predict", str(run), f"input={new}", f"output={tmp_path / 'p.csv'}")[0] == 0
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["cat/0.png", "cat/1.png", "dog/deep/0.png", "dog/deep/1.png"]
    assert {"p_cat", "p_dog"} < set(rows[0])


def test_a_broken_picture_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = fill(tmp_path / "pets", "cat", "dog")
    (pictures / "dog" / "3.png").write_bytes(b"none")
    status, _, err = said(capsys, "fit", "data=folder", f"data.path={pictures}", *FEW)
    assert status == 2
    assert err.startswith(f"nntrain: {pictures}/dog/3.png: cannot be read as a picture: what it holds is none of JPEG,")
    assert len(err.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_while_decoding_ends_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nntrain.data.pictures import reading as picture_reading

    pictures = fill(tmp_path / "pets", "cat", "dog")
    real = picture_reading.decode_all

    def interrupted(*args: object, **settings: object) -> object:
        assert settings["progress"] is watcher()
        signal.raise_signal(signal.SIGINT)
        return real(*args, **settings)

    monkeypatch.setattr(picture_reading, "decode_all", interrupted)
    words = ("fit", "data=folder", f"data.path={pictures}", f"run_dir={tmp_path / 'run'}", *FEW)
    assert said(capsys, *words)[::2] == (130, "nntrain: interrupted\n")
    assert not (tmp_path / "run").exists()


def test_settings_of_another_kind_are_refused_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("data.size=big", "data.fit=zoom", "data.labels=0", "data.memory_limit=0")
    status, _, err = said(capsys, "check", "data=folder", "data.path=nowhere", *words)
    assert status == 2
    for key in ("size", "fit", "labels", "memory_limit"):
        assert f"data.{key}: " in err
    assert "data.classes: 3 is not a list" in said(capsys, "check", "data=folder", "data.path=x", "data.classes=3")[2]
