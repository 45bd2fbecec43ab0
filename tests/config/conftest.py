"""A working directory of the test's own, and a recipe in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nntrain.config.compose import Composed, compose
from nntrain.errors import UserError


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def composed(cwd: Path) -> Callable[..., Composed]:
    """compose a recipe's text and the words over it"""

    def from_text(text: str | bytes, *words: str, name: str = "mine.yaml") -> Composed:
        (cwd / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return compose([f"config={name}", *words])

    return from_text


@pytest.fixture
def mistakes(composed: Callable[..., Composed]) -> Callable[..., list[str]]:
    """what is said of a recipe's text (None: the digits) and the words over it"""

    def said(text: str | bytes | None, *words: str) -> list[str]:
        with pytest.raises(UserError) as caught:
            compose(words) if text is None else composed(text, *words)
        assert all("\n" not in problem for problem in caught.value.problems)
        return list(caught.value.problems)

    return said
