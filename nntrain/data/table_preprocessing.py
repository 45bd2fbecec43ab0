"""How raw table rows become the float32 matrix that a table network takes; all of it lies in the model file as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from nntrain.data.columns import Column
from nntrain.data.dataset import Split, TableFeatures
from nntrain.data.encoders import CategoryEncoder, NumericEncoder, encoder_from_state
from nntrain.task import Task


@dataclass(frozen=True)
class Reading:
    """How the training file was read, so that new files are read alike."""

    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class TablePreprocessing:
    """Inputs are found by name, so the order of a new table's columns does not matter and others are ignored."""

    numeric: tuple[NumericEncoder, ...]
    categorical: tuple[CategoryEncoder, ...]
    task: Task
    reading: Reading = field(default_factory=Reading)
    standardize_target: bool = True

    @property
    def features(self) -> TableFeatures:
        """What the network's first layer must know."""
        return TableFeatures(sum(e.width for e in self.numeric), tuple(e.cardinality for e in self.categorical))

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

    def state(self) -> dict[str, Any]:
        return {
            "kind": "table",
            "numeric": [encoder.state() for encoder in self.numeric],
            "categorical": [encoder.state() for encoder in self.categorical],
            "task": asdict(self.task),
            "reading": asdict(self.reading),
            "standardize_target": self.standardize_target,
        }

    def inputs(self, raw: Any) -> torch.Tensor:
        raise NotImplementedError

    def labelled(self, raw: Any) -> Split:
        raise NotImplementedError
