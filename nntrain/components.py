"""From a name in a config to the class it stands for: a table of ours, an entry point, or `package.module:Class`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from nntrain.errors import UserError, unknown

GROUP = "nntrain."  # entry-point groups are `nntrain.model`, `nntrain.optimizer`, ...


def own_names(group: str) -> tuple[str, ...]:
    """Names that installed packages add to a group by entry points."""
    return tuple(sorted(entry_points(group=GROUP + group).names))


def build(group: str, table: Mapping[str, type[Any]], section: Mapping[str, Any], *given: Any, **extra: Any) -> Any:
    """The object that a section describes. given, extra: arguments that are not the user's.

    Raises UserError where the name or a setting of somebody's own class does not fit.
    """
    settings = {key: value for key, value in section.items() if key != "name"}
    name = str(section["name"])
    if name in table:
        return table[name](*given, **extra, **settings)
    cls = _find(group, name)
    try:
        inspect.signature(cls).bind(*given, **extra, **settings)
    except TypeError as error:
        raise UserError(f"{group}: {name}{inspect.signature(cls)}: {error}") from None
    return cls(*given, **extra, **settings)


def _find(group: str, name: str) -> Any:
    module_name, colon, attribute = name.partition(":")
    if not colon:
        found = entry_points(group=GROUP + group, name=name)
        if not found:
            raise UserError(f"{group}: {unknown(group, name, own_names(group))}")
        return next(iter(found)).load()
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise UserError(
            f"{group}: {name}: cannot import {module_name} ({error}); is its folder on PYTHONPATH?"
        ) from None
    if not hasattr(module, attribute):
        raise UserError(f"{group}: {name}: {unknown(f'class in {module_name}', attribute, sorted(vars(module)))}")
    return getattr(module, attribute)
