"""Settings of `model`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nntrain.config.fields import (
    POSITIVE,
    PROBABILITY,
    Boolean,
    Choice,
    Either,
    Integer,
    Kind,
    ListOf,
    Number,
    Variant,
    optional,
)

ACTIVATION_SETTINGS: dict[str, dict[str, Kind]] = {
    "relu": {},
    "leaky_relu": {"negative_slope": Number(low=0)},
    "prelu": {"initial": Number()},
    "relu6": {},
    "elu": {"alpha": POSITIVE},
    "selu": {},
    "celu": {"alpha": POSITIVE},
    "gelu": {"approximate": Choice("approximation", ("none", "tanh"))},
    "silu": {},
    "mish": {},
    "softplus": {"beta": POSITIVE},
    "softsign": {},
    "tanh": {},
    "sigmoid": {},
    "hardtanh": {"low": Number(), "high": Number()},
    "hardsigmoid": {},
    "hardswish": {},
    "identity": {},
    "maxout": {"pieces": Integer(low=2)},
}

NORM_SETTINGS: dict[str, dict[str, Kind]] = {
    "none": {},
    "batch": {"momentum": Number(above=0, high=1), "eps": POSITIVE},
    "layer": {"eps": POSITIVE},
    "rms": {"eps": POSITIVE},
}

FIELDS: dict[str, Kind] = {
    "depth": Integer(low=0),
    "width": Integer(low=1),
    "shape": Choice("shape", ("constant", "funnel", "widening", "diamond")),
    "widths": optional(ListOf(Integer(low=1)), "null (depth, width and shape decide)"),
    "activation": Variant("activation", ACTIVATION_SETTINGS),
    "norm": Variant("norm", NORM_SETTINGS),
    "dropout": Either(PROBABILITY, ListOf(PROBABILITY)),
    "input_dropout": PROBABILITY,
    "residual": Boolean(),
}


SUPERSEDED = {
    "depth": 2,
    "width": 128,
    "shape": "constant",
}  # what widths stands in for, with the option file's defaults


def given_conflicts(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`widths` says everything that depth, width and shape would; `given` holds only what the user set.

    A run's own config.yaml spells out every setting: all three beside widths, at their defaults, are no clash.
    """
    if given.get("widths") is None or all(given.get(key) == value for key, value in SUPERSEDED.items()):
        return
    for key in SUPERSEDED:
        if key in given:
            yield key, "stands beside model.widths, which gives the width of every hidden layer; leave one of them out"


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "widths" not in section:
        return
    widths, dropout, activation = section["widths"], section["dropout"], section["activation"]
    layers = section["depth"] if widths is None else len(widths)
    if isinstance(dropout, Sequence) and len(dropout) != layers:
        said = f"{len(dropout)} entries for {layers} hidden layers; give one number, or one per hidden layer"
        yield "dropout", said
    if section["residual"] and layers < 2:
        yield (
            "residual",
            f"needs at least 2 hidden layers, and there are {layers}: the first adds no input to its output",
        )
    if isinstance(activation, Mapping) and activation["name"] == "hardtanh":
        low, high = activation.get("low", -1.0), activation.get("high", 1.0)
        if low >= high:
            yield "activation", f"hardtanh needs low below high, and they are {low:g} and {high:g}"
