"""A table that lists pictures: their paths, what is to be predicted, and which split each is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.data.pictures.files import Listing
from nntrain.data.tables.columns import Column
from nntrain.data.targets import TaskSetting, decide_task, encode_targets, fit_scale, labels
from nntrain.errors import UserError, unknown
from nntrain.task import Task

if TYPE_CHECKING:
    import polars as pl

PATH_COLUMNS = ("path", "file", "filename", "image")
LABEL, SPLIT = "label", "split"
TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
Target = str | int | Sequence[str | int] | None


@dataclass(frozen=True)
class PictureTable:
    """names: paths as written, relative to the table's folder. splits: what the column `split` says, None without.

    columns: the targets; for several labels in one cell there is one, of text.
    """

    path: Path
    names: list[str]
    columns: tuple[Column, ...]
    splits: Column | None

    def at(self, kept: NDArray[np.bool_]) -> PictureTable:
        """Some of its rows."""
        names = [name for name, keep in zip(self.names, kept, strict=True) if keep]
        splits = None if self.splits is None else self.splits.at(kept)
        return PictureTable(self.path, names, tuple(column.at(kept) for column in self.columns), splits)


def is_table(path: Path) -> bool:
    """By the ending alone."""
    return path.name.lower().endswith(TABLE_ENDINGS)


def lists_pictures(path: Path) -> bool:
    """Whether a file is a table with a column of paths."""
    return is_table(path) and path.is_file() and between_fields(path) is not None


def read_table(
    path: Path, target: Target = None, separator: str | None = None, *, otherwise: str | None = None
) -> PictureTable:
    """target: the columns to predict, by name or position; None: `label`. separator: between the labels of a cell.
    otherwise: the column that is taken where a single target is missing.

    Raises UserError for a table without paths or without the target.
    """
    from nntrain.data.tables.delimited import read_delimited
    from nntrain.data.tables.inference import to_column

    wanted = [LABEL] if target is None else [target] if isinstance(target, str | int) else list(target)
    known = {*PATH_COLUMNS, SPLIT, *(name for name in wanted if isinstance(name, str))}
    as_text = {*PATH_COLUMNS, SPLIT}
    if separator is not None:
        as_text.update(name for name in (*wanted, otherwise) if isinstance(name, str))
    frame, dialect = read_delimited(path, separator=between_fields(path), known=known, text=as_text, header=True)
    names = dialect.names
    place = next((name for name in PATH_COLUMNS if name in names), None)
    if place is None:
        raise UserError(
            f"data.path: {path} has no column 'path' that names the pictures (columns: {', '.join(names[:12])})"
        )
    if otherwise in names and len(wanted) == 1 and wanted[0] not in names:
        wanted = [otherwise]
    if otherwise is not None and len(wanted) == 1 and wanted[0] not in names:
        either = f"'{otherwise}'" if wanted[0] in ("class", otherwise) else f"'{wanted[0]}' or '{otherwise}'"
        raise UserError(
            f"{path}: has no column {either} that says what each picture is (columns: {', '.join(names[:12])})"
        )
    chosen = [_resolved(column, names, path) for column in wanted]
    columns = tuple(
        to_column(frame[name], "categorical" if separator is not None else None, boolean=False) for name in chosen
    )
    splits = to_column(frame[SPLIT], "categorical") if SPLIT in names and SPLIT not in chosen else None
    return PictureTable(path, _paths(frame, place, path), columns, splits)


def read_paths(path: Path) -> list[str]:
    """The pictures that a table lists, relative to its folder; it needs no other column."""
    from nntrain.data.tables.delimited import read_delimited

    text = set(PATH_COLUMNS)
    frame, dialect = read_delimited(path, separator=between_fields(path), known=text, text=text, header=True)
    place = next(name for name in PATH_COLUMNS if name in dialect.names)
    return _paths(frame, place, path)


def files_of(table: PictureTable, advice: str = "", *, patient: bool = False) -> tuple[Listing, NDArray[np.int64]]:
    """The files that a table lists, each once, and which of them each row shows, [N].

    advice: what to say of a file that is not there beside that. patient: such a file is as one of no bytes.
    """
    listing = Listing(sorted(set(table.names)))
    for name in listing.names:
        size, changed = 0, 0
        try:
            about = (table.path.parent / name).stat()
            size, changed = about.st_size, about.st_mtime_ns
        except OSError as error:
            if not patient:
                said = f"{table.path}: lists '{name}', which is not there ({error.strerror or error}){advice}"
                raise UserError(said) from None
        listing.sizes.append(size)
        listing.times.append(changed)
    place = {name: i for i, name in enumerate(listing.names)}
    return listing, np.array([place[name] for name in table.names], dtype=np.int64)


def between_fields(path: Path) -> str | None:
    """The separator that makes one of the header's fields a column of paths; None where that does not show. (What
    stands between the labels of a cell may look like a separator too.)"""
    with path.open("rb") as file:
        head = file.readline(1 << 16).decode("utf-8-sig", errors="replace")
    for separator in (",", ";", "\t", "|"):
        cells = {cell.strip().strip('"') for cell in head.split(separator)}
        if not cells.isdisjoint(PATH_COLUMNS):
            return separator
    return None


def _resolved(column: str | int, names: Sequence[str], path: Path) -> str:
    if isinstance(column, int):
        if not -len(names) <= column < len(names):
            raise UserError(f"data.target: {path} has {len(names)} columns, none at position {column}")
        return names[column]
    if column not in names:
        raise UserError(f"data.target: {path}: {unknown('column', column, list(names))}")
    return column


def _paths(frame: pl.DataFrame, place: str, path: Path) -> list[str]:
    import polars as pl

    found: list[str | None] = frame[place].cast(pl.String).to_list()
    for row, name in enumerate(found, start=1):
        if name is None:
            raise UserError(f"{path}: row {row} names no picture in column '{place}'")
    return [str(name) for name in found]


def task_of_table(table: PictureTable, setting: TaskSetting, separator: str | None) -> Task:
    """The task that the targets pose. Raises UserError where they are not what the setting says."""
    if separator is None:
        return decide_task(setting, table.columns)
    if setting not in ("auto", "multilabel"):
        raise UserError(f"data.label_separator: separates labels, and data.task={setting} has none")
    if len(table.columns) > 1:
        raise UserError("data.label_separator: the labels of a picture stand in one column; name one as data.target")
    column = table.columns[0]
    classes = tuple(sorted({word for cell in column.categories for word in words_of(cell, separator)}))
    if not classes:
        raise UserError(f"data.target: column '{column.name}' of {table.path} has no label in any row")
    return Task("multilabel", (column.name,), classes, separator=separator)


def words_of(cell: str, separator: str) -> list[str]:
    """The labels in a cell."""
    return [word for part in cell.split(separator) if (word := part.strip())]


def targets_of(
    table: PictureTable, task: Task, rows: NDArray[np.int64], *, standardize: bool
) -> tuple[torch.Tensor, Task]:
    """Targets of all rows (see Task), anything where `labelled_rows` has False; and the task with its scale, from the
    training rows."""
    if task.is_multilabel and table.columns[0].kind == "categorical":
        column = table.columns[0]
        return label_matrix(column, task), task
    task = fit_scale(task, table.columns, rows)
    filled = [_filled(column, rows) for column in table.columns]
    if task.is_classification:
        return torch.from_numpy(labels(table.columns[0], task)), task
    return encode_targets(task, filled, standardize=standardize), task


def targets_of_task(table: PictureTable, task: Task, *, standardize: bool) -> torch.Tensor:
    """Targets of another table than the training's, all of whose rows have them. Raises UserError for other classes."""
    if task.is_multilabel and len(task.targets) == 1:
        return label_matrix(table.columns[0], task)
    if not task.is_classification:
        for column in table.columns:
            if column.kind == "categorical":
                raise UserError(
                    f"{table.path}: column '{column.name}' must hold numbers, it holds {column.categories[0]!r}"
                )
    return encode_targets(task, table.columns, standardize=standardize)


def _filled(column: Column, rows: NDArray[np.int64]) -> Column:
    """The column with missing targets, which nobody looks at, as the first training row's."""
    if column.kind == "categorical":
        return column
    values = np.where(column.missing, column.values[rows[0]], column.values)
    return Column(column.name, column.kind, values)


def label_matrix(column: Column, task: Task) -> torch.Tensor:
    """float32 [N, K]: 1 where the cell names the label. Raises UserError for a label that the task does not have."""
    place = {name: i for i, name in enumerate(task.classes)}
    of_cell = np.zeros((len(column.categories) + 1, len(task.classes)), dtype=np.float32)
    for i, cell in enumerate(column.categories):
        for word in words_of(cell, task.separator):
            if word not in place:
                raise UserError(f"data: column '{column.name}': {unknown('label', word, task.classes)}")
            of_cell[i, place[word]] = 1
    return torch.from_numpy(of_cell[column.values])


def labelled_rows(table: PictureTable) -> NDArray[np.bool_]:
    """True where a picture has all its targets, [N]."""
    missing: NDArray[np.bool_] = np.logical_or.reduce([column.missing for column in table.columns])
    return ~missing
