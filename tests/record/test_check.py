"""The report of `check`, read off the screen."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len

from nntrain.record.check import check_report
from nntrain.record.screen import show

SETTINGS = [
    ("seed", 0, "default", "nntrain.yaml"),
    ("data.name", "table", "recipe", "housing.yaml:4"),
    ("data.path", "/home/someone/data/housing/california/housing.csv", "recipe", "housing.yaml:4"),
    ("model.widths", [256, 128], "recipe", "housing.yaml:6"),
    ("optimizer.lr", 0.003, "command line", "optimizer.lr=0.003"),
    ("early_stopping.patience", None, "default", "early_stopping/default.yaml"),
]
LAYERS = [
    {"name": "body.0", "kind": "Linear", "output": (256,), "parameters": 3584, "multiply_adds": 3328},
    {"name": "body.1", "kind": "Linear", "output": (1,), "parameters": 257, "multiply_adds": 256},
]
DATA: dict[str, Any] = {
    "rows": {"train": 14448, "val": 2064, "test": 4128},
    "columns": [
        {"name": "longitude", "type": "numeric", "missing": 0, "min": -124.35, "median": -118.49, "max": -114.31},
        {"name": "bedrooms", "type": "numeric", "missing": 207, "min": 1.0, "median": 435.0, "max": 6445.0},
        {"name": "ocean", "type": "categorical", "missing": 0, "categories": 5, "top": [["INLAND", 4600], ["BAY", 9]]},
        {"name": "d", "type": "date", "missing": 3, "min": "1990-01-01", "median": "1991-01-01", "max": "1992-01-01"},
        {"name": "id", "type": "numeric", "missing": 0, "min": 0.0, "median": 1.0, "max": 2.0, "dropped": "identifier"},
        {"name": "w", "type": "-", "role": "sample weights"},
    ],
    "target": {
        "task": "regression",
        "names": ["value"],
        "statistics": [{"name": "value", "type": "numeric", "missing": 0, "min": 14999.0, "median": 1.0, "max": 5e5}],
    },
}
CLASSES = {"rows": {"train": 32561}, "classes": {"train": {"<=50K": 24720, ">50K": 7841}, "val": {"<=50K": 3}}}


def report(width: int = 100, data: Any = DATA) -> str:
    stream = io.StringIO()
    memory = {"parameters": 15364, "data": 1_200_000}
    show(
        lambda page: check_report(
            page, settings=SETTINGS, layers=LAYERS, parameters=3841, memory=memory, data=data, notes=["id is left out"]
        ),
        stream,
        width,
    )
    return stream.getvalue()


def words(text: str, beginning: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.startswith(beginning))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_longer_than_the_screen(width: int) -> None:
    assert max(map(cell_len, report(width).splitlines())) <= width


def test_every_value_has_its_origin() -> None:
    text = report()
    assert words(text, "seed") == ["seed", "0", "nntrain.yaml"]
    assert words(text, "model.widths") == ["model.widths", "[256,", "128]", "housing.yaml:6"]
    assert words(text, "optimizer.lr") == ["optimizer.lr", "0.003", "optimizer.lr=0.003"]
    assert words(text, "early_stopping") == ["early_stopping.patience", "null", "early_stopping/default.yaml"]
    assert words(text, "data.path")[1:] == [SETTINGS[2][1], "housing.yaml:4"]


def test_a_narrow_screen_says_the_kind_of_origin() -> None:
    assert words(report(60), "early_stopping")[-1] == "default"


def test_layers_parameters_and_memory() -> None:
    text = report()
    assert words(text, "body.0") == ["body.0", "Linear", "256", "3,584", "3,328"]
    assert words(text, "parameters") == ["parameters", "3,841"]
    assert words(text, "per sample") == ["per", "sample", "3,584", "multiply-adds"]
    assert words(text, "memory") == ["memory", "1.2", "MiB", "(15.0", "KiB", "parameters,", "1.1", "MiB", "data)"]


def test_columns_with_types_missing_values_and_ranges() -> None:
    text = report()
    assert words(text, "longitude") == ["longitude", "numeric", "-124.35", "to", "-114.31,", "median", "-118.49"]
    assert words(text, "bedrooms") == ["bedrooms", "numeric", "207", "1", "to", "6,445,", "median", "435"]
    assert words(text, "ocean") == ["ocean", "categorical", "5", "categories:", "INLAND", "4,600,", "BAY", "9"]
    assert words(text, "d  ") == ["d", "date", "3", "1990-01-01", "to", "1992-01-01,", "median", "1991-01-01"]
    assert words(text, "id ") == ["id", "numeric", "left", "out:", "identifier"]
    assert words(text, "w ") == ["w", "-", "sample", "weights"]
    assert words(text, "value") == ["value", "numeric", "14,999", "to", "500,000,", "median", "1"]
    assert words(text, "note") == ["note", "id", "is", "left", "out"]


def test_class_counts() -> None:
    assert words(report(data=CLASSES), "<=50K") == ["<=50K", "24,720", "3", "75.9%"]
    assert words(report(data=CLASSES), ">50K") == [">50K", "7,841", "0", "24.1%"]


def test_many_columns_and_classes_are_cut() -> None:
    columns = [{"name": f"pixel {i}", "type": "numeric", "missing": 0} for i in range(784)]
    classes = {"train": {f"c{i}": 1 for i in range(50)}}
    text = report(data={"rows": {"train": 1}, "columns": columns, "classes": classes})
    assert "... and 724 columns more" in text
    assert "... and 10 classes more" in text


def test_pictures() -> None:
    pictures = {"rows": {"train": 60000}, "pictures": {"channels": 1, "height": 28, "width": 28}, "columns": []}
    assert words(report(data=pictures), "pictures") == ["pictures", "28", "by", "28", "pixels,", "1", "channel"]
