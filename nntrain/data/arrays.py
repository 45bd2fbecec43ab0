"""numpy's files: an .npz with inputs and targets, or a pair of .npy. Pickled objects are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.data import fingerprint
from nntrain.data.dataset import Dataset, Split
from nntrain.data.files import existing_file
from nntrain.data.npz import read_npy, read_npz
from nntrain.data.pictures.assembling import assembled, picture_dataset, pixel_features
from nntrain.data.splitting import Rows, Shares, by_chance, check_class_sizes
from nntrain.data.tables.assembling import Encoding, table_dataset
from nntrain.data.tables.columns import Column, Kind, numeric_columns
from nntrain.data.tables.encoders import Scaling
from nntrain.data.tables.frames import Reading
from nntrain.data.targets import TaskSetting, decide_task, encode_targets, fit_scale, labels
from nntrain.errors import UserError, did_you_mean, nearest
from nntrain.task import Task

INPUT_NAMES = ("x", "X", "x_train", "X_train")
TARGET_NAMES = ("y", "Y", "y_train", "Y_train")


class ArraysSource:
    """uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] are pictures; other numbers [N, ...] are the columns of a table."""

    def __init__(
        self,
        *,
        path: str | None = None,
        y_path: str | None = None,
        x: str | None = None,
        y: str | None = None,
        x_test: str = "x_test",
        y_test: str = "y_test",
        task: TaskSetting = "auto",
        numeric: Scaling = "standard",
        val: float | int = 0.15,
        test: float | int = 0.15,
        split_seed: int = 0,
        stratify: bool = True,
        folds: int | None = None,
    ) -> None:
        self.path = path
        self.y_path = y_path
        self.x = x
        self.y = y
        self.x_test = x_test
        self.y_test = y_test
        self.task: TaskSetting = task
        self.numeric: Scaling = numeric
        self.shares = Shares(val, test, split_seed, folds)
        self.stratify = stratify

    def load(self, *, standardize_target: bool = True, fold: int | None = None) -> Dataset:
        """Read, split and prepare; `fold` chooses one of the k folds."""
        inputs, targets, test = self._read()
        if test is not None and test[0].shape[1:] != inputs.shape[1:]:
            raise UserError(
                f"data.x_test: samples of shape {test[0].shape[1:]} beside training samples of shape {inputs.shape[1:]}"
            )
        both = targets if test is None else np.concatenate([targets, test[1]])
        columns = _target_columns(both)
        if columns[0].missing.any():
            raise UserError("data.y: some targets are NaN; leave these samples out")
        task = decide_task(self.task, columns)
        pictures = _as_pictures(inputs)
        apart = None if test is None else test[0]
        if pictures is None:
            return self._columns(inputs, apart, columns, task, fold, standardize=standardize_target)
        held_out = None if apart is None else _as_pictures(apart)
        if apart is not None and held_out is None:
            raise UserError(f"data.x_test: holds {apart.dtype}, and data.x pictures as uint8; save both alike")
        if not task.is_classification:
            return self._pictures_of_values(pictures, held_out, columns, task, fold, standardize=standardize_target)
        count, known = len(inputs), labels(columns[0], task)
        return picture_dataset(
            pictures,
            known[:count],
            task.classes,
            self.shares,
            self._fingerprint(),
            test=None if held_out is None else (held_out, known[count:]),
            fold=fold,
            target="y",
            stratify=self.stratify,
        )

    def _fingerprint(self) -> str:
        named = (self.path, self.y_path)
        return fingerprint.of_files(*(existing_file(path, "data.path") for path in named if path is not None))

    def _columns(
        self,
        inputs: NDArray[Any],
        test: NDArray[Any] | None,
        columns: Sequence[Column],
        task: Task,
        fold: int | None,
        *,
        standardize: bool,
    ) -> Dataset:
        """Numbers [N, ...] as the columns of a table. columns: targets of the training rows, then of the test rows."""
        count = len(inputs)
        known = labels(columns[0], task)[:count] if task.is_classification and self.stratify else None
        if known is not None:
            check_class_sizes(known, task.classes)
        rows = by_chance(np.arange(count), self.shares, known, fold, test=test is None)
        flat = inputs.reshape(count, -1)
        if test is not None:
            flat = np.concatenate([flat, test.reshape(len(test), -1)])
            rows = Rows(rows.train, rows.val, np.arange(count, len(flat)))
        names = tuple(str(i) for i in range(flat.shape[1]))
        targets_named = tuple(column.name for column in columns)
        notes = [f"samples of shape {inputs.shape[1:]} are taken as {flat.shape[1]} columns"] if inputs.ndim > 2 else []
        return table_dataset(
            numeric_columns(flat, names),
            columns,
            task,
            rows,
            Encoding(numeric=self.numeric),
            Reading(columns=(*names, *targets_named), aside=targets_named, header=False),
            self._fingerprint(),
            standardize_target=standardize,
            notes=notes,
        )

    def _pictures_of_values(
        self,
        pictures: NDArray[np.uint8],
        test: NDArray[np.uint8] | None,
        columns: Sequence[Column],
        task: Task,
        fold: int | None,
        *,
        standardize: bool,
    ) -> Dataset:
        """Pictures with real targets or several labels. columns: of the training, then of the test pictures."""
        count = len(pictures)
        rows = by_chance(np.arange(count), self.shares, None, fold, test=test is None)
        rows.require_samples()
        task = fit_scale(task, columns, rows.train)
        targets = encode_targets(task, columns, standardize=standardize)

        def split(of: NDArray[np.int64]) -> Split:
            pixels = np.require(pictures[of], requirements=("C", "W"))
            return Split(torch.from_numpy(pixels), targets[torch.from_numpy(of)])

        drawn = split(rows.test) if len(rows.test) else None
        return assembled(
            split(rows.train),
            split(rows.val),
            drawn if test is None else Split(torch.from_numpy(np.require(test, requirements="W")), targets[count:]),
            task,
            pixel_features(pictures, rows.train),
            self._fingerprint(),
            standardize_target=standardize,
        )

    def _read(self) -> tuple[NDArray[Any], NDArray[Any], tuple[NDArray[Any], NDArray[Any]] | None]:
        path = existing_file(self.path, "data.path")
        test = None
        if path.suffix == ".npy":
            if self.y_path is None:
                raise UserError(f"data.y_path: '{path.name}' holds the inputs alone; name the .npy of the targets")
            inputs, targets = read_npy(path), read_npy(existing_file(self.y_path, "data.y_path"))
        else:
            held = read_npz(path)
            inputs = _pick(held, self.x, INPUT_NAMES, "x", path.name)
            if self.y_path is None:
                targets = _pick(held, self.y, TARGET_NAMES, "y", path.name)
            else:
                targets = read_npy(existing_file(self.y_path, "data.y_path"))
            if self.x_test in held and self.y_test in held:
                test = (held[self.x_test], held[self.y_test])
        for name, (x, y) in {"": (inputs, targets), "_test": test or (inputs, targets)}.items():
            if x.ndim < 2 or x.dtype.kind not in "buif":
                raise UserError(f"data.x{name}: inputs are numbers of shape [N, ...], not {x.dtype} of shape {x.shape}")
            if len(x) != len(y):
                raise UserError(f"data.y{name}: {len(x)} samples, but {len(y)} targets")
            if len(x) == 0:
                raise UserError(f"data.x{name}: is empty")
        return inputs, targets, test


def _pick(
    held: Mapping[str, NDArray[Any]], asked: str | None, usual: tuple[str, ...], key: str, file: str
) -> NDArray[Any]:
    wanted = (asked,) if asked is not None else usual
    for name in wanted:
        if name in held:
            return held[name]
    guess = nearest(wanted[0], held)
    raise UserError(f"data.{key}: {file} has no array '{wanted[0]}'{did_you_mean(guess)} (arrays: {', '.join(held)})")


def _as_pictures(array: NDArray[Any]) -> NDArray[np.uint8] | None:
    """uint8 [N, C, H, W] where the array is pictures, else None."""
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        return None
    if array.ndim == 3:
        return array[:, None]
    if array.shape[3] in (1, 3):
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    return array if array.shape[1] in (1, 3) else None


def _target_columns(targets: NDArray[Any]) -> list[Column]:
    if targets.ndim > 2 or targets.dtype.kind not in "buifU":
        raise UserError(
            f"data.y: targets are numbers or text, [N] or [N, T], not {targets.dtype} of shape {targets.shape}"
        )
    table = targets[:, None] if targets.ndim == 1 else targets
    names = ["y"] if table.shape[1] == 1 else [f"y{i}" for i in range(table.shape[1])]
    if targets.dtype.kind == "U":
        columns = []
        for i, name in enumerate(names):
            categories, codes = np.unique(table[:, i], return_inverse=True)
            columns.append(Column(name, "categorical", codes.astype(np.int32), tuple(str(c) for c in categories)))
        return columns
    kind: Kind = "boolean" if targets.dtype.kind == "b" else "numeric"
    return [Column(name, kind, table[:, i].astype(np.float64)) for i, name in enumerate(names)]
