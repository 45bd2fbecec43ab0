"""Which split a row goes to by the columns of its table, and which rows without a target may be learnt from."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from nntrain.data.splitting import Shares
from nntrain.data.tables.columns import Column
from nntrain.data.tables.splitting import split_rows, splitting_columns, usable_unlabelled
from nntrain.errors import UserError

SHARES = Shares(val=0.2, test=0.2)


def split(column: Column | None, setting: str = "", *, rows: int = 60, shares: Shares = SHARES, **apart: bool):
    columns = {} if column is None else {setting: column}
    return split_rows(columns, rows, shares, None, None, (), **{"val": True, "test": True, **apart})


def categorical(*codes: int) -> Column:
    return Column("c", "categorical", np.array(codes, dtype=np.int32), tuple("abcdefgh"))


def test_the_columns_that_decide_are_read_as_their_setting_wants():
    frame = pl.DataFrame({"g": [3, 1], "t": ["2024-01-01", "2024-01-02"], "w": [1.0, 2.0]})
    found = splitting_columns(frame, {"weight_column": "w", "group_column": "g", "time_column": "t"})
    assert {key: column.kind for key, column in found.items()} == {"group_column": "categorical", "time_column": "date"}


def test_validation_is_drawn_where_a_column_says_train_and_test_alone():
    said = Column("part", "categorical", np.array([0] * 50 + [1] * 10, dtype=np.int32), ("train", "test"))
    rows = split(said, "split_column")
    assert (len(rows.train), len(rows.val)) == (40, 10)
    assert rows.test.tolist() == list(range(50, 60))


def test_rows_without_a_group_are_groups_of_their_own():
    rows = split(categorical(*[-1] * 10), "group_column", rows=10)
    assert (len(rows.train), len(rows.val), len(rows.test)) == (6, 2, 2)


def test_time_orders_the_splits():
    rows = split(Column("t", "numeric", np.arange(10.0)[::-1]), "time_column", rows=10)
    assert [part.tolist() for part in (rows.train, rows.val, rows.test)] == [[9, 8, 7, 6, 5, 4], [3, 2], [1, 0]]


def test_a_split_that_has_a_file_of_its_own_takes_no_rows():
    assert [len(part) for part in vars(split(None, val=False)).values()] == [48, 0, 12]
    assert [len(part) for part in vars(split(None, test=False)).values()] == [48, 12, 0]


WRONG_TIMES = {
    "text": (categorical(0, 1), r"data.time_column 'c': holds text \('a'\), not dates or numbers"),
    "a gap": (Column("t", "numeric", np.array([1.0, np.nan])), r"data.time_column 't': row 2 has none"),
}


@pytest.mark.parametrize("case", WRONG_TIMES)
def test_times_that_order_nothing_are_named(case):
    column, said = WRONG_TIMES[case]
    with pytest.raises(UserError, match=said):
        split(column, "time_column", rows=2)


LABELLED = np.array([True, True, True, False, False])
UNLABELLED = {
    "of a group that trains": ({"group_column": categorical(0, 1, 2, 0, 2)}, [True, False]),
    "until the last time of training": (
        {"time_column": Column("t", "numeric", np.array([1.0, 2.0, 9.0, 1.5, 3.0]))},
        [True, False],
    ),
    "all, where no column decides": ({}, [True, True]),
}


@pytest.mark.parametrize("which", UNLABELLED)
def test_rows_without_a_target_that_may_be_learnt_from(which):
    columns, expected = UNLABELLED[which]
    assert usable_unlabelled(columns, LABELLED, train=np.array([0, 1])).tolist() == expected
