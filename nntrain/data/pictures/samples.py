"""The pictures of a tree or a table with what is known of each: its split, and its class or other targets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.data.pictures.layout import Layout
from nntrain.data.pictures.table import PictureTable, labelled_rows, targets_of
from nntrain.data.splitting import SPLITS, Index, Rows, splits_as_written
from nntrain.data.targets import labels
from nntrain.task import Task


@dataclass(frozen=True)
class Samples:
    """Pictures with what is known of them.

    stored: row of each one's pixels, int64 [S]. splits: "train", "val", "test" or "unlabelled" each. known: whether it
    has a label. divided: splits that are told apart already. labels: its class, [S], or None where there are none.
    table: which lists them, if one does.
    """

    stored: Index
    splits: NDArray[np.str_]
    known: NDArray[np.bool_]
    divided: tuple[str, ...]
    task: Task
    labels: Index | None
    table: PictureTable | None = None

    def at(self, kept: NDArray[np.bool_]) -> Samples:
        """Some of them."""
        table = None if self.table is None else self.table.at(kept)
        classes = None if self.labels is None else self.labels[kept]
        return replace(
            self,
            stored=self.stored[kept],
            splits=self.splits[kept],
            known=self.known[kept],
            labels=classes,
            table=table,
        )

    def targets(self, rows: Rows, *, standardize: bool) -> tuple[torch.Tensor, Task]:
        """Targets of all samples (see Task), and the task, its scale fitted on the training rows where it has one."""
        if self.table is None:
            assert self.labels is not None
            return torch.from_numpy(self.labels), self.task
        return targets_of(self.table, self.task, rows.train, standardize=standardize)


def samples_of_layout(layout: Layout, stored: Index) -> Samples:
    """Of pictures in class folders. stored: as in Samples."""
    kept = layout.kept
    of_folder = layout.labels[kept]
    task = Task("classification", ("class",), layout.classes)
    return Samples(stored, layout.splits[kept], of_folder >= 0, layout.divided, task, of_folder)


def samples_of_table(table: PictureTable, stored: Index, task: Task) -> Samples:
    """Of pictures that a table lists. stored: as in Samples. Raises UserError for a split of another name, or none."""
    splits, divided = _splits_of(table)
    classes = labels(table.columns[0], task) if task.is_classification else None
    return Samples(stored, splits, labelled_rows(table), divided, task, classes, table)


def _splits_of(table: PictureTable) -> tuple[NDArray[np.str_], tuple[str, ...]]:
    """The split of each row, and which splits the table tells apart."""
    if table.splits is None:
        return np.full(len(table.names), "train"), ()
    splits = splits_as_written(f"{table.path}: column 'split'", table.splits.categories, table.splits.values)
    return splits, tuple(split for split in SPLITS if split in set(splits.tolist()))
