"""The SQLite file of a search."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from nntrain.errors import UserError
from nntrain.sweep.search.storage import Storage

optuna = pytest.importorskip("optuna")


def trial() -> object:
    space = {"lr": optuna.distributions.FloatDistribution(0.1, 1)}
    attrs = {"cma:optimizer:0": "80049", "sepcma:optimizer:0": "80049", "cma:generation": 3, "completed_rung_0": 0.5}
    return optuna.trial.create_trial(
        params={"lr": 0.3},
        distributions=space,
        value=1.0,
        intermediate_values={1: 2.0, 2: 1.0},
        user_attrs={"job": 3},
        system_attrs=attrs,
    )


def test_what_is_kept_comes_back_and_no_pickle_with_it(tmp_path: Path) -> None:
    kept = Storage(tmp_path / "a.sqlite3", "search", ["minimize"])
    kept.add(trial())
    again = Storage(tmp_path / "a.sqlite3", "search", ["minimize"])
    (found,) = again.trials()
    assert (found.params, found.value, found.user_attrs) == ({"lr": 0.3}, 1.0, {"job": 3})
    assert again.spent == 0
    again.spent = 61.5
    assert kept.spent == 61.5
    assert found.intermediate_values == {1: 2.0, 2: 1.0}
    assert found.system_attrs == {"cma:generation": 3, "completed_rung_0": 0.5}
    elsewhere = optuna.load_study(study_name="search", storage=f"sqlite:///{tmp_path / 'a.sqlite3'}")
    assert len(elsewhere.trials) == 1

    holder = sqlite3.connect(tmp_path / "a.sqlite3", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UserError, match=r"search: .*a\.sqlite3 is locked by another process; end that one, or wait"):
        Storage(tmp_path / "a.sqlite3", "search", ["minimize"], patience=0.01)
    holder.close()


def test_a_file_that_is_none_of_sqlites(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite3").write_text("something else, long enough to be looked at" * 9)
    said = r"cannot be used \(file is not a database\); without it the search goes on from what the jobs' folders say"
    with pytest.raises(UserError, match=said):
        Storage(tmp_path / "a.sqlite3", "search", ["minimize"])
