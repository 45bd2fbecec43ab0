"""Other data sets whose files hold the pixels themselves: SVHN, STL-10, USPS, SEMEION, FER2013."""

from __future__ import annotations

import bz2
import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nntrain.data.pictures.assembling import check_labels
from nntrain.data.vision.mnist import DIGITS
from nntrain.data.vision.sets import Arrays, ArraySet, Download, Labelled, Layout
from nntrain.errors import UserError

STL10_CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
STL10_PICTURE = 3 * 96 * 96
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def read_mat(path: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """The arrays of these names in a MATLAB file of version 5 (numbers alone)."""
    from scipy.io import loadmat

    try:
        held = loadmat(path, variable_names=list(names))
    except Exception as error:  # scipy has no common class for what a damaged file can do
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: is truncated, or no MATLAB file: {said}") from None
    if missing := [name for name in names if name not in held]:
        there = ", ".join(name for name in held if not name.startswith("__"))
        raise UserError(f"{path}: has no array {' and no array '.join(missing)} (it has {there or 'none of them'})")
    found = [np.asarray(held[name]) for name in names]
    for name, array in zip(names, found, strict=True):
        if array.dtype.kind not in "uif":
            raise UserError(f"{path}: {name} holds {array.dtype}, not numbers")
    return found


def _svhn(paths: Sequence[Path]) -> Arrays:
    """X: uint8 [32, 32, 3, N]; y: [N, 1], in which 10 stands for 0 (Netzer et al. 2011). Two files train where three
    are given."""
    parts: list[Labelled] = []
    for path in paths:
        pixels, labels = read_mat(path, ("X", "y"))
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or labels.size != pixels.shape[3]:
            raise UserError(
                f"{path}: X is {pixels.dtype} {pixels.shape} and y {labels.shape}, not uint8 [32, 32, 3, N] and [N, 1]"
            )
        known = labels.ravel().astype(np.int64)
        known[known == 10] = 0
        parts.append((np.ascontiguousarray(pixels.transpose(3, 2, 0, 1)), check_labels(known, 10, str(path))))
    test = parts.pop(1)
    train = (np.concatenate([pixels for pixels, _ in parts]), np.concatenate([labels for _, labels in parts]))
    return Arrays(train if len(parts) > 1 else parts[0], test, DIGITS, tuple(paths))


def _stl10(paths: Sequence[Path]) -> Arrays:
    """Pictures [N, 3, 96, 96] by columns; labels from 1 (Coates et al. 2011). The 100,000 without a label stay on disk
    and are mapped where they lie beside the others."""
    parts = []
    for images, labels in (paths[:2], paths[2:4]):
        pixels = _by_columns(images)
        known = np.fromfile(labels, np.uint8).astype(np.int64) - 1
        if len(known) != len(pixels):
            raise UserError(f"{images}: holds {len(pixels)} pictures, but {labels.name} {len(known)} labels")
        parts.append((np.ascontiguousarray(pixels), check_labels(known, 10, str(labels))))
    more = paths[0].with_name("unlabeled_X.bin")
    if not more.is_file():
        return Arrays(parts[0], parts[1], STL10_CLASSES, tuple(paths))
    return Arrays(parts[0], parts[1], STL10_CLASSES, (*paths, more), _by_columns(more))


def _by_columns(path: Path) -> NDArray[np.uint8]:
    size = path.stat().st_size
    if size == 0 or size % STL10_PICTURE:
        raise UserError(
            f"{path}: is truncated: {size} bytes are no whole number of pictures of {STL10_PICTURE} bytes each"
        )
    return np.memmap(path, np.uint8, "c").reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)


def _usps(paths: Sequence[Path]) -> Arrays:
    """Lines of `label 1:value ... 256:value` with values in [-1, 1] and labels from 1 (Hull 1994), bzip2."""
    parts = []
    for path in paths:
        try:
            lines = bz2.decompress(path.read_bytes()).decode("ascii").splitlines()
            rows = [line.split() for line in lines if line.strip()]
            values = np.array([[field.partition(":")[2] for field in row[1:]] for row in rows], dtype=np.float32)
            labels = np.array([int(row[0]) for row in rows], dtype=np.int64) - 1
        except (ValueError, OSError, EOFError) as error:
            raise UserError(f"{path}: is truncated, or no bzip2 file of `label 1:value 2:value ...`: {error}") from None
        if values.ndim != 2 or values.shape[1] != 256 or np.abs(values).max() > 1:
            raise UserError(f"{path}: pictures are 256 values in [-1, 1] each, not {values.shape[1:]}")
        # cut off, not rounded, as torchvision has it, so that both train on the same pixels
        pixels = ((values + 1) / 2 * 255).astype(np.uint8).reshape(-1, 1, 16, 16)
        parts.append((pixels, check_labels(labels, 10, str(path))))
    return Arrays(parts[0], parts[1], DIGITS, tuple(paths))


def _semeion(paths: Sequence[Path]) -> Arrays:
    """Lines of 256 pixels, 0 or 1, and 10 marks of the digit (Buscema 1998)."""
    path = paths[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file, which is said below
            table = np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise UserError(f"{path}: is truncated, or no table of numbers: {error}") from None
    if table.shape[1] != 266 or not np.isin(table, (0, 1)).all() or not (table[:, 256:].sum(1) == 1).all():
        raise UserError(f"{path}: rows are 256 pixels and 10 marks, each 0 or 1, of which one mark is 1")
    pixels = (table[:, :256] * 255).astype(np.uint8).reshape(-1, 1, 16, 16)
    return Arrays((pixels, table[:, 256:].argmax(1).astype(np.int64)), None, DIGITS, (path,))


def _fer2013(paths: Sequence[Path]) -> Arrays:
    """CSV of emotion, pixels (48 * 48 numbers) and Usage, Training or PublicTest or PrivateTest (Goodfellow et al.
    2013)."""
    path = paths[0]
    csv.field_size_limit(1 << 20)
    found: dict[bool, tuple[list[NDArray[np.uint8]], list[int]]] = {True: ([], []), False: ([], [])}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        wanted = {"emotion", "pixels", "Usage"}
        if not wanted <= set(reader.fieldnames or ()):
            raise UserError(f"{path}: its columns are {', '.join(reader.fieldnames or ())}, not emotion, pixels, Usage")
        for number, row in enumerate(reader, 2):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is no number ends the line, which is then too short
                values = np.fromstring(row["pixels"] or "", dtype=np.int64, sep=" ")
            whole = len(values) == 48 * 48 and values.min() >= 0 and values.max() <= 255
            if not whole or not (row["emotion"] or "").isdigit():
                raise UserError(f"{path}: line {number} is no emotion with {48 * 48} pixels; is the file truncated?")
            pictures, labels = found[row["Usage"] == "Training"]
            pictures.append(values.astype(np.uint8))
            labels.append(int(row["emotion"]))
    for training, name in ((True, "Training"), (False, "PublicTest or PrivateTest")):
        if not found[training][0]:
            raise UserError(f"{path}: has no row whose Usage is {name}")
    train, test = (
        (np.stack(found[side][0]).reshape(-1, 1, 48, 48), check_labels(np.array(found[side][1]), 7, str(path)))
        for side in (True, False)
    )
    return Arrays(train, test, EMOTIONS, (path,))


SVHN_FILES = ("train_32x32.mat", "test_32x32.mat")
SVHN_SPLITS: Any = ({"split": "train"}, {"split": "test"})
STL10_FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
ARRAYS = {
    "svhn": ArraySet((Layout(("svhn", "SVHN", ""), SVHN_FILES, _svhn),), Download("SVHN", SVHN_SPLITS)),
    "svhn_extra": ArraySet(
        (Layout(("svhn", "SVHN", ""), (*SVHN_FILES, "extra_32x32.mat"), _svhn),),
        Download("SVHN", (*SVHN_SPLITS, {"split": "extra"})),
    ),
    "stl10": ArraySet((Layout(("stl10_binary", ""), STL10_FILES, _stl10),), Download("STL10")),
    "usps": ArraySet(
        (Layout(("usps", "USPS", ""), ("usps.bz2", "usps.t.bz2"), _usps),),
        Download("USPS", ({"train": True}, {"train": False})),
    ),
    "semeion": ArraySet((Layout(("semeion", "SEMEION", ""), ("semeion.data",), _semeion),), Download("SEMEION")),
    "fer2013": ArraySet(
        tuple(Layout(("fer2013", ""), (name,), _fer2013) for name in ("fer2013.csv", "icml_face_data.csv")),
        None,
        "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge",
    ),
}
