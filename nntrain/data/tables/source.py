"""Tables in files: CSV, TSV, Parquet, gzipped or not, as people have them lying around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nntrain.data import fingerprint
from nntrain.data.dataset import Dataset
from nntrain.data.files import existing_file
from nntrain.data.splitting import Rows, Shares
from nntrain.data.tables.assembling import Encoding, table_dataset
from nntrain.data.tables.columns import Column, Kind, stacked
from nntrain.data.tables.delimited import clean, read_delimited
from nntrain.data.tables.encoders import Scaling
from nntrain.data.tables.frames import (
    ColumnFinder,
    Name,
    Reading,
    is_parquet,
    missing_columns,
    read_frame,
    read_parquet,
)
from nntrain.data.tables.inference import to_column
from nntrain.data.tables.preprocessing import sample_weights
from nntrain.data.tables.sniffing import Header
from nntrain.data.tables.splitting import split_rows, splitting_columns, usable_unlabelled
from nntrain.data.targets import TaskSetting, agree, decide_task, kind_of_targets, labels
from nntrain.errors import UserError
from nntrain.task import Task

if TYPE_CHECKING:
    import polars as pl


@dataclass
class _Part:
    """The rows of one file: inputs by name, targets, sample weights; inputs of the rows that have no target."""

    columns: dict[str, Column]
    targets: list[Column]
    weights: NDArray[np.float64] | None
    unlabelled: dict[str, Column] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))


class TableSource:
    """One file of rows, or one for each split. What each setting means stands in configs/data/table.yaml."""

    def __init__(
        self,
        *,
        path: str | None = None,
        target: Name | Sequence[Name] | None = None,
        task: TaskSetting = "auto",
        header: Header = "auto",
        separator: str | None = None,
        encoding: str = "utf-8",
        missing: Sequence[str] = (),
        types: Mapping[str, Kind] | None = None,
        drop: Sequence[Name] = (),
        numeric: Scaling = "standard",
        one_hot_max: int = 16,
        embedding_dim: int | None = None,
        max_categories: int = 10_000,
        weight_column: Name | None = None,
        val: float | int = 0.15,
        test: float | int = 0.15,
        split_seed: int = 0,
        stratify: bool = True,
        folds: int | None = None,
        val_path: str | None = None,
        test_path: str | None = None,
        split_column: Name | None = None,
        group_column: Name | None = None,
        time_column: Name | None = None,
    ) -> None:
        self.path = path
        self.target = target
        self.needs_target = True
        self.task: TaskSetting = task
        self.header = header
        self.separator = {"tab": "\t", "space": " ", "\\t": "\t"}.get(separator, separator) if separator else None
        self.encoding = encoding
        self.missing = tuple(str(marker) for marker in missing)
        self.types = {str(name): kind for name, kind in (types or {}).items()}
        self.drop = tuple(drop)
        self.coding = Encoding(numeric, max_categories, one_hot_max, embedding_dim)
        self.weight_column = weight_column
        self.shares = Shares(val, test, split_seed, folds)
        self.stratify = stratify
        self.val_path = val_path
        self.test_path = test_path
        self.split_column = split_column
        self.group_column = group_column
        self.time_column = time_column

    def load(self, *, standardize_target: bool = True, fold: int | None = None) -> Dataset:
        """Read, type, split and prepare; `fold` chooses one of the k folds. Raises UserError for a file that cannot be
        read, columns that are not there or not what the settings say, and splits that would be empty."""
        path = existing_file(self.path, "data.path")
        others = {
            name: existing_file(given, f"data.{name}_path")
            for name, given in (("val", self.val_path), ("test", self.test_path))
            if given is not None
        }
        frame, header = self._read(path)
        notes = [] if header else [f"no header found; columns are named by number, 0 to {frame.width - 1}"]
        names = tuple(frame.columns)
        targets, roles, dropped = self._resolve(names, path)
        words = self.task == "multilabel"  # a target of yes and no keeps them as its classes' names, labels do not
        target_columns = [to_column(frame[name], self.types.get(name), boolean=words) for name in targets]
        task = decide_task(self.task, target_columns) if targets else Task("reconstruction", ())
        present = _all_there(target_columns, frame.height)
        weight = roles.get("weight_column")
        aside = tuple(dict.fromkeys([*targets, *roles.values()]))
        deciding = splitting_columns(frame, roles)
        part, said = self._part(frame, present, task, target_columns, weight, [*aside, *dropped], path)
        notes += said
        del frame
        rows = self._rows({key: column.at(present) for key, column in deciding.items()}, part, task, fold, others)
        if part.unlabelled:
            usable = usable_unlabelled(deciding, present, rows.train)
            part.unlabelled = {name: column.at(usable) for name, column in part.unlabelled.items()}
        reading = Reading(names, aside, header, self.encoding, self.missing)
        whole, rows, said = self._with_others(part, rows, others, reading, task, weight)
        notes += said
        return table_dataset(
            whole.columns,
            whole.targets,
            task,
            rows,
            replace(self.coding, declared=frozenset(self.types)),
            reading,
            fingerprint.of_files(path, *others.values()),
            weights=whole.weights,
            weight_column=weight,
            standardize_target=standardize_target,
            notes=notes,
            roles={name: role for role, name in roles.items()} | dict.fromkeys(dropped, "drop"),
            unlabelled=part.unlabelled,
        )

    def _read(self, path: Path) -> tuple[pl.DataFrame, bool]:
        """The main file, and whether its columns have names of their own."""
        if is_parquet(path):
            return clean(read_parquet(path), self.missing), True
        wanted = (
            [self.target] if isinstance(self.target, str) else self.target if isinstance(self.target, Sequence) else []
        )
        as_text = {name for name, kind in self.types.items() if kind in ("categorical", "date")}
        as_text |= {str(name) for name in (self.group_column, self.split_column) if name is not None}
        frame, dialect = read_delimited(
            path,
            separator=self.separator,
            header=self.header,
            encoding=self.encoding,
            missing=self.missing,
            known={name for name in wanted if isinstance(name, str) and not name.lstrip("-").isdigit()},
            text=as_text,
        )
        return frame, dialect.header

    def _resolve(self, names: tuple[str, ...], path: Path) -> tuple[list[str], dict[str, str], list[str]]:
        """Target names, {setting: column} of the other roles, and dropped columns; all that are unknown at once."""
        finder = ColumnFinder(names, path.name)
        if self.target in (None, []) and self.needs_target:
            raise UserError(f"data.target: name the column to predict (columns of {path.name}: {finder.listed})")
        given = [self.target] if isinstance(self.target, str | int) else list(self.target or [])
        targets = [finder.find(name, "target") for name in given]
        roles = {}
        for key in ("weight_column", "split_column", "group_column", "time_column"):
            if (column := getattr(self, key)) is not None:
                roles[key] = finder.find(column, key)
        dropped = [finder.find(name, "drop") for name in self.drop]
        self.types = {finder.find(name, "types"): kind for name, kind in self.types.items()}
        problems = list(finder.problems)
        for name in sorted(set(targets) & {*roles.values(), *dropped}):
            problems.append(f"data.target: column '{name}' has another role as well; a target can have no other")
        if problems:
            raise UserError(*problems)
        return targets, roles, dropped

    def _part(
        self,
        frame: pl.DataFrame,
        present: NDArray[np.bool_],
        task: Task,
        targets: list[Column],
        weight: str | None,
        aside: Sequence[str],
        path: Path,
        known: Mapping[str, Column] | None = None,
    ) -> tuple[_Part, list[str]]:
        """Typed columns of the rows that have their target. Inputs leave the frame one by one, which frees them."""
        notes = []
        if lost := int((~present).sum()):
            gone = "and are left out" if known is not None else "and are left out, but where pretrain learns from them"
            notes.append(f"{lost} of {len(present)} rows of {path.name} have no target {gone}")
        whole = lost == 0
        weights = None
        if weight is not None:
            column = to_column(frame[weight], "numeric")
            weights = sample_weights(column if whole else column.at(present))
        columns, unlabelled = {}, {}
        for name in list(known if known is not None else frame.columns):
            if name in aside:
                continue
            series = frame.drop_in_place(name)
            kind, form = (self.types.get(name), None) if known is None else (known[name].kind, known[name].date_format)
            column = to_column(series, kind, date_format=form)
            columns[name] = column if whole else column.at(present)
            if lost and known is None:
                unlabelled[name] = column.at(~present)
        if not columns:
            raise UserError(f"{path.name}: no input column is left beside {', '.join(aside)}")
        if task.is_classification:  # numbers in one file may be text in another: codes are alike
            targets = [Column(targets[0].name, "categorical", labels(targets[0], task).astype(np.int32), task.classes)]
        targets = targets if whole else [column.at(present) for column in targets]
        return _Part(columns, targets, weights, unlabelled), notes

    def _with_others(
        self, main: _Part, rows: Rows, others: Mapping[str, Path], reading: Reading, task: Task, weight: str | None
    ) -> tuple[_Part, Rows, list[str]]:
        """The rows of the main file with those of the other splits' files below them, which of them go where, and notes
        for the user."""
        parts, ranges, notes = [main], {"train": rows.train, "val": rows.val, "test": rows.test}, []
        for name, path in others.items():
            other, said = self._other(path, reading, main, task, weight)
            notes += said
            ranges[name] = np.arange(other.rows) + sum(part.rows for part in parts)
            parts.append(other)
        return _joined(parts), Rows(**ranges), notes

    def _other(
        self, path: Path, reading: Reading, like: _Part, task: Task, weight: str | None
    ) -> tuple[_Part, list[str]]:
        """A file of another split, read as the main one was."""
        text = {name for name, column in like.columns.items() if column.kind in ("categorical", "date")}
        frame = read_frame(path, reading, text=text)
        wanted = [*like.columns, *task.targets, *([weight] if weight else [])]
        if error := missing_columns(wanted, frame.columns, str(path)):
            raise error
        targets, notes = [], []
        for name in task.targets:
            kind = self.types.get(name) if task.is_classification else kind_of_targets(task)
            target, note = agree(to_column(frame[name], kind, boolean=False), task)
            targets.append(target)
            notes += [f"{path.name}: {note}"] if note else []
        present = _all_there(targets, frame.height)
        if not present.any():
            raise UserError(f"{path}: the target '{task.targets[0]}' is missing in every row")
        part, said = self._part(frame, present, task, targets, weight, [*task.targets], path, known=like.columns)
        return part, notes + said

    def _rows(
        self,
        columns: Mapping[str, Column],
        part: _Part,
        task: Task,
        fold: int | None,
        others: Mapping[str, Path],
    ) -> Rows:
        """Which rows of the main file go where."""
        known = labels(part.targets[0], task) if task.is_classification and self.stratify else None
        val, test = "val" not in others, "test" not in others
        return split_rows(columns, part.rows, self.shares, fold, known, task.classes, val=val, test=test)


def _all_there(targets: Sequence[Column], rows: int) -> NDArray[np.bool_]:
    """Which rows have all their targets."""
    there = np.ones(rows, dtype=np.bool_)
    for column in targets:
        there &= ~column.missing
    return there


def _joined(parts: Sequence[_Part]) -> _Part:
    """The rows of several files below one another."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    columns = {name: stacked([part.columns[name] for part in parts]) for name in first.columns}
    targets = [stacked([part.targets[i] for part in parts]) for i in range(len(first.targets))]
    every = [part.weights for part in parts if part.weights is not None]
    return _Part(columns, targets, np.concatenate(every) if every else None)
