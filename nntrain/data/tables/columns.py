"""A column of a table once its type is known: plain numpy, whatever file or frame it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["numeric", "boolean", "date", "categorical"]


@dataclass(frozen=True)
class Column:
    """values: float64 [N] with NaN where missing (dates in days since 1970-01-01, booleans 0 and 1);
    for `categorical` int32 [N], indices into `categories`, -1 where missing.
    date_format: how dates were written (None where the file knew the type)."""

    name: str
    kind: Kind
    values: NDArray[Any]
    categories: tuple[str, ...] = ()
    date_format: str | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """True where the value is missing, [N]."""
        if self.kind == "categorical":
            return np.asarray(self.values < 0)
        return np.asarray(np.isnan(self.values))

    def at(self, rows: NDArray[Any]) -> Column:
        """The same column with the rows chosen by an index or a mask."""
        return Column(self.name, self.kind, self.values[rows], self.categories, self.date_format)


def stacked(columns: Sequence[Column]) -> Column:
    """Columns of one kind below one another, categories told apart by their names."""
    first = columns[0]
    if len(columns) == 1:
        return first
    if first.kind != "categorical":
        values = np.concatenate([column.values for column in columns])
        return Column(first.name, first.kind, values, (), first.date_format)
    union = sorted({name for column in columns for name in column.categories})
    place = {name: i for i, name in enumerate(union)}
    tables = [np.array([*(place[name] for name in column.categories), -1], dtype=np.int32) for column in columns]
    codes = np.concatenate([table[column.values] for table, column in zip(tables, columns, strict=True)])
    return Column(first.name, "categorical", codes, tuple(union))


def numeric_columns(matrix: NDArray[Any], names: tuple[str, ...]) -> dict[str, Column]:
    """Columns of a plain number matrix [N, D]; infinities count as missing."""
    values = np.array(matrix, dtype=np.float64, order="F")
    values[~np.isfinite(values)] = np.nan
    return {name: Column(name, "numeric", values[:, i]) for i, name in enumerate(names)}
