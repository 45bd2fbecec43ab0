"""`nntrain configs`: what can be chosen, each with one line and its hyperparameters; `copy` starts a recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.text import Text

from nntrain.config import schema
from nntrain.config.options import (
    config_dir,
    description,
    option_names,
    read_option,
    recipe_file,
    recipe_names,
)
from nntrain.errors import UserError, unknown
from nntrain.record.files import write_atomic
from nntrain.record.layout import Page, command, facts, heading
from nntrain.record.screen import show
from nntrain.record.words import wrapped

RECIPES = "recipes"
TOP = "top"
BASES = {"augment": "pictures"}  # options with the same settings as this one are shown by what they change of it


def configs_words(words: Sequence[str], stream: TextIO | None = None) -> dict[str, Any]:
    """words: nothing, a recipe, a group with or without its options, or `copy NAME FILE`."""
    if words and words[0] == "copy":
        return _copy(words[1:], stream)
    groups = (RECIPES, *schema.GROUPS, schema.SEARCH, *schema.HYDRA, TOP)
    if not words:
        listed = {group: list(_names(group)) for group in groups if group != TOP}
        show(lambda page: _overview(listed, page), stream)
        return listed
    group = words[0].rstrip("/").removeprefix("hydra/")
    if group in recipe_names():
        show(lambda page: [Text(line) for line in recipe_file(group).read_text(encoding="utf-8").splitlines()], stream)
        return {"recipe": group, "file": str(recipe_file(group))}
    if group not in groups:
        raise UserError(f"configs: {unknown('group or recipe', group, (*groups, *recipe_names()))}")
    if group == RECIPES:
        found = {name: description(recipe_file(name)) for name in recipe_names()}
        show(lambda page: _recipes(found, page), stream)
        return found
    if group == TOP:
        text = (config_dir() / "nntrain.yaml").read_text(encoding="utf-8")
        show(lambda page: [Text(line) for line in text.partition("\n\n")[2].splitlines()], stream)
        return {"file": str(config_dir() / "nntrain.yaml")}
    names = option_names(group)
    chosen = words[1:] or names
    if wrong := [name for name in chosen if name not in names]:
        raise UserError(*(f"configs: {unknown(group, name, names)}" for name in wrong))
    show(lambda page: _options(group, chosen, page), stream)
    return {
        name: {
            "description": read_option(group, name).description,
            "settings": _defaults(group, name),
            "notes": list(read_option(group, name).notes),
        }
        for name in chosen
    }


def _names(group: str) -> tuple[str, ...]:
    return recipe_names() if group == RECIPES else option_names(group)


def _defaults(group: str, name: str) -> dict[str, str]:
    return {key: value for key, value, _ in read_option(group, name).settings}


def _overview(listed: dict[str, list[str]], page: Page) -> list[Text]:
    lines = [heading("what can be chosen", page)]
    lines += facts([(group, ", ".join(names)) for group, names in listed.items()], page)
    examples = ("optimizer", "optimizer sgd", "top", "digits", "copy digits mine.yaml")
    return [
        *lines,
        Text(""),
        *(line for said in examples for line in command(["nntrain", "configs", *said.split()], page)),
    ]


def _recipes(found: dict[str, str], page: Page) -> list[Text]:
    next_command = command(["nntrain", "configs", "copy", "digits", "mine.yaml"], page)
    return [heading(RECIPES, page), *facts(list(found.items()), page), Text(""), *next_command]


def _options(group: str, names: Sequence[str], page: Page) -> list[Text]:
    lines = [heading(group, page)]
    for name in names:
        option = read_option(group, name)
        lines += facts([(name, option.description)], page)
        settings = option.settings
        if (base := BASES.get(group)) in names and name != base and _is_preset(group, name):
            settings = tuple(setting for setting in settings if setting[1] != _defaults(group, str(base))[setting[0]])
            lines += [Text(f"  settings as those of {base}, but for:")]
        lines += facts([(f"  {key}: {value}", comment) for key, value, comment in settings], page)
        lines += [Text(part) for note in option.notes for part in _indented(note, page)]
        lines.append(Text(""))
    if group in schema.HYDRA:
        lines.append(Text(f"written hydra/{group}=NAME and hydra.{group}.SETTING=VALUE, beside -m"))
    return lines


def _is_preset(group: str, name: str) -> bool:
    """Whether an option has the settings of its group's base, with other defaults."""
    return group in BASES and list(_defaults(group, name)) == list(_defaults(group, BASES[group]))


def _indented(note: str, page: Page) -> list[str]:
    """A note of an option file; what goes on below stands further in, beside a label that two spaces set off."""
    text = note.strip()
    label = match[0] if (match := re.match(r"\S+ {2,}", text)) else ""
    first = " " * (len(note) - len(note.lstrip()) + 2) + label
    indent = " " * (len(first) + (0 if label else 2))
    parts = wrapped(text.removeprefix(label), page.width - len(indent))
    return [(indent if i else first) + part for i, part in enumerate(parts)]


def _copy(words: Sequence[str], stream: TextIO | None) -> dict[str, Any]:
    if len(words) != 2:
        raise UserError("configs copy: which recipe, and to which file? nntrain configs copy digits mine.yaml")
    name, target = words[0], Path(words[1])
    if name not in recipe_names():
        raise UserError(f"configs copy: {unknown('recipe', name, recipe_names())}")
    if target.is_dir():
        target = target / f"{name}.yaml"
    if target.suffix not in (".yaml", ".yml"):
        target = target.with_name(f"{target.name}.yaml")
    if target.exists():
        raise UserError(f"configs copy: {target} is already there; choose another name")
    write_atomic(target, recipe_file(name).read_text(encoding="utf-8"))
    show(
        lambda page: [
            Text(f"{target} is yours; train it with:"),
            *command(["nntrain", "fit", f"config={target}"], page),
        ],
        stream,
    )
    return {"recipe": name, "file": str(target)}
