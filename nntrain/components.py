"""From a name in a config to the class it stands for: a table of ours, an entry point, or `package.module:Class`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from nntrain.errors import UserError, nearest, unknown

GROUP = "nntrain."  # entry-point groups are `nntrain.model`, `nntrain.optimizer`, ...


OWN_GROUPS = ("data", "model", "init", "loss", "optimizer", "schedule")  # whose choices are classes


def own_names(group: str) -> tuple[str, ...]:
    """Names that installed packages add to a group by entry points."""
    return tuple(sorted(entry_points(group=GROUP + group).names))


def is_own(group: str, name: str) -> bool:
    """Whether a name stands for somebody's own class, which has no option file: its signature says what it takes."""
    from nntrain.config.options import option_names

    if group not in OWN_GROUPS:
        return False
    return ":" in name or (name not in option_names(group) and name in own_names(group))


def build(group: str, table: Mapping[str, type[Any]], section: Mapping[str, Any], *given: Any, **extra: Any) -> Any:
    """The object that a section describes. given, extra: arguments that are not the user's.

    Raises UserError where the name or a setting of somebody's own class does not fit.
    """
    settings = {key: value for key, value in section.items() if key != "name"}
    name = str(section["name"])
    cls = find(group, table, name)
    if name not in table:
        _check_signature(group, name, cls, settings, given, extra)
    return cls(*given, **extra, **settings)


def find(group: str, table: Mapping[str, type[Any]], name: str) -> Any:
    """The class that a name stands for. UserError where there is none such."""
    if name in table:
        return table[name]
    module_name, colon, attribute = name.partition(":")
    if not colon:
        points = entry_points(group=GROUP + group, name=name)
        if not points:
            raise UserError(f"{group}: {unknown(group, name, own_names(group))}")
        return next(iter(points)).load()
    try:
        module = import_module(module_name)
    except (ImportError, ValueError) as error:  # ValueError: no name at all before the colon
        said = f"cannot import '{module_name}' ({error}); is its folder on PYTHONPATH?"
        raise UserError(f"{group}: {name}: {said}") from None
    found = getattr(module, attribute, None)
    if not inspect.isclass(found):
        classes = sorted(key for key, value in vars(module).items() if inspect.isclass(value))
        raise UserError(f"{group}: {name}: {unknown(f'class of {module_name}', attribute, classes)}")
    return found


def _check_signature(
    group: str, name: str, cls: Any, settings: Mapping[str, Any], given: tuple[Any, ...], extra: Mapping[str, Any]
) -> None:
    """UserError for settings that the class does not take, or that it wants and are missing."""
    signature = inspect.signature(cls)
    try:
        signature.bind(*given, **extra, **settings)
    except TypeError as error:
        taken = [key for key in signature.parameters if key not in extra]
        problems = [
            f"{group}.{key}: {name} has no setting '{key}'"
            + (f"; did you mean '{group}.{guess}'?" if (guess := nearest(key, taken)) else "")
            + f" (its signature: {signature})"
            for key in settings
            if key not in signature.parameters
        ]
        raise UserError(*(problems or [f"{group}: {name}{signature}: {error}"])) from None
