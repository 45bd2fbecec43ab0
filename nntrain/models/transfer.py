"""Transfer learning: which layers of a network take the weights of another one, which of them train, and how fast.

Layers are known by the names that a body gives its building blocks (`hidden.0`, ..., `head`, the last being the head).
The layer that reads the inputs includes what the input layer learns (a table's embeddings).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from nntrain.errors import UserError, unknown
from nntrain.models.columns import Columns, by_column
from nntrain.models.network import Network

# Settings of every model, which its constructor does not get, and what they are where nobody says.
SETTINGS: dict[str, Any] = {
    "init_from": None,
    "reuse": "all_but_head",
    "freeze": "none",
    "unfreeze_at": None,
    "lr_decay": 1.0,
    "lr_multipliers": {},
}
SHOWN = 12  # rows of a table of differences
Selection = str | Mapping[str, int] | Sequence[str]


@dataclass(frozen=True)
class Layer:
    """name: as people know it. parts: dotted names, within the network, of its modules and parameters."""

    name: str
    parts: tuple[str, ...]

    def of(self, names: Iterable[str]) -> list[str]:
        """Those of the tensors' names that belong to this layer."""
        return [name for name in names if any(name == part or name.startswith(f"{part}.") for part in self.parts)]


@dataclass(frozen=True)
class Source:
    """Weights to start from.

    name: what messages call it. tensors: by name within a Network of ours, `body.hidden.0.weight`. columns: what its
    first layer reads, of a table. pixels: mean and standard deviation per channel by which it standardises pictures,
    whose greys run from 0 to `levels`. classes: what its outputs stand for, empty where it has no classes or nobody
    knows. section: settings of its model, empty where nobody knows.
    """

    name: str
    tensors: Mapping[str, Tensor]
    columns: Columns | None = None
    pixels: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    classes: tuple[str, ...] = ()
    levels: int = 255
    section: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reused:
    """values: what the network's tensors become. said: for each layer by name where its weights come from. taken:
    names of layers with weights of the source. left: parts of the source that the network does not have, by name, with
    the shape of the largest tensor."""

    values: dict[str, Tensor] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    taken: tuple[str, ...] = ()
    left: dict[str, str] = field(default_factory=dict)


def layers_of(network: Network) -> tuple[Layer, ...]:
    """From the inputs to the head, which is the last. Of somebody's own class: its members that have parameters."""
    body = network.body
    listed = getattr(body, "layers", None)
    if not isinstance(listed, tuple) or not all(isinstance(name, str) for name in listed):
        listed = tuple(dict.fromkeys(name.partition(".")[0] for name, _ in body.named_parameters()))
        if "head" in listed:
            listed = (*(name for name in listed if name != "head"), "head")
    return tuple(
        Layer(name, ("input", f"body.{name}") if i == 0 else (f"body.{name}",)) for i, name in enumerate(listed)
    )


def selected(layers: Sequence[Layer], selection: Selection, where: str) -> list[Layer]:
    """The layers that a setting means: a word, `{first: K}`, or names and patterns (`hidden.*`; a name stands for all
    that begins with it and a dot). UserError where there are no such layers."""
    if selection == "none":
        return []
    if selection in ("all_but_head", "encoder", "backbone"):
        return list(layers[:-1])
    if selection == "all":
        return list(layers)
    names = [layer.name for layer in layers]
    if isinstance(selection, Mapping):
        if selection["first"] > len(layers):
            raise UserError(
                f"{where}: first: {selection['first']} is more than the network has layers: {len(layers)} "
                f"({', '.join(names)})"
            )
        return list(layers[: selection["first"]])
    for pattern in selection:
        if not any(_means(pattern, name) for name in names):
            raise UserError(f"{where}: {unknown('layer', pattern, names)}")
    return [layer for layer in layers if any(_means(pattern, layer.name) for pattern in selection)]


def _means(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or name.startswith(f"{pattern}.")


def reused(
    network: Network,
    source: Source,
    reuse: Selection,
    columns: Columns | None,
    section: Mapping[str, Any] | None = None,
) -> Reused:
    """What the layers that `reuse` names take from the source, by name and shape; the first layer of a table by column
    and category. columns: what the network's first layer reads. section: the network's settings.

    Raises UserError with a table of what differs.
    """
    layers, own = layers_of(network), network.state_dict()
    chosen = selected(layers, reuse, "model.reuse")
    values: dict[str, Tensor] = {}
    said: dict[str, str] = {}
    alike: list[str] = []
    differs: list[tuple[str, Tensor | None, Tensor | None]] = []
    for layer in layers:
        here, there = layer.of(own), layer.of(source.tensors)
        if layer not in chosen:
            said[layer.name] = _skipped([own[name] for name in here], [source.tensors[name] for name in there])
            continue
        found: dict[str, Tensor] = {}
        said[layer.name] = "taken"
        if layer is layers[0] and columns is not None and source.columns is not None:
            if not set(columns.reads) & set(source.columns.reads):
                raise UserError(f"model.init_from: {source.name} and this table have no column in common")
            found, said[layer.name] = by_column(own, here, source.tensors, columns, source.columns)
            there = [name for name in there if not name.startswith("input.")]  # found by column, or not wanted here
            here = [name for name in here if name in found or not name.startswith("input.")]
        wrong = []
        for name in dict.fromkeys((*here, *there)):
            value = found.get(name, source.tensors.get(name))
            if value is None or name not in own or own[name].shape != value.shape:
                wrong.append((name, own.get(name), source.tensors.get(name)))
            else:
                values[name] = value
        differs += wrong
        alike += [] if wrong or not here else [layer.name]
    known = {name for layer in layers for name in layer.of(source.tensors)}
    unknown_here = {name: value for name, value in source.tensors.items() if name not in known}
    if isinstance(reuse, str):  # no word for some of the layers: the rest has to be here too
        differs += [(name, None, value) for name, value in unknown_here.items()]
    if differs:
        raise _unlike(source, differs, alike, _its_model(source.section, section or {}))
    left: dict[str, str] = {}
    for name, value in sorted(unknown_here.items(), key=lambda item: item[1].numel()):
        left[name.removeprefix("body.").rpartition(".")[0] or name] = _shape(value)
    outer = {name: left[name] for name in sorted(left) if not any(name.startswith(f"{other}.") for other in left)}
    return Reused(values, said, tuple(layer.name for layer in chosen), outer)


def _skipped(here: Sequence[Tensor], there: Sequence[Tensor]) -> str:
    """Of a layer that `reuse` leaves out: its largest tensor in the source, where that is of another shape."""
    largest = [_shape(max(tensors, key=Tensor.numel)) for tensors in (here, there) if tensors]
    return f"new, random (there {largest[1]})" if len(set(largest)) == 2 else "new, random"


def _shape(tensor: Tensor | None) -> str:
    return "-" if tensor is None else " x ".join(map(str, tensor.shape)) or "1"


def _unlike(
    source: Source, differs: Sequence[tuple[str, Tensor | None, Tensor | None]], alike: Sequence[str], its_model: str
) -> UserError:
    rows = [("tensor", "here", "there")]
    rows += [(name.removeprefix("body."), _shape(here), _shape(there)) for name, here, there in differs[:SHOWN]]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"... and {len(differs) - SHOWN} more"] if len(differs) > SHOWN else []
    lines += [f"the layers that are alike: reuse=[{','.join(alike)}]"] if alike else []
    lines += [f"its model: {its_model}"] if its_model else []
    head = f"model.init_from: {source.name} is not the network that this recipe describes; what differs:"
    return UserError(head, table=[f"  {line}" for line in lines])


def _its_model(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """The source's model and those of its settings that differ from the network's own, `cnn, depth 2, width 8`; of
    another kind of model its size. Empty where nothing is known of it."""
    if not there:
        return ""
    shared = there.get("name") == here.get("name")
    keys = [key for key in there if key not in SETTINGS and key != "name"]
    if shared:
        sized = here.get("widths") is not None and there.get("widths") is None  # so these say what its size is
        size = ("depth", "width", "shape") if sized else ()
        keys = [key for key in keys if there[key] != here.get(key) or key in size]
    else:
        keys = [key for key in keys if key in ("depth", "width", "widths", "architecture")]
    superseded = ("widths",) if there.get("widths") is None else ("depth", "width", "shape")
    keys = [key for key in keys if key not in superseded]
    if not keys and shared:  # the same settings on other data
        return ""
    said = [f"{key} {str(there[key])[:40]}" for key in keys]
    return ", ".join([str(there.get("name"))[:40], *said])


@torch.no_grad()
def take(network: Network, values: Mapping[str, Tensor]) -> None:
    """Copy the values into the network's tensors."""
    own = network.state_dict()
    for name, value in values.items():
        own[name].copy_(value)


def rates(network: Network, decay: float, multipliers: Mapping[str, float]) -> dict[str, float]:
    """The factor on the learning rate of every parameter, where any is not 1: decay^(layers between it and the head),
    or what the last of `multipliers` says whose name or pattern means its layer (Howard & Ruder 2018, section 3.2)."""
    layers = layers_of(network)
    selected(layers, list(multipliers), "model.lr_multipliers")  # each of them means something
    names = [name for name, _ in network.named_parameters()]
    found: dict[str, float] = {}
    for depth, layer in enumerate(reversed(layers)):
        given = [factor for pattern, factor in multipliers.items() if _means(pattern, layer.name)]
        factor = given[-1] if given else decay**depth
        found |= dict.fromkeys(layer.of(names), float(factor))
    return found if any(factor != 1 for factor in found.values()) else {}


def features_module(body: nn.Module) -> bool:
    """Whether a body says what its head takes."""
    return callable(getattr(body, "features", None)) and isinstance(getattr(body, "head", None), nn.Module)
