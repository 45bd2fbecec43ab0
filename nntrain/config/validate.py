"""Checks of a composed config's values: type, range, and settings that exclude each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from nntrain.components import is_own
from nntrain.config import schema
from nntrain.config.hints import hint
from nntrain.config.origin import Origin


def value_problems(
    config: Mapping[str, Any], origins: Mapping[str, Origin], groups: Collection[str] = schema.GROUPS
) -> Iterator[str]:
    """A line for each mistake: where in the config, what came, what is allowed, and the origin of the value.

    groups: those to check; the others are known to be valid.
    """
    for key, kind in schema.fields("top").items():
        if key in config and (said := kind.complaint(config[key])):
            yield f"{key}: {said}{hint(key, kind, config[key], origins[key])} ({origins[key]})"
    for key, said in schema.conflicts("top")(config):
        yield f"{key}: {said} ({origins[key]})"
    for group in groups:
        section = config.get(group, {})  # values that could not be resolved are missing here, and reported already
        if is_own(group, section.get("name", "default")):
            for key, kind in schema.common(group).items():
                if key in section and (said := kind.complaint(section[key])):
                    yield f"{group}.{key}: {said} ({origins[f'{group}.{key}']})"
        else:
            for key, said in _section_problems(group, section, origins):
                yield f"{group}.{key}: {said} ({origins[f'{group}.{key}']})"


def _section_problems(
    group: str, section: Mapping[str, Any], origins: Mapping[str, Origin]
) -> Iterator[tuple[str, str]]:
    fields = schema.fields(group)
    wrong = {key: said for key in section if key in fields and (said := fields[key].complaint(section[key]))}
    narrowed = schema.narrowed(group, section)
    for key, said in wrong.items():
        if key in narrowed:
            said = narrowed[key].complaint(section[key]) or said
        yield key, said + hint(f"{group}.{key}", fields[key], section[key], origins[f"{group}.{key}"])
    complete = len(section) == sum(path.startswith(f"{group}.") for path in origins)
    if complete and not wrong:  # checks across settings expect each to be there and valid by itself
        kinds = {key: origins[f"{group}.{key}"].kind for key in section}
        recipe = {key: value for key, value in section.items() if kinds[key] == "recipe"}
        words = {key: value for key, value in section.items() if kinds[key] == "command line"}
        yield from schema.given_conflicts(group, recipe, {})
        yield from schema.given_conflicts(group, words, recipe)
        yield from schema.conflicts(group)(section)
