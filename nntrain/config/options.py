"""Where recipes and option files live, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

PACKAGE = Path(__file__).resolve().parents[1]


@cache
def config_dir() -> Path:
    """`configs/`: inside the package once installed, beside it in a checkout."""
    packaged = PACKAGE / "configs"
    return packaged if packaged.is_dir() else PACKAGE.parent / "configs"


@dataclass(frozen=True)
class Option:
    """An option file: its name, its first comment line, each hyperparameter's line (`key: default`, comment), and the
    comments after the last of them, a line each: one that stands further in goes on with the line before, if that does
    not end with a colon."""

    name: str
    description: str
    settings: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...] = ()


@cache
def option_names(group: str) -> tuple[str, ...]:
    """The options of a group, by name."""
    return tuple(sorted(path.stem for path in (config_dir() / group).glob("*.yaml")))


@cache
def recipe_names() -> tuple[str, ...]:
    """The recipes that come with nntrain."""
    return tuple(sorted(path.stem for path in (config_dir() / "recipes").glob("*.yaml")))


@cache
def default_options() -> Mapping[str, str]:
    """The option that each group has where nobody chooses: the defaults list of configs/nntrain.yaml."""
    listed = yaml.safe_load((config_dir() / "nntrain.yaml").read_text(encoding="utf-8"))["defaults"]
    return {group: name for entry in listed if isinstance(entry, dict) for group, name in entry.items()}


def option_file(group: str, name: str) -> Path:
    return config_dir() / group / f"{name}.yaml"


def recipe_file(name: str) -> Path:
    return config_dir() / "recipes" / f"{name}.yaml"


def description(path: Path) -> str:
    """The first comment line of a file, without its mark."""
    with path.open(encoding="utf-8") as lines:
        first = next(lines, "")
    return first.lstrip("# ").strip()


def read_option(group: str, name: str) -> Option:
    """What an option file says, comments included, for `nntrain configs GROUP`."""
    path = option_file(group, name)
    settings: list[tuple[str, str, str]] = []
    notes: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            note = line.removeprefix("#").removeprefix(" ").rstrip()
            if notes and not notes[-1].endswith(":") and _margin(note) > _margin(notes[-1]):
                notes[-1] += " " + note.strip()
            else:
                notes.append(note)
        if line.startswith("#") or not line.strip():
            continue
        notes.clear()
        code, mark, comment = line.partition(" #")
        if line[0] == " ":  # a comment, or a value, that goes on
            if settings:
                key, value, said = settings[-1]
                settings[-1] = (key, (value + " " + code.strip()).strip(), (said + " " + comment.strip()).strip())
            continue
        key, _, value = code.partition(":")
        if key != "name":
            settings.append((key, value.strip(), comment.strip() if mark else ""))
    return Option(name, description(path), tuple(settings), tuple(notes))


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip())
