"""The small real data sets that come with scikit-learn: nothing to download."""

from __future__ import annotations

import numpy as np

from nntrain.data import fingerprint
from nntrain.data.bundled_files import read_bundled
from nntrain.data.dataset import Dataset
from nntrain.data.pictures.assembling import picture_dataset
from nntrain.data.splitting import Shares, by_chance, check_class_sizes
from nntrain.data.tables.assembling import Encoding, table_dataset
from nntrain.data.tables.columns import Column, numeric_columns
from nntrain.data.tables.encoders import Scaling
from nntrain.data.tables.frames import Reading
from nntrain.data.targets import TaskSetting, decide_task, labels
from nntrain.errors import UserError, unknown

DATASETS = ("digits", "iris", "wine", "breast_cancer", "diabetes")


class BundledSource:
    """digits are uint8 pictures [N, 1, 8, 8] (grey levels 0 to 16 as they come); the others are tables."""

    def __init__(
        self,
        *,
        dataset: str = "digits",
        val: float | int = 0.15,
        test: float | int = 0.15,
        split_seed: int = 0,
        folds: int | None = None,
        stratify: bool = True,
        task: TaskSetting = "auto",
        numeric: Scaling = "standard",
    ) -> None:
        if dataset not in DATASETS:
            raise UserError(f"data.dataset: {unknown('bundled dataset', dataset, DATASETS)}")
        if dataset == "digits" and task in ("regression", "multilabel"):
            raise UserError(f"data.task: digits are pictures in classes; {task} is for tables")
        self.dataset = dataset
        self.shares = Shares(val, test, split_seed, folds)
        self.stratify = stratify
        self.task = task
        self.numeric: Scaling = numeric

    def load(self, *, standardize_target: bool = True, fold: int | None = None) -> Dataset:
        """Read, split and prepare; `fold` chooses one of the k folds."""
        found = read_bundled(self.dataset)
        if self.dataset == "digits":
            pixels = found.data.reshape(-1, 1, 8, 8).astype(np.uint8)
            return picture_dataset(
                pixels,
                found.target,
                found.classes,
                self.shares,
                fingerprint.of_arrays(pixels, found.target),
                fold=fold,
                target="digit",
                stratify=self.stratify,
            )
        names = found.features
        if found.classes:
            target = Column("class", "categorical", found.target.astype(np.int32), found.classes)
        else:
            target = Column("progression", "numeric", found.target)
        if self.task == "regression" and target.kind == "categorical":
            target = Column("class", "numeric", found.target.astype(np.float64))
        task = decide_task(self.task, [target])
        known_labels = labels(target, task) if task.is_classification and self.stratify else None
        if known_labels is not None:
            check_class_sizes(known_labels, task.classes)
        return table_dataset(
            numeric_columns(found.data, names),
            [target],
            task,
            by_chance(np.arange(len(found.target)), self.shares, known_labels, fold),
            Encoding(numeric=self.numeric),
            Reading(columns=(*names, target.name), aside=(target.name,)),
            fingerprint.of_arrays(found.data, found.target),
            standardize_target=standardize_target,
        )
