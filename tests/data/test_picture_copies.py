"""The same picture several times: drawn splits keep its rows together, and copies in given ones are counted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from picture_lab import fill, load, tree

from nntrain.data.dataset import Dataset
from nntrain.data.unlabelled import without_labels

SMALL = 1000 / 2**30  # GiB: less than the pictures here take


def shown(data: Dataset) -> list[set[bytes]]:
    """The pictures of each split."""
    return [{one.numpy().tobytes() for one in part.inputs} for part in (data.train, data.val, data.test)]


def listed(root: Path, rows: list[str], head: str = "path,label") -> Path:
    (root / "list.csv").write_text("\n".join([head, *rows]) + "\n")
    return root / "list.csv"


@pytest.mark.parametrize("settings", [{}, {"stratify": False}, {"folds": 3}], ids=str)
def test_a_picture_that_a_table_lists_often_is_in_one_split(tmp_path: Path, settings: dict[str, object]) -> None:
    fill(tmp_path, [f"{i}.png" for i in range(30)])
    data = load(listed(tmp_path, [f"{i % 30}.png,{'ab'[i % 2]}" for i in range(90)]), **settings)
    train, val, test = shown(data)
    assert not train & val
    assert not train & test
    assert not val & test
    assert len(data.train) + len(data.val) + len(data.test) == 90
    assert not any("also among the training pictures" in note for note in data.notes)


def test_classes_keep_their_shares_where_pictures_repeat(tmp_path: Path) -> None:
    fill(tmp_path, [f"{i}.png" for i in range(40)])
    data = load(listed(tmp_path, [f"{i % 40}.png,{'aaab'[i % 4]}" for i in range(80)]), val=0.2, test=0.2)
    counts = [np.bincount(part.targets).tolist() for part in (data.train, data.val, data.test)]
    assert counts == [[36, 12], [12, 4], [12, 4]]


def test_a_picture_of_two_classes_stands_for_the_rarer_one(tmp_path: Path) -> None:
    fill(tmp_path, [f"{i}.png" for i in range(20)])
    both = [f"{i}.png,a" for i in range(20)] + [f"{i}.png,b" for i in range(6)]
    data = load(listed(tmp_path, both), val=5, test=5)
    assert all(np.bincount(part.targets)[1] > 0 for part in (data.train, data.val, data.test))


def test_equal_files_in_training_and_test_are_counted(tmp_path: Path) -> None:
    seeds = {name: i for i, name in enumerate([*tree("a", "b", below="train/"), *tree("a", "b", below="val/")])}
    seeds |= {"test/a/new.png": 90, "test/a/old.png": 0, "test/b/too.png": 8, "val/b/x.png": 3}
    notes = load(fill(tmp_path, seeds)).notes
    flatters = "among the training pictures, such as"
    assert f"2 of the test pictures are also {flatters} test/a/old.png: their score flatters" in notes
    assert f"1 of the validation pictures is also {flatters} val/b/x.png: their score flatters" in notes


def test_an_equal_checksum_alone_is_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.data.pictures.worker.zlib", SimpleNamespace(crc32=lambda pixels: 7))
    assert not any("also among" in note for note in load(fill(tmp_path, tree("a", "b"))).notes)


@pytest.mark.parametrize("settings", [{}, {"labels": 8}], ids=["given", "kept"])
def test_inputs_without_labels_stay_on_disk_with_the_training_split(
    tmp_path: Path, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "tree", tree("a", "b", below="train/"))
    fill(tmp_path / "tree" / "unlabelled", {"x.png": 100, "y.png": 101})
    loaded = load(tmp_path / "tree", **settings)
    held = without_labels(loaded).train
    assert len(held) > len(loaded.train)
    monkeypatch.setattr("torch.cat", None)  # nothing is copied
    data = load(tmp_path / "tree", memory_limit=SMALL, **settings)
    train = without_labels(data).train
    assert train.streamed
    assert train.inputs.data_ptr() == data.train.inputs.data_ptr()
    assert train.inputs.equal(held.inputs)
    assert len(train.targets) == len(train)
