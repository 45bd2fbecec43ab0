"""Whatever is written, the answer is a sound config or a message: never a fault of ours, never a hang."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nntrain.config import schema
from nntrain.config.compose import compose
from nntrain.config.options import option_names
from nntrain.config.validate import value_problems
from nntrain.config.words import read_words
from nntrain.errors import UserError
from nntrain.sweep.check import check_sweep

KEYS = [
    *schema.fields("top"),
    *schema.GROUPS,
    *(f"{group}.{key}" for group in schema.GROUPS for key in schema.fields(group)),
]
NAMES = ["name", *(key for group in schema.GROUPS for key in schema.fields(group))]
OPTIONS = [name for group in schema.GROUPS for name in option_names(group)]

PIECES = st.sampled_from(
    ["'", '"', "[", "]", "{", "}", "(", ")", ",", ":", "=", "$", "${", "\\", " ", "~", "+", "range", "glob"]
)
WORDS = st.one_of(
    st.text(max_size=30),
    st.builds("{}={}".format, st.sampled_from(KEYS), st.text(max_size=20)),
    st.builds(
        "{}={}".format, st.sampled_from(KEYS), st.lists(PIECES | st.sampled_from(OPTIONS), max_size=6).map("".join)
    ),
)

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10), st.sampled_from(OPTIONS)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | SCALARS, inner, max_size=4),
)
RECIPES = st.dictionaries(
    st.sampled_from([*schema.GROUPS, *schema.fields("top")]),
    SCALARS | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6),
    max_size=8,
)

ANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def sound_or_said(words: list[str]) -> None:
    with contextlib.suppress(UserError):
        found = compose(words)
        assert list(value_problems(found.config, found.origins)) == []


@given(st.lists(WORDS, max_size=4))
@ANY
def test_any_words(words: list[str]) -> None:
    sound_or_said(words)
    with contextlib.suppress(UserError):
        check_sweep(read_words(words, Path.cwd()), Path.cwd())


@given(RECIPES)
@ANY
def test_any_recipe(recipe: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
        sound_or_said([f"config={path}"])


@given(st.binary(max_size=200) | st.text(st.sampled_from("a:1 \n-[]{},&*?|>'\"#!%@<<$~"), max_size=60).map(str.encode))
@ANY
def test_any_file(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        path.write_bytes(content)
        sound_or_said([f"config={path}"])
