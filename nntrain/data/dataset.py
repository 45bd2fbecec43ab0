"""What every data source hands on: splits of tensors, and how raw input became them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from nntrain.errors import UserError
from nntrain.task import Task


@dataclass(frozen=True)
class Split:
    """Samples of one split, row i of each tensor being sample i.

    inputs: uint8 [N, C, H, W] for pictures; float32 [N, numeric + categorical] for tables (categories as codes).
    targets: see `Task`. weights: float32 [N] with mean 1 over the training split, or None for all alike.
    streamed: whether inputs are too large for memory: a memory-mapped tensor, which stays where it is; its batches move
    to the device of the targets.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor | None = None
    streamed: bool = False

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: torch.device) -> Split:
        weights = None if self.weights is None else self.weights.to(device)
        inputs = self.inputs if self.streamed else self.inputs.to(device)
        return Split(inputs, self.targets.to(device), weights, self.streamed)

    @property
    def device(self) -> torch.device:
        """Where its batches are."""
        return self.targets.device


@dataclass(frozen=True)
class TableFeatures:
    """Columns of a table: `numeric` ready-to-use columns first, then one column of category codes per entry of
    `cardinalities` (codes 0 ... cardinality - 1; code 0 means never seen in training or missing).

    one_hot_max, embedding_dim: how the network's first layer is to take the codes (see models.inputs.TableInput)."""

    numeric: int
    cardinalities: tuple[int, ...] = ()
    one_hot_max: int = 16
    embedding_dim: int | None = None


@dataclass(frozen=True)
class PixelFeatures:
    """Pictures as uint8; the network standardises them as (pixel - mean) / std, one pair per channel."""

    channels: int
    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


Features = TableFeatures | PixelFeatures


class Preprocessing(Protocol):
    """How raw input becomes tensors. Fitted on the training split alone, stored in the model file as JSON."""

    @property
    def features(self) -> Features:
        """What the tensors hold."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything needed to rebuild it, JSON-able; `{"kind": ...}` names the class."""
        ...

    def inputs(self, raw: Any) -> torch.Tensor:
        """Raw inputs (a path, a DataFrame, a numpy array, pictures) -> the tensor of `Split.inputs`."""
        ...

    def named(self, raw: Any) -> tuple[list[str] | None, Any]:
        """What raw inputs are called (pictures by their files; None: nothing), and what to give to `inputs` in their
        place, in the same order: read already, where names and contents come of one pass."""
        ...

    def labelled(self, raw: Any) -> Split:
        """The same for raw input that carries its targets, for `eval`."""
        ...


@dataclass
class Dataset:
    """Splits, the task, what the network's first layer must know, and what has to be said to the user.

    unlabelled: inputs that have no label, laid out as those of a split, for pre-training alone; None without any.
    summary: what `check` shows, JSON-able (rows, columns with type and statistics, classes with counts).
    notes: sentences for the user (columns dropped, rows dropped, duplicates found ...); nothing is dropped silently.
    fingerprint: a short hash of the data as read, for `environment.json`.
    """

    train: Split
    val: Split
    test: Split | None
    task: Task
    features: Features
    preprocessing: Preprocessing
    fingerprint: str
    summary: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unlabelled: torch.Tensor | None = None

    @property
    def splits(self) -> dict[str, Split]:
        """Those that there are, by name."""
        return named_splits(self.train, self.val, self.test)

    def to(self, device: torch.device) -> Dataset:
        """The same with its splits on the device: runs that are given it share their tensors there."""
        test = None if self.test is None else self.test.to(device)
        return replace(self, train=self.train.to(device), val=self.val.to(device), test=test)


class Source(Protocol):
    """Where data comes from: constructed from the keys of its option file."""

    def load(self, *, standardize_target: bool = True, fold: int | None = None) -> Dataset:
        """Read, split and prepare. standardize_target: regression targets in units of their standard deviation (off for
        losses that need counts). fold: which of `folds`, from 0."""
        ...


def named_splits(train: Split, val: Split, test: Split | None) -> dict[str, Split]:
    """Those that there are, by name."""
    return {"train": train, "val": val} | ({} if test is None else {"test": test})


def class_counts(targets: torch.Tensor, task: Task) -> list[int]:
    """How many samples each class, or each label, has."""
    if task.is_multilabel:
        return [int(count) for count in targets.sum(0).tolist()]
    return [int(count) for count in torch.bincount(targets, minlength=len(task.classes)).tolist()]


def class_summary(splits: Mapping[str, Split], task: Task) -> dict[str, dict[str, int]]:
    """How many samples each class, or each label, has in each split: `Dataset.summary["classes"]`."""
    return {
        name: dict(zip(task.classes, class_counts(split.targets, task), strict=True)) for name, split in splits.items()
    }


def check_classes(targets: torch.Tensor, task: Task, sample: str = "sample") -> None:
    """Raises UserError for classes, or labels, that no training sample has.

    targets: of the training split. sample: what to call one.
    """
    absent = [name for name, count in zip(task.classes, class_counts(targets, task), strict=True) if count == 0]
    if absent:
        shown = ", ".join(repr(name) for name in absent[:5]) + (", ..." if len(absent) > 5 else "")
        what = "label" if task.is_multilabel else "class"
        raise UserError(f"data: the training split has no {sample} of {what} {shown}; it cannot be learned")
