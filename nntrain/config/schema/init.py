"""Settings of `init`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nntrain.config.fields import POSITIVE, Choice, Either, Integer, Kind, Number

FIELDS: dict[str, Kind] = {
    "distribution": Choice("distribution", ("normal", "uniform")),
    "gain": Either(POSITIVE, Choice("gain", ("auto",))),
    "bias": Number(),
    "std": POSITIVE,
    "mean": Number(),
    "low": Number(),
    "high": Number(),
    "connections": Integer(low=1),
    "value": Number(),
}


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "low" in section and section["low"] >= section["high"]:
        yield "low", f"must be below high, and they are {section['low']:g} and {section['high']:g}"
