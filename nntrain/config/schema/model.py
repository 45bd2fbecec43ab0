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
    Keyed,
    Kind,
    ListOf,
    MapOf,
    Number,
    Path,
    Text,
    Variant,
    optional,
)
from nntrain.errors import unknown_of_many

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
    "group": {"groups": Integer(low=1), "eps": POSITIVE},
}


class Architecture(Text):
    """The name of a classification model of torchvision, which is asked for the names that it has."""

    def __init__(self) -> None:
        super().__init__("a classification model of torchvision, such as resnet18")

    def complaint(self, value: Any) -> str | None:
        if said := super().complaint(value):
            return said
        try:
            from torchvision import models
        except (ImportError, RuntimeError):  # without a working torchvision it is said when the network is built
            return None
        names = models.list_models(module=models)
        return None if value in names else unknown_of_many("backbone", value, names)


PUBLISHED = r"\w+(\.[A-Z]\w*)?"  # published weights: resnet18, ResNet18_Weights.DEFAULT, IMAGENET1K_V1
FIRST = Keyed({"first": Integer(low=1)})
LAYERS = ListOf(Text("a layer's name or pattern"), minimum=1)

# What every model has, somebody's own class too: where its weights come from and which of them train. See
# nntrain/models/transfer.py.
COMMON: dict[str, Kind] = {
    "init_from": optional(Path("a run folder, a model file, or a name of published weights", names=PUBLISHED)),
    "reuse": Either(Choice("reuse", ("all_but_head", "encoder", "all")), FIRST, LAYERS),
    "freeze": Either(Choice("freeze", ("none", "backbone")), FIRST, LAYERS),
    "unfreeze_at": optional(Keyed({"epochs": Integer(low=1), "every": Integer(low=1)}, may=("every",))),
    "lr_decay": Number(above=0, high=1),
    "lr_multipliers": MapOf("layers' names or patterns", POSITIVE),
}

FIELDS: dict[str, Kind] = {
    **COMMON,
    "depth": Integer(low=0),
    "width": Integer(low=1),
    "shape": Choice("shape", ("constant", "funnel", "widening", "diamond")),
    "widths": optional(ListOf(Integer(low=1)), "null (depth, width and shape decide)"),
    "activation": Variant("activation", ACTIVATION_SETTINGS),
    "norm": Variant("norm", NORM_SETTINGS),
    "dropout": Either(PROBABILITY, ListOf(PROBABILITY)),
    "input_dropout": PROBABILITY,
    "residual": Boolean(),
    "growth": POSITIVE,
    "convs": Integer(low=1),
    "kernel": Integer(low=1),
    "downsample": Choice("downsample", ("max", "average", "stride", "none")),
    "pooling": Choice("pooling", ("average", "max", "flatten")),
    "head_depth": Integer(low=0),
    "head_width": Integer(low=1),
    "head_dropout": PROBABILITY,
    "width_multiplier": POSITIVE,
    "zero_init": Boolean(),
    "architecture": Architecture(),
}

VECTOR_NORMS = ("none", "batch", "layer", "rms")
PICTURE_NORMS = ("none", "batch", "group", "layer")
RESNET_DEPTHS = range(8, 57, 6)
GROUPS = 8  # the default of norm group


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
    if "residual" in section:
        yield from _mlp_conflicts(section)
    if "growth" in section:
        yield from _cnn_conflicts(section)
    if "width_multiplier" in section:
        yield from _resnet_conflicts(section)
    if "norm" in section:
        norms = VECTOR_NORMS if "residual" in section else PICTURE_NORMS
        if (name := _name(section["norm"])) not in norms:
            what = "pictures" if name in VECTOR_NORMS else "vectors"
            yield "norm", f"{name} is no norm for {what} (choices: {', '.join(norms)})"
    activation = section.get("activation")
    if isinstance(activation, Mapping) and activation["name"] == "hardtanh":
        low, high = activation.get("low", -1.0), activation.get("high", 1.0)
        if low >= high:
            yield "activation", f"hardtanh needs low below high, and they are {low:g} and {high:g}"


def _mlp_conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    widths = section["widths"]
    layers = section["depth"] if widths is None else len(widths)
    yield from _wrong_count(section["dropout"], layers, "hidden layer", "layer")
    if section["residual"] and layers < 2:
        yield (
            "residual",
            f"needs at least 2 hidden layers, and there are {layers}: the first adds no input to its output",
        )


def _cnn_conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    depth, width, growth, norm = (section[key] for key in ("depth", "width", "growth", "norm"))
    if depth < 1:
        yield "depth", f"{depth} stages are no cnn; use at least 1, or model=linear"
    yield from _wrong_count(section["dropout"], depth, "stage", "stage")
    if section["kernel"] % 2 == 0:
        yield "kernel", f"{section['kernel']} is even; an odd one has a centre, and keeps the size of a picture"
    if _name(norm) == "group":
        yield from _uneven_groups(norm, [max(1, round(width * growth**stage)) for stage in range(depth)])
    if section["head_dropout"] and not section["head_depth"]:
        yield "head_dropout", "has no effect without hidden layers in the head; set model.head_depth, or it to 0"


def _resnet_conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    depth, norm = section["depth"], section["norm"]
    if depth not in RESNET_DEPTHS:
        yield "depth", f"{depth} is no depth of a resnet (choices: {', '.join(map(str, RESNET_DEPTHS))})"
    if isinstance(section["dropout"], Sequence):
        yield "dropout", "a resnet takes one number for all blocks"
    if _name(norm) == "none":
        yield "norm", "a resnet without norms does not train (choices: batch, group, layer)"
    if _name(norm) == "group":
        yield from _uneven_groups(norm, [max(1, round(c * section["width_multiplier"])) for c in (16, 32, 64)])
    if _name(section["activation"]) == "maxout":
        yield "activation", "maxout has no place after a sum; choose another for a resnet"


def _wrong_count(dropout: Any, layers: int, what: str, one: str) -> Iterator[tuple[str, str]]:
    if isinstance(dropout, Sequence) and len(dropout) != layers:
        said = f"{len(dropout)} entries for {layers} {what}{'s' * (layers != 1)}; give one number, or one per {one}"
        yield "dropout", said


def _uneven_groups(norm: str | Mapping[str, Any], widths: Sequence[int]) -> Iterator[tuple[str, str]]:
    groups = norm.get("groups", GROUPS) if isinstance(norm, Mapping) else GROUPS
    if uneven := [width for width in widths if width % groups]:
        said = f"{groups} groups do not divide {uneven[0]} channels, the width of a stage (widths: "
        yield "norm", f"{said}{', '.join(map(str, widths))}); write norm: {{name: group, groups: ...}}"


def _name(choice: str | Mapping[str, Any]) -> str:
    return choice if isinstance(choice, str) else str(choice["name"])
