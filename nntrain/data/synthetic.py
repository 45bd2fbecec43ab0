"""Data made to order: small problems whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nntrain.data import fingerprint
from nntrain.data.dataset import Dataset
from nntrain.data.splitting import Shares, by_chance, check_class_sizes
from nntrain.data.tables.assembling import Encoding, table_dataset
from nntrain.data.tables.columns import Column, numeric_columns
from nntrain.data.tables.encoders import Scaling
from nntrain.data.tables.frames import Reading
from nntrain.data.targets import decide_task, labels
from nntrain.errors import UserError, unknown
from nntrain.seeding import derive

Floats = NDArray[np.float64]

CLASSES = ("spirals", "moons", "circles", "blobs")
REGRESSIONS = ("linear", "sinusoid")
DATASETS = CLASSES + REGRESSIONS


class SyntheticSource:
    """Points in the plane in classes (spirals, moons, circles, blobs), or a function with noise (linear, sinusoid)."""

    def __init__(
        self,
        *,
        dataset: str = "spirals",
        samples: int = 1000,
        noise: float = 0.05,
        classes: int = 2,
        turns: float = 1.5,
        features: int = 2,
        data_seed: int = 0,
        numeric: Scaling = "standard",
        val: float | int = 0.15,
        test: float | int = 0.15,
        split_seed: int = 0,
        folds: int | None = None,
    ) -> None:
        if dataset not in DATASETS:
            raise UserError(f"data.dataset: {unknown('synthetic data set', dataset, DATASETS)}")
        if dataset in ("moons", "circles") and classes != 2:
            raise UserError(f"data.classes: {dataset} have 2 classes, not {classes}")
        self.dataset = dataset
        self.samples = samples
        self.noise = noise
        self.classes = classes
        self.turns = turns
        self.features = features
        self.data_seed = data_seed
        self.numeric: Scaling = numeric
        self.shares = Shares(val, test, split_seed, folds)

    def load(self, *, standardize_target: bool = True, fold: int | None = None) -> Dataset:
        """Draw the samples from `data_seed`, split and prepare; `fold` chooses one of the k folds."""
        points, values = self.draw()
        names = tuple(f"x{i}" for i in range(points.shape[1]))
        if self.dataset in CLASSES:
            words = tuple(str(i) for i in range(self.classes))
            target = Column("class", "categorical", values.astype(np.int32), words)
        else:
            target = Column("y", "numeric", values)
        task = decide_task("auto" if self.dataset in CLASSES else "regression", [target])
        known = labels(target, task) if task.is_classification else None
        if known is not None:
            check_class_sizes(known, task.classes)
        return table_dataset(
            numeric_columns(points, names),
            [target],
            task,
            by_chance(np.arange(len(points)), self.shares, known, fold),
            Encoding(numeric=self.numeric),
            Reading(columns=(*names, target.name), aside=(target.name,)),
            fingerprint.of_arrays(points, values),
            standardize_target=standardize_target,
        )

    def draw(self) -> tuple[Floats, Floats]:
        """Inputs [samples, features], and class numbers (equally many of each) or values [samples]."""
        rng = np.random.default_rng(derive(self.data_seed, "synthetic"))
        label = np.arange(self.samples) % self.classes
        if self.dataset == "linear":
            points = rng.normal(size=(self.samples, self.features))
            return points, points @ rng.normal(size=self.features) + rng.normal() + self._noise(rng, self.samples)
        if self.dataset == "sinusoid":
            points = rng.uniform(-np.pi, np.pi, size=(self.samples, 1))
            return points, np.sin(points[:, 0]) + self._noise(rng, self.samples)
        if self.dataset == "blobs":
            centers = rng.uniform(-1, 1, size=(self.classes, self.features))
            return centers[label] + self._noise(rng, (self.samples, self.features)), label.astype(np.float64)
        points = self._curves(rng, label)
        return points + self._noise(rng, points.shape), label.astype(np.float64)

    def _curves(self, rng: np.random.Generator, label: NDArray[np.int64]) -> Floats:
        along = rng.uniform(size=self.samples)
        if self.dataset == "spirals":
            radius = np.sqrt(along)  # even along the arm, not crowded in the middle
            angle = 2 * np.pi * (self.turns * radius + label / self.classes)
            return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        if self.dataset == "circles":
            radius = np.where(label == 0, 1.0, 0.5)
            return np.stack([radius * np.cos(2 * np.pi * along), radius * np.sin(2 * np.pi * along)], axis=1)
        upper = label == 0
        x = np.where(upper, np.cos(np.pi * along), 1 - np.cos(np.pi * along))
        y = np.where(upper, np.sin(np.pi * along), 0.5 - np.sin(np.pi * along))
        return np.stack([x, y], axis=1)

    def _noise(self, rng: np.random.Generator, shape: Any) -> Floats:
        drawn: Floats = self.noise * rng.normal(size=shape)
        return drawn
