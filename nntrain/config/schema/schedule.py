"""Settings of `schedule`. Every duration has three keys, one a unit, of which at most one may be other than null."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nntrain.config.fields import (
    FRACTION,
    NON_NEGATIVE,
    POSITIVE,
    Boolean,
    Choice,
    Integer,
    Kind,
    ListOf,
    Number,
    optional,
)

PERCENT = Number(low=0, high=100)
FACTOR = Number(above=0, high=1)
MOMENTUM = Number(above=0, below=1)  # no 0: the state of the optimizer is made for having one

UNITS = ("steps", "epochs", "percent")
MAY_BE_ZERO = {"warmup": "no warm-up", "patience": "5 epochs", "cooldown": "no pause"}
MAY_NOT_BE_ZERO = {
    "every": "30 percent",
    "decay": "the rest of the training",
    "period": "the schedule's default",
    "rise": "30 percent",
    "scale": "the warm-up",
}
DURATIONS = (*MAY_BE_ZERO, *MAY_NOT_BE_ZERO, "milestones")


def _duration(stem: str, kinds: tuple[Kind, Kind, Kind], absent: str) -> dict[str, Kind]:
    return {f"{stem}_{unit}": optional(kind, f"null ({absent})") for unit, kind in zip(UNITS, kinds, strict=True)}


FIELDS: dict[str, Kind] = {
    "gamma": FACTOR,
    "end_factor": FRACTION,
    "power": POSITIVE,
    "period_factor": Number(low=1),
    "peak_decay": FACTOR,
    "div_factor": Number(low=1),
    "final_div_factor": Number(low=1),
    "anneal_strategy": Choice("shape", ("cos", "linear")),
    "three_phase": Boolean(),
    "cycle_momentum": Boolean(),
    "base_momentum": MOMENTUM,
    "max_momentum": MOMENTUM,
    "low_factor": FRACTION,
    "factor": Number(above=0, below=1),
    "threshold": NON_NEGATIVE,
    "threshold_mode": Choice("kind of threshold", ("rel", "abs")),
    "min_factor": FRACTION,
}
for _stem, _absent in MAY_BE_ZERO.items():
    FIELDS |= _duration(_stem, (Integer(low=0), NON_NEGATIVE, PERCENT), _absent)
for _stem, _absent in MAY_NOT_BE_ZERO.items():
    FIELDS |= _duration(_stem, (Integer(low=1), POSITIVE, Number(above=0, high=100)), _absent)
FIELDS |= _duration("milestones", (ListOf(Integer(low=0)), ListOf(NON_NEGATIVE), ListOf(PERCENT)), "50 and 75 percent")
REPLACES = {
    f"{stem}_{unit}": tuple(f"{stem}_{other}" for other in UNITS if other != unit)
    for stem in DURATIONS
    for unit in UNITS
}


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a merged section may not hold together."""
    for stem in DURATIONS:
        keys = [f"{stem}_{unit}" for unit in UNITS]
        given = [key for key in keys if section.get(key) is not None]
        if len(given) > 1:
            came = " and ".join(f"{key}={section[key]}" for key in given)
            yield given[-1], f"give exactly one of {', '.join(keys)}; got {came}"
    if "max_momentum" in section and section["base_momentum"] > section["max_momentum"]:
        came = f"{section['base_momentum']:g} is above max_momentum={section['max_momentum']:g}"
        yield "base_momentum", f"{came}; it is the momentum at the peak of lr, the lowest of the cycle"
