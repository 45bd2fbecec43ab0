"""What a recipe says under `search`, as words of the command line of its sweep."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nntrain.config import schema
from nntrain.config.grammar import written
from nntrain.config.keys import Plan
from nntrain.config.origin import Origin
from nntrain.config.recipe import Recipe, find_recipe, read_recipe
from nntrain.config.schema.search import GRID, named
from nntrain.config.search import Search, read_search, setting_problems
from nntrain.config.words import SEARCH, CommandLine, Word
from nntrain.errors import UserError

SWEEPER = "hydra/sweeper="
OPTUNA = "optuna"
Settings = Mapping[str, tuple[Any, Origin]]


def with_search(line: CommandLine, cwd: Path) -> CommandLine:
    """The command line with the recipe's own search in front, and the sweeper that it takes.

    UserError where search and command line contradict each other, or settings of the search are wrong. What is wrong
    with a recipe itself is left to those who check it.
    """
    try:
        recipes = [read_recipe(find_recipe(str(name), cwd)) for name in line.recipes.values]
    except UserError:
        return line
    searches = [read_search(recipe) for recipe in recipes]
    carried = [search for search in searches if search.origin is not None]
    if len(searches) > 1 and carried:
        said = "a sweep over recipes has one space for all; leave it out, or sweep one recipe at a time"
        raise UserError(f"{SEARCH}: {said} ({carried[0].origin})")
    search = carried[0] if carried else Search()
    in_the_recipe = search.words
    given_whole = next((word for word in line.search if word.key == SEARCH and isinstance(word.value, Mapping)), None)
    if given_whole is not None:  # the section as one word takes the place of the recipe's settings, key by key
        search = _over(search, _section(given_whole, cwd))
        line = replace(line, search=tuple(word for word in line.search if word is not given_whole))
    given = {word.key.partition(".")[2]: (word.value, word.origin) for word in line.search if not word.sweeps}
    settings = {**search.settings, **given}
    problems = [*search.problems, *_conflicts(search, line), *_settings_on_the_line(line)]
    problems += setting_problems(settings) if not problems else []
    if problems:  # and all else that is known to be wrong by now
        fixed = [word for word in line.settings if not word.sweeps]
        keys = [problem for recipe in recipes for problem in Plan(recipe, fixed).problems]
        raise UserError(*dict.fromkeys([*line.problems, *keys, *problems]))
    swept_over = {word.key for word in line.settings if word.sweeps}  # instead of the recipe's own sweep of it
    settled = tuple(word for word in search.words if word.key not in swept_over)
    swept = replace(line, settings=(*settled, *line.settings))
    if search.origin is not None and not any(word.sweeps for word in (swept.recipes, *swept.settings)):
        raise UserError(
            f"{SEARCH}: names nothing to search; write settings and their values in 'space' ({search.origin})"
        )
    hydra = (*_hydra_words(swept, settings), *line.hydra)
    notes = (*line.notes, *_replaced(in_the_recipe, swept, grid=_sweeper(hydra) is None))
    return replace(swept, hydra=hydra, notes=notes)


def _section(word: Word, cwd: Path) -> Search:
    """What `search={...}` on the command line says: the same as the section of a recipe."""
    found = read_search(Recipe(word.text, cwd / "command line", {SEARCH: word.value}, {}))
    source = f"({Origin('recipe', 'command line')})"
    problems = tuple(said.replace(source, f"({word.origin})") for said in found.problems)
    words = tuple(replace(inner, source=word.origin) for inner in found.words)
    settings = {key: (value, word.origin) for key, (value, _) in found.settings.items()}
    return Search(words, settings, problems, word.origin)


def _over(search: Search, given: Search) -> Search:
    """A search with what is given on the command line in place of what it says of the same."""
    keys = {word.key for word in given.words}
    words = (*(word for word in search.words if word.key not in keys), *given.words)
    problems = (*search.problems, *given.problems)
    return Search(words, {**search.settings, **given.settings}, problems, search.origin or given.origin)


def _replaced(written: Sequence[Word], swept: CommandLine, *, grid: bool) -> Iterator[str]:
    """That other values are tried than a recipe's search has written, and that by this none are drawn."""
    instead = {word.key: word for word in swept.settings}
    others = [(word, instead[word.key]) for word in written if _values(instead[word.key]) != _values(word)]
    for word, other in others:
        yield f"{word.key}: {_values(other)} (command line) instead of {_values(word)} ({word.origin})"
    if grid and any(word.ends for word, _ in others):
        yield f"{SEARCH}: nothing is left to be drawn, so every combination is tried"


def _values(word: Word) -> str:
    """As they are written."""
    return word.text.partition("=")[2]


def _conflicts(search: Search, line: CommandLine) -> Iterator[str]:
    """Keys that are searched and fixed."""
    fixed = {word.key: word for word in line.settings if not word.sweeps}
    for word in search.words:
        if word.key in fixed:
            said = f"is searched ({word.origin}) and fixed ({fixed[word.key].origin})"
            alone = shlex.quote(f"{word.key}=choice({_values(fixed[word.key])})")
            yield f"{word.key}: {said}; to search the other settings with that value: {alone}"


def _settings_on_the_line(line: CommandLine) -> Iterator[str]:
    for word in line.search:
        key = word.key.partition(".")[2]
        if not key:
            said = "must be a mapping such as search={n_trials: 20, space: {optimizer.lr: 'interval(0.001, 0.1)'}}"
            yield f"{word.key}: {said}, or write its settings one by one: search.n_trials=20 ({word.origin})"
        elif key.partition(".")[0] in ("space", *schema.GROUPS):
            name = key.removeprefix("space").strip(".") or "optimizer.lr"
            yield f"{word.key}: on the command line write the setting itself: {name}=interval(...) ({word.origin})"
        elif word.sweeps:
            yield f"{word.key}: a sweep has one search; give one value ({word.origin})"


def _hydra_words(line: CommandLine, settings: Settings) -> list[str]:
    """What chooses the sweeper and sets it up. One that is chosen on the command line stays."""
    chosen = _sweeper(line.hydra)
    if _is_grid(line, settings) and chosen is None:
        return []
    words = [] if chosen is not None else [f"{SWEEPER}{OPTUNA}"]
    if chosen in (None, OPTUNA):
        words += [f"hydra.sweeper.{key}={written(value)}" for key, (value, _) in settings.items()]
    return words


def _sweeper(hydra: Iterable[str]) -> str | None:
    """The one that words choose; None where they leave it at the default."""
    return next((word.partition("=")[2] for word in hydra if word.startswith(SWEEPER)), None)


def _is_grid(line: CommandLine, settings: Settings) -> bool:
    """Whether every combination is tried: where that is said, or all values are listed and nothing else is said.

    UserError where it is said of values that have no end.
    """
    drawn: list[Word] = [word for word in line.settings if word.ends]
    sampler = named(settings["sampler"][0])[0] if "sampler" in settings else "auto"
    if sampler == GRID and f"{SWEEPER}{OPTUNA}" in line.hydra:
        said = f"a grid is tried by {SWEEPER}basic, the default; leave out {SWEEPER}{OPTUNA}"
        raise UserError(f"{SEARCH}.sampler: {said} ({settings['sampler'][1]})")
    if sampler == GRID and drawn:
        said = f"{drawn[0].key} is an interval ({drawn[0].origin}); list its values, or take another sampler"
        raise UserError(f"{SEARCH}.sampler: a grid has listed values, and {said} ({settings['sampler'][1]})")
    return sampler == GRID or (sampler == "auto" and not drawn and set(settings) <= {"sampler"})
