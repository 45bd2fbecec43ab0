"""What is known of each picture, from the folders it lies in or the table that lists it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nntrain.data.pictures.layout import lay_out
from nntrain.data.pictures.samples import samples_of_layout, samples_of_table
from nntrain.data.pictures.table import PictureTable
from nntrain.data.splitting import Rows
from nntrain.data.tables.columns import Column
from nntrain.errors import UserError
from nntrain.task import Task

CLASSES = ("cat", "dog")
LABELS = Column("label", "categorical", np.array([0, 1, -1], dtype=np.int32), CLASSES)
SPLITS = Column("split", "categorical", np.array([0, 1, 1], dtype=np.int32), ("Training", "val"))
TABLE = PictureTable(Path("list.csv"), ["a.png", "b.png", "c.png"], (LABELS,), SPLITS)
TASK = Task("classification", ("label",), CLASSES)


def test_folders_say_split_and_class():
    names = ["train/cat/1.png", "train/dog/2.png", "unlabelled/3.png", "val/dog/4.png"]
    samples = samples_of_layout(lay_out(names, [], Path("pets")), np.arange(4))
    assert samples.splits.tolist() == ["train", "train", "unlabelled", "val"]
    assert samples.known.tolist() == [True, True, False, True]
    assert samples.divided == ("train", "val")
    assert samples.targets(Rows(np.array([0]), np.array([3]), np.array([])), standardize=True)[0][3] == 1


def test_a_table_says_split_and_label():
    samples = samples_of_table(TABLE, np.array([2, 1, 0]), TASK)
    assert samples.splits.tolist() == ["train", "val", "val"]
    assert samples.known.tolist() == [True, True, False]
    assert samples.divided == ("train", "val")
    some = samples.at(samples.known)
    assert (some.stored.tolist(), some.labels.tolist(), some.table.names) == ([2, 1], [0, 1], ["a.png", "b.png"])


def test_without_a_split_column_all_may_train():
    samples = samples_of_table(replace(TABLE, splits=None), np.arange(3), TASK)
    assert samples.splits.tolist() == ["train"] * 3
    assert samples.divided == ()


WRONG_SPLITS = {
    "a misspelt one": (replace(SPLITS, categories=("trian", "val")), "column 'split': 'trian' is none of train, val"),
    "none": (replace(SPLITS, values=np.array([0, -1, 1], dtype=np.int32)), "column 'split': row 2 says nothing"),
}


@pytest.mark.parametrize("case", WRONG_SPLITS)
def test_splits_that_are_none_are_named(case):
    splits, said = WRONG_SPLITS[case]
    with pytest.raises(UserError, match=f"list.csv: {said}"):
        samples_of_table(replace(TABLE, splits=splits), np.arange(3), TASK)
