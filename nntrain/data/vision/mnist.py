"""The MNIST family as torchvision lays it out: IDX files in root/<folder>/raw."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nntrain.data.idx import FILES, read_pairs
from nntrain.data.pictures.assembling import check_labels
from nntrain.data.vision.sets import Arrays, ArraySet, Download, Layout


@dataclass(frozen=True)
class Family:
    """root/<folder>/raw/<files>. split: torchvision's word for it. transposed: pictures lie on their side."""

    folder: str
    classes: tuple[str, ...]
    files: tuple[str, ...] = FILES
    split: str | None = None
    transposed: bool = False
    first_label: int = 0


DIGITS = tuple(string.digits)
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
LETTERS = tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase)
MERGED = tuple(c for c in LETTERS if c not in "cijklmopsuvwxyz")
QMNIST = (
    "qmnist-train-images-idx3-ubyte",
    "qmnist-train-labels-idx2-int",
    "qmnist-test-images-idx3-ubyte",
    "qmnist-test-labels-idx2-int",
)
PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "test-images-idx3-ubyte", "test-labels-idx1-ubyte")


def _emnist(split: str, classes: tuple[str, ...], first_label: int = 0) -> Family:
    files = tuple(f"emnist-{split}-{part}" for part in PARTS)
    return Family("EMNIST", classes, files, split, transposed=True, first_label=first_label)


FAMILY = {
    "mnist": Family("MNIST", DIGITS),
    "fashion_mnist": Family("FashionMNIST", CLOTHES),
    "kmnist": Family("KMNIST", KANA),
    "qmnist": Family("QMNIST", DIGITS, QMNIST),
    "emnist_balanced": _emnist("balanced", MERGED),
    "emnist_letters": _emnist("letters", tuple(string.ascii_lowercase), first_label=1),
    "emnist_digits": _emnist("digits", DIGITS),
    "emnist_mnist": _emnist("mnist", DIGITS),
    "emnist_bymerge": _emnist("bymerge", MERGED),
    "emnist_byclass": _emnist("byclass", LETTERS),
}


def as_array_set(family: Family) -> ArraySet:
    """The family in the terms of all data sets."""
    folders = (f"{family.folder}/raw", family.folder, "")
    if family.folder == "QMNIST":
        download = Download("QMNIST", ({"what": "train"}, {"what": "test"}))
    else:
        download = Download(family.folder, ({"split": family.split} if family.split else {},))
    return ArraySet((Layout(folders, family.files, partial(_read, family)),), download)


def _read(family: Family, paths: Sequence[Path]) -> Arrays:
    (pixels, labels), (test_pixels, test_labels) = read_pairs(paths)
    if family.transposed:
        pixels, test_pixels = pixels.swapaxes(2, 3), test_pixels.swapaxes(2, 3)
    count = len(family.classes)
    return Arrays(
        (pixels, check_labels(labels - family.first_label, count, str(paths[1]))),
        (test_pixels, check_labels(test_labels - family.first_label, count, str(paths[3]))),
        family.classes,
        tuple(paths),
    )
