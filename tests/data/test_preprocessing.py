"""What lies in the model file: the same rows give the same tensors, however they come, and after JSON."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nntrain.data.preprocessing import from_state
from nntrain.data.table import SOURCES
from nntrain.data.tables.source import TableSource
from nntrain.errors import UserError

NUMBERS = st.one_of(st.none(), st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3)))
TEXTS = st.one_of(
    st.none(), st.text(st.sampled_from("ab ,;\"\n'é?"), min_size=1, max_size=6).map(lambda s: "t" + s.strip())
)


@pytest.fixture
def mixed(tmp_path):
    """(path, dataset) of a table with every type of column, missing values in each."""
    rng = np.random.default_rng(0)
    n = 80
    frame = pl.DataFrame(
        {
            "number": [None if i % 9 == 0 else float(v) for i, v in enumerate(rng.normal(size=n).round(3))],
            "colour": [None if i % 11 == 0 else ("red", "green", "dark, blue")[i % 3] for i in range(n)],
            "day": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(n)],
            "open": [("true", "false")[i % 2] for i in range(n)],
            "y": rng.normal(size=n).round(4).tolist(),
        }
    )
    path = tmp_path / "t.csv"
    frame.write_csv(path)
    return path, TableSource(path=str(path), target="y", numeric="quantile").load()


def test_state_through_json_gives_bit_identical_inputs(mixed):
    path, data = mixed
    again = from_state(json.loads(json.dumps(data.preprocessing.state())))
    assert again == data.preprocessing
    assert torch.equal(again.inputs(path), data.preprocessing.inputs(path))
    assert torch.equal(again.labelled(path).targets, data.preprocessing.labelled(path).targets)


def test_the_training_file_gives_the_rows_that_were_trained_on(mixed):
    path, data = mixed
    rows = {tuple(row) for row in data.preprocessing.inputs(path).tolist()}
    assert all(tuple(row) in rows for split in (data.train, data.val, data.test) for row in split.inputs.tolist())


def test_every_form_of_the_same_rows_gives_the_same_inputs(mixed, tmp_path):
    path, data = mixed
    expected = data.preprocessing.inputs(path)
    frame = pl.read_csv(path, try_parse_dates=True)
    frame.write_parquet(tmp_path / "t.parquet")
    forms = {
        "path as text": str(path),
        "polars": frame,
        "dicts": frame.to_dicts(),
        "parquet": tmp_path / "t.parquet",
        "another order, more columns": frame.select(pl.lit(1).alias("more"), "y", "open", "day", "colour", "number"),
        "without the target": frame.drop("y"),
    }
    for form, raw in forms.items():
        assert torch.equal(data.preprocessing.inputs(raw), expected), form
    assert torch.equal(data.preprocessing.inputs(frame.to_dicts()[3]), expected[3:4])


def test_pandas_frames(mixed):
    pandas = pytest.importorskip("pandas")
    path, data = mixed
    assert torch.equal(data.preprocessing.inputs(pandas.read_csv(path)), data.preprocessing.inputs(path))


def test_numbers_in_an_array_come_in_the_order_of_the_table():
    data = SOURCES["bundled"](dataset="iris").load()
    rows = [[5.1, 3.5, 1.4, 0.2], [6.0, 3.0, 4.0, 1.0]]
    names = [encoder.name for encoder in data.preprocessing.numeric]
    by_name = data.preprocessing.inputs([dict(zip(names, row, strict=True)) for row in rows])
    assert torch.equal(data.preprocessing.inputs(np.array(rows)), by_name)
    assert torch.equal(data.preprocessing.inputs(np.array(rows[0])), by_name[:1])


def test_a_file_without_header_may_leave_the_target_out(tmp_path):
    rows = [f"{i % 7}.5,{'ab'[i % 2]},{i % 2},{i % 5}.25" for i in range(40)]
    (tmp_path / "train.csv").write_text("\n".join(rows))
    data = TableSource(path=str(tmp_path / "train.csv"), target=2).load()
    (tmp_path / "new.csv").write_text("\n".join(",".join(r.split(",")[:2] + r.split(",")[3:]) for r in rows))
    assert torch.equal(
        data.preprocessing.inputs(tmp_path / "new.csv"), data.preprocessing.inputs(tmp_path / "train.csv")
    )


def test_a_new_file_without_header_has_its_columns_by_place(mixed, tmp_path):
    path, data = mixed
    pl.read_csv(path).write_csv(tmp_path / "new.csv", include_header=False)
    assert torch.equal(data.preprocessing.inputs(tmp_path / "new.csv"), data.preprocessing.inputs(path))
    (tmp_path / "narrow.csv").write_text("1,2\n3,4\n")
    with pytest.raises(UserError, match=r"narrow.csv: has 2 columns and no header; the table trained on had 5"):
        data.preprocessing.inputs(tmp_path / "narrow.csv")


def test_dates_with_times_and_zones_from_a_frame(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("d,y\n" + "\n".join(f"2024-01-{1 + i % 28:02d} 12:00:00,{i % 2}" for i in range(40)))
    data = TableSource(path=str(path), target="y").load()
    plain = pl.DataFrame({"d": ["2024-01-05 12:00:00"]})
    for zone in (None, "UTC"):
        typed = plain.with_columns(pl.col("d").str.to_datetime(time_zone=zone))
        assert torch.equal(data.preprocessing.inputs(typed), data.preprocessing.inputs(plain))


def test_rows_of_nothing_but_missing_values_keep_their_place(mixed, tmp_path):
    _, data = mixed
    (tmp_path / "new.csv").write_text(
        "number,colour,day,open\n1,red,2024-01-02,true\n,?,NA,\n\n2,red,2024-01-02,false\n"
    )
    inputs = data.preprocessing.inputs(tmp_path / "new.csv")
    assert len(inputs) == 3
    assert inputs[1, -1] == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NUMBERS, TEXTS, TEXTS), min_size=12, max_size=30), st.booleans())
def test_any_table_survives_the_trip_through_csv(tmp_path, rows, quote_all):
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(["n", "c", "d", "y"])
    writer.writerows(("" if cell is None else cell for cell in (*row, i % 3 + i / 10)) for i, row in enumerate(rows))
    path = tmp_path / "t.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    kinds = {"n": "numeric", "c": "categorical", "d": "categorical"}
    data = TableSource(path=str(path), target="y", types=kinds, separator=",", header=True).load()
    dicts = [dict(zip("ncd", row, strict=True)) for row in rows]
    assert torch.equal(data.preprocessing.inputs(path), data.preprocessing.inputs(dicts))
    assert torch.equal(
        from_state(json.loads(json.dumps(data.preprocessing.state()))).inputs(path), data.preprocessing.inputs(dicts)
    )
    categories = {name: i + 1 for i, name in enumerate(data.preprocessing.categorical[0].categories)}
    codes = [categories.get(row[1], 0) if row[1] is not None else 0 for row in rows]
    assert data.preprocessing.inputs(path)[:, data.features.numeric].tolist() == codes


LABELS = (["no", "yes"], [0, 1], [0.0, 1.0], [False, True])


@pytest.mark.parametrize("spelled", [("0", "1"), ("1.0", "2.0"), ("False", "True"), ("no", "yes")])
def test_labels_may_be_spelled_otherwise_in_new_rows(tmp_path, spelled):
    (tmp_path / "t.csv").write_text("a,y\n" + "\n".join(f"{i}.5,{spelled[i % 2]}" for i in range(40)))
    data = TableSource(path=str(tmp_path / "t.csv"), target="y").load()
    forms = {"0": [0, 1], "1.0": [1, 2], "False": [False, True], "no": ["no", "yes"]}[spelled[0]]
    split = data.preprocessing.labelled([{"a": 1.5, "y": value} for value in (*forms, forms[0])])
    assert split.targets.tolist() == [0, 1, 0]


def test_labelled_rows_without_a_target_are_left_out(mixed):
    _, data = mixed
    row = {"number": 1.0, "colour": "red", "day": "2024-01-02", "open": "true"}
    split = data.preprocessing.labelled([{**row, "y": 1.0}, {**row, "y": None}])
    assert len(split) == 1
    assert split.targets[0, 0] == pytest.approx((1 - data.task.center[0]) / data.task.scale[0])


ROW = {"number": 1.0, "colour": "red", "day": "2024-01-02", "open": "true", "y": 0.5}
MISTAKES = {
    "a missing column": ([{k: v for k, v in ROW.items() if k != "colour"}], r"input: column missing: 'colour'"),
    "a renamed column": (
        [{("color" if k == "colour" else k): v for k, v in ROW.items()}],
        r"'colour' \(did you mean 'color'\?\)",
    ),
    "text in a number": (
        [ROW, {**ROW, "number": "many"}],
        r"column 'number' is to be numeric, but 'many' in row 2 is not a number",
    ),
    "another date": ([{**ROW, "day": "02.01.2024"}], r"column 'day' is to be date, but '02.01.2024' in row 1"),
    "an odd boolean": ([{**ROW, "open": "ajar"}], r"column 'open' is to be boolean, but 'ajar' in row 1"),
    "nothing": ([], r"input: rows of a table are .*, not an empty list"),
    "a number": (3, r"input: rows of a table are .*, not a int"),
    "too wide an array": (np.zeros((2, 9)), r"an array of shape \(2, 9\) does not fit: rows of 4 inputs are expected"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_in_new_rows_are_named(mixed, case):
    raw, said = MISTAKES[case]
    with pytest.raises(UserError, match=said):
        mixed[1].preprocessing.inputs(raw)


def test_a_missing_column_of_a_file_names_both(mixed, tmp_path):
    path, data = mixed
    pl.read_csv(path).drop("day", "open").write_csv(tmp_path / "new.csv")
    with pytest.raises(UserError, match=r"new.csv: columns missing: 'day', 'open'"):
        data.preprocessing.inputs(tmp_path / "new.csv")
    pl.read_csv(path).drop("y").write_csv(tmp_path / "new.csv")
    with pytest.raises(UserError, match=r"new.csv: column missing: 'y'"):
        data.preprocessing.labelled(tmp_path / "new.csv")


def test_an_unknown_label_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "\n".join(f"{i}.5,{'good' if i % 2 else 'bad'}" for i in range(40)))
    data = TableSource(path=str(tmp_path / "t.csv"), target="y").load()
    with pytest.raises(UserError, match=r"label 'god' in column 'y' is none of the classes; did you mean 'good'\?"):
        data.preprocessing.labelled([{"a": 1.5, "y": "god"}])


def test_a_damaged_state_is_refused(mixed):
    state = mixed[1].preprocessing.state()
    with pytest.raises(UserError, match=r"unknown kind 'tabel'; did you mean 'table'"):
        from_state({**state, "kind": "tabel"})
    with pytest.raises(UserError, match=r"preprocessing in the model file is damaged: KeyError 'task'"):
        from_state({key: value for key, value in state.items() if key != "task"})
