"""What a network begins with, where not at random: the weights of another one, and which of its layers stand still.

Opening a source executes nothing: its tensors are taken by name, and no network is built from what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nntrain.data.dataset import Dataset, PixelFeatures
from nntrain.errors import UserError, did_you_mean, nearest
from nntrain.folder import MANIFEST, model_in, shown
from nntrain.models.backbone import Backbone
from nntrain.models.columns import check_embeddings, columns_of
from nntrain.models.inputs import PixelInput
from nntrain.models.network import Network
from nntrain.models.transfer import SETTINGS, Layer, Reused, Source, layers_of, rates, reused, selected, take
from nntrain.models.weights import published
from nntrain.sweep_folder import why_no_model
from nntrain.training.checkpoint import BEST, load_model
from nntrain.training.thaw import Stage, Thawing

WHERE = "model.init_from"


@dataclass(frozen=True)
class Beginning:
    """table: a row for each layer, with the keys layer, weights, shape and trains; empty where all begin at random and
    train alike. stages: when frozen layers begin to train. rates: factors on the learning rate of parameters by name.
    record: what a resumed run must know of the source, JSON-able."""

    table: tuple[Mapping[str, str], ...] = ()
    stages: tuple[Stage, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    def thawing(self, steps: int) -> Thawing | None:
        """When frozen layers begin to train, epochs having so many steps; None where nothing changes."""
        return Thawing(self.stages, steps, self.rates) if self.stages else None


def begin(
    network: Network, dataset: Dataset, section: Mapping[str, Any], resumed: Mapping[str, Any] | None = None
) -> Beginning:
    """Give the network, fresh from its initialiser, what the section `model` asks for, and say so.

    Pictures are standardised as they were for the source whose first layer is taken: `dataset.features` and the input
    layer change; unless their greys run to another level, which statistics of pixels do not carry over. A table's
    numbers keep the statistics of their own data. resumed: the record of the run that goes on, which has its weights
    itself and needs the source no more.

    Raises UserError where the source cannot be opened, is another network, or a setting names no layer.
    """
    settings = {**SETTINGS, **{key: value for key, value in section.items() if key in SETTINGS}}
    if all(settings[key] == default for key, default in SETTINGS.items()):
        return Beginning()
    layers, notes = layers_of(network), list[str]()
    taken, record = Reused(), dict(resumed or {})
    if settings["init_from"] is None:
        if settings["reuse"] != SETTINGS["reuse"]:
            notes.append("model.reuse has no effect without model.init_from")
        if settings["freeze"] != "none":
            notes.append("model.freeze without model.init_from: the frozen layers keep their random weights")
    elif resumed is None:
        source, features = open_source(str(settings["init_from"]), network), dataset.features
        read = dataset.preprocessing.state()
        columns, levels = columns_of(read), read.get("levels")
        taken = reused(network, source, settings["reuse"], columns, section)
        take(network, taken.values)
        record = {"source": source.name}
        first = layers[0].name in taken.taken
        if layers[-1].name in taken.taken and source.classes != dataset.task.classes:
            notes.append(f"the head is that of {source.name}, whose classes are not those of this data")
        if first and source.pixels is not None and isinstance(features, PixelFeatures):
            if levels == source.levels:
                record |= {"mean": source.pixels[0], "std": source.pixels[1]}
            if levels != source.levels:
                notes.append(
                    "pictures are standardised by their own mean and standard deviation: their greys run to "
                    f"{levels}, those of {source.name} to {source.levels}"
                )
            elif source.pixels != (features.mean, features.std):
                notes.append(f"pictures are standardised by the mean and standard deviation of {source.name}")
        elif first and columns is not None and source.columns is not None and columns.scales != source.columns.scales:
            notes.append("numeric columns are standardised by their own statistics, not by those of the source")
    if "mean" in record:
        standardise(network, dataset, record)

    frozen = selected(layers, settings["freeze"], "model.freeze")
    stages = build_stages(frozen, settings)
    factors = rates(network, settings["lr_decay"], settings["lr_multipliers"])
    parts = [part for layer in frozen for part in layer.parts]
    if settings["freeze"] == "backbone" and not stages:  # with what has no parameters, such as dropout
        parts += [f"body.{name}" for name, _ in network.body.named_children() if name != layers[-1].name]
    network.hold(parts)
    if not any(p.requires_grad for p in network.parameters()):
        raise UserError("model.freeze: every layer is frozen, so there is nothing to train; leave out the head")
    notes += _random_ones(taken, frozen)
    table = [_row(network, layer, taken, frozen, stages, factors) for layer in layers]
    for name, shape in taken.left.items():
        table.append({"layer": name, "shape": shape, "weights": "only in the source, not taken", "trains": ""})
    return Beginning(tuple(table), stages, factors, tuple(notes), record)


def standardise(network: Network, dataset: Dataset, by: Mapping[str, Any]) -> None:
    """Let pictures be standardised by other statistics than their own; of grey ones, by the mean over the colours."""
    features = dataset.features
    assert isinstance(features, PixelFeatures)
    mean, std = tuple(by["mean"]), tuple(by["std"])
    if features.channels == 1:
        mean, std = (sum(mean) / len(mean),), (sum(std) / len(std),)
    if len(mean) == features.channels:
        dataset.features = replace(features, mean=mean, std=std)
        network.input = PixelInput(mean, std)


def build_stages(frozen: list[Layer], settings: Mapping[str, Any]) -> tuple[Stage, ...]:
    """When each frozen layer begins to train: all after so many epochs, or from that nearest the head down, one after
    the other."""
    when = settings["unfreeze_at"]
    if when is None:
        if settings["freeze"] == "backbone" and not frozen:
            raise UserError("model.freeze: backbone is all but the head, and this network has only a head")
        return ()
    if not frozen:
        raise UserError("model.unfreeze_at: nothing is frozen that could be unfrozen; add freeze=backbone")
    every = when.get("every") or 0
    return tuple(
        Stage(layer.name, layer.parts, when["epochs"] + 1 + every * after)
        for after, layer in enumerate(reversed(frozen))
    )[::-1]


def _random_ones(taken: Reused, frozen: list[Layer]) -> list[str]:
    random = [layer.name for layer in frozen if layer.name not in taken.taken]
    if not taken.taken or not random:
        return []
    return [f"model.freeze: {', '.join(random)} did not come from the source, and stay random"]


def _row(
    network: Network,
    layer: Layer,
    taken: Reused,
    frozen: list[Layer],
    stages: tuple[Stage, ...],
    factors: Mapping[str, float],
) -> dict[str, str]:
    own = network.state_dict()
    names = layer.of(name for name, _ in network.named_parameters())
    largest = max((own[name] for name in names), key=lambda t: t.numel(), default=None)
    epoch = next((stage.epoch for stage in stages if stage.layer == layer.name), None)
    trains = "yes" if layer not in frozen else "no, frozen" if epoch is None else f"from epoch {epoch}"
    factor = next((factors[name] for name in names if name in factors), 1.0)
    if factor != 1 and trains != "no, frozen":
        trains += f", lr x {factor:.3g}"
    return {
        "layer": layer.name,
        "shape": "" if largest is None else " x ".join(map(str, largest.shape)),
        "weights": taken.said.get(layer.name, "random"),
        "trains": trains,
    }


def open_source(given: str, network: Network) -> Source:
    """A run folder, a model file of ours, or torchvision's published weights by name. UserError where it is none."""
    path = Path(given).expanduser()
    if not path.exists() and path.suffix != ".safetensors" and "/" not in given and "\\" not in given:
        return _published(given, network)
    try:
        tensors, about = load_model(model_path(path))
        if "members" in about:
            first = shown(model_path(path).parent / "member_0")
            raise UserError(
                f"{shown(path)} is an ensemble of {len(about['members'])} networks; take one of them: {WHERE}={first}"
            )
        features, read = about["features"], about["preprocessing"]
        columns, classes = columns_of(read), tuple(map(str, about["task"]["classes"]))
        section = dict(about["config"]["model"])
        if columns is not None:
            check_embeddings(columns, tensors)
        if features["kind"] != "pixels":
            return Source(shown(path), tensors, columns, None, classes, section=section)
        mean, std = (tuple(map(float, features[key])) for key in ("mean", "std"))
        return Source(shown(path), tensors, columns, (mean, std), classes, int(read["levels"]), section)
    except UserError as error:
        raise UserError(*(f"{WHERE}: {said.removeprefix('checkpoint: ')}" for said in error.problems)) from None
    except (KeyError, TypeError, ValueError) as error:
        said = f"what it says of its data cannot be used ({type(error).__name__}: {error})"
        raise UserError(f"{WHERE}: {shown(path)} is damaged: {said}") from None


def _published(name: str, network: Network) -> Source:
    body = network.body
    if not isinstance(body, Backbone):
        raise UserError(
            f"{WHERE}: there is no file or folder '{name}'; published weights, by their names, are for model backbone"
        )
    state, known = published(name, body.architecture)
    tensors = {f"body.{key}": value for key, value in body.from_published(state).items()}
    classes = tuple(known["categories"])
    return Source(known["name"], tensors, None, (tuple(known["mean"]), tuple(known["std"])), classes)


def model_path(path: Path) -> Path:
    """The model file that a path stands for: itself, the best model of a run folder, of a fold of one, or of a
    sweep."""
    if not path.is_dir():
        return path
    if (found := model_in(path, BEST)) is not None:
        return found
    if (path / MANIFEST).is_file():
        raise UserError(f"checkpoint: {path} has no {BEST} ({why_no_model(path, BEST)})")
    inner = sorted(path.rglob(BEST), key=lambda found: found.stat().st_mtime)
    guess = inner[-1].parent if inner else nearest(path.name, [p.name for p in path.parent.iterdir() if p != path])
    raise UserError(f"checkpoint: {path} has no {BEST}{did_you_mean(guess)}")
