"""Each kind of value: what it allows, and what it says of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from nntrain.config.fields import (
    Boolean,
    Choice,
    Either,
    Integer,
    Keyed,
    Kind,
    ListOf,
    MapOf,
    Null,
    Number,
    Path,
    Text,
    Variant,
    is_name,
    is_path,
    optional,
    shown,
)

COLOURS = Choice("colour", ("red", "green"))
SHAPE = Variant("shape", {"dot": {}, "line": {"width": Number(above=0)}})
PLACE = Keyed({"x": Integer(), "y": Integer()}, may=("y",))

ALLOWED: list[tuple[Kind, Any]] = [
    (Number(), -1.5),
    (Number(low=0), 0),
    (Number(above=0, high=1), 1),
    (Integer(low=1), 1),
    (Boolean(), False),
    (Text(), "a"),
    (Path(), "a/b"),
    (COLOURS, "red"),
    (ListOf(Integer()), []),
    (ListOf(Integer(), length=2), (1, 2)),
    (MapOf("column", COLOURS), {"a": "red", 1: "green"}),
    (PLACE, {"x": 1}),
    (PLACE, {"x": 1, "y": 2}),
    (SHAPE, "dot"),
    (SHAPE, {"name": "line", "width": 2}),
    (optional(Integer()), None),
    (Either(Integer(), COLOURS), "green"),
]


@pytest.mark.parametrize(("kind", "value"), ALLOWED)
def test_what_is_allowed(kind: Kind, value: Any) -> None:
    assert kind.complaint(value) is None


WRONG: list[tuple[Kind, Any, str]] = [
    (Number(), "1", "'1' is not a number"),
    (Number(), True, "true is not a number"),
    (Number(), float("inf"), "inf is not a number"),
    (Number(), 10**400, f"1{'0' * 56}... is not a number"),
    (Number(low=0, high=1), 2, "2 is not a number from 0 to 1"),
    (Number(above=0, below=1), 0, "0 is not a number above 0 and below 1"),
    (Number(low=0), -1, "-1 is not a number of at least 0"),
    (Integer(), 1.0, "1.0 is not a whole number"),
    (Integer(low=1), None, "null is not a whole number of at least 1"),
    (Boolean(), 1, "1 is not true or false"),
    (Text("a name"), "", "'' is not a name"),
    (Path("a folder"), 3, "3 is not a folder"),
    (Null("nothing"), 3, "3 is not nothing"),
    (COLOURS, "gren", "unknown colour 'gren'; did you mean 'green'? (choices: red, green)"),
    (COLOURS, 3, "3 is not one of red, green"),
    (ListOf(Integer()), 3, "3 is not a list of values, each a whole number"),
    (ListOf(Integer()), "ab", "'ab' is not a list of values, each a whole number"),
    (ListOf(Integer(), minimum=2), 3, "3 is not a list of at least 2 values, each a whole number"),
    (optional(Either(Integer(), ListOf(Integer(), minimum=2))), [3], "[3] needs at least 2 entries"),
    (
        Either(COLOURS, ListOf(Text("a name"))),
        "blue",
        "unknown colour 'blue' (choices: red, green), or a list of values, each a name",
    ),
    (ListOf(Integer(), length=2), [1], "[1] has 1 entries; it must be a list of 2 values, each a whole number"),
    (ListOf(Integer(), minimum=1), [], "[] needs at least 1 entries"),
    (ListOf(Integer()), [1, "a", None], "entry 1: 'a' is not a whole number; entry 2: null is not a whole number"),
    (MapOf("column", COLOURS), [1], "[1] is not a mapping from column to one of red, green"),
    (MapOf("column", COLOURS), {"a": "rd"}, "a: unknown colour 'rd'; did you mean 'red'? (choices: red, green)"),
    (PLACE, 3, "3 is not {x: a whole number, y: a whole number}"),
    (PLACE, {"y": 3}, "{'y': 3} is not {x: a whole number, y: a whole number}"),
    (PLACE, {"x": "a"}, "x: 'a' is not a whole number"),
    (PLACE, {"x": 1, "z": 2}, "unknown key 'z' (choices: x, y)"),
    (Either(COLOURS, PLACE, ListOf(COLOURS)), {"x": None}, "x: null is not a whole number"),
    (Either(COLOURS, PLACE, ListOf(COLOURS)), [3], "entry 0: 3 is not one of red, green"),
    (SHAPE, "lin", "unknown shape 'lin'; did you mean 'line'? (choices: dot, line)"),
    (SHAPE, {"width": 2}, "{'width': 2} has no 'name'; it must be one of dot, line"),
    (SHAPE, {"name": "lin"}, "unknown shape 'lin'; did you mean 'line'? (choices: dot, line)"),
    (SHAPE, {"name": "dot", "width": 2}, "dot has no setting 'width'"),
    (
        SHAPE,
        {"name": "line", "wdth": 2},
        "unknown setting of shape line 'wdth'; did you mean 'width'? (choices: width)",
    ),
    (SHAPE, {"name": "line", "width": 0}, "width: 0 is not a number above 0"),
    (optional(Integer(), "null (none)"), "a", "'a' is not a whole number or null (none)"),
    (Either(Integer(), COLOURS), "gren", "unknown colour 'gren'; did you mean 'green'? (choices: red, green)"),
    (Either(Number(), ListOf(Number())), [1, "a"], "entry 1: 'a' is not a number"),
]


@pytest.mark.parametrize(("kind", "value", "message"), WRONG)
def test_what_is_said_of_the_rest(kind: Kind, value: Any, message: str) -> None:
    assert kind.complaint(value) == message


def test_a_long_value_is_cut_short() -> None:
    assert shown("x" * 100) == "'" + "x" * 56 + "..."


def test_paths_are_known_inside_alternatives() -> None:
    assert is_path(optional(Path()))
    assert not is_path(optional(Text()))
    assert not is_path(None)


def test_a_name_is_told_from_a_path_by_its_form() -> None:
    kind = optional(Path(names="[A-Z]+"))
    assert is_name(kind, "DEFAULT")
    assert not is_name(kind, "runs/mine")
    assert not is_name(optional(Path()), "DEFAULT")
