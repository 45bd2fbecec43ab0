"""Pictures as uint8 tensors: how raw ones become the network's input, and datasets made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.data.dataset import Dataset, PixelFeatures, Split
from nntrain.data.pixel_preprocessing import PixelPreprocessing
from nntrain.data.splitting import Rows, Shares, by_chance, check_class_sizes
from nntrain.errors import UserError
from nntrain.task import Task


def picture_dataset(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    shares: Shares,
    fingerprint: str,
    *,
    test: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None,
    fold: int | None = None,
    target: str = "label",
    stratify: bool = True,
) -> Dataset:
    """pixels: [N, C, H, W]; labels: [N]. `test` holds the test pictures where they are apart, else some are drawn."""
    if stratify:
        check_class_sizes(labels, classes)
    rows = by_chance(np.arange(len(labels)), shares, labels if stratify else None, fold, test=test is None)
    rows.require_samples()
    features = pixel_features(pixels, rows)
    task = Task("classification", (target,), classes)
    train, val = (_split(pixels, labels, chosen) for chosen in (rows.train, rows.val))
    held_out: Split | None
    if test is None:
        held_out = _split(pixels, labels, rows.test) if len(rows.test) else None
    else:
        held_out = _split(*test, slice(None))
    named = {"train": train, "val": val, "test": held_out}
    parts = {name: part for name, part in named.items() if part is not None}
    summary: dict[str, Any] = {
        "rows": {name: len(part) for name, part in parts.items()},
        "pictures": {"channels": features.channels, "height": features.height, "width": features.width},
        "pixels": {"mean": list(features.mean), "std": list(features.std)},
        "columns": [],
        "classes": {name: _counts(part, classes) for name, part in parts.items()},
    }
    top = int(train.inputs.max())
    preprocessing = PixelPreprocessing(features, task, levels=255 if top > 64 else max(1, top))
    return Dataset(train, val, held_out, task, features, preprocessing, fingerprint, summary)


def _split(pixels: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64] | slice) -> Split:
    return Split(torch.from_numpy(np.require(pixels[rows], requirements=("C", "W"))), torch.from_numpy(labels[rows]))


def _counts(split: Split, classes: tuple[str, ...]) -> dict[str, int]:
    counts = torch.bincount(split.targets, minlength=len(classes))
    return {name: int(count) for name, count in zip(classes, counts.tolist(), strict=True)}


def pixel_features(pixels: NDArray[np.uint8], rows: Rows) -> PixelFeatures:
    """Size, and mean and standard deviation of each channel over the training pictures, on the pixels' scale."""
    _, channels, height, width = pixels.shape
    mean, std = [], []
    for channel in range(channels):
        histogram = np.zeros(256, dtype=np.int64)
        for start in range(0, len(rows.train), 8192):  # in blocks: no second copy of the pictures
            block = torch.from_numpy(pixels[rows.train[start : start + 8192], channel].ravel())
            # NumPy's bincount would first widen every pixel to 8 bytes
            histogram += torch.bincount(block, minlength=256).numpy()
        values = np.arange(256)
        center = float((histogram * values).sum() / histogram.sum())
        variance = float((histogram * (values - center) ** 2).sum() / histogram.sum())
        mean.append(center)
        std.append(variance**0.5 or 1.0)
    return PixelFeatures(channels, height, width, tuple(mean), tuple(std))


def check_labels(labels: NDArray[Any], classes: int, where: str) -> NDArray[np.int64]:
    """Labels as int64; raises UserError for one outside 0 ... classes - 1."""
    whole = labels.astype(np.int64)
    wrong = np.flatnonzero((whole < 0) | (whole >= classes) | (whole != labels))
    if len(wrong):
        row = int(wrong[0])
        raise UserError(
            f"{where}: label {labels[row]} of sample {row} is out of range; {classes} classes allow 0 to {classes - 1}"
        )
    return whole
