"""From the words of a command line to one validated config, with the origin of each value.

Hydra composes the options that were chosen; then the recipe's values go over their defaults, then the command line's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from nntrain.components import is_own
from nntrain.config import schema
from nntrain.config.fields import is_name, is_path, shown
from nntrain.config.keys import Plan
from nntrain.config.options import config_dir, option_file
from nntrain.config.origin import Origin
from nntrain.config.recipe import Recipe, absolute, exists, find_recipe, read_recipe
from nntrain.config.validate import value_problems
from nntrain.config.words import Word, read_words
from nntrain.errors import UserError

ROOT = "nntrain"  # configs/nntrain.yaml


@dataclass(frozen=True)
class Composed:
    """A config as plain values, and the origin of each by its dotted path.

    searches: whether the recipe has a section `search`. notes: what is to be said of the words.
    """

    config: dict[str, Any]
    origins: Mapping[str, Origin]
    searches: bool = False
    notes: tuple[str, ...] = ()


def compose(words: Sequence[str], cwd: Path | None = None) -> Composed:
    """One config from `key=value` words. cwd: what relative paths in them are relative to.

    Raises UserError with every mistake found, of keys and of values.
    """
    cwd = cwd or Path.cwd()
    line = read_words(words, cwd)
    problems = list(line.problems)
    settings: list[Word] = []
    for word in (line.recipes, *line.settings):
        if word.sweeps:
            instead = "; or write a list as [a,b], a text as 'a,b'" if word.values else ""
            problems.append(f"{word.text}: several values make a sweep: add -m{instead}")
        elif word is not line.recipes:
            settings.append(word)
    problems += [f"{word}: sets up a sweep; add -m" for word in (*line.hydra, *(word.text for word in line.search))]
    if line.recipes.sweeps:
        raise UserError(*problems)
    try:
        recipe = read_recipe(find_recipe(str(line.recipes.value), cwd, line.recipes.origin))
    except UserError as error:
        raise UserError(*problems, *error.problems) from None
    return replace(compose_recipe(recipe, settings, cwd, problems), notes=line.notes)


def compose_recipe(recipe: Recipe, words: Sequence[Word], cwd: Path, problems: Sequence[str] = ()) -> Composed:
    """One config from a recipe and the words over it.

    problems: mistakes found before; they are reported together with those found here. Raises UserError.
    """
    plan = Plan(recipe, words)
    composed = deepcopy(_options(tuple(plan.options.items())))
    found = [*problems, *plan.problems, *_apply(plan.values, composed)]
    origins = _origins(composed, plan, recipe)
    values, unresolved = _resolve(composed, origins)
    found += unresolved
    for path, value in values.items():
        values[path] = located(path, value, recipe.path.parent if origins[path].kind == "recipe" else cwd)
    if values.get("name", "") is None:
        values["name"] = recipe.name
    config = _nested(values)
    found += value_problems(config, origins)
    if found:
        raise UserError(*dict.fromkeys(found))
    return Composed(config, origins, plan.search.origin is not None)


def located(path: str, value: Any, base: Path) -> Any:
    """The value as the config holds it: a path made absolute, relative ones from `base`; any other unchanged."""
    kind = schema.field(path)
    if kind is None or not is_path(kind) or not isinstance(value, str) or kind.complaint(value):
        return value
    found = absolute(value, base)
    return value if is_name(kind, value) and not exists(found) else str(found)


@contextmanager
def hydra_over(folder: Path | None) -> Iterator[Hydra]:
    """Hydra with the config files of a folder. A Hydra that the caller's program runs under is put back afterwards."""
    callers = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        yield Hydra.create_main_hydra2(ROOT, create_config_search_path(None if folder is None else str(folder)))
    finally:
        GlobalHydra.instance().hydra = callers


@cache
def _options(options: tuple[tuple[str, str], ...]) -> DictConfig:
    """The defaults of the options (group, name), composed by Hydra; of somebody's own class the name alone.

    Cached, as most jobs of a sweep choose the same options: copy it before changing it.
    """
    own = {group: name for group, name in options if is_own(group, name)}
    words = [f"~{group}" if group in own else f"{group}={name}" for group, name in options]
    with hydra_over(config_dir()) as hydra:
        composed = hydra.compose_config(ROOT, words, RunMode.RUN, with_log_configuration=False)
    OmegaConf.set_struct(composed, False)
    for group, name in own.items():
        composed[group] = {"name": name}
    return composed


def _apply(values: Mapping[str, tuple[Any, Origin]], composed: DictConfig) -> Iterator[str]:
    """Set the values one after another; a mapping replaces what was there, it is not merged into it."""
    for path, (value, origin) in values.items():
        try:
            if problem := _inside_value(path, value, composed):
                yield f"{path}: {problem} ({origin})"
            else:
                OmegaConf.update(composed, path, value, merge=False)
        except OmegaConfBaseException as error:
            yield f"{path}: {_reason(error)} ({origin})"


def _inside_value(path: str, value: Any, composed: DictConfig) -> str | None:
    """What is wrong with setting a part of a value (`model.activation.alpha`) that is neither a mapping nor a list."""
    holder, _, key = path.rpartition(".")
    if "." not in holder or isinstance(there := OmegaConf.select(composed, holder), DictConfig | ListConfig):
        return None
    name = f"name:{there}," if isinstance(there, str) else ""
    write = f"{holder}={{{name}{key}:{value}}}" if there is None or name else f"{holder}=..."
    return f"{holder} is {shown(there)}, which has no parts; write {write}"


def _resolve(composed: DictConfig, origins: Mapping[str, Origin]) -> tuple[dict[str, Any], list[str]]:
    """The plain value of every dotted path, references resolved; and a message for each that cannot be resolved."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for path, origin in origins.items():
        try:
            value = OmegaConf.select(composed, path, throw_on_missing=True)
            if isinstance(value, DictConfig | ListConfig):
                value = OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
            values[path] = value
        except (OmegaConfBaseException, RecursionError) as error:
            problems.append(f"{path}: {_reason(error)} ({origin})")
    return values, problems


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping for each section, from dotted paths."""
    config: dict[str, Any] = {}
    for path, value in values.items():
        group, dot, key = path.partition(".")
        if dot:
            config.setdefault(group, {})[key] = value
        else:
            config[group] = value
    return config


def _origins(composed: DictConfig, plan: Plan, recipe: Recipe) -> dict[str, Origin]:
    """The origin of every value, in the order of the config: what set it, or a part of it, last."""
    origins: dict[str, Origin] = {}
    for group in schema.GROUPS:
        name = plan.options[group]
        default = Origin("default", str(option_file(group, name).relative_to(config_dir())))
        origins |= {f"{group}.{key}": default for key in composed[group]}
        if "name" in composed[group] and group in plan.chosen:
            origins[f"{group}.name"] = plan.chosen[group]
    origins |= dict.fromkeys(schema.fields("top"), Origin("default", f"{ROOT}.yaml"))
    origins["name"] = Origin("default", "the recipe's name")
    for path, (_, origin) in plan.values.items():
        origins[".".join(path.split(".")[:2])] = origin
    return origins


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "refers to itself"
    if isinstance(error, MissingMandatoryValue):
        return "must be given a value ('???' stands for one that is missing)"
    return str(error).splitlines()[0]
