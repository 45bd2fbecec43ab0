"""Which split each row of a table goes to: as a column says, by whole groups, by time, or else by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nntrain.data.splitting import Index, Rows, Shares, by_chance, by_group, by_name, by_time, check_class_sizes
from nntrain.data.tables.columns import Column, Kind
from nntrain.data.tables.inference import to_column
from nntrain.errors import UserError

if TYPE_CHECKING:
    import polars as pl


def splitting_columns(frame: pl.DataFrame, roles: Mapping[str, str]) -> dict[str, Column]:
    """The columns that decide the splits, over all rows of the file, by the setting that names each.

    roles: {setting: column}, others among them.
    """
    kinds: dict[str, Kind | None] = {"split_column": "categorical", "group_column": "categorical", "time_column": None}
    return {key: to_column(frame[roles[key]], kind) for key, kind in kinds.items() if key in roles}


def split_rows(
    columns: Mapping[str, Column],
    rows: int,
    shares: Shares,
    fold: int | None,
    labels: Index | None,
    classes: Sequence[str],
    *,
    val: bool,
    test: bool,
) -> Rows:
    """The rows of each split, out of `rows` rows.

    columns: those of `splitting_columns`, of these rows alone. labels: the class of each row, [N], where the splits are
    to have equal shares of every class. val, test: False for a split that has a file of its own.
    Raises UserError for a column that does not say where each row goes, and where there are too few rows.
    """
    if "split_column" in columns:
        return _as_written(columns["split_column"], shares, labels)
    if "group_column" in columns:
        return by_group(_group_numbers(columns["group_column"]), shares, fold, test=test)
    if "time_column" in columns:
        return by_time(_times(columns["time_column"]), shares, test=test)
    if labels is not None and (val or test):
        check_class_sizes(labels, classes)
    return by_chance(np.arange(rows), shares, labels, fold, test=test, val=val)


def usable_unlabelled(columns: Mapping[str, Column], labelled: NDArray[np.bool_], train: Index) -> NDArray[np.bool_]:
    """Which of the rows without a target may be learnt from: only those that would be training rows by the columns that
    decide the splits, so that nothing of validation and test is seen.

    labelled: which rows of the file have a target, [N]. train: training rows among these. -> [rows without a target]
    """
    usable = np.ones(int((~labelled).sum()), dtype=np.bool_)
    for key, column in columns.items():
        unlabelled, trained = column.at(~labelled).values, column.at(labelled).values[train]
        usable &= unlabelled <= trained.max() if key == "time_column" else np.isin(unlabelled, trained)
    return usable


def _as_written(column: Column, shares: Shares, labels: Index | None) -> Rows:
    """As the column says; validation is drawn from training where it says train and test alone."""
    rows = by_name(column.name, column.categories, column.values.astype(np.int64))
    if len(rows.val) or len(rows.train) <= 1:
        return rows
    drawn = by_chance(rows.train, shares, labels, None, test=False)
    return Rows(drawn.train, drawn.val, rows.test)


def _group_numbers(column: Column) -> Index:
    """The group of each row; rows without one are groups of their own."""
    groups = column.values.astype(np.int64)
    alone = np.flatnonzero(groups < 0)
    groups[alone] = len(column.categories) + np.arange(len(alone))
    return groups


def _times(column: Column) -> NDArray[np.float64]:
    if column.kind == "categorical":
        raise UserError(
            f"data.time_column '{column.name}': holds text ({column.categories[0]!r}), not dates or numbers"
        )
    if column.missing.any():
        row = int(np.flatnonzero(column.missing)[0]) + 1
        raise UserError(f"data.time_column '{column.name}': row {row} has none; every row needs its time")
    return column.values
