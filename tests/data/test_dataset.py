"""What is counted of the splits of any data set, and which of them cannot be learned from."""

from __future__ import annotations

import pytest
import torch

from nntrain.data.dataset import Split, check_classes, class_summary, named_splits
from nntrain.errors import UserError
from nntrain.task import Task

PETS = Task("classification", ("pet",), ("cat", "dog", "eel"))
TAGS = Task("multilabel", ("sea", "sky"), ("sea", "sky"))


def split(*labels: int) -> Split:
    return Split(torch.zeros(len(labels), 1), torch.tensor(labels))


def test_samples_of_each_class_in_each_split():
    splits = named_splits(split(0, 1, 1), split(2), None)
    assert class_summary(splits, PETS) == {
        "train": {"cat": 1, "dog": 2, "eel": 0},
        "val": {"cat": 0, "dog": 0, "eel": 1},
    }


def test_every_class_has_to_be_in_training():
    check_classes(torch.tensor([0, 1, 2]), PETS)
    with pytest.raises(UserError, match=r"data: the training split has no sample of class 'cat', 'eel'; it cannot be"):
        check_classes(torch.tensor([1, 1]), PETS)


def test_every_label_has_to_be_in_training():
    with pytest.raises(UserError, match=r"data: the training split has no picture of label 'sky'; it cannot be"):
        check_classes(torch.tensor([[1.0, 0.0]]), TAGS, "picture")
