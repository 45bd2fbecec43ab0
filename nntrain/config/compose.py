"""From the words of a command line to one validated config, with the origin of each value. Hydra composes; we check.

A recipe is flat: `optimizer: {name: sgd, lr: 0.05}`. It becomes an option of Hydra's group `config`: its sections' names
turn into entries of a defaults list (`override /optimizer: sgd`), the rest into values that go over the option's defaults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nntrain.config import schema
from nntrain.config.options import config_dir, option_file
from nntrain.config.recipe import Recipe, find_recipe, read_recipe
from nntrain.config.validate import KeyCheck, is_path, value_problems
from nntrain.errors import UserError

ROOT = "nntrain"  # configs/nntrain.yaml
DEFAULT_RECIPE = "digits"


@dataclass(frozen=True)
class Origin:
    """Where a value came from: `kind` is default, recipe or command line; `where` a file with line, or the word."""

    kind: str
    where: str


@dataclass(frozen=True)
class Composed:
    """A config as plain values, and by dotted path where each of them came from."""

    config: dict[str, Any]
    origins: Mapping[str, Origin]
    recipe: Path


@dataclass
class Words:
    """A command line taken apart: what goes to Hydra, what the user gave, and what is wrong with it so far."""

    hydra: list[str]
    recipes: list[Recipe]
    given: dict[str, Origin] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    is_sweep: bool = False

    @staticmethod
    def alias(recipe: Recipe) -> str:
        """The recipe's name in Hydra's group `config`: unlike the path, free of slashes, and different for different files."""
        return f"{recipe.name}-{blake2b(str(recipe.path).encode(), digest_size=4).hexdigest()}"


def compose(words: Sequence[str], cwd: Path | None = None) -> Composed:
    """One config from `key=value` words. Raises UserError with every mistake found, of keys and of values."""
    prepared = prepare(words, cwd or Path.cwd())
    if prepared.is_sweep:
        sweeping = [str(origin.where) for origin in prepared.given.values() if origin.kind == "sweep"]
        raise UserError(
            f"{', '.join(sweeping)}: several values make a sweep; add -m (or quote the value if it is one text)"
        )
    try:
        composed = main_hydra().compose_config(ROOT, prepared.hydra, RunMode.RUN, with_log_configuration=False)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(*prepared.problems, _first_lines(error)) from None
    return finish(composed, prepared)


def main_hydra() -> Hydra:
    """Hydra over our `configs/`. A run of ours inside a process that has another Hydra leaves that one in place."""
    GlobalHydra.instance().clear()
    return Hydra.create_main_hydra2("nntrain", create_config_search_path(str(config_dir())))


def prepare(words: Sequence[str], cwd: Path) -> Words:
    """Parse the words, read the recipes that they name, register these with Hydra, and check every key."""
    prepared = Words([], [])
    overrides: list[Override] = []
    for word in words:
        try:
            overrides.append(OverridesParser.create().parse_override(word))
        except HydraException as error:
            prepared.problems.append(_unparsed(word, error))
    names = [o for o in overrides if o.key_or_group == "config"]
    overrides = [o for o in overrides if o.key_or_group != "config"]
    chosen = names[-1] if names else None
    given = _choices(chosen) if chosen else [DEFAULT_RECIPE]
    aliases: list[str] = []
    for name in given:
        try:
            recipe = read_recipe(find_recipe(str(name), cwd))
        except UserError as error:
            prepared.problems.extend(error.problems)
            continue
        prepared.recipes.append(recipe)
        aliases.append(Words.alias(recipe))
    if not prepared.recipes:
        raise UserError(*prepared.problems)
    prepared.is_sweep = len(aliases) > 1 or any(o.is_sweep_override() for o in overrides)
    words_for_hydra: list[str] = []
    for recipe, alias in zip(prepared.recipes, aliases, strict=True):
        check = KeyCheck(recipe, overrides)
        for problem in check.problems:
            if problem not in prepared.problems:
                prepared.problems.append(problem)
        _register(recipe, alias, check.recipe_values)
        words_for_hydra = check.words
        for key in check.recipe_keys:
            prepared.given[key] = Origin("recipe", recipe.where(key))
    for o in overrides:
        kind = "sweep" if o.is_sweep_override() else "command line"
        prepared.given[o.key_or_group] = Origin(kind, str(o.input_line))
    if len(given) > 1 and chosen is not None:
        prepared.given["config"] = Origin("sweep", str(chosen.input_line))
    prepared.hydra = [f"config={','.join(aliases)}", *_absolute_paths(words_for_hydra, overrides, cwd)]
    return prepared


def finish(composed: DictConfig, prepared: Words) -> Composed:
    """Plain values with their origins, every value checked against its type and range."""
    recipe = prepared.recipes[0]
    OmegaConf.set_struct(composed, False)
    composed.pop("hydra", None)
    try:
        config = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(*prepared.problems, _first_lines(error)) from None
    assert isinstance(config, dict)
    values: dict[str, Any] = {str(key): value for key, value in config.items()}
    values["name"] = values["name"] or recipe.name
    origins = dict(_origins(values, prepared.given))
    problems = [*prepared.problems, *value_problems(values, prepared.given, origins)]
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return Composed(values, origins, recipe.path)


def _choices(override: Override) -> list[str]:
    if override.is_sweep_override():
        return [str(entry).strip("'\"") for entry in override.sweep_string_iterator()]
    return [str(override.value())]


def _plain_text(entry: Any) -> str:
    return str(getattr(entry, "text", entry))


def _register(recipe: Recipe, alias: str, values: Mapping[str, Any]) -> None:
    """Store a recipe as an option of the group `config`, its sections' names as entries of a defaults list."""
    defaults: list[Any] = []
    node: dict[str, Any] = {}
    for key, value in values.items():
        if key in schema.GROUPS and isinstance(value, Mapping):
            rest = dict(value)
            name = rest.pop("name", None)
            if name is not None and ":" in str(name):
                rest["name"] = name  # a component of the user's own has no option file
                defaults.append({f"override /{key}": None})
            elif name is not None:
                defaults.append({f"override /{key}": name})
            node[key] = _with_absolute_paths(key, rest, recipe.path.parent)
        else:
            node |= _with_absolute_paths("top", {key: value}, recipe.path.parent)
    ConfigStore.instance().store(
        group="config",
        name=alias,
        node={"defaults": [*defaults, "_self_"], **node},
        package="_global_",
        provider="recipe",
    )


def _with_absolute_paths(group: str, section: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    fields = schema.fields(group)
    return {
        key: str((folder / Path(value).expanduser()).resolve())
        if isinstance(value, str) and is_path(fields.get(key))
        else value
        for key, value in section.items()
    }


def _absolute_paths(words: Sequence[str], overrides: Sequence[Override], cwd: Path) -> list[str]:
    """Command-line words whose value is a path, made absolute: a job of a sweep may run elsewhere."""
    absolute: list[str] = []
    by_word = {o.input_line: o for o in overrides}
    for word in words:
        o = by_word.get(word)
        section, _, key = o.key_or_group.rpartition(".") if o else ("", "", "")
        known = section in ("", *schema.GROUPS)
        if o and known and not o.is_sweep_override() and is_path(schema.fields(section or "top").get(key)):
            value = o.value()
            if isinstance(value, str) or type(value).__name__ == "QuotedString":
                path = (cwd / Path(_plain_text(value)).expanduser()).resolve()
                escaped = str(path).replace("\\", "\\\\").replace("'", "\\'")
                absolute.append(f"{o.key_or_group}='{escaped}'")
                continue
        absolute.append(word)
    return absolute


def _origins(values: Mapping[str, Any], given: Mapping[str, Origin]) -> Iterator[tuple[str, Origin]]:
    for key, value in values.items():
        if key in schema.GROUPS and isinstance(value, Mapping):
            name = str(value.get("name", "default"))
            default = Origin("default", str(option_file(key, name).relative_to(config_dir())))
            for inner in value:
                path = f"{key}.{inner}"
                said = given.get(key) if inner == "name" else None
                yield path, said or _nearest_given(path, given) or default
        else:
            default = (
                Origin("default", f"{ROOT}.yaml")
                if key != "name" or key in given
                else Origin("default", "the recipe's name")
            )
            yield key, _nearest_given(key, given) or default


def _nearest_given(path: str, given: Mapping[str, Origin]) -> Origin | None:
    """The word or recipe line that set `path`, or a part of it (`model.dropout.0`)."""
    if path in given:
        return given[path]
    parts = [origin for key, origin in given.items() if key.startswith(f"{path}.")]
    return parts[-1] if parts else None


def _first_lines(error: Exception) -> str:
    return " ".join(line.strip() for line in str(error).splitlines()[:2])


def _unparsed(word: str, error: HydraException) -> str:
    if "=" not in word:
        return f"'{word}' is not understood; settings are written key=value (see: nntrain fit --help)"
    said = str(error).splitlines()[0]
    return f"{word}: cannot be read: {said} (quote a value with special characters: 'key=\"a,b\"')"
