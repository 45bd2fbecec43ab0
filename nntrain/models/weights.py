"""Weights that torchvision publishes, by their names: read from torch.hub's folder, fetched where they are missing."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nntrain.errors import UserError, unknown, unknown_of_many

if TYPE_CHECKING:
    from torchvision.models import Weights, WeightsEnum


def backbone_names() -> tuple[str, ...]:
    """Every classification model of torchvision. UserError where torchvision does not work."""
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"model: torchvision cannot be imported ({str(error).splitlines()[0]}); install a torch and a torchvision "
            "that belong together (both for CPU or for CUDA): pip install --force-reinstall torch torchvision"
        ) from None
    return tuple(models.list_models(module=models))


def find_weights(name: str, architecture: str | None = None) -> tuple[str, WeightsEnum]:
    """The model and the weights that a name means: `ResNet18_Weights.IMAGENET1K_V1`, `ResNet18_Weights.DEFAULT`, a
    model (`resnet18`: its best), or with an architecture only `IMAGENET1K_V1` or `DEFAULT`. UserError where none."""
    names = backbone_names()
    from torchvision import models

    enums = {model: models.get_model_weights(model) for model in names}
    kind, dot, version = name.rpartition(".")
    if name in enums:
        model, version = name, "DEFAULT"
    elif dot:
        by_kind = {enum.__name__: model for model, enum in enums.items()}
        if kind not in by_kind:
            raise UserError(f"model.init_from: {unknown_of_many('published weights', kind, list(by_kind))}")
        model = by_kind[kind]
    elif architecture in enums:
        model = str(architecture)
    else:
        said = unknown_of_many("published weights", name, list(enums))
        raise UserError(f"model.init_from: {said}; or in full, such as ResNet18_Weights.DEFAULT")
    versions = [*enums[model].__members__, *(["DEFAULT"] if "DEFAULT" not in enums[model].__members__ else [])]
    if version not in versions:
        raise UserError(f"model.init_from: {unknown(f'weights of {model}', version, versions)}")
    if architecture is not None and model != architecture:
        said = f"{name} are weights of {model}, and the model is a {architecture}; set model.architecture={model}"
        raise UserError(f"model.init_from: {said}")
    return model, getattr(enums[model], version)


def published(name: str, architecture: str | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state of torchvision's model by its own names, and what is known of it.

    name, architecture: see `find_weights`. What is known: name (in full), model, url, path, categories (the classes of
    its head), mean and std (per channel, of pixels from 0 to 255, by which its inputs were standardised).

    Raises UserError where there are no such weights, or where they are neither here nor can be fetched: it names the
    file to get, its URL and where to put it.
    """
    model, weights = find_weights(name, architecture)
    path = _file(weights.value)
    state = torch.load(path, map_location="cpu", weights_only=True)
    transforms = weights.transforms()
    meta = {
        "name": str(weights),
        "model": model,
        "url": weights.url,
        "path": str(path),
        "categories": list(weights.meta["categories"]),
        "mean": tuple(255 * value for value in transforms.mean),
        "std": tuple(255 * value for value in transforms.std),
    }
    return dict(state), meta


def _file(weights: Weights) -> Path:
    """The weights' file, fetched where it is missing. Its name ends in the beginning of its SHA-256, which is checked
    before anything is read from it."""
    name = str(weights.url).rpartition("/")[2]
    path = Path(str(torch.hub.get_dir())) / "checkpoints" / name
    digest = Path(name).stem.rpartition("-")[2]
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(weights.url, str(path), digest, progress=sys.stderr.isatty())
        except (OSError, RuntimeError) as error:  # no network, or what came is not what was published
            reason = getattr(error, "reason", error)
            raise UserError(
                f"model.init_from: the weights are not on this machine and cannot be fetched ({reason}); get "
                f"{weights.url} where there is a network, and put it at {path} ($TORCH_HOME moves that folder)"
            ) from None
    elif not (found := _sha256(path)).startswith(digest):
        raise UserError(
            f"model.init_from: {path} is damaged, or another file: its SHA-256 begins with {found[: len(digest)]} and "
            f"not {digest}; delete it, and get {weights.url} again"
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
