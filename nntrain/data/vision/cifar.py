"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): the batches for Python, read without unpickling, or the binary ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nntrain.data.pictures.assembling import check_labels
from nntrain.data.vision.plain_pickle import read_plain_pickle
from nntrain.data.vision.sets import Arrays, ArraySet, Download, Labelled, Layout
from nntrain.errors import UserError

PIXELS = 3 * 32 * 32
Level = Literal["fine", "coarse"]


def _pickled(path: Path, labels: str) -> Labelled:
    batch = read_plain_pickle(path)
    if missing := [name for name in ("data", labels) if name not in batch]:
        raise UserError(f"{path}: has no {' and no '.join(missing)} (it has {', '.join(batch)})")
    pixels, targets = batch["data"], np.asarray(batch[labels])
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (PIXELS,):
        found = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise UserError(f"{path}: data is {found}, not pictures uint8 [N, {PIXELS}]")
    if targets.shape != (len(pixels),) or targets.dtype.kind not in "iu":
        raise UserError(f"{path}: {len(pixels)} pictures, but {labels} are {targets.dtype} {targets.shape}")
    return pixels.reshape(-1, 3, 32, 32), targets.astype(np.int64)


def _names(path: Path, key: str) -> tuple[str, ...]:
    found = read_plain_pickle(path).get(key)
    if not isinstance(found, list) or not found:
        raise UserError(f"{path}: has no list {key} of the classes' names")
    return tuple(map(str, found))


def _binary(path: Path, label_bytes: int, column: int) -> Labelled:
    """Records of one byte for each label, then the pixels."""
    raw: NDArray[np.uint8] = np.fromfile(path, np.uint8)
    record = label_bytes + PIXELS
    if len(raw) == 0 or len(raw) % record:
        raise UserError(
            f"{path}: is truncated: {len(raw)} bytes are no whole number of pictures of {record} bytes each"
        )
    table = raw.reshape(-1, record)
    return table[:, label_bytes:].reshape(-1, 3, 32, 32), table[:, column].astype(np.int64)


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def _arrays(parts: Sequence[Labelled], classes: tuple[str, ...], paths: Sequence[Path]) -> Arrays:
    """parts: the training batches, then the test batch; paths: theirs, then that of the classes' names."""
    checked = [
        (pixels, check_labels(labels, len(classes), str(path)))
        for (pixels, labels), path in zip(parts, paths[: len(parts)], strict=True)
    ]
    train = (np.concatenate([one for one, _ in checked[:-1]]), np.concatenate([one for _, one in checked[:-1]]))
    return Arrays(train, checked[-1], classes, tuple(paths))


def _read_pickled(labels: str, names: str, paths: Sequence[Path]) -> Arrays:
    return _arrays([_pickled(path, labels) for path in paths[:-1]], _names(paths[-1], names), paths)


def _read_binary(label_bytes: int, column: int, paths: Sequence[Path]) -> Arrays:
    return _arrays([_binary(path, label_bytes, column) for path in paths[:-1]], _lines(paths[-1]), paths)


BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
CIFAR10 = ArraySet(
    (
        Layout(
            ("cifar-10-batches-py", ""),
            (*BATCHES, "test_batch", "batches.meta"),
            partial(_read_pickled, "labels", "label_names"),
        ),
        Layout(
            ("cifar-10-batches-bin", ""),
            (*(f"{name}.bin" for name in BATCHES), "test_batch.bin", "batches.meta.txt"),
            partial(_read_binary, 1, 0),
        ),
    ),
    Download("CIFAR10", archive=True),
)


def cifar100(level: Level) -> ArraySet:
    """The 100 classes, or the 20 that they belong to."""
    pickled: Any = partial(_read_pickled, f"{level}_labels", f"{level}_label_names")
    return ArraySet(
        (
            Layout(("cifar-100-python", ""), ("train", "test", "meta"), pickled),
            Layout(
                ("cifar-100-binary", ""),
                ("train.bin", "test.bin", f"{level}_label_names.txt"),
                partial(_read_binary, 2, 0 if level == "coarse" else 1),
            ),
        ),
        Download("CIFAR100", archive=True),
    )
