"""Whether a command line or its recipe asks to grow a network, which is a sweep without -m."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nntrain.config.recipe import find_recipe, read_recipe
from nntrain.config.words import CommandLine
from nntrain.errors import UserError

GROW, NONE = "grow", "none"


def grows(line: CommandLine, cwd: Path) -> bool:
    """Whether the words, or else the recipe, choose what is grown. What is wrong with them is found by who reads on."""
    said = next((word.value for word in line.settings if word.key == GROW and word.values), None)
    if said is None:
        section = _section(str(line.recipes.value), cwd)
        said = section.get("name") if isinstance(section, Mapping) else section
    return said not in (None, NONE)


def _section(recipe: str, cwd: Path) -> object:
    """What the recipe says; None where it says nothing, or cannot be read."""
    try:
        path = find_recipe(recipe, cwd)
        mentioned = GROW.encode() in path.read_bytes()  # most recipes are so known not to, without parsing YAML
        return read_recipe(path).values.get(GROW) if mentioned else None
    except (UserError, OSError):
        return None
