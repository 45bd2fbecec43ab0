"""Checks of keys (before Hydra composes) and of values (after), each mistake with its path, its origin and the nearest name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml
from hydra.core.override_parser.types import Override

from nntrain.config import schema
from nntrain.config.fields import Either, Kind, Path
from nntrain.config.options import config_dir, option_names, read_option
from nntrain.config.recipe import Recipe
from nntrain.errors import nearest, unknown

if TYPE_CHECKING:
    from nntrain.config.compose import Origin

UNNAMED = ("regularization", "checkpoint")  # sections with one option, `default`, that nobody has to name


class KeyCheck:
    """A recipe and the command-line words over it, checked key by key.

    problems: what is wrong. recipe_values: the recipe without the wrong keys, every section a mapping. recipe_keys: the
    dotted paths that the recipe sets. words: the command line without the wrong words, for Hydra.
    """

    def __init__(self, recipe: Recipe, overrides: Sequence[Override]) -> None:
        self.problems: list[str] = []
        self.recipe_values: dict[str, Any] = {}
        self.recipe_keys: list[str] = []
        self.words: list[str] = []
        self._recipe = recipe
        self._chosen = {o.key_or_group: o for o in overrides if o.key_or_group in schema.GROUPS}
        names = {group: self._section(group) for group in schema.GROUPS}
        self._check_top_level()
        self._check_words(overrides, names)

    def _section(self, group: str) -> list[str] | None:
        """Check one section of the recipe; the options that it may end up as, or None where its name is wrong."""
        section = self._recipe.values.get(group, {})
        where = self._recipe.where(group)
        if isinstance(section, str):
            section = {"name": section}
        if section is None or not isinstance(section, Mapping):
            self.problems.append(f"{group}: must be a section such as '{group}: {{name: ...}}' ({where})")
            return None
        section = {str(key): value for key, value in section.items()}
        options = option_names(group)
        written = section.get("name")
        problem = self._name_problem(group, written, self._recipe.where(f"{group}.name"))
        if problem:
            self.problems.append(problem)
        chosen = self._names_on_command_line(group)
        if chosen is None or (problem and not chosen):
            return None
        recipe_option = str(written) if written and not problem else None
        replaced = bool(chosen) and chosen != [recipe_option]
        finals = chosen or [recipe_option or _default_options()[group]]
        kept: dict[str, Any] = {} if written is None else {"name": written}
        for key, value in section.items():
            if key == "name":
                continue
            owner = recipe_option or _default_options()[group]
            allowed = self._allowed(group, owner)
            if allowed is not None and key not in allowed:
                self.problems.append(
                    self._unknown_key(group, owner, key, allowed, self._recipe.where(f"{group}.{key}"))
                )
            elif not replaced:
                kept[key] = value
                self.recipe_keys.append(f"{group}.{key}")
        if group in self._recipe.values:
            if written is not None:
                self.recipe_keys.append(group)
            if replaced:  # another choice on the command line: the recipe's settings belonged to its own
                kept = {}
            self.recipe_values[group] = kept
        return finals if all(":" in name or name in options for name in finals) else None

    def _names_on_command_line(self, group: str) -> list[str] | None:
        """The choices that the command line makes for a group ([]: none); None where one of them does not exist."""
        override = self._chosen.get(group)
        if override is None:
            return []
        names = _texts(override)
        for name in names:
            if problem := self._name_problem(group, name, f"command line: {override.input_line}"):
                self.problems.append(problem)
                return None
        return names

    def _name_problem(self, group: str, name: Any, where: str) -> str | None:
        if name is None or (isinstance(name, str) and ":" in name):
            return None
        options = option_names(group)
        if group in UNNAMED and name != "default":
            return f"{group}: has no choices, only settings; leave out 'name' ({where})"
        if str(name) not in options:
            return f"{group}: {unknown(group, str(name), options)} ({where})"
        return None

    def _allowed(self, group: str, option: str) -> list[str] | None:
        if ":" in option:
            return None  # the user's own class: its signature is checked when it is built
        return [key for key, _, _ in read_option(group, option).settings]

    def _unknown_key(self, group: str, option: str, key: str, allowed: list[str], where: str) -> str:
        what = f"{group} {option}" if group not in UNNAMED else group
        guess = nearest(key, allowed)
        hint = f"; did you mean '{group}.{guess}'?" if guess else ""
        others = [name for name in option_names(group) if name != option and key in (self._allowed(group, name) or ())]
        elsewhere = f"; {', '.join(others[:3])} has it" if others and not guess else ""
        listed = f" (settings: {', '.join(allowed)})" if allowed else " (it has no settings)"
        return f"{group}.{key}: {what} has no setting '{key}'{hint}{elsewhere}{listed} ({where})"

    def _check_top_level(self) -> None:
        tops = list(schema.fields("top"))
        for key, value in self._recipe.values.items():
            if key in schema.GROUPS:
                continue
            if key in tops:
                self.recipe_values[key] = value
                self.recipe_keys.append(key)
            else:
                self.problems.append(f"{self._top_unknown(str(key))} ({self._recipe.where(str(key))})")

    def _top_unknown(self, key: str) -> str:
        allowed = [*schema.GROUPS, *schema.fields("top")]
        owners = [group for group in schema.GROUPS if key in schema.fields(group)]
        first, dot, rest = key.partition(".")
        guess = nearest(first, allowed)
        hint = (
            f"; did you mean '{guess}{dot}{rest}'?"
            if guess
            else f"; did you mean '{owners[0]}.{key}'?"
            if owners
            else ""
        )
        return f"{key}: there is no such section or setting{hint} (sections and settings: {', '.join(allowed)})"

    def _check_words(self, overrides: Sequence[Override], names: Mapping[str, list[str] | None]) -> None:
        for o in overrides:
            word = str(o.input_line)
            key = o.key_or_group
            if problem := self._word_problem(o, key, names):
                self.problems.append(f"{problem} (command line: {word})")
            elif key in schema.GROUPS and names[key] is None:
                continue
            elif "." in key and names.get(key.partition(".")[0], []) is None:
                continue
            else:
                self.words.append(word)

    def _word_problem(self, o: Override, key: str, names: Mapping[str, list[str] | None]) -> str | None:
        group, _, rest = key.partition(".")
        if key == "hydra" or key.startswith(("hydra.", "hydra/")):
            return None
        if o.is_add() or o.is_force_add() or o.is_delete():
            mark = "~" if o.is_delete() else "+"
            return f"{key}: nothing can be added to or taken from the config; write it without '{mark}'"
        if any(part.startswith("_") and part.endswith("_") for part in key.split(".")):
            return f"{key}: is refused: a config names its parts by 'name', and never says what Python code to call"
        if group not in schema.GROUPS:
            if rest and group in schema.fields("top"):
                return f"{key}: '{group}' is a single value; write {group}=..."
            return None if key in schema.fields("top") else self._top_unknown(key)
        if not rest:
            return None
        if rest == "name":
            value = ",".join(_texts(o))
            return f"{key}: a choice is made by its group; write {group}={value}"
        finals = names[group]
        if finals is None:
            return None  # its choice is already reported
        first = rest.partition(".")[0]
        for option in finals:
            allowed = self._allowed(group, option)
            if allowed is not None and first not in allowed:
                return self._unknown_key(group, option, first, allowed, "")[: -len(" ()")]
        return None


def value_problems(
    config: Mapping[str, Any], given: Mapping[str, Origin], origins: Mapping[str, Origin]
) -> Iterator[str]:
    """Wrong types, values out of range, and settings that exclude each other."""

    def where(path: str) -> str:
        origin = origins.get(path)
        if origin is None:
            return ""
        return f" (command line: {origin.where})" if origin.kind == "command line" else f" ({origin.where})"

    for key, kind in schema.fields("top").items():
        if said := kind.complaint(config.get(key)):
            yield f"{key}: {said}{where(key)}"
    for group in schema.GROUPS:
        section = config[group]
        fields = schema.fields(group)
        if ":" in str(section.get("name", "")):
            continue
        sound = True
        for key, value in section.items():
            if key in fields and (said := fields[key].complaint(value)):
                sound = False
                yield f"{group}.{key}: {said}{where(f'{group}.{key}')}"
        if not sound:
            continue
        written = {key: section[key] for key in section if f"{group}.{key}" in given}
        for found in (schema.conflicts(group, given=True)(written), schema.conflicts(group)(section)):
            for key, said in found:
                yield f"{group}.{key}: {said}{where(f'{group}.{key}')}"


def is_path(kind: Kind | None) -> bool:
    """Whether a field holds a path, so that it is made absolute."""
    if isinstance(kind, Either):
        return any(is_path(one) for one in kind.kinds)
    return isinstance(kind, Path)


@cache
def _default_options() -> Mapping[str, str]:
    """The option that each group has where nobody chooses: the defaults list of configs/nntrain.yaml."""
    listed = yaml.safe_load((config_dir() / "nntrain.yaml").read_text(encoding="utf-8"))["defaults"]
    return {group: name for entry in listed if isinstance(entry, dict) for group, name in entry.items()}


def _texts(override: Override) -> list[str]:
    """The values of a word as text, one for each value of a sweep."""
    if override.is_sweep_override():
        return [str(entry) for entry in override.sweep_string_iterator()]
    value = override.value()
    return [str(getattr(value, "text", value))]
