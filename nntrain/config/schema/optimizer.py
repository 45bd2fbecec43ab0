"""Settings of `optimizer`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nntrain.config.fields import (
    FRACTION,
    NON_NEGATIVE,
    POSITIVE,
    PROBABILITY,
    Boolean,
    Choice,
    Integer,
    Kind,
    ListOf,
    Number,
    Text,
    optional,
)

BETAS = ListOf(PROBABILITY, length=2)

FIELDS: dict[str, Kind] = {
    "lr": POSITIVE,
    "weight_decay": NON_NEGATIVE,
    "decoupled_weight_decay": Boolean(),
    "decay_biases_and_norms": Boolean(),
    "momentum": PROBABILITY,
    "dampening": FRACTION,
    "nesterov": Boolean(),
    "betas": BETAS,
    "eps": POSITIVE,
    "amsgrad": Boolean(),
    "momentum_decay": NON_NEGATIVE,
    "lr_decay": NON_NEGATIVE,
    "initial_accumulator_value": NON_NEGATIVE,
    "rho": PROBABILITY,
    "alpha": PROBABILITY,
    "centered": Boolean(),
    "beta2_decay": Number(below=0),
    "eps1": optional(POSITIVE, "null (the resolution of float32)"),
    "eps2": POSITIVE,
    "d": POSITIVE,
    "etas": ListOf(POSITIVE, length=2),
    "step_sizes": ListOf(POSITIVE, length=2),
    "lambd": NON_NEGATIVE,
    "t0": NON_NEGATIVE,
    "ns_coefficients": ListOf(Number(), length=3),
    "ns_steps": Integer(low=1, high=99),
    "adjust_lr_fn": Choice("adjustment of lr", ("original", "match_rms_adamw", "spectral_unclamped")),
    "adamw_lr": POSITIVE,
    "adamw_betas": BETAS,
    "adamw_eps": POSITIVE,
    "adamw_names": ListOf(Text("a part of a parameter's name")),
    "max_iter": Integer(low=1),
    "max_eval": optional(Integer(low=1), "null (1.25 * max_iter)"),
    "tolerance_grad": NON_NEGATIVE,
    "tolerance_change": NON_NEGATIVE,
    "history_size": Integer(low=1),
    "line_search_fn": optional(Choice("line search", ("strong_wolfe",)), "null (none)"),
}


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a merged section may not hold together."""
    if section.get("name") == "sgd" and section["nesterov"] and (section["momentum"] == 0 or section["dampening"] != 0):
        came = f"momentum={section['momentum']:g} and dampening={section['dampening']:g}"
        yield "nesterov", f"true wants momentum above 0 and dampening 0; got {came}"
    if "etas" in section and not section["etas"][0] < 1 < section["etas"][1]:
        yield "etas", f"{list(section['etas'])} must be a number below 1 and then one above 1, as [0.5, 1.2]"
    if "step_sizes" in section and section["step_sizes"][0] > section["step_sizes"][1]:
        yield "step_sizes", f"{list(section['step_sizes'])} must be the least step and then the greatest"
