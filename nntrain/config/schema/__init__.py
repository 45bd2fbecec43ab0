"""The type and range of every setting, a module per group.

A module holds FIELDS (the union of the keys of the group's options; an option's own file says which of them it has) and
may hold `conflicts(section)`, which yields (key, message) for settings that exclude each other, and
`given_conflicts(given, over)`, the same for the keys that one place (the recipe, the command line) writes over another.
`narrowed(section)` gives the fields that a choice of the group allows less of, for messages.
REPLACES says which keys say the same in other words: on the command line a key takes the place of theirs in the recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from nntrain.config.fields import Kind

GROUPS = (
    "data",
    "augment",
    "model",
    "init",
    "loss",
    "optimizer",
    "schedule",
    "regularization",
    "early_stopping",
    "checkpoint",
    "objective",
    "pretrain",
    "grow",
)

SEARCH = "search"  # a section of recipes and command lines that is no part of a run's config
HYDRA = ("launcher", "sweeper")  # Hydra's groups: what trains the jobs of a sweep, and what makes them

# Words of the command line that stand for a longer key.
SHORT = {"reuse": "model.reuse", "freeze": "model.freeze", "unfreeze_at": "model.unfreeze_at"}

Conflicts = Callable[[Mapping[str, Any]], Iterable[tuple[str, str]]]


def fields(group: str) -> Mapping[str, Kind]:
    """The fields of a group, or of the top level for `top`."""
    found: Mapping[str, Kind] = import_module(f"{__name__}.{group}").FIELDS
    return found


def narrowed(group: str, section: Mapping[str, Any]) -> Mapping[str, Kind]:
    """The fields of a group that allow less in this section: for messages, which list what is allowed."""
    module = import_module(f"{__name__}.{group}")
    found: Mapping[str, Kind] = module.narrowed(section) if hasattr(module, "narrowed") else {}
    return found


def common(group: str) -> Mapping[str, Kind]:
    """The fields that every choice of a group has, somebody's own class too."""
    found: Mapping[str, Kind] = getattr(import_module(f"{__name__}.{group}"), "COMMON", {})
    return found


def field(path: str) -> Kind | None:
    """The field of a dotted path, such as `optimizer.lr`; None where there is none."""
    group, dot, key = path.partition(".")
    if dot and group not in (*GROUPS, SEARCH):
        return None
    return fields(group if dot else "top").get(key if dot else group)


def replaced(path: str) -> tuple[str, ...]:
    """The dotted paths whose values in a recipe no longer count once the command line sets `path`."""
    group, dot, key = path.partition(".")
    if not dot or group not in GROUPS:
        return ()
    keys: tuple[str, ...] = getattr(import_module(f"{__name__}.{group}"), "REPLACES", {}).get(key, ())
    return tuple(f"{group}.{other}" for other in keys)


def conflicts(group: str) -> Conflicts:
    """The check for settings that exclude each other in a whole section; for `top`, in the whole config."""
    found: Conflicts = getattr(import_module(f"{__name__}.{group}"), "conflicts", lambda section: ())
    return found


def given_conflicts(group: str, given: Mapping[str, Any], over: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """(key, message) for settings that exclude each other in what one place writes, or with what it writes over."""
    module = import_module(f"{__name__}.{group}")
    found: Iterable[tuple[str, str]] = module.given_conflicts(given, over) if hasattr(module, "given_conflicts") else ()
    return found
