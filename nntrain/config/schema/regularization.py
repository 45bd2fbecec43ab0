"""Settings of `regularization`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nntrain.config.fields import NON_NEGATIVE, POSITIVE, PROBABILITY, Integer, Kind, Number, optional

FIELDS: dict[str, Kind] = {
    "l1": NON_NEGATIVE,
    "l2": NON_NEGATIVE,
    "max_norm": optional(POSITIVE, "null (no bound)"),
    "grad_clip_norm": optional(POSITIVE, "null (no clipping)"),
    "grad_clip_value": optional(POSITIVE, "null (no clipping)"),
    "label_smoothing": PROBABILITY,
    "input_noise": NON_NEGATIVE,
    "ema": PROBABILITY,
    "swa_start_epochs": optional(Integer(low=0), "null (no averaging)"),
    "swa_start_percent": optional(Number(low=0, high=100), "null (no averaging)"),
}

REPLACES = {"swa_start_epochs": ("swa_start_percent",), "swa_start_percent": ("swa_start_epochs",)}


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    starts = [key for key in ("swa_start_epochs", "swa_start_percent") if section[key] is not None]
    if len(starts) == 2:
        yield "swa_start_percent", "beside swa_start_epochs: both say when averaging starts; leave one of them out"
    if section["ema"] and starts:
        yield "ema", f"beside {starts[0]}: both average the weights; choose one"
