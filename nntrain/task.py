"""What is to be predicted: the one description that data, objective and prediction agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Task:
    """Classes of one target column, or real values of one or several.

    Classification targets are int64 class indices, shape [N]. Regression targets are float32, shape [N, T],
    standardised: value in the target's own unit = center + scale * standardised, per column.
    """

    kind: Literal["classification", "regression"]
    targets: tuple[str, ...]
    classes: tuple[str, ...] = ()
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @property
    def is_classification(self) -> bool:
        return self.kind == "classification"
