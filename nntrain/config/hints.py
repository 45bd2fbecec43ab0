"""What was likely meant by a value of the wrong form: several values to sweep over, or a list of one."""

from __future__ import annotations

import re
from typing import Any

from nntrain.config.fields import Kind
from nntrain.config.grammar import written
from nntrain.config.origin import Origin

SPAN = re.compile(r"(\d{1,9})(?:-|:|\.\.+)(\d{1,9})")  # as other tools write a range


def hint(path: str, kind: Kind, value: Any, origin: Origin) -> str:
    """How it is written; "" where nothing is likely. value: one that the kind does not take."""
    if isinstance(value, str) and (span := SPAN.fullmatch(value)) and kind.complaint(int(span[1])) is None:
        return f"; {_swept(path, f'range({span[1]},{int(span[2]) + 1})', origin)}"
    if isinstance(value, list) and len(value) > 1 and not any(map(kind.complaint, value)):
        return f"; a list in brackets is one value: {_swept(path, ','.join(map(written, value)), origin)}"
    if not isinstance(value, list) and kind.complaint([value]) is None:
        return f"; a list of one is written [{written(value)}]"
    return ""


def _swept(path: str, values: str, origin: Origin) -> str:
    if origin.kind == "recipe":
        return f"what a sweep tries stands in the recipe's search: {{{path}: '{values}'}}"
    return f"a sweep is written {path}={values} -m"
