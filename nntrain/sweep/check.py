"""What can be known to be wrong with a sweep before its first job runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from nntrain.config import schema
from nntrain.config.compose import compose_recipe
from nntrain.config.keys import Plan
from nntrain.config.recipe import Recipe, find_recipe, read_recipe
from nntrain.config.words import CommandLine
from nntrain.errors import UserError


def check_sweep(line: CommandLine, cwd: Path) -> list[Recipe]:
    """The recipes of a sweep. UserError with every mistake in a recipe, in a key under any combination of choices, and
    in any value by itself; values that only clash with each other are left to their job."""
    problems = [*line.problems, *_without_values(line)]
    recipes: list[Recipe] = []
    for name in line.recipes.values:
        try:
            recipes.append(read_recipe(find_recipe(str(name), cwd)))
        except UserError as error:
            problems.extend(error.problems)
    for recipe in recipes:
        problems += _key_problems(recipe, line)
    problems += _value_problems(line)
    problems += [] if problems else _nothing_varies(line)
    if not problems:
        first = [next(word.each()) for word in line.settings if word.examples]
        for recipe in recipes:
            compose_recipe(recipe, first, cwd)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return recipes


def _nothing_varies(line: CommandLine) -> Iterator[str]:
    if not any(word.sweeps for word in (line.recipes, *line.settings)):
        yield (
            "-m: nothing varies; give a setting several values (optimizer.lr=0.01,0.001, seed=range(3), "
            "optimizer=adam,sgd), or leave out -m"
        )


def _without_values(line: CommandLine) -> Iterator[str]:
    for word in (line.recipes, *line.settings):
        if word.sweeps and not word.examples:
            yield f"{word.key}: {word.text.partition('=')[2]} has no values (command line: {word.text})"


def _key_problems(recipe: Recipe, line: CommandLine) -> Iterator[str]:
    """A setting must fit every choice that it meets."""
    choices = [list(word.each()) for word in line.settings if word.key in schema.GROUPS]
    others = [
        replace(word, values=word.examples[:1] or (None,)) for word in line.settings if word.key not in schema.GROUPS
    ]
    for chosen in product(*choices):
        yield from Plan(recipe, [*chosen, *others]).problems


def _value_problems(line: CommandLine) -> Iterator[str]:
    for word in line.settings:
        kind = schema.field(word.key)
        if (word.sweeps or word.values == ("",)) and kind is not None:
            yield from (f"{problem} ({word.origin})" for problem in word.complaints(kind))
