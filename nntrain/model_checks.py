"""What a model file may not say of itself: found before anything is built of it, and said in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

from torch import Tensor

from nntrain.components import is_own
from nntrain.config import schema
from nntrain.config.options import option_names, read_option
from nntrain.data.dataset import Features, PixelFeatures
from nntrain.data.pictures.decoding import MAX_PIXELS
from nntrain.data.table import SOURCES
from nntrain.errors import UserError, unknown
from nntrain.models.table import MODELS
from nntrain.models.transfer import SETTINGS
from nntrain.objective.table import LOSSES

USED = ("data", "augment", "model", "loss", "objective")  # the sections that a model is used by, not only trained
SCALARS = ("precision", "deterministic", "seed")


def damaged(path: Path, what: str, error: Exception) -> UserError:
    """For a file from which something could not be built, which failed by this error."""
    said = f"what it says of its {what} cannot be used ({type(error).__name__}: {error})"
    return UserError(f"checkpoint: {path} is damaged: {said}")


def refuse_own_code(path: Path, config: Mapping[str, Any], groups: Sequence[str], *, trust: bool) -> None:
    """UserError where a model file names a class that is none of ours: to look it up is to run somebody's code."""
    tables: dict[str, Mapping[str, Any]] = {"model": MODELS, "loss": LOSSES, "data": SOURCES}
    for group in groups:
        name = str(config[group]["name"])
        if name not in tables[group] and not trust:
            raise UserError(
                f"checkpoint: {path} names code of its own, {group} {name}; open it with trust=true if you trust it"
            )


def members_of(path: Path, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
    """The weights of each network that the file holds, views of its tensors. UserError where an ensemble's are not of
    as many members as it lists."""
    if "members" not in about:
        return [tensors]
    count = len(about["members"])
    if schema.fields("top")["ensemble"].complaint(count) or any(t.shape[:1] != (count,) for t in tensors.values()):
        raise UserError(f"checkpoint: {path} is damaged: it lists {count} members, and its weights are not of so many")
    return [{name: tensor[i] for name, tensor in tensors.items()} for i in range(count)]


def check_size(path: Path, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """UserError where the file speaks of a network larger than its own weights: no size in it may cost time or memory
    that the weights do not account for. How large pictures are, they tell of some networks only: of others a limit
    does."""
    numbers = sum(tensor.numel() for tensor in tensors.values())
    model = {key: value for key, value in about["config"]["model"].items() if key not in SETTINGS}
    too_deep = _largest(model.get("depth")) > len(tensors)
    if too_deep or max(_largest(about["features"]), _largest(model)) > max(numbers, 1000):
        raise UserError(f"checkpoint: {path} describes a network larger than the weights it holds; refused")


def check_features(path: Path, features: Features, made: Features, layout: Sequence[int] | None) -> None:
    """UserError where what the preprocessing makes is not what the network takes or reconstructs, or where pictures
    are of no size that there is. layout: shape of the pictures that an autoencoder reconstructs."""
    own, others = _size(features), [_size(made), *([] if layout is None else [tuple(layout)])]
    if unlike := [other for other in others if other != own]:
        raise UserError(f"checkpoint: {path} is damaged: its network takes {own}, and its data is {unlike[0]}")
    if isinstance(features, PixelFeatures):
        sound = all(isinstance(side, int) and side > 0 for side in own)
        if not sound or prod(own) > MAX_PIXELS:
            said = " x ".join(map(str, own))
            raise UserError(f"checkpoint: {path} describes pictures of {said}; the limit is {MAX_PIXELS:,} values")


def _size(features: Features) -> tuple[Any, ...]:
    """What has to agree; pictures may be standardised by another network's statistics."""
    if isinstance(features, PixelFeatures):
        return features.channels, features.height, features.width
    return features.numeric, *features.cardinalities, features.one_hot_max, features.embedding_dim


def check_settings(path: Path, about: Mapping[str, Any]) -> None:
    """UserError where a setting that the model is used by is none, or has a value that no recipe could give it."""
    said = next(_wrong_settings(about["config"], about["fold"]), None)
    if said is not None:
        raise UserError(f"checkpoint: {path} is damaged: {said}")


def _wrong_settings(config: Mapping[str, Any], fold: Any) -> Iterator[str]:
    for key in SCALARS:
        if said := schema.fields("top")[key].complaint(config[key]):
            yield f"{key}: {said}"
    for group in USED:
        if group not in config:  # from before there was such a choice
            continue
        section = config[group]
        name = str(section["name"])
        if is_own(group, name):
            continue
        if name not in option_names(group):
            yield f"{group}: {unknown(group, name, option_names(group))}"
        known = {"name", *(key for key, _, _ in read_option(group, name).settings)}
        for key, value in section.items():
            if key not in known:
                yield f"{group}.{key}: {unknown(f'setting of {group} {name}', key, sorted(known))}"
            elif key != "name" and (said := schema.fields(group)[key].complaint(value)):
                yield f"{group}.{key}: {said}"
        for key, said in schema.conflicts(group)(section):
            yield f"{group}.{key}: {said}"
    if fold is not None and (not isinstance(fold, int) or fold not in range(config["data"].get("folds") or 0)):
        yield f"fold: {fold!r} is none of the {config['data'].get('folds')} folds"


def _largest(value: Any) -> int:
    """The largest whole number in nested lists and mappings."""
    if isinstance(value, Mapping):
        return max(map(_largest, value.values()), default=0)
    if isinstance(value, list):
        return max(map(_largest, value), default=0)
    return value if isinstance(value, int) else 0
