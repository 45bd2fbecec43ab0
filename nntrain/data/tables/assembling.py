"""From typed columns to a dataset: inputs chosen, statistics fitted on training rows, rows encoded, everything said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.data.dataset import Dataset, Split, check_classes, class_summary, named_splits
from nntrain.data.splitting import Index, Rows
from nntrain.data.tables.columns import Column
from nntrain.data.tables.encoders import CategoryEncoder, NumericEncoder, Scaling, fit_categories, fit_numeric
from nntrain.data.tables.frames import Reading
from nntrain.data.tables.preprocessing import TablePreprocessing
from nntrain.data.targets import encode_targets, fit_scale
from nntrain.errors import UserError
from nntrain.task import Task

IDENTIFIER_NAME = re.compile(r"(^|[_\W])(id|uuid|guid|index|row_?(id|number|num))$|^unnamed: 0$", re.IGNORECASE)
IDENTIFIER_ROWS = 20  # fewer rows than this do not tell an identifier from a value


@dataclass(frozen=True)
class Encoding:
    """How inputs are encoded: scaling of numbers, most categories kept, columns whose type the user declared (these
    are never dropped)."""

    numeric: Scaling = "standard"
    max_categories: int = 10_000
    one_hot_max: int = 16
    embedding_dim: int | None = None
    declared: frozenset[str] = field(default_factory=frozenset)


def table_dataset(
    columns: Mapping[str, Column],
    targets: Sequence[Column],
    task: Task,
    rows: Rows,
    encoding: Encoding,
    reading: Reading,
    fingerprint: str,
    *,
    weights: NDArray[np.float64] | None = None,
    weight_column: str | None = None,
    standardize_target: bool = True,
    notes: Sequence[str] = (),
    roles: Mapping[str, str] | None = None,
    unlabelled: Mapping[str, Column] | None = None,
) -> Dataset:
    """columns: all inputs, over the rows of all splits; `rows` says which is where. Statistics come from rows.train.
    unlabelled: inputs of rows that have no target."""
    rows.require_samples()
    if weights is not None and not weights[rows.train].any():
        raise UserError(f"data.weight_column '{weight_column}': every weight of the training split is 0")
    task = fit_scale(task, targets, rows.train)
    encoders, described, said = _fit_encoders(columns, rows.train, encoding)
    said = [*notes, *said]
    preprocessing = TablePreprocessing(
        tuple(e for e in encoders if isinstance(e, NumericEncoder)),
        tuple(e for e in encoders if isinstance(e, CategoryEncoder)),
        task,
        reading,
        standardize_target=standardize_target,
        weight_column=weight_column,
        mean_weight=1.0 if weights is None else float(weights[rows.train].mean()),
        one_hot_max=encoding.one_hot_max,
        embedding_dim=encoding.embedding_dim,
    )
    inputs = preprocessing.encode(columns)
    encoded = encode_targets(task, targets, standardize=standardize_target) if targets else inputs[:, :0]
    if task.classes:
        check_classes(encoded[torch.from_numpy(rows.train)], task)
    shares = None if weights is None else torch.from_numpy((weights / preprocessing.mean_weight).astype(np.float32))

    def split(chosen: Index) -> Split:
        picked = torch.from_numpy(chosen)
        return Split(inputs[picked], encoded[picked], None if shares is None else shares[picked])

    train, val = split(rows.train), split(rows.val)
    test = split(rows.test) if len(rows.test) else None
    for name, (repeated, of) in duplicates(train, {"validation": val, "test": test}).items():
        said.append(f"{repeated} of {of} {name} rows are exact duplicates of training rows: their score flatters")
    parts = named_splits(train, val, test)
    described += [{"name": name, "type": "-", "role": role} for name, role in (roles or {}).items()]
    summary: dict[str, Any] = {
        "rows": {name: len(part) for name, part in parts.items()},
        "columns": described,
        "target": _describe_target(task, targets, rows.train),
    }
    if task.classes:
        summary["classes"] = class_summary(parts, task)
    more = preprocessing.encode(unlabelled) if unlabelled and len(next(iter(unlabelled.values()))) else None
    return Dataset(
        train, val, test, task, preprocessing.features, preprocessing, fingerprint, summary, tuple(said), more
    )


def _fit_encoders(
    columns: Mapping[str, Column], train: Index, encoding: Encoding
) -> tuple[list[NumericEncoder | CategoryEncoder], list[dict[str, Any]], list[str]]:
    """The encoder of each column that is an input, what `check` shows of every column, and notes for the user. Columns
    that cannot help are left out; UserError where none is left."""
    encoders: list[NumericEncoder | CategoryEncoder] = []
    described: list[dict[str, Any]] = []
    notes: list[str] = []
    for column in columns.values():
        seen = column.at(train)
        reason = None if column.name in encoding.declared else useless(seen)
        if reason is not None:
            described.append({**describe(seen), "dropped": reason})
            notes.append(f"column '{column.name}' is left out: {reason}")
        elif column.kind == "categorical":
            described.append(describe(seen))
            encoders.append(fit_categories(seen, encoding.max_categories))
            distinct = len(np.unique(seen.values[seen.values >= 0]))
            if distinct > encoding.max_categories:
                kept = f"the {encoding.max_categories} most frequent of {distinct} values are told apart"
                notes.append(f"column '{column.name}': {kept}")
        else:
            encoders.append(encoder := fit_numeric(seen, encoding.numeric))
            described.append(describe(seen, encoder.median))
    if not encoders:
        raise UserError(_nothing_left(described))
    return encoders, described, notes


def _nothing_left(dropped: Sequence[Mapping[str, Any]]) -> str:
    said = "; ".join(f"'{column['name']}' is {column['dropped']}" for column in dropped[:5])
    more = f"; and {len(dropped) - 5} more" if len(dropped) > 5 else ""
    keep = f"data.types={{{dropped[0]['name']}: {dropped[0]['type']}}}" if dropped else "data.types"
    return f"data: no input column is left: {said}{more}; a column whose type is declared is kept: '{keep}'"


def useless(seen: Column) -> str | None:
    """Why a column cannot help (constant, missing, identifier-like), judged by its training rows; None when it may."""
    missing = seen.missing
    present = seen.values[~missing]
    if len(present) == 0:
        return "every value is missing"
    if bool((present == present[0]).all()) and not missing.any():
        shown = repr(seen.categories[present[0]]) if seen.kind == "categorical" else f"{present[0]:g}"
        return f"constant (always {shown})"
    if len(present) < IDENTIFIER_ROWS or seen.kind in ("boolean", "date"):
        return None
    if seen.kind == "categorical":
        counts = np.bincount(present)
        distinct = int((counts > 0).sum())
        return "identifier-like (nearly every value is different)" if distinct > 0.95 * len(present) else None
    if bool((present == np.floor(present)).all()) and not missing.any():
        steps = np.diff(np.sort(present))
        if bool((steps > 0).all()):
            numbered = bool((np.diff(present) > 0).all()) and present[-1] - present[0] < 2 * len(present) + 100
            if numbered or IDENTIFIER_NAME.search(seen.name):
                return "identifier-like (a different whole number in every row)"
    return None


def describe(seen: Column, median: float | None = None) -> dict[str, Any]:
    """What `check` shows of a column, over the training rows. median: where it is known already (it takes a while)."""
    missing = seen.missing
    said: dict[str, Any] = {"name": seen.name, "type": seen.kind, "missing": int(missing.sum())}
    present = seen.values[~missing] if missing.any() else seen.values
    if seen.kind == "categorical":
        counts = np.bincount(present, minlength=len(seen.categories))
        top = np.argsort(-counts, kind="stable")[:5]
        said["categories"] = int((counts > 0).sum())
        said["top"] = [[seen.categories[code], int(counts[code])] for code in top if counts[code]]
    elif len(present):
        middle = float(np.median(present)) if median is None else median
        dates = seen.kind == "date"
        for key, value in (("min", float(present.min())), ("median", middle), ("max", float(present.max()))):
            said[key] = str(np.datetime64(int(value), "D")) if dates else value
    return said


def _describe_target(task: Task, targets: Sequence[Column], rows: Index) -> dict[str, Any]:
    said: dict[str, Any] = {"task": task.kind, "names": list(task.targets)}
    if task.is_regression:
        said["statistics"] = [describe(column.at(rows)) for column in targets]
    return said


def duplicates(train: Split, held_out: Mapping[str, Split | None]) -> dict[str, tuple[int, int]]:
    """How many rows of a split occur in training with the same inputs and the same target, and how many there are; of
    splits that have any."""
    known, found = _row_hashes(train), {}
    for name, split in held_out.items():
        if split is not None and (repeated := int(np.isin(_row_hashes(split), known).sum())):
            found[name] = repeated, len(split)
    return found


def _row_hashes(split: Split) -> NDArray[np.uint64]:
    """A 64-bit hash per row; a column at a time, so that no second copy of the table is made."""
    hashes = np.full(len(split), 0xCBF29CE484222325, dtype=np.uint64)
    targets = split.targets.to(torch.float32).reshape(len(split), -1 if split.targets.numel() else 0)
    for part in (split.inputs, targets):
        for column in part.T.numpy():
            hashes ^= np.ascontiguousarray(column).view(np.uint32)
            hashes *= np.uint64(0x9E3779B97F4A7C15)
            hashes ^= hashes >> np.uint64(29)
    return hashes
