"""Decoded pictures as the inputs of splits: in memory, or mapped from disk where they do not fit."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.cores import cores
from nntrain.data.dataset import PixelFeatures
from nntrain.data.pictures import cache as picture_cache
from nntrain.data.pictures.assembling import BLOCK, count_levels, features_of
from nntrain.data.pictures.reading import Pictures
from nntrain.data.splitting import Index

GIB = 1 << 30


def in_memory(pictures: Pictures, rows: Index) -> torch.Tensor:
    """uint8 [N, C, H, W] in memory."""
    _, *shape = pictures.pixels.shape
    flat = pictures.pixels.reshape(-1, math.prod(shape))  # of which `take` copies a row at once
    held = np.empty((len(rows), flat.shape[1]), dtype=np.uint8)

    def copy(start: int) -> None:
        some = slice(start, start + most)
        np.take(flat, rows[some], axis=0, out=held[some], mode="clip")  # "raise" would copy once more

    most = max(1, BLOCK // flat.shape[1])
    with ThreadPoolExecutor(cores()) as threads:
        list(threads.map(copy, range(0, len(rows), most)))
    return torch.from_numpy(held.reshape(-1, *shape))


def on_disk(pictures: Pictures, parts: dict[str, Index]) -> dict[str, torch.Tensor]:
    """Mapped from the cache's file where each split lies there as a whole, else from a copy in their order.

    parts: rows by split, "train" and then "unlabelled" first: these two lie one behind the other, so that a slice is
    both."""
    rows = np.concatenate(list(parts.values()))
    pixels = pictures.pixels
    begins = np.cumsum([0, *map(len, parts.values())])
    runs = [np.concatenate([parts["train"], parts["unlabelled"]]), parts["val"], parts["test"]]
    if all((np.diff(of) == 1).all() for of in runs):
        starts = {name: int(of[0]) if len(of) else 0 for name, of in parts.items()}
    else:
        pixels = _in_order(pictures, rows)
        starts = {name: int(begin) for name, begin in zip(parts, begins, strict=False)}
    whole = torch.from_numpy(pixels)
    return {name: whole[starts[name] : starts[name] + len(of)] for name, of in parts.items()}


def _in_order(pictures: Pictures, rows: Index) -> NDArray[np.uint8]:
    """A copy of the decoded pictures on disk, in the order of `rows`, mapped."""
    digest = hashlib.blake2b(rows.tobytes(), digest_size=6).hexdigest()
    entry, pixels = pictures.entry, pictures.pixels
    most = max(1, BLOCK // int(np.prod(pixels.shape[1:])))

    def build(file: Path) -> dict[str, Any]:
        with file.open("r+b") as out:
            out.seek(picture_cache.HEADER)
            for start in range(0, len(rows), most):
                out.write(np.ascontiguousarray(pixels[rows[start : start + most]]).data)
        size = {key: entry.about[key] for key in ("channels", "height", "width")}
        return {"what": f"{entry.about['what']}, in the order of its splits", "pictures": len(rows), **size}

    return picture_cache.opened(f"{entry.name}-{digest}", build)[1]


def statistics(pictures: Pictures, rows: Index, held: Sequence[torch.Tensor] = ()) -> PixelFeatures:
    """Mean and standard deviation over some of the pictures, computed once. held: these in memory, if they are."""
    digest = hashlib.blake2b(rows.tobytes(), digest_size=6).hexdigest()
    _, _, *size = pictures.pixels.shape

    def compute() -> dict[str, Any]:
        parts = [count_levels(part.numpy()) for part in held] or [count_levels(pictures.pixels, rows)]
        found = features_of(np.sum(parts, axis=0), *size)
        return {"mean": found.mean, "std": found.std}

    known = pictures.entry.remember(f"statistics-{digest}", compute)
    _, channels, height, width = pictures.pixels.shape
    return PixelFeatures(channels, height, width, tuple(known["mean"]), tuple(known["std"]))


def machine_memory() -> float:
    """Bytes of memory this machine has."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return 8.0 * GIB


def streaming_note(needed: float, limit: float) -> str:
    return (
        f"the pictures take {needed / GIB:.2g} GiB, more than data.memory_limit ({limit / GIB:.2g} GiB): "
        "they are read from disk while training"
    )
