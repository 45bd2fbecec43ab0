"""Data that a process keeps for its next network."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import torch

from nntrain.data.dataset import Dataset, Split, TableFeatures
from nntrain.data.kept import keeping, read_once
from nntrain.task import Task


def dataset() -> Dataset:
    split = Split(torch.zeros(2, 1), torch.zeros(2))
    return Dataset(split, split, None, Task("regression", ("y",)), TableFeatures(1), Mock(), "fingerprint")


def test_what_is_asked_for_again_is_not_read_again() -> None:
    read = Mock(side_effect=dataset)
    with keeping():
        first, again = read_once("a", read), read_once("a", read)
        assert again.train.inputs is first.train.inputs
        assert read.call_count == 1
        read_once("b", read)
        assert read.call_count == 2
        read_once("a", read)  # one at most is kept
        assert read.call_count == 3
    read_once("a", read)
    assert read.call_count == 4


def test_a_split_that_one_training_changes_is_not_changed_for_the_next() -> None:
    read = Mock(side_effect=dataset)
    with keeping():
        first = read_once("a", read)
        first.train = replace(first.train, targets=torch.ones(2))
        assert not read_once("a", read).train.targets.any()
