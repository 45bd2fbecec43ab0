"""The MNIST family's IDX files (LeCun et al. 1998), gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nntrain.data import fingerprint
from nntrain.data.dataset import Dataset
from nntrain.data.files import existing_folder
from nntrain.data.pictures.assembling import check_labels, picture_dataset
from nntrain.data.splitting import Shares
from nntrain.errors import UserError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def read_idx(path: Path) -> NDArray[Any]:
    """The array in an IDX file. Raises UserError for a wrong magic number and for a file cut short."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UserError(f"{path}: is no whole gzip file: {error}") from None
    if len(raw) < 4 or raw[:2] != b"\x00\x00" or raw[2] not in TYPES or not 1 <= raw[3] <= 4:
        raise UserError(f"{path}: is no IDX file (it begins with 0x{raw[:4].hex()}, not 0x0000080X)")
    dimensions = raw[3]
    start = 4 + 4 * dimensions
    shape = tuple(int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions))
    dtype = np.dtype(TYPES[raw[2]])
    wanted = start + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if len(raw) != wanted:
        how = "is truncated" if len(raw) < wanted else "is too long"
        raise UserError(f"{path}: {how}: its header says {shape}, {wanted} bytes in all, and it has {len(raw)}")
    return np.frombuffer(raw, dtype=dtype, offset=start).reshape(shape)


def read_pairs(paths: Sequence[Path]) -> list[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """[(train pictures [N, 1, H, W], labels [N]), (test ...)] from the files images, labels, images, labels."""
    pairs = []
    for images_path, labels_path in (paths[:2], paths[2:]):
        images, labels = read_idx(images_path), read_idx(labels_path)
        if images.ndim != 3 or images.dtype.itemsize != 1:
            raise UserError(
                f"{images_path}: holds an array {images.shape} of {images.dtype.name}, not pictures [N, H, W] of uint8"
            )
        whole = labels[:, 0] if labels.ndim == 2 else labels  # QMNIST's labels have seven more columns
        if len(images) != len(whole):
            raise UserError(f"{images_path}: holds {len(images)} pictures, but {labels_path.name} {len(whole)} labels")
        pairs.append((images.view(np.uint8)[:, None], whole.astype(np.int64)))
    if pairs[0][0].shape[1:] != pairs[1][0].shape[1:]:
        raise UserError(
            f"{paths[2]}: test pictures are {pairs[1][0].shape[2:]}, training pictures {pairs[0][0].shape[2:]}"
        )
    return pairs


def find_files(folders: Sequence[Path], names: Sequence[str]) -> list[Path] | None:
    """The files of these names (with .gz or without, `-idx` or `.idx`) in the first folder that has all of them."""
    for folder in folders:
        found = []
        for name in names:
            spellings = [f"{base}{ending}" for base in (name, name.replace("-idx", ".idx")) for ending in ("", ".gz")]
            found += [folder / spelling for spelling in spellings if (folder / spelling).is_file()][:1]
        if len(found) == len(names):
            return found
    return None


class IdxSource:
    """Four IDX files in a folder: train and t10k, images and labels. Pictures are uint8 [N, 1, H, W]."""

    def __init__(
        self,
        *,
        path: str | None = None,
        classes: Sequence[str] | None = None,
        labels: int | None = None,
        val: float | int = 0.15,
        split_seed: int = 0,
        stratify: bool = True,
        folds: int | None = None,
    ) -> None:
        self.path = path
        self.classes = None if classes is None else tuple(map(str, classes))
        self.labels = labels
        self.shares = Shares(val, 0, split_seed, folds)
        self.stratify = stratify

    def load(self, *, standardize_target: bool = True, fold: int | None = None) -> Dataset:
        """Read and split; validation is drawn from the training files. `standardize_target` has no meaning here."""
        del standardize_target
        folder = existing_folder(self.path, "data.path")
        paths = find_files([folder], FILES)
        if paths is None:
            there = {entry.name.removesuffix(".gz").replace(".idx", "-idx") for entry in folder.iterdir()}
            absent = [name for name in FILES if name not in there]
            raise UserError(f"data.path: '{folder}' lacks {', '.join(absent)} (each with .gz or without)")
        (pixels, labels), (test_pixels, test_labels) = read_pairs(paths)
        classes = self.classes or tuple(str(i) for i in range(int(labels.max()) + 1))
        return picture_dataset(
            pixels,
            check_labels(labels, len(classes), str(paths[1])),
            classes,
            self.shares,
            fingerprint.of_files(*paths),
            test=(test_pixels, check_labels(test_labels, len(classes), str(paths[3]))),
            keep_labels=self.labels,
            fold=fold,
            stratify=self.stratify,
        )
