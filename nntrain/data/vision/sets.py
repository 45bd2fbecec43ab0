"""What a published data set of pictures is to us: which files hold it, how they are read, and who downloads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nntrain.errors import UserError, unknown

Labelled = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Arrays:
    """A data set whose files hold the pixels: uint8 [N, C, H, W] and labels [N] of training and test pictures.

    test: None where none is published. unlabelled: uint8 [U, C, H, W], pictures without a label. files: with the
    labelled pictures and what is known of them, all of which are read to tell the data from other data.
    """

    train: Labelled
    test: Labelled | None
    classes: tuple[str, ...]
    files: tuple[Path, ...]
    unlabelled: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Layout:
    """One way in which a data set lies on disk: these files, all in one of these folders below `data.root`, and what
    reads them in this order."""

    folders: tuple[str, ...]
    files: tuple[str, ...]
    read: Callable[[Sequence[Path]], Arrays]


@dataclass(frozen=True)
class Download:
    """How torchvision gets the files. name: of its class, constructed with each of `arguments`. archive: whether only
    the class's archive is to be fetched and unpacked, because its constructor would open a pickle."""

    name: str
    arguments: tuple[Mapping[str, Any], ...] = ({},)
    archive: bool = False


@dataclass(frozen=True)
class ArraySet:
    """layouts: tried in this order. download: None where torchvision cannot get it; `get` then says where it is."""

    layouts: tuple[Layout, ...]
    download: Download | None
    get: str = ""


@dataclass(frozen=True)
class Listed:
    """Picture files of a data set: names relative to its folder with `/`, the class of each as an index, and the split
    it is published in ("train", "val" or "test"; all "train" where none are published).

    marks: [N, K] of 0 and 1 where a picture may have any of the K labels, `classes`; its class then means nothing.
    """

    names: Sequence[str]
    labels: Sequence[int]
    splits: Sequence[str]
    classes: tuple[str, ...]
    marks: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ListSet:
    """A data set of picture files. folders: one of these below `data.root` holds it. needs: what must be in there.
    read: (folder, names of all pictures in it) -> those of the data set. download, get: as for arrays."""

    folders: tuple[str, ...]
    needs: tuple[str, ...]
    read: Callable[[Path, Sequence[str]], Listed]
    download: Download | None
    get: str = ""


def selected(
    labels: NDArray[np.int64], classes: tuple[str, ...], wanted: Sequence[str] | None
) -> tuple[NDArray[np.bool_], NDArray[np.int64], tuple[str, ...]]:
    """Which samples are of the classes that are wanted, the labels of all counted among these (-1 where not), and the
    classes in the order wanted; all of them for None. UserError for a class that there is not."""
    if wanted is None:
        return np.ones(len(labels), dtype=np.bool_), labels, classes
    if absent := [name for name in wanted if name not in classes]:
        raise UserError(*(f"data.classes: {unknown('class', name, classes)}" for name in absent))
    if len(set(wanted)) < len(wanted):
        raise UserError(f"data.classes: names a class twice ({', '.join(wanted)})")
    table = np.full(len(classes), -1, dtype=np.int64)
    table[[classes.index(name) for name in wanted]] = np.arange(len(wanted))
    known = table[labels]
    return known >= 0, known, tuple(wanted)
