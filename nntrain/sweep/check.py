"""What can be known to be wrong with a sweep before its first job runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

from nntrain.config import schema
from nntrain.config.compose import compose_recipe
from nntrain.config.grammar import MOST
from nntrain.config.grow import GROW
from nntrain.config.keys import Plan
from nntrain.config.recipe import Recipe, absolute, find_recipe, read_recipe
from nntrain.config.words import CommandLine
from nntrain.errors import UserError
from nntrain.folder import check_free, check_new, shown
from nntrain.sweep.hydra_words import mistakes
from nntrain.sweep.plugins import DEFAULT_SWEEPER
from nntrain.sweep.search.space import NOTHING as NOTHING_TO_SEARCH

MANY = 10_000  # jobs that take seconds to compose
FOLDER = "run_dir"  # the word that says where the sweep goes; its jobs are the folders 0, 1, ... in there
SWEEPER = "hydra/sweeper="
DEFAULT = f"{SWEEPER}{DEFAULT_SWEEPER}"
QUOTES = "'\""


def check_sweep(line: CommandLine, cwd: Path) -> list[Recipe]:
    """The recipes of a sweep. UserError with every mistake in a recipe, in a key under any combination of choices, and
    in any value by itself; values that only clash with each other are left to their job."""
    problems = [*line.problems, *mistakes(line.hydra), *_single_problems(line)]
    recipes: list[Recipe] = []
    for name in line.recipes.values:
        try:
            recipes.append(read_recipe(find_recipe(str(name), cwd, line.recipes.origin)))
        except UserError as error:
            problems.extend(error.problems)
    for recipe in recipes:
        problems += _key_problems(recipe, line)
    problems += _value_problems(line)
    first = [next(word.each()) for word in line.settings if word.examples]
    known = {problem.partition(":")[0] for problem in problems}
    for recipe in recipes:
        try:
            compose_recipe(recipe, first, cwd)
        except UserError as error:
            problems += [problem for problem in error.problems if problem.partition(":")[0] not in known]
    if not problems:
        problems = [*_nothing_varies(line), *_no_grid(line)]
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return recipes


def given_folder(line: CommandLine, recipes: Sequence[Recipe], cwd: Path) -> Path | None:
    """The folder of `run_dir`, by the words or else by the recipes; it is not made here. UserError where it is not one,
    cannot be made, or something is in it."""
    words = [word.value for word in line.settings if word.key == FOLDER]
    given = dict.fromkeys(words or [recipe.values.get(FOLDER) for recipe in recipes])
    if len(given) > 1 or any("${" in str(each) for each in given):
        named = " and ".join(str(each) for each in given if each is not None)
        raise UserError(f"{FOLDER}: a sweep has one folder, and its recipes name {named}; write {FOLDER}=...")
    if (one := next(iter(given))) is None:
        check_new(None)
        return None
    folder = absolute(str(one), cwd)
    check_free(folder)
    if folder.is_dir() and next(folder.iterdir(), None) is not None:
        raise UserError(f"{FOLDER}: {shown(folder)} is not empty; choose another folder for the sweep")
    return folder


def many_jobs(line: CommandLine) -> str | None:
    """What is to be said at once of a grid that is large; None of any other sweep."""
    jobs = prod(len(word.values) or 1 for word in (line.recipes, *line.settings))
    if _chosen(line) != DEFAULT or jobs <= MANY:
        return None
    said = "each of them is composed and checked before the first trains"
    return f"{jobs:,} jobs: {said}; to draw some of them: {SWEEPER}optuna search.n_trials=100"


def _chosen(line: CommandLine) -> str:
    """The word that chooses the sweeper."""
    return next((word for word in reversed(line.hydra) if word.startswith(SWEEPER)), DEFAULT)


def _nothing_varies(line: CommandLine) -> Iterator[str]:
    if any(word.sweeps for word in (line.recipes, *line.settings)):
        return
    if line.search or any(word.startswith(SWEEPER) for word in line.hydra):
        yield NOTHING_TO_SEARCH
    else:
        yield (
            f"-m: nothing varies{''.join(f' ({said})' for said in line.notes)}; give a setting several values "
            "(optimizer.lr=0.01,0.001, seed=range(3), optimizer=adam,sgd), or leave out -m"
        )


def _no_grid(line: CommandLine) -> Iterator[str]:
    """Of values that are tried in every combination: that some have no end, or that there are too many."""
    if _chosen(line) != DEFAULT:
        return
    varied = [word for word in (line.recipes, *line.settings) if word.sweeps]
    for word in varied:
        if word.ends:
            yield (
                f"{word.key}: {word.text.partition('=')[2]} is drawn from, and a grid has listed values; leave out "
                f"{DEFAULT}, or write choice(...) or range(...) ({word.origin})"
            )
    if (jobs := prod(len(word.values) or 1 for word in varied)) > MOST:
        counts = " x ".join(f"{len(word.values):,} of {word.key}" for word in varied)
        yield (
            f"-m: {counts} are {jobs:,} jobs, and a grid has {MOST:,} at most; draw from them by "
            f"{SWEEPER}optuna search.n_trials=..."
        )


def _single_problems(line: CommandLine) -> Iterator[str]:
    """Of what a sweep has one: its folder, in which all its jobs lie, and what is grown."""
    for word in line.settings:
        if word.sweeps and word.key.partition(".")[0] == GROW:
            yield f"{word.key}: is a sweep by itself, and cannot be swept; give one value, without -m ({word.origin})"
        if word.key != FOLDER:
            continue
        raw = word.text.partition("=")[2]
        if word.sweeps or ("," in raw and raw[0] not in QUOTES):
            quoted = f"; a comma in its name needs quotes: {FOLDER}=\"'{raw}'\"" if not word.sweeps else ""
            yield f"{FOLDER}: is the folder of the whole sweep, and cannot be swept; name one{quoted} ({word.origin})"


def _key_problems(recipe: Recipe, line: CommandLine) -> Iterator[str]:
    """A setting must fit every choice that it meets; which fit does not depend on the choices of other groups."""
    choices = [list(word.each()) for word in line.settings if word.key in schema.GROUPS]
    others = [
        replace(word, values=word.examples[:1] or (None,)) for word in line.settings if word.key not in schema.GROUPS
    ]
    for place in range(max(map(len, choices), default=1)):
        chosen = [each[place % len(each)] for each in choices]
        yield from Plan(recipe, [*chosen, *others]).problems


def _value_problems(line: CommandLine) -> Iterator[str]:
    for word in line.settings:
        kind = schema.field(word.key)
        if word.sweeps and kind is not None and word.key != FOLDER:
            yield from (f"{problem} ({word.origin})" for problem in word.complaints(kind))
