"""`nntrain check show=augment`: what the augmentation makes of some training samples, on a contact sheet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nntrain.augment.table import AUGMENTATIONS
from nntrain.components import build
from nntrain.data.dataset import Dataset, PixelFeatures
from nntrain.errors import UserError
from nntrain.record.contact_sheet import contact_sheet
from nntrain.task import Task

NAME = "augment.png"
ROWS, DRAWS = 8, 7
ENDINGS = (".png",)


def sheet_path(output: str | None) -> Path:
    """Where the sheet goes: to the file named, or to the first of augment.png, augment_2.png, ... that is not there.

    UserError for a name that is not of a PNG in a folder that exists."""
    if output is None:
        names = (NAME, *(f"augment_{i}.png" for i in range(2, 1_000_000)))
        return next(path for path in map(Path, names) if not path.exists())
    path = Path(output).expanduser()
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"check: output={output}: the sheet is a PNG; choose a name that ends in .png")
    if not path.parent.is_dir():
        raise UserError(f"check: output={output}: there is no folder {path.parent}")
    return path


def write_sheet(config: Mapping[str, Any], dataset: Dataset, path: Path) -> None:
    """Originals beside their next draws, as training will see them. dataset: as built, expanded or not.

    UserError where nothing is changed, or no pictures are."""
    section = config["augment"]
    if section["name"] == "none":
        raise UserError("check: show=augment, and nothing is changed: augment is none; add augment=cifar, or another")
    if not isinstance(dataset.features, PixelFeatures):
        raise UserError("check: show=augment draws pictures, and the data is a table")
    augment = build("augment", AUGMENTATIONS, section, features=dataset.features, seed=config["seed"])
    train, task, times = dataset.train, dataset.task, section["expand"]
    count = len(train) // times
    draws = min(DRAWS, times - 1) if times > 1 else DRAWS
    samples = chosen(train.targets[:count], task)
    originals = train.inputs[samples.to(train.inputs.device)].to(train.device)
    columns, captions = [originals], [[label(task, target) for target in train.targets[samples]]]
    for epoch in range(draws):
        changed = augment(originals, samples, epoch)
        said = captions[0]
        mixing = augment.mixing(samples, epoch, count)
        if mixing is not None:
            partners = train.inputs[mixing.partner.to(train.inputs.device)].to(train.device)
            changed, shares = augment.mix(changed, augment(partners, mixing.partner, epoch), mixing)
            others = [label(task, target) for target in train.targets[mixing.partner]]
            said = [_mixed(*three) for three in zip(captions[0], others, shares.tolist(), strict=True)]
        columns.append(changed)
        captions.append(said)
    pictures = [column.float().round().clamp(0, 255).to(torch.uint8).cpu().numpy() for column in columns]
    what = "draw" if times > 1 else "epoch"
    heads = ["original", *(f"{what} {i + 1}" for i in range(draws))]
    title = f"augment={section['name']}, seed {config['seed']}"
    contact_sheet(path, list(zip(*pictures, strict=True)), list(zip(*captions, strict=True)), heads, title)


def chosen(targets: Tensor, task: Task) -> Tensor:
    """Some samples of different classes, int64: the first of each class, then the second of each; else the first."""
    device = targets.device
    if not task.is_classification:
        return torch.arange(min(ROWS, len(targets)), device=device)
    classes = targets.cpu().numpy()
    order = np.argsort(classes, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(classes))))[classes[order]]
    turn = np.empty(len(classes), dtype=np.int64)
    turn[order] = np.arange(len(classes)) - starts  # which sample of its class each is
    return torch.from_numpy(np.lexsort((classes, turn))[:ROWS].copy()).to(device)


def label(task: Task, target: Tensor) -> str:
    """A target in words: the class, the labels, or values in their own unit."""
    if task.is_classification:
        return task.classes[int(target)]
    if task.is_multilabel:
        return ", ".join(name for name, on in zip(task.classes, target.tolist(), strict=True) if on) or "-"
    values = zip(target.tolist(), task.center, task.scale, strict=True)
    return ", ".join(f"{center + scale * value:.4g}" for value, center, scale in values)


def _mixed(own: str, other: str, share: float) -> str:
    return own if share >= 0.995 else f"{own} ({share:.0%})\n{other} ({1 - share:.0%})"
