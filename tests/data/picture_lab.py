"""Trees, archives and tables of tiny pictures, each picture from a seed of its own."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nntrain.data.dataset import Dataset
from nntrain.data.pictures.source import FolderSource
from nntrain.errors import UserError


def picture(seed: int, *, size: tuple[int, int] = (6, 5), grey: bool = False) -> Image.Image:
    shape = size[::-1] if grey else (*size[::-1], 3)
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def pixels(seed: int, **look: object) -> torch.Tensor:
    array = np.asarray(picture(seed, **look))
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())


def fill(root: Path, names: Mapping[str, int] | list[str], **look: object) -> Path:
    """Save a picture under each name, each from a seed of its own."""
    seeds = names if isinstance(names, Mapping) else {name: i for i, name in enumerate(names)}
    for name, seed in seeds.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed, **look).save(root / name)
    return root


def tree(*classes: str, each: int = 8, below: str = "") -> list[str]:
    return [f"{below}{name}/{i:02}.png" for name in classes for i in range(each)]


def load(path: Path, **settings: object) -> Dataset:
    return FolderSource(path=str(path), **settings).load()


def said(path: Path, **settings: object) -> str:
    with pytest.raises(UserError) as error:
        load(path, **settings)
    return str(error.value)


DIVIDED = [
    *tree("cat", "dog", below="train/"),
    *tree("cat", "dog", each=3, below="val/"),
    *tree("dog", "cat", each=2, below="test/"),
]


def packed(root: Path, kind: str) -> Path:
    """The tree as an archive, in an order of its own, below one folder."""
    files = sorted((file for file in root.rglob("*") if file.is_file()), key=lambda file: file.name)
    if kind == "zip":
        path = root.with_suffix(".zip")
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, f"top/{file.relative_to(root)}")
        return path
    path = root.parent / f"{root.name}.{kind}"
    with tarfile.open(path, f"w:{kind.partition('.')[2]}") as archive:
        archive.add(root, "top", recursive=False)
        for file in files:
            archive.add(file, f"./top/{file.relative_to(root)}")
    return path
