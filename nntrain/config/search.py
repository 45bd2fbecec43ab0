"""The section `search` of a recipe: words as a command line would have them, and settings of the search itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nntrain.config import schema
from nntrain.config.fields import shown
from nntrain.config.grammar import written
from nntrain.config.options import option_file
from nntrain.config.origin import Origin
from nntrain.config.recipe import Recipe
from nntrain.config.schema.search import ONLY_HERE, Values
from nntrain.config.words import RECIPE, SEARCH, Word, read_word
from nntrain.errors import UserError, nearest, unknown


@dataclass(frozen=True)
class Search:
    """words: what is searched, a word per setting. settings: of the search itself, with where each was said; those that
    nobody gave are not in it. origin: where the section begins, None where there is none."""

    words: tuple[Word, ...] = ()
    settings: Mapping[str, tuple[Any, Origin]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    origin: Origin | None = None


def read_search(recipe: Recipe) -> Search:
    """A recipe's own search. Without `space` its keys are the space itself, where none is a setting of the search."""
    if SEARCH not in recipe.values:
        return Search()
    section, origin = recipe.values[SEARCH], recipe.origin(SEARCH)
    if not isinstance(section, Mapping):
        said = "must be a section such as 'search: {optimizer.lr: \"interval(0.001, 0.1)\"}'"
        return Search(problems=(f"{SEARCH}: {said}; it is {shown(section)} ({origin})",), origin=origin)
    if ONLY_HERE.isdisjoint(section):
        words, problems = _space(section, SEARCH, recipe)
        return Search(words, {}, problems, origin)
    given = {str(key): (value, recipe.origin(f"{SEARCH}.{key}")) for key, value in section.items() if key != "space"}
    found = list(setting_problems(given))
    space = section.get("space", {})
    if isinstance(space, Mapping):
        words, problems = _space(space, f"{SEARCH}.space", recipe)
        found += problems
    else:
        words = ()
        found.append(f"{SEARCH}.space: must be a mapping from settings to values; it is {shown(space)} ({origin})")
    return Search(words, given, tuple(found), origin)


def setting_problems(given: Mapping[str, tuple[Any, Origin]]) -> Iterable[str]:
    """What is wrong with settings of the search, by name."""
    fields = schema.fields(SEARCH)
    wrong = False
    for key, (value, origin) in given.items():
        if key in fields:
            said = fields[key].complaint(value)
        elif schema.field(key) is not None or key in schema.GROUPS:
            said = (
                f"what is searched stands in 'space', where the search has settings of its own: space: {{{key}: ...}}"
            )
        else:
            said = unknown("setting of search", key, list(fields))
        if said:
            wrong = True
            yield f"{SEARCH}.{key}: {said} ({origin})"
    if not wrong:
        section = defaults() | {key: value for key, (value, _) in given.items()}
        for key, said in schema.conflicts(SEARCH)(section):
            yield f"{SEARCH}.{key}: {said}" + (f" ({given[key][1]})" if key in given else "")


def defaults() -> dict[str, Any]:
    """The settings of the search where nobody gives them: those of its option file."""
    import yaml

    found: dict[str, Any] = yaml.safe_load(option_file(SEARCH, "default").read_text(encoding="utf-8"))
    return found


def _space(space: Mapping[Any, Any], prefix: str, recipe: Recipe) -> tuple[tuple[Word, ...], tuple[str, ...]]:
    words: list[Word] = []
    problems: list[str] = []
    if not space and prefix == SEARCH:
        problems.append(f"{SEARCH}: is empty; name what is to be searched ({recipe.origin(SEARCH)})")
    cut = False  # whether YAML ended a value at its comma, and took what follows for further keys
    for key, value in space.items():
        if cut and value is None:
            continue
        cut = isinstance(value, str) and value.count("(") > value.count(")")
        hint = "; within braces a value with a comma needs quotes" if cut else ""
        origin = recipe.origin(f"{prefix}.{key}")
        try:
            words.append(_word(str(key), value, recipe, origin))
        except UserError as error:
            problems += [
                f"{problem.rpartition(' (command line: ')[0] or problem}{hint} ({origin})" for problem in error.problems
            ]
    return tuple(words), tuple(problems)


def _word(key: str, value: Any, recipe: Recipe, origin: Origin) -> Word:
    """UserError where it holds a single value, cannot be read, or cannot be searched."""
    if key == "run_dir":
        raise UserError(f"{key}: is the folder of the whole sweep, and cannot be searched")
    if key == RECIPE:
        raise UserError(f"{key}: recipes are swept over on the command line: {key}=iris,wine -m")
    if (guess := nearest(key, ONLY_HERE)) and schema.field(key) is None and key not in schema.GROUPS:
        raise UserError(
            f"{SEARCH}.{key}: there is no such setting; did you mean '{SEARCH}.{guess}'? What is searched stands in "
            f"'space' beside it"
        )
    if isinstance(value, Mapping) and schema.field(key) is not None:
        raise UserError(f"{key}: must be {Values.words}; it is {shown(dict(value))}")
    if isinstance(value, Mapping):
        inner = next(iter(value), "...")
        raise UserError(f"{key}: settings are written with a dot: {key}.{inner}: ...")
    if said := Values().complaint(value):
        raise UserError(f"{key}: {said}")
    raw = value.strip() if isinstance(value, str) else ",".join(map(written, value))
    if isinstance(value, list) and len(value) == 1:
        raw = f"choice({raw})"
    if isinstance(value, list) and not value:
        raise UserError(f"{key}: [] names no value")
    word = read_word(f"{key}={raw}", recipe.path.parent)
    if not word.sweeps:
        raise UserError(f"{key}: {shown(value)} is a single value, no search; write {Values.words}")
    return replace(word, source=origin)
