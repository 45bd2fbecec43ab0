"""How raw table rows become the float32 matrix that a table network takes; all of it lies in the model file as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nntrain.data.dataset import Split, TableFeatures
from nntrain.data.tables.columns import Column
from nntrain.data.tables.encoders import CategoryEncoder, NumericEncoder, encoder_from_state
from nntrain.data.tables.frames import Reading, missing_columns, read_frame
from nntrain.data.targets import agree, encode_targets, kind_of_targets
from nntrain.errors import UserError
from nntrain.task import Task

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class TablePreprocessing:
    """Inputs are found by name, so the order of a new table's columns does not matter and others are ignored."""

    numeric: tuple[NumericEncoder, ...]
    categorical: tuple[CategoryEncoder, ...]
    task: Task
    reading: Reading = field(default_factory=Reading)
    standardize_target: bool = True
    weight_column: str | None = None
    mean_weight: float = 1.0  # over the training rows, by which weights are divided
    one_hot_max: int = 16
    embedding_dim: int | None = None

    @property
    def features(self) -> TableFeatures:
        """What the network's first layer must know."""
        cardinalities = tuple(e.cardinality for e in self.categorical)
        return TableFeatures(sum(e.width for e in self.numeric), cardinalities, self.one_hot_max, self.embedding_dim)

    def encode(self, columns: Mapping[str, Column]) -> torch.Tensor:
        """Typed columns -> float32 [N, numeric + categorical]."""
        rows = len(next(iter(columns.values())))
        features = self.features
        out = np.empty((rows, features.numeric + len(features.cardinalities)), dtype=np.float32)
        at = 0
        for encoder in self.numeric:
            encoder.encode(columns[encoder.name], out[:, at : at + encoder.width])
            at += encoder.width
        for place, coder in enumerate(self.categorical, start=at):
            coder.encode(columns[coder.name], out[:, place])
        return torch.from_numpy(out)

    def inputs(self, raw: Any) -> torch.Tensor:
        """Rows of a CSV or Parquet file, a polars or pandas DataFrame, dicts or an array [N, D] -> float32 [N, D'].

        Raises UserError for a column that is missing (naming it) or a text where a number belongs.
        """
        frame = self._frame(raw)
        self._require(frame, (), raw)
        return self.encode(self._columns(frame))

    def named(self, raw: Any) -> tuple[list[str] | None, Any]:
        """None, as rows of a table have no names, and what came."""
        return None, raw

    def labelled(self, raw: Any) -> Split:
        """The same with targets (and weights, where the table has their column). Rows without a target are left out."""
        from nntrain.data.tables.inference import to_column

        frame = self._frame(raw)
        self._require(frame, self.task.targets, raw)
        targets = []
        for name in self.task.targets:
            kind = kind_of_targets(self.task)
            targets.append(agree(to_column(frame[name], kind, boolean=False), self.task)[0])
        present = ~np.logical_or.reduce([column.missing for column in targets])
        if not present.any():
            raise UserError(f"{_where(raw)}: the target '{self.task.targets[0]}' is missing in every row")
        inputs = self.encode(self._columns(frame))
        encoded = encode_targets(
            self.task, [column.at(present) for column in targets], standardize=self.standardize_target
        )
        weights = None
        if self.weight_column is not None and self.weight_column in frame.columns:
            values = sample_weights(to_column(frame[self.weight_column], "numeric").at(present))
            weights = torch.from_numpy((values / self.mean_weight).astype(np.float32))
        return Split(inputs if present.all() else inputs[torch.from_numpy(present)], encoded, weights)

    def _frame(self, raw: Any) -> pl.DataFrame:
        return read_frame(raw, self.reading, text={encoder.name for encoder in self.categorical})

    def _require(self, frame: pl.DataFrame, also: tuple[str, ...], raw: Any) -> None:
        wanted = [*(e.name for e in self.numeric), *(e.name for e in self.categorical), *also]
        if error := missing_columns(wanted, frame.columns, _where(raw)):
            raise error

    def _columns(self, frame: pl.DataFrame) -> dict[str, Column]:
        from nntrain.data.tables.inference import to_column

        columns = {e.name: to_column(frame[e.name], e.kind, date_format=e.date_format) for e in self.numeric}
        return columns | {e.name: to_column(frame[e.name], "categorical") for e in self.categorical}

    def state(self) -> dict[str, Any]:
        return {
            "kind": "table",
            "numeric": [encoder.state() for encoder in self.numeric],
            "categorical": [encoder.state() for encoder in self.categorical],
            "task": asdict(self.task),
            "reading": asdict(self.reading),
            "standardize_target": self.standardize_target,
            "weight_column": self.weight_column,
            "mean_weight": self.mean_weight,
            "one_hot_max": self.one_hot_max,
            "embedding_dim": self.embedding_dim,
        }


def _where(raw: Any) -> str:
    return str(raw) if isinstance(raw, str | Path) else "input"


def sample_weights(column: Column) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The values of a weight column; raises UserError for one that is missing or below 0, or when all are 0."""
    wrong = ~(column.values >= 0)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        said = "is missing" if np.isnan(column.values[row]) else f"is {column.values[row]:g}"
        raise UserError(
            f"data.weight_column '{column.name}': the weight of row {row + 1} {said}; weights are 0 or more"
        )
    if not column.values.any():
        raise UserError(f"data.weight_column '{column.name}': every weight is 0")
    return column.values


def table_preprocessing_from_state(state: Mapping[str, Any]) -> TablePreprocessing:
    """What `TablePreprocessing.state` described."""
    numeric = tuple(encoder_from_state(one) for one in state["numeric"])
    categorical = tuple(encoder_from_state(one) for one in state["categorical"])
    reading = state["reading"]
    weight = state["weight_column"]
    return TablePreprocessing(
        tuple(e for e in numeric if isinstance(e, NumericEncoder)),
        tuple(e for e in categorical if isinstance(e, CategoryEncoder)),
        task_from_state(state["task"]),
        Reading(
            columns=tuple(map(str, reading["columns"])),
            aside=tuple(map(str, reading["aside"])),
            header=bool(reading["header"]),
            encoding=str(reading["encoding"]),
            missing=tuple(map(str, reading["missing"])),
        ),
        standardize_target=bool(state["standardize_target"]),
        weight_column=None if weight is None else str(weight),
        mean_weight=float(state["mean_weight"]),
        one_hot_max=int(state["one_hot_max"]),
        embedding_dim=None if state["embedding_dim"] is None else int(state["embedding_dim"]),
    )


def task_from_state(state: Mapping[str, Any]) -> Task:
    """A task from its `asdict` after a trip through JSON."""
    return Task(
        state["kind"],
        tuple(map(str, state["targets"])),
        tuple(map(str, state["classes"])),
        tuple(map(float, state["center"])),
        tuple(map(float, state["scale"])),
        str(state.get("separator", ";")),  # not in files of the first release
    )
