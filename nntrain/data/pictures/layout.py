"""What the folders of pictures mean: splits and classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nntrain.data.pictures.decoding import IMAGE_ENDINGS
from nntrain.data.splitting import SPLIT_OF_WORD, SPLITS
from nntrain.errors import UserError, unknown

UNLABELLED = ("unlabelled", "unlabeled")


@dataclass(frozen=True)
class Layout:
    """splits: "train", "val", "test" or "unlabelled" for each picture; all "train" where the folders do not say.
    labels: index of its class, -1 where it has none. kept: whether its class is one of those asked for. divided: the
    splits that have a folder of their own."""

    splits: NDArray[np.str_]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    kept: NDArray[np.bool_]
    divided: tuple[str, ...]


def has_splits(folders: Sequence[str]) -> bool:
    """Whether top folders are those of splits: one for training, and another."""
    top = {SPLIT_OF_WORD.get(name.lower()) for name in folders if "/" not in name}
    return "train" in top and bool(top & {"val", "test"})


def lay_out(names: Sequence[str], folders: Sequence[str], what: Path, classes: Sequence[str] | None = None) -> Layout:
    """What the names `[top/][split/]class/.../file` say. what: where they lie, for messages.

    classes: those wanted, in their order; None: all there are, sorted. Raises UserError for pictures in no class, for
    a class without pictures, and for one that occurs outside the training pictures alone.
    """
    if not names:
        raise UserError(
            f"data.path: {what}: holds no pictures ({', '.join(IMAGE_ENDINGS)}) in folders, one for each class"
        )
    above = [name[: max(name.rfind("/"), 0)] for name in names]
    firsts: dict[str, int] = {}  # few folders hold many pictures; the row of the first one in each
    for row, folder in enumerate(above):
        firsts.setdefault(folder, row)
    parts = [folder.split("/") if folder else [] for folder in firsts]
    below = [folder.split("/") for folder in folders]
    tops = {part[0] if part else "" for part in parts}
    top = tops.pop() if len(tops) == 1 else ""
    inside = what
    if top and top.lower() not in SPLIT_OF_WORD and all(len(part) > 1 for part in parts):
        inside = what / top
        parts, below = [part[1:] for part in parts], [part[1:] for part in below if part[0] == top and len(part) > 1]
    divided = _split_folders(parts, inside)
    depth = 1 if divided else 0
    for part, row in zip(parts, firsts.values(), strict=True):
        if len(part) <= depth and not (part and part[0].lower() in UNLABELLED):
            count = above.count(above[row])
            raise UserError(
                f"{what / names[row]}: lies in no class folder{_and_more(count)}; "
                "pictures lie in folders named by their class, or are listed in a CSV of path,label"
            )
    split_of = [divided[part[0]] if divided else "train" for part in parts]
    class_of = [None if split == "unlabelled" else part[depth] for split, part in zip(split_of, parts, strict=True)]
    found = sorted({name for name in class_of if name is not None})
    if classes is not None and (absent := [name for name in classes if name not in found]):
        raise UserError(*(f"data.classes: {unknown('class', name, found)}" for name in absent))
    chosen = tuple(found if classes is None else classes)
    for name in chosen:
        if not name.isprintable():
            shown = "".join(c if c.isprintable() else "?" for c in name)
            raise UserError(f"{what / shown}: a class needs a name that can be printed, in UTF-8; rename the folder")
    place = {name: i for i, name in enumerate(chosen)}
    number = {folder: i for i, folder in enumerate(firsts)}
    of_row = np.array([number[folder] for folder in above])
    splits = np.array(split_of)[of_row]
    kept = np.array([name is None or name in place for name in class_of])[of_row]
    labels = np.array([-1 if name is None else place.get(name, -1) for name in class_of], dtype=np.int64)[of_row]
    _check_empty(parts, below, depth, inside, chosen if classes is not None else None)
    if len(chosen) < 2:
        raise UserError(f"data.path: {what}: holds one class folder, '{chosen[0]}'; at least two are told apart")
    _check_training(splits, labels, chosen, what, names)
    return Layout(splits, labels, chosen, kept, tuple(split for split in SPLITS if split in divided.values()))


def _split_folders(parts: Sequence[Sequence[str]], what: Path) -> dict[str, str]:
    """Folder -> split; empty where the top folders are classes. parts: of the folders that hold pictures."""
    tops = sorted({part[0] for part in parts if part})
    meant = {top: SPLIT_OF_WORD.get(top.lower(), "unlabelled" if top.lower() in UNLABELLED else "") for top in tops}
    if "train" not in meant.values() or not all(parts):
        return {}
    if strangers := [top for top in tops if not meant[top]]:
        raise UserError(
            f"{what / strangers[0]}: stands beside {', '.join(top for top in tops if meant[top])}/; "
            "either all top folders are splits (train, val, test), or all are classes"
        )
    for split in (*SPLITS, "unlabelled"):
        same = [top for top in tops if meant[top] == split]
        if len(same) > 1:
            raise UserError(f"{what}: {' and '.join(f'{top}/' for top in same)} both mean {split}; keep one of them")
    return meant


def _check_empty(
    parts: Sequence[Sequence[str]], folders: Sequence[Sequence[str]], depth: int, what: Path, only: Sequence[str] | None
) -> None:
    """UserError for a class folder without any picture in it."""
    filled = {tuple(part[: depth + 1]) for part in parts}
    splits = {part[0] for part in parts} if depth else set()
    empty = [
        "/".join(folder)
        for folder in folders
        if len(folder) == depth + 1
        and tuple(folder) not in filled
        and (not depth or (folder[0] in splits and folder[0].lower() not in UNLABELLED))
        and (only is None or folder[depth] in only)
    ]
    if empty:
        raise UserError(
            f"{what / empty[0]}: is a class folder without pictures{_and_more(len(empty))}; fill or remove it"
        )


def _check_training(
    splits: NDArray[np.str_], labels: NDArray[np.int64], classes: Sequence[str], what: Path, names: Sequence[str]
) -> None:
    """UserError for a class that no training picture has."""
    trained = set(labels[splits == "train"].tolist())
    for place, name in enumerate(classes):
        if place not in trained:
            row = int(np.flatnonzero(labels == place)[0])
            only = Counter(splits[labels == place].tolist()).most_common()
            where = " and ".join(split for split, _ in only)
            raise UserError(
                f"{(what / names[row]).parent}: class '{name}' is in {where} only; it cannot be learned without "
                "training pictures"
            )


def _and_more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""
