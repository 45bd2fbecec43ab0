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


SUPERSEDED = ("depth", "width", "shape")  # what widths stands in for
REPLACES = {"widths": tuple(SUPERSEDED)}


def given_conflicts(given: Mapping[str, Any], over: Mapping[str, Any] | None = None) -> Iterator[tuple[str, str]]:
    """`widths` says everything that depth, width and shape would.

    given: the settings that one place (the recipe, or the command line) writes; over: those of the place it overrides.
    `widths` on the command line replaces a recipe's depth, width and shape. A run's own config.yaml spells out every
    setting, so all three beside widths are no clash.
    """
    clashing = [key for key in SUPERSEDED if key in given]
    if given.get("widths") is not None:
        if len(clashing) < len(SUPERSEDED):
            for key in clashing:
                yield (
                    key,
                    "stands beside model.widths, which gives the width of every hidden layer; leave one of them out",
                )
    elif "widths" not in given and (over or {}).get("widths") is not None:
        for key in clashing:
            yield key, "has no effect beside the recipe's model.widths; add model.widths=null, or change model.widths"


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "widths" not in section:
        return
    widths, dropout, activation = section["widths"], section["dropout"], section["activation"]
    layers = section["depth"] if widths is None else len(widths)
    if isinstance(dropout, Sequence) and len(dropout) != layers:
        said = (
            f"{len(dropout)} entries for {layers} hidden layer{'s' * (layers != 1)}; give one number, or one per layer"
        )
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
