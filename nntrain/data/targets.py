"""Target columns: classes, labels or real values, and their encoding."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.data.tables.columns import Column, Kind
from nntrain.errors import UserError, did_you_mean, nearest
from nntrain.task import Task

TaskSetting = Literal["auto", "classification", "multilabel", "regression"]

FEW = 20  # more distinct whole numbers than this are quantities, not classes


def _number_text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def is_classes(column: Column) -> bool:
    """Text and booleans are classes; so are at most 20 distinct whole numbers that each occur twice on average."""
    if column.kind in ("categorical", "boolean"):
        return True
    if column.kind == "date":
        return False
    values = column.values[~column.missing]
    if len(values) == 0 or not bool((values == np.floor(values)).all()):
        return False
    distinct = len(np.unique(values))
    return distinct <= FEW and 2 * distinct <= len(values)


def is_labels(columns: Sequence[Column]) -> bool:
    """Several columns that hold nothing but 0 and 1 (or true and false) are labels."""
    return len(columns) > 1 and all(
        column.kind in ("numeric", "boolean") and bool(np.isin(column.values[~column.missing], (0, 1)).all())
        for column in columns
    )


def decide_task(setting: TaskSetting, columns: Sequence[Column]) -> Task:
    """The task that the target columns pose, classes in sorted order (numbers by size); statistics come later, from
    the training rows. Raises UserError for targets that cannot be learned."""
    names = tuple(column.name for column in columns)
    for column in columns:
        present = int((~column.missing).sum())
        if present == 0:
            raise UserError(f"data.target: column '{column.name}' is missing in every row")
    if setting == "auto":
        setting = "classification" if len(columns) == 1 and is_classes(columns[0]) else "regression"
        setting = "multilabel" if is_labels(columns) else setting
    if setting == "classification":
        if len(columns) > 1:
            raise UserError(
                f"data.target: classification takes one target column, not {len(columns)} ({', '.join(names)}); "
                "columns of 0 and 1 are labels: data.task=multilabel"
            )
        classes = class_names(columns[0])
        if len(classes) < 2:
            raise UserError(
                f"data.target: column '{names[0]}' is constant (always {classes[0]!r}); there is nothing to learn"
            )
        if columns[0].kind in ("numeric", "date") and len(classes) > max(1000, len(columns[0]) // 2):
            raise UserError(
                f"data.task: column '{names[0]}' has {len(classes)} distinct numbers in {len(columns[0])} rows; "
                "set data.task=regression"
            )
        return Task("classification", names, classes)
    if setting == "multilabel":
        for column in columns:
            check_label(column)
    for column in columns:
        if column.kind == "categorical":
            raise UserError(
                f"data.target: regression needs numbers, but column '{column.name}' holds text "
                f"such as {column.categories[0]!r}; "
                + ("name one target for classification" if len(columns) > 1 else "set data.task=classification")
            )
        values = column.values[~column.missing]
        if bool((values == values[0]).all()):
            raise UserError(
                f"data.target: column '{column.name}' is constant (always {values[0]:g}); there is nothing to learn"
            )
    return Task("multilabel", names, names) if setting == "multilabel" else Task("regression", names)


def check_label(column: Column) -> None:
    """UserError where a label's column holds anything but 0 and 1."""
    if column.kind == "categorical":
        wrong = repr(column.categories[0])
    else:
        values = column.values[~column.missing]
        others = values[~np.isin(values, (0, 1))]
        if not len(others):
            return
        wrong = f"{others[0]:g}"
    raise UserError(
        f"data.target: a label is 1 where the row has it and 0 where not, but column '{column.name}' holds {wrong}"
    )


def kind_of_targets(task: Task) -> Kind | None:
    """The type that target columns of another file are to have; None where any may name a class."""
    return None if task.is_classification else "boolean" if task.is_multilabel else "numeric"


def class_names(column: Column) -> tuple[str, ...]:
    """The classes that occur in a column."""
    present = column.values[~column.missing]
    if column.kind == "categorical":
        return tuple(sorted(column.categories[code] for code in np.unique(present)))
    if column.kind == "boolean":
        return tuple("true" if value else "false" for value in np.unique(present))
    return tuple(_number_text(value) for value in np.unique(present))


def labels(column: Column, task: Task) -> NDArray[np.int64]:
    """Class indices, int64 [N], -1 where the label is missing. Raises UserError for a label that is no class."""
    index = {name: i for i, name in enumerate(task.classes)}
    if column.kind == "categorical":
        names: Sequence[str] = column.categories
        codes = column.values.astype(np.int64)
    else:
        values, codes = np.unique(column.values, return_inverse=True)
        codes = np.where(np.isnan(column.values), -1, codes)
        boolean = column.kind == "boolean"
        names = [("true" if v else "false") if boolean else _number_text(v) for v in values[~np.isnan(values)]]
    present = np.bincount(codes[codes >= 0], minlength=len(names))
    spelled = {name: index[name] if name in index else _as_other_spelling(name, index) for name in names}
    for name, count in zip(names, present, strict=True):
        if count and spelled[name] is None:
            hint = did_you_mean(nearest(name, task.classes))
            shown = ", ".join(task.classes[:10]) + (", ..." if len(task.classes) > 10 else "")
            raise UserError(
                f"data: label {name!r} in column '{column.name}' is none of the classes{hint} (classes: {shown})"
            )
    table = np.array([-1 if (i := spelled[name]) is None else i for name in names] + [-1], dtype=np.int64)
    return table[codes]


def _as_other_spelling(name: str, index: Mapping[str, int]) -> int | None:
    """Booleans and numbers come spelled in several ways: True, 1, 1.0."""
    lowered = {known.lower(): i for known, i in index.items()}
    words = [name.lower()]
    if len(lowered) < len(index):
        return None  # classes that differ by case alone
    with contextlib.suppress(ValueError, OverflowError):  # "1.0" for "1"
        words.append(_number_text(float(name)))
    if set(lowered) == {"false", "true"}:
        words += {"0": ["false"], "1": ["true"]}.get(words[-1], [])
    elif set(lowered) == {"0", "1"}:
        words += {"false": ["0"], "true": ["1"]}.get(words[0], [])
    return next((lowered[word] for word in words if word in lowered), None)


def agree(column: Column, task: Task) -> tuple[Column, str | None]:
    """A label column of another file, dots at the ends of its labels taken off where that alone makes them classes
    (the test file of the census data writes "<=50K." for "<=50K"); and a note saying so."""
    if not task.is_classification or column.kind != "categorical":
        return column, None
    known = set(task.classes)
    undotted = tuple(name.rstrip(".").rstrip() for name in column.categories)
    if set(column.categories) <= known or not set(undotted) <= known:
        return column, None
    merged = sorted(set(undotted))
    table = np.array([*(merged.index(name) for name in undotted), -1], dtype=np.int32)
    note = f"labels of '{column.name}' end with a dot ({column.categories[0]!r}); it is taken off"
    return Column(column.name, "categorical", table[column.values], tuple(merged)), note


def fit_scale(task: Task, columns: Sequence[Column], rows: NDArray[np.int64]) -> Task:
    """Regression: the task with mean and standard deviation of each target over the training rows."""
    if not task.is_regression:
        return task
    center, scale = [], []
    for column in columns:
        values = column.values[rows]
        center.append(float(values.mean()))
        deviation = float(values.std())
        if deviation == 0:
            raise UserError(
                f"data.target: column '{column.name}' is constant in the training split (always {values[0]:g})"
            )
        scale.append(deviation)
    return replace(task, center=tuple(center), scale=tuple(scale))


def encode_targets(task: Task, columns: Sequence[Column], *, standardize: bool = True) -> torch.Tensor:
    """int64 [N] class indices, float32 [N, K] of 0 and 1, or float32 [N, T] in units of the task's scale; no target may
    be missing here."""
    if task.is_classification:
        return torch.from_numpy(labels(columns[0], task))
    if task.is_multilabel:
        for column in columns:
            check_label(column)
        return torch.from_numpy(np.stack([column.values for column in columns], 1).astype(np.float32))
    out = np.empty((len(columns[0]), len(columns)), dtype=np.float32)
    for i, column in enumerate(columns):
        if column.kind == "categorical":
            raise UserError(
                f"data.target: column '{column.name}' must hold numbers, it holds text such as {column.categories[0]!r}"
            )
        out[:, i] = (column.values - task.center[i]) / task.scale[i] if standardize else column.values
    return torch.from_numpy(out)
