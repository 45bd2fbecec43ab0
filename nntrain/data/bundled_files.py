"""scikit-learn's small data sets, read from the files that it is installed with: importing it takes a second."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Each of the 30 columns of breast_cancer is one of these, by one of the statistics.
CELLS = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)
FEATURES: dict[str, tuple[str, ...]] = {
    "digits": tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
    "iris": ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
    "wine": (
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280/od315_of_diluted_wines",
        "proline",
    ),
    "breast_cancer": (
        *(f"mean {name}" for name in CELLS),
        *(f"{name} error" for name in CELLS),
        *(f"worst {name}" for name in CELLS),
    ),
    "diabetes": ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
}
ROWS = {"digits": 1797, "iris": 150, "wine": 178, "breast_cancer": 569, "diabetes": 442}
FILES = {
    "digits": ("digits.csv.gz",),
    "iris": ("iris.csv",),
    "wine": ("wine_data.csv",),
    "breast_cancer": ("breast_cancer.csv",),
    "diabetes": ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"),
}


@dataclass(frozen=True)
class Bundled:
    """data: float64 [N, F]. target: [N], int64 classes or float64 values. features: names [F]. classes: their names;
    none for values."""

    data: NDArray[np.float64]
    target: NDArray[Any]
    features: tuple[str, ...]
    classes: tuple[str, ...]


def read_bundled(dataset: str) -> Bundled:
    """One of `FILES`, as scikit-learn's own `load_*` returns it; by that, where the files are not those known here."""
    return _from_files(dataset) or _from_sklearn(dataset)


def _from_files(dataset: str) -> Bundled | None:
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "datasets" / "data"
    try:
        found = [_read(folder / name) for name in FILES[dataset]]
    except (OSError, ValueError):
        return None
    features, classes = FEATURES[dataset], found[0][0]
    table = np.concatenate([values.reshape(ROWS[dataset], -1) for _, values in found], axis=1)
    if table.shape[1] != len(features) + 1:
        return None
    data, target = np.ascontiguousarray(table[:, :-1]), table[:, -1].copy()
    if dataset == "digits":
        classes = tuple(map(str, range(10)))
    return Bundled(data, target.astype(np.int64) if classes else target, features, classes)


def _read(path: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The names of the classes, and all values in one row. Where a file is not compressed, its first line says the
    numbers of rows and columns, and then the classes."""
    raw = path.read_bytes()
    if path.suffix == ".gz":
        header, text = "", gzip.decompress(raw).decode("utf-8")
    else:
        header, _, text = raw.decode("utf-8").partition("\n")
    classes = tuple(name.strip() for name in header.split(",")[2:])
    return classes, np.array(text.replace(",", " ").split(), dtype=np.float64)


def _from_sklearn(dataset: str) -> Bundled:
    import sklearn.datasets as bundled

    settings = {"scaled": False} if dataset == "diabetes" else {}
    found = getattr(bundled, f"load_{dataset}")(**settings)
    classes = tuple(str(name) for name in found.get("target_names", ()))
    target = found.target.astype(np.int64 if classes else np.float64)
    return Bundled(found.data, target, tuple(map(str, found.feature_names)), classes)
