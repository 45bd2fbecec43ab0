"""Tables in files: types, targets, splits, what is dropped, what is said; every mistake named."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from nntrain.data.tables.source import TableSource
from nntrain.errors import UserError

ROWS = 60


def column(kind: str, count: int = ROWS, seed: int = 0) -> list:
    rng = np.random.default_rng([seed, len(kind)])
    if kind == "numbers":
        return rng.normal(size=count).round(4).tolist()
    if kind == "colours":
        return [("red", "green", "blue")[i] for i in rng.integers(0, 3, count)]
    return rng.integers(0, 2, count).tolist()


@pytest.fixture
def table(tmp_path):
    """Write columns to a CSV and load it: table({"a": [...], "y": [...]}, target="y")."""

    def load(columns: dict, *, fold: int | None = None, standardize_target: bool = True, **settings):
        path = tmp_path / "t.csv"
        pl.DataFrame({name: pl.Series(name, values, strict=False) for name, values in columns.items()}).write_csv(path)
        source = TableSource(path=str(path), **{"target": "y", **settings})
        return source.load(fold=fold, standardize_target=standardize_target)

    return load


def types(data) -> dict:
    return {column["name"]: column["type"] for column in data.summary["columns"] if "role" not in column}


def test_types_are_inferred(table):
    days = [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(ROWS)]
    data = table(
        {
            "n": column("numbers"),
            "c": column("colours"),
            "b": [("yes", "no")[i % 2] for i in range(ROWS)],
            "d": days,
            "german": [f"{d[8:]}.{d[5:7]}.{d[:4]}" for d in days],
            "stamp": [f"{d} 10:30:00" for d in days],
            "y": column("binary"),
        }
    )
    assert types(data) == {
        "n": "numeric", "c": "categorical", "b": "boolean", "d": "date", "german": "date", "stamp": "date"
    }  # fmt: skip


def test_types_can_be_declared(table):
    data = table(
        {"zip": [1 + i % 4 for i in range(ROWS)], "n": column("numbers"), "y": column("binary")},
        types={"zip": "categorical"},
    )
    assert types(data) == {"zip": "categorical", "n": "numeric"}
    assert data.features.cardinalities == (5,)


def test_dates_become_days(table):
    data = table({"d": [f"1970-01-{1 + i % 28:02d}" for i in range(ROWS)], "y": column("binary")}, numeric="none")
    assert set(data.train.inputs[:, 0].tolist()) <= set(range(28))


def test_missing_numbers_become_the_median_and_are_marked(table):
    values = column("numbers")
    values[::5] = [None] * 12
    data = table({"a": values, "y": column("binary")}, numeric="none", test=0.0)
    inputs = data.train.inputs
    missing = inputs[:, 1] == 1
    assert data.features.numeric == 2
    assert missing.any()
    present = inputs[~missing, 0].double()
    assert np.allclose(inputs[missing, 0], np.median(present.numpy()))


def test_scalings(table):
    values = np.exp(column("numbers")).round(4).tolist()
    expected = {
        "standard": lambda x: (x.mean(), x.std(correction=0)),
        "robust": lambda x: (x.quantile(0.5), x.quantile(0.75) - x.quantile(0.25)),
    }
    plain = table({"a": values, "y": column("binary")}, numeric="none").train.inputs[:, 0]
    for name, statistics in expected.items():
        center, scale = statistics(plain)
        got = table({"a": values, "y": column("binary")}, numeric=name).train.inputs[:, 0]
        assert torch.allclose(got, (plain - center) / scale, atol=1e-5)
    normal = table({"a": values, "y": column("binary")}, numeric="quantile").train.inputs[:, 0]
    assert torch.equal(normal.argsort(), plain.argsort())
    assert abs(float(normal.mean())) < 0.05
    assert float(normal.abs().max()) < 4


def test_unseen_and_missing_categories_have_slot_0(table):
    data = table({"c": [*column("colours", ROWS - 1), None], "n": column("numbers"), "y": column("binary")})
    rows = [{"c": c, "n": 0.0} for c in ("blue", "green", "red", "violet", None, "")]
    assert data.preprocessing.inputs(rows)[:, 1].tolist() == [1, 2, 3, 0, 0, 0]


def test_only_the_most_frequent_categories_are_kept(table):
    values = [f"c{i}" for i in range(10)] + ["often", "usual"] * 25
    data = table({"c": values, "n": column("numbers"), "y": column("binary")}, max_categories=2)
    assert data.preprocessing.categorical[0].categories == ("often", "usual")
    assert any("the 2 most frequent of" in note for note in data.notes)


def test_what_cannot_help_is_left_out_with_a_word(table):
    data = table(
        {
            "id": list(range(ROWS)),
            "name": [f"person {i}" for i in range(ROWS)],
            "one": ["x"] * ROWS,
            "none": [None] * ROWS,
            "n": column("numbers"),
            "y": column("binary"),
        }
    )
    assert [note for note in data.notes if "left out" in note] == [
        "column 'id' is left out: identifier-like (a different whole number in every row)",
        "column 'name' is left out: identifier-like (nearly every value is different)",
        "column 'one' is left out: constant (always 'x')",
        "column 'none' is left out: every value is missing",
    ]
    assert data.features.numeric == 1
    assert {c["name"] for c in data.summary["columns"] if "dropped" in c} == {"id", "name", "one", "none"}


def test_a_declared_type_is_never_dropped(table):
    columns = {"id": list(range(ROWS)), "n": column("numbers"), "y": column("binary")}
    assert table(columns).features.numeric == 1
    assert table(columns, types={"id": "numeric"}).features.numeric == 2


def test_columns_can_be_dropped_by_name_or_position(table):
    data = table(
        {"a": column("numbers"), "b": column("colours"), "c": column("numbers", seed=1), "y": column("binary")},
        drop=["b", 2],
    )
    assert types(data) == {"a": "numeric"}


TARGETS = {
    "text": (["no", "yes", "maybe"] * 20, "classification", ("maybe", "no", "yes")),
    "few whole numbers": ([1, 2, 10] * 20, "classification", ("1", "2", "10")),
    "booleans": (["True", "False"] * 30, "classification", ("False", "True")),
    "real": ([i / 7 for i in range(60)], "regression", ()),
    "many whole numbers": (list(range(60)), "regression", ()),
}


@pytest.mark.parametrize("case", TARGETS)
def test_the_task_follows_the_target(table, case):
    values, kind, classes = TARGETS[case]
    task = table({"a": column("numbers"), "y": values}).task
    assert (task.kind, task.classes) == (kind, classes)


def test_the_task_can_be_overruled(table):
    columns = {"a": column("numbers"), "y": [1, 2, 3] * 20}
    assert table(columns, task="regression").task.kind == "regression"
    assert table({**columns, "y": [i % 30 for i in range(60)]}, task="classification").task.classes[:3] == (
        "0",
        "1",
        "2",
    )


def test_the_target_by_position(table):
    for target in (1, -1, "1", "-1"):
        assert table({"a": column("numbers"), "y": column("binary")}, target=target).task.targets == ("y",)


def test_several_targets_are_standardised_each_and_can_stay_as_they_are(table):
    columns = {
        "a": column("numbers"),
        "y": [100 * v for v in column("numbers", seed=1)],
        "z": column("numbers", seed=2),
    }
    data = table(columns, target=["y", "z"])
    assert data.train.targets.shape == (42, 2)
    assert torch.allclose(data.train.targets.mean(0), torch.zeros(2), atol=1e-5)
    plain = table(columns, target=["y", "z"], standardize_target=False).train.targets
    back = data.train.targets * torch.tensor(data.task.scale) + torch.tensor(data.task.center)
    assert torch.allclose(back, plain, rtol=1e-4, atol=1e-3)


def test_rows_without_a_target_are_dropped_and_counted(table):
    data = table({"a": column("numbers"), "y": [None, None, *[i / 7 for i in range(ROWS - 2)]]})
    assert "2 of 60 rows of t.csv have no target and are left out, but where pretrain learns from them" in data.notes
    assert sum(data.summary["rows"].values()) == 58


def test_statistics_come_from_training_rows_alone(table):
    columns = {
        "a": column("numbers"),
        "c": column("colours"),
        "y": column("numbers", seed=3),
        "part": (["train"] * 4 + ["val", "test"]) * 10,
    }
    before = table(columns, split_column="part")
    for i, part in enumerate(columns["part"]):
        if part != "train":
            columns["a"][i], columns["c"][i], columns["y"][i] = 1e6, "violet", -1e6
    after = table(columns, split_column="part")
    assert after.preprocessing == before.preprocessing
    assert torch.equal(after.train.inputs, before.train.inputs)
    assert torch.equal(after.train.targets, before.train.targets)


def test_groups_do_not_straddle(table):
    groups = [f"g{i % 13}" for i in range(ROWS)]
    data = table(
        {"a": list(range(100, 100 + ROWS)), "n": [i % 13 for i in range(ROWS)], "g": groups, "y": column("binary")},
        group_column="g",
        numeric="none",
        drop=["a"],
    )
    seen = [set(split.inputs[:, 0].tolist()) for split in (data.train, data.val, data.test)]
    assert not (seen[0] & seen[1])
    assert not (seen[0] & seen[2])
    assert not (seen[1] & seen[2])
    assert {"name": "g", "type": "-", "role": "group_column"} in data.summary["columns"]


def test_time_orders_the_splits(table):
    data = table(
        {
            "t": [f"2024-01-01 00:{i:02d}:00" for i in range(ROWS)],
            "n": [i // 2 for i in range(ROWS)],
            "y": column("numbers"),
        },
        time_column="t",
        numeric="none",
        types={"n": "numeric"},
    )
    assert data.train.inputs[:, 0].max() <= data.val.inputs[:, 0].min()
    assert data.val.inputs[:, 0].max() <= data.test.inputs[:, 0].min()


def test_folds_validate_every_row_once(table):
    columns = {"a": [i / 2 for i in range(ROWS)], "y": column("binary")}
    folds = [table(columns, folds=4, test=0, numeric="none", fold=i) for i in range(4)]
    seen = sorted(v for data in folds for v in data.val.inputs[:, 0].tolist())
    assert seen == [i / 2 for i in range(ROWS)]


def test_named_files_with_dots_behind_their_labels(table, tmp_path):
    (tmp_path / "test.csv").write_text("y,a\nno.,1.5\nyes.,2.5\nyes.,0.5\n")
    data = table(
        {"a": column("numbers"), "y": ["yes", "no"] * 30}, test_path=str(tmp_path / "test.csv"), numeric="none"
    )
    assert data.test.targets.tolist() == [0, 1, 1]
    assert data.test.inputs[:, 0].tolist() == [1.5, 2.5, 0.5]
    assert "test.csv: labels of 'y' end with a dot ('no.'); it is taken off" in data.notes
    assert len(data.train) + len(data.val) == ROWS


def test_a_validation_file_leaves_the_main_file_to_training_and_test(table, tmp_path):
    (tmp_path / "val.csv").write_text("c,y,a\nviolet,1,1.5\nred,0,\n?,,3\n")
    columns = {"a": column("numbers"), "c": column("colours"), "y": column("binary")}
    data = table(columns, val_path=str(tmp_path / "val.csv"), numeric="none")
    assert (len(data.train), len(data.val), len(data.test)) == (51, 2, 9)
    assert data.val.targets.tolist() == [1, 0]
    assert data.val.inputs[:, 1].tolist() == [0, 3]
    assert "1 of 3 rows of val.csv have no target and are left out" in data.notes
    (tmp_path / "val.csv").write_text("C,y,a\nred,0,1\n")
    with pytest.raises(UserError, match=r"val.csv: column missing: 'c' \(did you mean 'C'\?\)"):
        table(columns, val_path=str(tmp_path / "val.csv"))


@pytest.mark.parametrize("name", ["validation", "test"])
def test_duplicates_of_training_rows_are_counted(table, name):
    data = table({"a": [i % 3 for i in range(ROWS)], "y": [("p", "q", "r")[i % 3] for i in range(ROWS)]})
    assert f"9 of 9 {name} rows are exact duplicates of training rows: their score flatters" in data.notes


def test_weights_have_mean_1_over_training(table):
    data = table(
        {"a": column("numbers"), "w": [1 + i % 4 for i in range(ROWS)], "y": column("binary")}, weight_column="w"
    )
    assert data.train.weights.mean() == pytest.approx(1, abs=1e-6)
    assert data.features.numeric == 1


def test_parquet_and_csv_give_the_same(tmp_path):
    frame = pl.DataFrame(
        {"a": column("numbers"), "c": column("colours"), "k": column("binary"), "y": column("numbers", seed=1)}
    )
    frame.write_csv(tmp_path / "t.csv")
    frame.write_parquet(tmp_path / "t.parquet")
    csv, parquet = (TableSource(path=str(tmp_path / f"t.{end}"), target="y").load() for end in ("csv", "parquet"))
    assert torch.equal(csv.train.inputs, parquet.train.inputs)
    assert torch.equal(
        csv.preprocessing.inputs(tmp_path / "t.parquet"), parquet.preprocessing.inputs(tmp_path / "t.csv")
    )


def test_the_summary_shows_columns_and_classes(table):
    data = table({"a": column("numbers"), "c": column("colours"), "y": ["no", "no", "yes"] * 20})
    a, c = data.summary["columns"]
    assert list(a) == ["name", "type", "missing", "min", "median", "max"]
    assert c["categories"] == 3
    assert sum(count for _, count in c["top"]) == len(data.train)
    assert data.summary["classes"]["train"] == {"no": 28, "yes": 14}


FINE = {"a": column("numbers"), "c": column("colours"), "y": column("binary")}
MISTAKES: dict[str, tuple[dict, dict, str]] = {
    "no target": (FINE, {"target": None}, r"data.target: name the column to predict \(columns of t.csv: a, c, y\)"),
    "no such target": (
        {**FINE, "price": FINE["a"]},
        {"target": "prise"},
        r"data.target: t.csv has no column 'prise'; did you mean 'price'\?",
    ),
    "no such position": (FINE, {"target": 3}, r"data.target: t.csv has 3 columns, there is no position 3"),
    "a constant target": ({**FINE, "y": ["x"] * ROWS}, {}, r"data.target: column 'y' is constant \(always 'x'\)"),
    "a constant real target": ({**FINE, "y": [1.5] * ROWS}, {}, r"data.target: column 'y' is constant \(always 1.5\)"),
    "a missing target": ({**FINE, "y": [None] * ROWS}, {}, r"data.target: column 'y' is missing in every row"),
    "a lonely class": (
        {**FINE, "y": ["u"] * 30 + ["v"] * 29 + ["w"]},
        {},
        r"class 'w' has one sample.*data.stratify=false",
    ),
    "text for regression": (
        {**FINE, "y": ["u", "v"] * 30},
        {"task": "regression"},
        r"needs numbers, but column 'y' holds text such as 'u'",
    ),
    "two classes of target": (
        FINE,
        {"target": ["y", "c"], "task": "classification"},
        r"takes one target column, not 2 \(y, c\)",
    ),
    "text in numbers": (
        {**FINE, "a": [*FINE["a"][:-1], "abc"]},
        {"types": {"a": "numeric"}},
        r"column 'a' is to be numeric, but 'abc' in row 60 is not a number",
    ),
    "no booleans": (
        FINE,
        {"types": {"c": "boolean"}},
        r"column 'c' is to be boolean, but '\w+' in row 1 is not true or false",
    ),
    "no dates": (
        FINE,
        {"types": {"c": "date"}},
        r"column 'c' is to hold dates, but '\w+' and others follow no known form",
    ),
    "unknown columns, all at once": (
        FINE,
        {"types": {"cc": "date"}, "drop": ["aa"]},
        r"data.drop: .* no column 'aa'.*\n.*data.types: .* no column 'cc'",
    ),
    "a target with another role": (FINE, {"weight_column": "y"}, r"data.target: column 'y' has another role as well"),
    "negative weights": (
        {**FINE, "w": [1] * 59 + [-2]},
        {"weight_column": "w"},
        r"weight_column 'w': the weight of row 60 is -2",
    ),
    "a missing weight": (
        {**FINE, "w": [1.5] * 59 + [None]},
        {"weight_column": "w"},
        r"the weight of row 60 is missing",
    ),
    "zero weights": ({**FINE, "w": [0] * ROWS}, {"weight_column": "w"}, r"every weight is 0"),
    "zero weights in training": (
        {**FINE, "w": [0] * (ROWS - 9) + [1] * 9, "s": ["train"] * (ROWS - 9) + ["val"] * 9},
        {"weight_column": "w", "split_column": "s"},
        r"data.weight_column 'w': every weight of the training split is 0",
    ),
    "a split too small": (FINE, {"val": 30, "test": 30}, r"val and test ask for 60 of 60 rows and leave none"),
    "nothing left": (
        {"a": ["x"] * ROWS, "y": FINE["y"]},
        {},
        r"left: 'a' is constant \(always 'x'\); .*'data.types=\{a: cat",
    ),
    "no inputs": ({"y": FINE["y"]}, {}, r"t.csv: no input column is left beside y"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(table, case):
    columns, settings, said = MISTAKES[case]
    with pytest.raises(UserError, match=said):
        table(columns, **settings)


def test_a_missing_file_names_its_neighbour(tmp_path):
    (tmp_path / "housing.csv").write_text("a,y\n1,2\n")
    with pytest.raises(UserError, match=r"data.path: no file '.*hosing.csv'; did you mean 'housing.csv'\?"):
        TableSource(path=str(tmp_path / "hosing.csv"), target="y").load()
    with pytest.raises(UserError, match=r"data.test_path: no file '.*x.csv': there is no folder"):
        TableSource(path=str(tmp_path / "housing.csv"), target="y", test_path=str(tmp_path / "no" / "x.csv")).load()
    with pytest.raises(UserError, match=r"data.path: no file is named"):
        TableSource(target="y").load()
    with pytest.raises(UserError, match=r"data.path: '.*' is a folder, not a file"):
        TableSource(path=str(tmp_path), target="y").load()


def test_a_broken_parquet_file_is_named(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + b"\x07" * 50)
    with pytest.raises(UserError, match=r"t.parquet: cannot be read as Parquet"):
        TableSource(path=str(tmp_path / "t.parquet"), target="y").load()


def test_a_label_of_another_file_that_is_no_class_is_named(table, tmp_path):
    (tmp_path / "test.csv").write_text("a,y\n1.5,yess\n")
    with pytest.raises(UserError, match=r"label 'yess' in column 'y' is none of the classes; did you mean 'yes'"):
        table({"a": column("numbers"), "y": ["yes", "no"] * 30}, test_path=str(tmp_path / "test.csv"))


def test_the_housing_table(shared_data: Path):
    data = TableSource(path=str(shared_data / "housing" / "housing.csv"), target="median_house_value").load()
    assert data.summary["rows"] == {"train": 14448, "val": 3096, "test": 3096}
    assert (data.features.numeric, data.features.cardinalities) == (9, (6,))
    assert data.task.kind == "regression"
    assert not math.isnan(float(data.train.inputs.sum()))


def test_the_census_table_with_its_own_test_file(shared_data: Path):
    folder = shared_data / "adult"
    data = TableSource(path=str(folder / "adult-train.csv"), test_path=str(folder / "adult-test.csv"), target=-1).load()
    assert len(data.train) + len(data.val) == 32561
    assert len(data.test) == 16281
    assert data.task.classes == ("<=50K", ">50K")
    assert data.summary["classes"]["test"] == {"<=50K": 12435, ">50K": 3846}
    again = data.preprocessing.labelled(folder / "adult-test.csv")
    assert torch.equal(again.inputs, data.test.inputs)
    assert torch.equal(again.targets, data.test.targets)
