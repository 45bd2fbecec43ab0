"""Where a value of a config came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Origin:
    """`where`: the option file of a default, file and line of a recipe, or the word of a command line."""

    kind: Literal["default", "recipe", "command line"]
    where: str

    def __str__(self) -> str:
        return f"command line: {self.where}" if self.kind == "command line" else self.where
