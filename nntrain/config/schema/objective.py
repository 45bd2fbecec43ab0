"""Settings of `objective`: what is learnt, with labels or without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nntrain.config.fields import POSITIVE, Boolean, Choice, Integer, Kind, Number

FIELDS: dict[str, Kind] = {
    "noise": Choice("noise", ("gaussian", "masking", "salt")),
    "amount": POSITIVE,
    "share": Number(above=0, below=1),
    "patch": Integer(low=1),
    "layerwise": Boolean(),
}


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    noise = section.get("noise")
    if noise in ("masking", "salt") and section["amount"] >= 1:
        yield "amount", f"{section['amount']:g} of the values: {noise} takes a share below 1"
    if noise == "salt" and section["layerwise"]:
        yield "layerwise", "with salt: hidden units have no least and greatest value; use masking or gaussian"
