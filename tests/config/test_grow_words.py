"""Whether a command line or its recipe asks to grow a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.config.grow import grows
from nntrain.config.words import read_words


@pytest.mark.parametrize(
    ("recipe", "words", "expected"),
    [
        ("", (), False),
        ("", ("grow=depth",), True),
        ("", ("grow=none",), False),
        ("", ("grow=depth,width",), True),
        ("grow: width", (), True),
        ("grow: {name: depth, patience: 3}", (), True),
        ("grow: {name: depth}", ("grow=none",), False),
        ("grow: {patience: 3}", (), False),
        ("grow: none", (), False),
        ("grow: [broken", (), False),
        ("name: grow", (), False),
    ],
)
def test_the_words_decide_or_else_the_recipe(
    tmp_path: Path, recipe: str, words: tuple[str, ...], expected: bool
) -> None:
    (tmp_path / "mine.yaml").write_text(f"epochs: 1\n{recipe}\n")
    assert grows(read_words(["config=mine", *words], tmp_path), tmp_path) is expected


def test_a_recipe_that_is_not_there_is_said_elsewhere(tmp_path: Path) -> None:
    assert not grows(read_words(["config=nothing"], tmp_path), tmp_path)
