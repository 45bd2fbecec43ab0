"""`grow=depth`, `grow=width`: a sweep over sizes and seeds that goes on only as long as validation improves.

What the section asks for becomes words of a sweep, with a sweeper of its own that goes from size to size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nntrain.config.compose import Composed, compose_recipe
from nntrain.config.grammar import written
from nntrain.config.grow import GROW, NONE, grows
from nntrain.config.recipe import find_recipe, read_recipe
from nntrain.config.variants import Composer
from nntrain.config.words import CommandLine, Word, read_word, read_words
from nntrain.errors import UserError
from nntrain.sweep.grow.growth import AXES, Axis, sizes
from nntrain.sweep.search.section import with_search
from nntrain.sweep.search.space import MARK

SEED, SEEDS = "seed", "grow.seeds"
SWEEPER = "hydra/sweeper="
KEYS = {axis.key for axis in AXES.values()}
BOUNDS = "grow.from=... and grow.to=..., or grow.steps=[...]"


def sweep_line(words: Sequence[str], cwd: Path) -> CommandLine:
    """The words of a sweep, with what `grow` or a recipe's search adds to them. UserError where they contradict each
    other."""
    line = read_words(words, cwd)
    if grows(line, cwd):
        return with_growth(line, cwd)
    if f"{SWEEPER}{GROW}" in line.hydra:
        raise UserError(f"{SWEEPER}{GROW}: is chosen by grow=depth or grow=width")
    return with_search(line, cwd)


def with_growth(line: CommandLine, cwd: Path) -> CommandLine:
    """The sweep that `grow` asks for. UserError with what is wrong, before anything runs."""
    if problems := [*line.problems, *_beside(line)]:
        raise UserError(*problems)
    recipe = read_recipe(find_recipe(str(line.recipes.value), cwd, line.recipes.origin))
    composed = compose_recipe(recipe, [word for word in line.settings if not word.sweeps], cwd)
    config = composed.config
    axis = _axis(composed)
    if problems := list(_conflicts(line, composed, axis)):
        raise UserError(*problems)
    values = sizes(config[GROW], axis)
    if len(values) < 2:
        last = axis.last if config[GROW]["to"] is None else config[GROW]["to"]
        raise UserError(
            f"grow: there are no two sizes of {axis.key} up to grow.to={last:g}; raise it, or lower grow.from"
        )
    kept = tuple(word for word in line.settings if word.key not in (SEED, axis.key) and not _is_grow(word))
    alone = (*kept, read_word(f"{GROW}={NONE}", cwd))
    _check_sizes(line.recipes, alone, axis, values, cwd)
    varied = [_choice(axis.key, values, cwd), _choice(SEED, _seeds(line, config), cwd)]
    settings = {"name": config[GROW]["name"], "model": config["model"]["name"]}
    settings |= {key: config[GROW][key] for key in ("patience", "min_delta")}
    sweeper = [f"{SWEEPER}{GROW}", *(f"hydra.sweeper.{key}={value}" for key, value in settings.items())]
    return replace(line, settings=(*alone, *varied), hydra=(*sweeper, *line.hydra), search=())


def _is_grow(word: Word) -> bool:
    return word.key.partition(".")[0] == GROW


def _beside(line: CommandLine) -> Iterator[str]:
    """Words that `grow` cannot take beside it."""
    told = next((word.text for word in line.settings if word.key == GROW), GROW)
    for word in (line.recipes, *line.settings):
        if not word.sweeps or (word.key == SEED and word.values):
            continue
        if _is_grow(word):
            yield f"{word.key}: one thing is grown at a time; give one value ({word.origin})"
        elif word.key == SEED:
            yield f"{word.key}: write the seeds one by one, or as range(5) ({word.origin})"
        elif word.key in KEYS:
            yield f"{word.key}: {told} has sizes of its own: {BOUNDS} ({word.origin})"
        else:
            yield f"{word.key}: {told} varies size and seed alone; give one value ({word.origin})"
    for word in line.search:
        yield f"{word.key}: sets up a search, and {told} is none; leave one of them out ({word.origin})"
    for text in line.hydra:
        if text.startswith(SWEEPER):
            yield f"{text}: {told} has a sweeper of its own; leave one of them out"


def _axis(composed: Composed) -> Axis:
    """What is grown. UserError for a model that has none."""
    name, model = composed.config[GROW]["name"], composed.config["model"]["name"]
    if (name, model) not in AXES:
        able = [known for grown, known in AXES if grown == name]
        raise UserError(
            f"grow: {name}: model {model} has no {name} to grow (models that have: {', '.join(able)}) "
            f"({composed.origins['model.name']})"
        )
    return AXES[name, model]


def _conflicts(line: CommandLine, composed: Composed, axis: Axis) -> Iterator[str]:
    """Settings that say what is to be found, or that sizes and seeds are given twice."""
    name, origins = composed.config[GROW]["name"], composed.origins
    for word in line.settings:
        if word.key == axis.key:
            yield f"{axis.key}: is what grow={name} finds; say where it starts and ends: {BOUNDS} ({word.origin})"
    if composed.config["model"].get("widths") is not None:
        said = f"gives the width of every layer, which grow={name} changes; leave it out, or set it to null"
        yield f"model.widths: {said} ({origins['model.widths']})"
    if any(word.key == SEED and word.sweeps for word in line.settings) and origins[SEEDS].kind != "default":
        yield f"{SEEDS}: stands beside seed=..., which names the seeds; leave one of them out ({origins[SEEDS]})"


def _check_sizes(recipe: Word, words: Sequence[Word], axis: Axis, values: Sequence[float], cwd: Path) -> None:
    """UserError for the first size with which the config is wrong; where it is right with all from another one on, that
    is proposed."""
    composer, fixed = Composer(cwd), [word.for_hydra.removeprefix(MARK) for word in (recipe, *words)]
    wrong: dict[int, UserError] = {}
    for place, value in enumerate(values):
        try:
            composer.compose([*fixed, f"{axis.key}={written(value)}"])
        except UserError as error:
            wrong[place] = error
    if wrong:
        first, right = min(wrong), max(wrong) + 1
        larger = right == len(wrong) < len(values) - 1
        hint = f"; start from a larger one: grow.from={values[right]:g}" if larger else ""
        raise UserError(*(f"grow: with {axis.said(values[first])}: {said}{hint}" for said in wrong[first].problems))


def _choice(key: str, values: Sequence[Any], cwd: Path) -> Word:
    return read_word(f"{key}=choice({','.join(map(written, values))})", cwd)


def _seeds(line: CommandLine, config: Mapping[str, Any]) -> list[int]:
    named = next((word for word in line.settings if word.key == SEED and word.sweeps), None)
    if named is not None:
        return list(dict.fromkeys(named.values))
    first: int = config[SEED]
    return [first + i for i in range(config[GROW]["seeds"])]
