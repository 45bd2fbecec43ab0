"""What is to be predicted: the one description that data, objective and prediction agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TaskKind = Literal["classification", "multilabel", "regression", "reconstruction"]


@dataclass(frozen=True)
class Task:
    """One class of several, any number of labels, or real values of one target column or several.

    Classification targets are int64 class indices, shape [N]. Multilabel targets are float32, shape [N, K], 1 where the
    sample has the label and 0 where not; `classes` names the labels, and `separator` stands between those of a sample
    where they are one text. Regression targets are float32, shape [N, T], standardised: value in the target's own
    unit = center + scale * standardised, per column. A reconstruction has no targets but its inputs: they are [N, 0].
    """

    kind: TaskKind
    targets: tuple[str, ...]
    classes: tuple[str, ...] = ()
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    separator: str = ";"

    @property
    def is_classification(self) -> bool:
        return self.kind == "classification"

    @property
    def is_multilabel(self) -> bool:
        return self.kind == "multilabel"

    @property
    def is_regression(self) -> bool:
        return self.kind == "regression"

    @property
    def is_reconstruction(self) -> bool:
        return self.kind == "reconstruction"
