"""Labels of pictures that a model has not seen: in a tree of class folders, an archive of one, a table, or an array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.data.pictures.decoding import IMAGE_ENDINGS, Look
from nntrain.data.pictures.files import is_archive, list_folder
from nntrain.data.pictures.layout import has_splits
from nntrain.data.pictures.reading import Pictures, Wanted, read_archive, read_files
from nntrain.data.pictures.table import files_of, is_table, labelled_rows, lists_pictures, read_table, targets_of_task
from nntrain.data.tables.columns import Column
from nntrain.data.targets import encode_targets
from nntrain.errors import UserError, unknown
from nntrain.task import Task


def holds_pictures(path: Path) -> bool:
    """Whether a path is a folder, an archive, or a table that lists pictures."""
    return path.is_dir() or is_archive(path) or lists_pictures(path)


def read_labelled(path: Path, look: Look, task: Task, *, standardize: bool) -> tuple[NDArray[np.uint8], torch.Tensor]:
    """Pixels uint8 [N, C, H, W] and targets (see Task) of all pictures that have a label. Raises UserError."""
    wanted = Wanted((look.height, look.width), "grey" if look.channels == 1 else "rgb", look.fit, look.max_pixels)
    if is_table(path):
        return _of_table(path, wanted, task, standardize=standardize)
    if not task.is_classification:
        raise UserError(f"{path}: folders name classes, and the model predicts {task.kind}; give a CSV of path,label")
    pictures = _of_tree(path, wanted)
    names = pictures.listing.names
    order = sorted(range(len(names)), key=names.__getitem__)
    parts = [names[i].split("/") for i in order]
    if not parts or min(map(len, parts)) < 2:
        raise UserError(f"{path}: holds no folders of pictures ({', '.join(IMAGE_ENDINGS)}), one for each class")
    if len({part[0] for part in parts}) == 1 and parts[0][0] not in task.classes and min(map(len, parts)) > 2:
        parts = [part[1:] for part in parts]
    if has_splits(sorted({part[0] for part in parts})):
        raise UserError(f"{path}: holds splits ({', '.join(sorted({part[0] for part in parts}))}); name one of them")
    place = {name: i for i, name in enumerate(task.classes)}
    for part in parts:
        if part[0] not in place and part[0].isdigit() and int(part[0]) < len(place):
            place[part[0]] = int(part[0])  # the number of a class
        if part[0] not in place:
            raise UserError(f"{path / part[0]}: {unknown('class', part[0], task.classes)}")
    labels = torch.tensor([place[part[0]] for part in parts], dtype=torch.int64)
    return pictures.pixels[np.array(order)], labels


def _of_tree(path: Path, wanted: Wanted) -> Pictures:
    if path.is_dir():
        listing = list_folder(path)
        if not any("/" in name for name in listing.names):
            raise UserError(f"{path}: holds no folders of pictures ({', '.join(IMAGE_ENDINGS)}), one for each class")
        return read_files(path, listing, wanted, path)
    return read_archive(path, wanted)


def _of_table(path: Path, wanted: Wanted, task: Task, *, standardize: bool) -> tuple[NDArray[np.uint8], torch.Tensor]:
    separator = task.separator if task.is_multilabel and len(task.targets) == 1 else None
    table = read_table(path, task.targets, separator, otherwise="label")
    kept = labelled_rows(table)
    if not kept.any():
        raise UserError(f"{path}: no picture in it has a label")
    table = table.at(kept)
    listing, rows = files_of(table)
    pictures = read_files(path.parent, listing, wanted, path)
    return pictures.pixels[rows], targets_of_task(table, task, standardize=standardize)


def targets_of_array(given: NDArray[Any], task: Task, *, standardize: bool) -> torch.Tensor:
    """Targets (see Task) from classes by name or number [N], labels of 0 and 1 [N, K], or values [N, T]. Raises
    UserError."""
    if task.is_classification:
        return _class_indices(given, task.classes)
    table = given[:, None] if given.ndim == 1 else given
    names = task.classes if task.is_multilabel else task.targets
    if table.ndim != 2 or table.shape[1] != len(names) or table.dtype.kind not in "buif":
        wanted = f"numbers [N, {len(names)}] ({', '.join(names[:6])}{', ...' if len(names) > 6 else ''})"
        raise UserError(f"input: targets are {given.dtype} {given.shape}, not {wanted}")
    columns = [Column(name, "numeric", table[:, i].astype(np.float64)) for i, name in enumerate(names)]
    if any(column.missing.any() for column in columns):
        raise UserError("input: some targets are NaN; leave these samples out")
    return encode_targets(task, columns, standardize=standardize)


def _class_indices(labels: NDArray[Any], classes: Sequence[str]) -> torch.Tensor:
    """int64 [N], of classes given by name or by number."""
    index = {name: i for i, name in enumerate(classes)}
    found = []
    for label in labels.tolist():
        name = str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
        if name in index:
            found.append(index[name])
        elif name.isdigit() and int(name) < len(index):
            found.append(int(name))
        else:
            shown = ", ".join(classes[:10]) + (", ..." if len(index) > 10 else "")
            raise UserError(f"input: label {name!r} is none of the classes (classes: {shown})")
    return torch.tensor(found, dtype=torch.int64)
