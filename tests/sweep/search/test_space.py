"""Hydra's search syntax as axes."""

from __future__ import annotations

import re

import pytest

from nntrain.errors import UserError
from nntrain.sweep.search.space import Axis, notes, read_space, size

AXES = {
    "optimizer.lr=interval(0.01,0.1)": Axis("optimizer.lr", 0.01, 0.1),
    "optimizer.lr=tag(log,interval(1e-4,0.1))": Axis("optimizer.lr", 1e-4, 0.1, log=True),
    "model.depth=interval(1,6)": Axis("model.depth", 1, 6, step=1, whole=True),
    "model.width=tag(log,interval(8,512))": Axis("model.width", 8, 512, step=1, log=True, whole=True),
    "optimizer.lr=int(interval(1,5))": Axis("optimizer.lr", 1, 5, step=1, whole=True),
    "model.depth=range(1,6)": Axis("model.depth", 1, 5, step=1, whole=True),
    "model.width=range(16,100,16)": Axis("model.width", 16, 96, step=16, whole=True),
    "model.width=range(96,0,-16)": Axis("model.width", 16, 96, step=16, whole=True),
    "model.dropout=range(0,0.5,0.1)": Axis("model.dropout", 0, 0.4, step=0.1),
    "model.width=tag(log,range(1,100))": Axis("model.width", 1, 99, step=1, log=True, whole=True),
    "optimizer=adam,sgd": Axis("optimizer", choices=("adam", "sgd")),
    "model.widths=[4],[4,4]": Axis("model.widths", choices=("[4]", "[4,4]")),
    "batch_size=choice(16,32,16)": Axis("batch_size", choices=("16", "32")),
}


@pytest.mark.parametrize("word", AXES)
def test_a_word_is_an_axis(word: str) -> None:
    words, (axis,) = read_space([f"++{word}", "++seed=3"])
    assert words == [axis, "++seed=3"]
    expected = AXES[word]
    assert (axis.key, axis.low, axis.high, axis.log, axis.whole) == (
        expected.key,
        expected.low,
        expected.high,
        expected.log,
        expected.whole,
    )
    assert axis.step == (None if expected.step is None else pytest.approx(expected.step))
    assert axis.choices == expected.choices


def test_where_nothing_varies_there_is_nothing_to_draw_from() -> None:
    said = "search: there is nothing to search; name settings and their values, as optimizer.lr=interval"
    with pytest.raises(UserError, match=re.escape(said)):
        read_space(["++seed=3"])


def test_values_are_written_as_people_would() -> None:
    lr = Axis("optimizer.lr", 1e-4, 0.1)
    assert lr.word(0.012345678) == "++optimizer.lr=0.01235"
    assert lr.word(0.00010000001) == "++optimizer.lr=0.0001"
    assert Axis("a", 0.12345, 0.98765).word(0.98765) == "++a=0.98765"  # never outside
    assert Axis("a", 0, 0.4, step=0.1).word(0.30000000000000004) == "++a=0.3"
    assert Axis("a", 1, 6, 1, whole=True).word(3) == "++a=3"
    assert (lr.value("0.01235"), Axis("a", 1, 6, 1, whole=True).value("3"), Axis("a", choices=("x",)).value("x")) == (
        0.01235,
        3,
        "x",
    )


def test_how_many_combinations_there_are() -> None:
    depth, choice = Axis("d", 1, 5, 1, whole=True), Axis("o", choices=("a", "b"))
    assert size([depth, choice]) == 10
    assert size([depth, Axis("lr", 0.1, 1)]) is None


def test_what_is_likely_meant_otherwise_is_said() -> None:
    lr, seed = Axis("optimizer.lr", 1e-4, 0.1), Axis("seed", 0, 4, 1, whole=True)
    assert notes([lr]) == [
        "optimizer.lr: only one draw in 10 is below 0.01; tag(log, interval(0.0001, 0.1)) draws evenly over orders of "
        "magnitude"
    ]
    assert notes([seed])[0].startswith("seed: a search goes after the luckiest one")
    assert notes([Axis("optimizer.lr", 1e-4, 0.1, log=True), Axis("model.dropout", 0, 0.5)]) == []
