"""Settings of `grow`: which depths or widths are tried, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from nntrain.config.fields import NON_NEGATIVE, POSITIVE, Integer, Kind, ListOf, Number, optional

FIELDS: dict[str, Kind] = {
    "from": optional(Number(low=0), "null (a small network)"),
    "to": optional(POSITIVE, "null (a large network)"),
    "factor": Number(low=1.1),
    "steps": optional(ListOf(Number(low=0), minimum=2), "null (from, to and factor decide)"),
    "patience": Integer(low=1),
    "min_delta": NON_NEGATIVE,
    "seeds": Integer(low=1),
}

SUPERSEDED = ("from", "to", "factor")  # what steps stands in for
REPLACES = {"steps": SUPERSEDED}


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    first, last, steps = section.get("from"), section.get("to"), section.get("steps")
    if "factor" in section and first == 0:
        yield "from", "0 is no width, and doubles to 0; start from 1 or more"
    if steps is not None:
        if any(b <= a for a, b in pairwise(steps)):
            yield "steps", f"{steps} do not grow; write them from the smallest to the largest"
    elif first is not None and last is not None and last <= first:
        yield "to", f"{last} is not above grow.from={first}; there is nothing to grow to"


def given_conflicts(given: Mapping[str, Any], over: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`steps` says what from, to and factor would."""
    clashing = [key for key in SUPERSEDED if given.get(key) is not None]
    if given.get("steps") is not None:
        for key in clashing:
            yield key, "stands beside grow.steps, which names every step; leave one of them out"
    elif "steps" not in given and over.get("steps") is not None:
        for key in clashing:
            yield key, "has no effect beside the recipe's grow.steps; add grow.steps=null, or change grow.steps"
