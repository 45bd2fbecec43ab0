"""What is wrong with the words that choose a launcher or a sweeper and set it up, in words of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from hydra.conf import HydraConf
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from nntrain.config.fields import Boolean, Integer, Kind, ListOf, Number, Text, optional
from nntrain.config.grammar import unreadable
from nntrain.config.grow import GROW
from nntrain.config.origin import Origin
from nntrain.config.schema.search import GRID
from nntrain.config.search import setting_problems
from nntrain.errors import nearest, unknown
from nntrain.sweep.plugins import DEFAULT_LAUNCHER, DEFAULT_SWEEPER, LAUNCHERS, SWEEPERS, Optuna, register

CHOICE = re.compile(r"hydra/(\w+)=(.*)", re.DOTALL)
SETTING = re.compile(r"[+]{0,2}hydra\.(\w+)(?:\.(\w+)([\w.]*))?=(.*)", re.DOTALL)
PARTS = {"launcher": (LAUNCHERS, DEFAULT_LAUNCHER), "sweeper": (SWEEPERS, DEFAULT_SWEEPER)}
NAMES_ELSEWHERE = {"joblib": "parallel", "loky": "parallel", "multiprocessing": "parallel", "slurm": "submitit"}
POSITIVE = ("workers", "timeout_min", "cpus_per_task", "array_parallelism", "patience")  # other numbers may be 0


def mistakes(words: Sequence[str]) -> Iterator[str]:
    """Names that nobody has, settings that what is chosen has not, and values that they cannot have. What belongs to
    another package's launcher or sweeper is left to that."""
    if not words:
        return
    register()  # choices of other packages stand beside ours
    chosen = {}
    for part, (_, default) in PARTS.items():
        given = [word for word in words if word.startswith(f"hydra/{part}=")]
        chosen[part] = given[-1].partition("=")[2] if given else default
        if given and (said := _choice_problem(part, chosen[part])):
            yield f"hydra/{part}: {said} (command line: {given[-1]})"
    drawn: dict[str, tuple[Any, Origin]] = {}  # settings of the search
    for word in words:
        if (found := CHOICE.fullmatch(word)) and found[1] not in _names("hydra"):
            yield f"hydra/{found[1]}: {_no_such('hydra/', found[1], _names('hydra'))} (command line: {word})"
        if found := SETTING.fullmatch(word):
            part, key, below, raw = found.groups()
            sections = [entry.name for entry in fields(HydraConf)]
            if part not in sections:
                yield f"hydra.{part}: {_no_such('hydra.', part, sections)} (command line: {word})"
            elif part in PARTS and key is None:
                yield f"hydra.{part}: a {part} is chosen by hydra/{part}={raw} (command line: {word})"
            elif part in PARTS and (cls := PARTS[part][0].get(chosen[part])) is not None:
                value, said = _value(raw)
                said = said or _setting_problem(cls, key, below, value, f"hydra/{part}={chosen[part]}")
                if said:
                    yield f"hydra.{part}.{key}{below}: {said} (command line: {word})"
                elif cls is Optuna:
                    drawn[key] = value, Origin("command line", word)
    yield from setting_problems(drawn)


def _choice_problem(part: str, name: str) -> str | None:
    names = _names(f"hydra/{part}")
    if name in names:
        return None
    if "," in name:
        return f"a sweep has one {part}; give one name ({', '.join(names)})"
    if (ours := NAMES_ELSEWHERE.get(name)) in names:
        return f"unknown {part} '{name}'; here it is called '{ours}'"
    return unknown(part, name, [name for name in names if name != GROW])  # which grow=... chooses


def _names(group: str) -> list[str]:
    return [name.removesuffix(".yaml") for name in ConfigStore.instance().list(group)]


def _no_such(start: str, name: str, names: Sequence[str]) -> str:
    guess = nearest(name, names) or nearest(name, PARTS)
    ours = f" (a sweep is set up by {start}launcher and {start}sweeper)"
    hint = f"; did you mean '{start}{guess}'?" if guess else ours
    return f"Hydra has no such {'group' if start.endswith('/') else 'setting'}{hint}"


def _value(raw: str) -> tuple[Any, str | None]:
    """The value of a setting, and what is wrong with how it is written."""
    try:
        parsed = OverridesParser.create().parse_override(f"value={raw}")
    except HydraException as error:
        return None, f"{raw} cannot be read: {unreadable(raw, error)}"
    if parsed.is_sweep_override():
        return None, f"{raw} are several values; a sweep is set up once"
    return parsed.value(), None


def _setting_problem(cls: type, key: str, below: str, value: Any, what: str) -> str | None:
    """What is wrong with a setting of a launcher or sweeper of ours. The search's own are checked as a whole.

    below: the rest of the key, as `.a.b`; what a mapping holds is for the library that gets it.
    """
    types = {entry.name: str(entry.type) for entry in fields(cls) if not entry.name.startswith("_")}
    kinds = {name: _kind(name, annotation) for name, annotation in types.items()}
    if not kinds:
        return f"{what} has no settings"
    if key not in kinds:
        return unknown(f"setting of {what}", key, list(kinds))
    if below:
        return None if types[key].startswith("dict") else f"{key} is one value and has no settings of its own"
    name = value.get("name") if isinstance(value, Mapping) else value
    if cls is Optuna and key == "sampler" and name == GRID:
        return "a grid is tried by hydra/sweeper=basic, the default; leave out hydra/sweeper=optuna"
    kind = None if cls is Optuna else kinds[key]
    if kind is None or (isinstance(value, int | float) and kind.complaint(str(value)) is None):
        return None  # Hydra makes text of a number, as of an account's
    return kind.complaint(value)


def _kind(name: str, annotation: str) -> Kind | None:
    """What a setting takes, by how its dataclass has it; None for what is handed on as it is."""
    whole, real = (Integer(low=1), Number(above=0)) if name in POSITIVE else (Integer(low=0), Number(low=0))
    kinds: Mapping[str, Kind] = {
        "int": whole,
        "float": real,
        "bool": Boolean(),
        "str": Text(),
        "list[str]": ListOf(Text()),
    }
    kind = kinds.get(annotation.removesuffix(" | None"))
    return optional(kind) if kind is not None and annotation.endswith(" | None") else kind
