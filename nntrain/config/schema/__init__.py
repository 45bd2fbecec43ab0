"""The type and range of every setting, a module per group.

A module holds FIELDS (the union of the keys of the group's options; an option's own file says which of them it has) and
may hold `conflicts(section)`, which yields (key, message) for settings that exclude each other, and
`given_conflicts(given)`, the same for the keys that the user wrote (a default beside them is no clash).
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
)

Conflicts = Callable[[Mapping[str, Any]], Iterable[tuple[str, str]]]


def fields(group: str) -> Mapping[str, Kind]:
    """The fields of a group, or of the top level for `top`."""
    found: Mapping[str, Kind] = import_module(f"{__name__}.{group}").FIELDS
    return found


def field(path: str) -> Kind | None:
    """The field of a dotted path, such as `optimizer.lr`; None where there is none."""
    group, dot, key = path.partition(".")
    if dot and group not in GROUPS:
        return None
    return fields(group if dot else "top").get(key if dot else group)


def conflicts(group: str, *, given: bool = False) -> Conflicts:
    """The check for settings that exclude each other, over the merged section or over what the user wrote."""
    name = "given_conflicts" if given else "conflicts"
    found: Conflicts = getattr(import_module(f"{__name__}.{group}"), name, lambda section: ())
    return found
