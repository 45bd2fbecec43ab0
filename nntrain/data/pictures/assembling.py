"""Pictures as uint8 tensors: how raw ones become the network's input, and datasets made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.cores import cores
from nntrain.data.dataset import Dataset, PixelFeatures, Split, class_summary, named_splits
from nntrain.data.pictures.decoding import MAX_PIXELS, Fit
from nntrain.data.pictures.preprocessing import PixelPreprocessing
from nntrain.data.splitting import Index, Shares, by_chance, check_class_sizes, generator, take
from nntrain.errors import UserError
from nntrain.task import Task

BLOCK = 8 << 20  # bytes of pixels that are looked at at once


def picture_dataset(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    shares: Shares,
    fingerprint: str,
    *,
    val: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None,
    test: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None,
    unlabelled: NDArray[np.uint8] | None = None,
    keep_labels: int | None = None,
    fold: int | None = None,
    target: str = "label",
    stratify: bool = True,
    notes: Sequence[str] = (),
) -> Dataset:
    """pixels: [N, C, H, W]; labels: [N]. val, test: their pictures where they are apart, else some are drawn.

    unlabelled: [U, C, H, W], pictures without a label. keep_labels: how many training pictures keep their label, with
    their share for each class; the others join the unlabelled ones.
    """
    if stratify and (val is None or test is None):
        check_class_sizes(labels, classes)
    known = labels if stratify else None
    rows = by_chance(np.arange(len(labels)), shares, known, fold, test=test is None, val=val is None)
    if val is None:
        rows.require_samples()
    features = pixel_features(pixels, rows.train)
    task = Task("classification", (target,), classes)
    said = list(notes)
    trained, rest = rows.train, rows.train[:0]
    if keep_labels is not None:
        trained, rest = with_labels(rows.train, keep_labels, labels, classes, shares.seed)
        said.append(labels_note(len(trained), len(rows.train)))
    train = _split(pixels, labels, trained)
    chosen = _split(pixels, labels, rows.val) if val is None else _split(*val, slice(None))
    held_out: Split | None
    if test is None:
        held_out = _split(pixels, labels, rows.test) if len(rows.test) else None
    else:
        held_out = _split(*test, slice(None))
    # a file that is mapped stays so: only pre-training will read it
    given = [part for part in (pixels[rest], unlabelled) if part is not None and len(part)]
    others = [torch.from_numpy(np.require(part, requirements="W")) for part in given]
    without = torch.cat(others) if len(others) > 1 else others[0] if others else None
    top = int(train.inputs.max())
    levels = 255 if top > 64 else max(1, top)
    return assembled(
        train, chosen, held_out, task, features, fingerprint, unlabelled=without, levels=levels, notes=said
    )


def assembled(
    train: Split,
    val: Split,
    test: Split | None,
    task: Task,
    features: PixelFeatures,
    fingerprint: str,
    *,
    unlabelled: torch.Tensor | None = None,
    levels: int = 255,
    fit: Fit = "stretch",
    standardize_target: bool = True,
    max_pixels: int = MAX_PIXELS,
    notes: Sequence[str] = (),
    about: Mapping[str, Any] | None = None,
) -> Dataset:
    """The dataset of splits that are there.

    levels, fit, standardize_target, max_pixels: see PixelPreprocessing. about: more for `summary["pictures"]`.
    """
    parts = named_splits(train, val, test)
    size = {"channels": features.channels, "height": features.height, "width": features.width}
    summary: dict[str, Any] = {
        "rows": {name: len(part) for name, part in parts.items()},
        "pictures": {**size, **(about or {})},
        "pixels": {"mean": list(features.mean), "std": list(features.std)},
        "columns": [],
    }
    if unlabelled is not None:
        summary["unlabelled"] = len(unlabelled)
    if task.is_regression or task.is_multilabel:
        summary["target"] = {"task": task.kind, "names": list(task.targets)}
    if not task.is_regression:
        summary["classes"] = class_summary(parts, task)
    preprocessing = PixelPreprocessing(features, task, levels, fit, standardize_target, max_pixels)
    return Dataset(
        train, val, test, task, features, preprocessing, fingerprint, summary, tuple(notes), unlabelled=unlabelled
    )


def _split(pixels: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64] | slice) -> Split:
    return Split(torch.from_numpy(np.require(pixels[rows], requirements=("C", "W"))), torch.from_numpy(labels[rows]))


def with_labels(
    rows: Index, count: int, labels: Index | None, classes: Sequence[str], seed: int
) -> tuple[Index, Index]:
    """Training rows that keep their label, `count` of them drawn by the seed of the splits, and the rest.

    labels: of all rows of the data, for its share to each class; None: drawn regardless.
    """
    if count > len(rows):
        raise UserError(f"data.labels: {count} is more than the {len(rows)} training pictures that have a label")
    if labels is not None and count < len(classes):
        raise UserError(f"data.labels: {count} cannot show {len(classes)} classes; give at least one for each")
    if count == len(rows):
        return rows, rows[:0]
    rest, kept = take(rows, count, generator(seed), labels)
    if labels is not None:
        absent = np.flatnonzero(np.bincount(labels[kept], minlength=len(classes)) == 0)
        if len(absent):
            raise UserError(
                f"data.labels: {count} of {len(rows)} labels, shared out by size, leave none to class "
                f"'{classes[absent[0]]}'; give more"
            )
    return kept, rest


def labels_note(kept: int, rows: int) -> str:
    return f"{kept:,} of {rows:,} training pictures keep their label (data.labels); the rest is for pre-training alone"


def pixel_features(pixels: NDArray[np.uint8], rows: Index) -> PixelFeatures:
    """Size, and mean and standard deviation of each channel over the training pictures, on the pixels' scale."""
    return features_of(count_levels(pixels, rows), pixels.shape[2], pixels.shape[3])


def count_levels(pixels: NDArray[np.uint8], rows: Index | None = None) -> NDArray[np.int64]:
    """How often each channel has each of the 256 levels, [C, 256], in some of the pictures or all."""
    _, channels, height, width = pixels.shape
    most = max(1, BLOCK // (channels * height * width))

    def counted(start: int) -> NDArray[np.int64]:
        some = slice(start, start + most)
        block = pixels[some if rows is None else rows[some]]  # in blocks: no second copy of all
        values = [torch.from_numpy(np.ascontiguousarray(block[:, channel]).ravel()) for channel in range(channels)]
        # NumPy's bincount would first widen every pixel to 8 bytes
        return np.stack([torch.bincount(one, minlength=256).numpy() for one in values])

    with ThreadPoolExecutor(cores()) as threads:
        starts = range(0, len(pixels) if rows is None else len(rows), most)
        return sum(threads.map(counted, starts), start=np.zeros((channels, 256), dtype=np.int64))


def features_of(counts: NDArray[np.int64], height: int, width: int) -> PixelFeatures:
    """counts: see `count_levels`."""
    mean, std, levels = [], [], np.arange(256)
    for count in counts:
        center = float((count * levels).sum() / count.sum())
        variance = float((count * (levels - center) ** 2).sum() / count.sum())
        mean.append(center)
        std.append(variance**0.5 or 1.0)
    return PixelFeatures(len(counts), height, width, tuple(mean), tuple(std))


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
