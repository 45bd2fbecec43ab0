"""How raw pictures become the uint8 tensor that a picture network takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from nntrain.data.dataset import PixelFeatures, Split
from nntrain.data.files import existing_file
from nntrain.data.npz import read_npy, read_npz
from nntrain.data.pictures.arrays import pictures_of
from nntrain.data.pictures.decoding import (
    IMAGE_ENDINGS,
    MAX_PIXELS,
    Fit,
    Look,
    UnreadableError,
    decode,
    fitted,
    pillow,
)
from nntrain.data.pictures.files import ARCHIVE_ENDINGS, ArchiveSupply, is_archive, list_folder
from nntrain.data.pictures.labelled import holds_pictures, read_labelled, targets_of_array
from nntrain.data.pictures.table import TABLE_ENDINGS, is_table, lists_pictures, read_paths
from nntrain.data.pictures.worker import read_file
from nntrain.data.tables.preprocessing import task_from_state
from nntrain.errors import UserError
from nntrain.task import Task


@dataclass(frozen=True)
class PixelPreprocessing:
    """Files, folders, arrays or rows of pixels -> uint8 [N, C, H, W] of the size the network was trained on.

    levels: the greatest grey value of the training pictures (255; 16 for scikit-learn's digits). Files, whose greys run
    to 255, are scaled to it; arrays and rows of numbers are taken as they are.
    fit, max_pixels: how files of another size are made to fit, and which are too large, see Look. standardize_target:
    regression targets of labelled files in units of the task's scale.
    """

    features: PixelFeatures
    task: Task
    levels: int = 255
    fit: Fit = "stretch"
    standardize_target: bool = True
    max_pixels: int = MAX_PIXELS

    def state(self) -> dict[str, Any]:
        return {
            "kind": "pixels",
            "features": asdict(self.features),
            "task": asdict(self.task),
            "levels": self.levels,
            "fit": self.fit,
            "standardize_target": self.standardize_target,
            "max_pixels": self.max_pixels,
        }

    @property
    def look(self) -> Look:
        """What a file becomes."""
        channels, height, width = self._shape
        return Look(height, width, channels, self.fit, max_pixels=self.max_pixels)

    @property
    def _shape(self) -> tuple[int, int, int]:
        """(C, H, W) that the network takes."""
        return self.features.channels, self.features.height, self.features.width

    def inputs(self, raw: Any) -> torch.Tensor:
        """Raw pictures -> uint8 [N, C, H, W].

        raw: an image file; a folder of them and of folders, in order of their names; an archive of them; .npy; .npz
        (`x`, or its first array); .csv (a column `path`, or rows of C*H*W numbers); a list of image paths or PIL
        images; an array [N, H, W], [N, C, H, W], [N, H, W, C], [H, W] or [N, C*H*W]. Other sizes are made to fit,
        colour and grey converted. Raises UserError.
        """
        if isinstance(raw, torch.Tensor) and raw.dtype == torch.uint8 and raw.shape[1:] == self._shape:
            return raw
        return torch.from_numpy(self._pixels(raw))

    def named(self, raw: Any) -> tuple[list[str] | None, Any]:
        """The file of each picture, and the pictures; None, and what came, where they come as arrays or rows."""
        if isinstance(raw, str | Path) and is_archive(path := Path(raw).expanduser()):
            names, pixels = self._from_archive(existing_file(path, "input"))
            return names, torch.from_numpy(pixels)
        if (files := _files(raw)) is None:
            return None, raw
        names = [name.encode("utf-8", "replace").decode() for name, _ in files]  # a disk's names may be any bytes
        return names, self.inputs([path for _, path in files])

    def labelled(self, raw: Any) -> Split:
        """Pictures with their labels: an .npz with `x` and `y`, a folder with one folder per class, an archive of it, a
        CSV of path and label, a CSV of pixels whose column `label` (else its first) holds the labels, or a pair
        (pictures, labels)."""
        if isinstance(raw, tuple) and len(raw) == 2:
            pictures, labels = raw
            return Split(self.inputs(pictures), self._targets(np.asarray(labels)))
        if isinstance(raw, str | Path):
            path = Path(raw).expanduser()
            if path.exists() and holds_pictures(path):
                pixels, targets = read_labelled(path, self.look, self.task, standardize=self.standardize_target)
                return Split(torch.from_numpy(self._levelled(pixels)), targets)
            existing_file(path, "input")
            if path.suffix == ".npz":
                arrays = read_npz(path)
                if not {"x", "y"} <= set(arrays):
                    raise UserError(
                        f"{path}: pictures with labels are the arrays 'x' and 'y'; it holds {', '.join(arrays)}"
                    )
                return Split(self.inputs(arrays["x"]), self._targets(arrays["y"]))
            if path.suffix.lower() not in IMAGE_ENDINGS:
                labels, values = self._label_apart(*_csv_numbers(path))
                return Split(self.inputs(values), self._targets(labels))
        raise UserError(
            "input: labelled pictures are an .npz with x and y, a folder of folders (classes), a CSV, or a pair (x, y)"
        )

    def _pixels(self, raw: Any) -> NDArray[np.uint8]:
        if (files := _files(raw)) is not None:
            return np.stack([self._from_file(path) for _, path in files])
        if isinstance(raw, str | Path):
            path = existing_file(Path(raw).expanduser(), "input")
            if is_archive(path):
                return self._from_archive(path)[1]
            if path.suffix == ".npy":
                return self._from_array(read_npy(path))
            if path.suffix == ".npz":
                arrays = read_npz(path)
                return self._from_array(arrays["x"] if "x" in arrays else next(iter(arrays.values())))
            names, values = _csv_numbers(path)
            if values.shape[1] == math.prod(self._shape) + 1:
                _, values = self._label_apart(names, values)
            return self._from_array(values)
        if isinstance(raw, np.ndarray):
            return self._from_array(raw)
        if isinstance(raw, torch.Tensor):
            return self._from_array(raw.numpy(force=True))
        if _is_frame(raw):
            return self._from_array(np.asarray(raw.to_numpy()))
        if isinstance(raw, Sequence) and not raw:
            raise UserError("input: an empty list holds no picture")
        pictures = list(raw) if isinstance(raw, Sequence) else [raw]
        return np.stack(
            [self._from_file(Path(p)) if isinstance(p, str | Path) else self._from_picture(p) for p in pictures]
        )

    def _targets(self, given: NDArray[Any]) -> torch.Tensor:
        return targets_of_array(given, self.task, standardize=self.standardize_target)

    def _label_apart(
        self, names: Sequence[str], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Labels [N] and pixels [N, D - 1] of a table [N, D]: the column of the target or `label`, else the first."""
        place = next((i for i, name in enumerate(names) if name in (*self.task.targets, "label")), 0)
        return values[:, place], np.delete(values, place, axis=1)

    def _from_file(self, path: Path) -> NDArray[np.uint8]:
        existing_file(path, "input")
        try:
            with pillow():
                return self._levelled(decode(read_file(path, self.look), self.look))
        except UnreadableError as error:
            raise UserError(f"{path}: {error}") from None

    def _from_archive(self, path: Path) -> tuple[list[str], NDArray[np.uint8]]:
        """Names and pixels of its pictures."""
        names, found = [], []
        with pillow():
            for name, content in ArchiveSupply(path, lambda name: True).heads(self.look):
                try:
                    if isinstance(content, UnreadableError):
                        raise content
                    found.append(self._levelled(decode(content, self.look)))
                    names.append(name)
                except UnreadableError as error:
                    raise UserError(f"{path / name}: {error}") from None
        if not found:
            raise UserError(f"input: {path} holds no pictures ({', '.join(IMAGE_ENDINGS)})")
        return names, np.stack(found)

    def _from_picture(self, picture: Any) -> NDArray[np.uint8]:
        """A PIL image (or one array) -> uint8 [C, H, W]."""
        from PIL import Image

        if isinstance(picture, np.ndarray):
            pixels: NDArray[np.uint8] = self._from_array(picture[None])[0]
            return pixels
        if not isinstance(picture, Image.Image):
            raise UserError(f"input: pictures are files, folders, arrays or PIL images, not a {type(picture).__name__}")
        try:
            return self._levelled(fitted(picture, self.look))
        except UnreadableError as error:
            raise UserError(f"input: a picture {error}") from None

    def _levelled(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Greys up to 255 -> up to those of training."""
        return pixels if self.levels == 255 else np.rint(pixels * (self.levels / 255)).astype(np.uint8)

    def _from_array(self, array: NDArray[Any]) -> NDArray[np.uint8]:
        """Pixel values as they were in training, in any layout that `pictures_of` knows."""
        pixels = pictures_of(array, self.features, self.levels)
        if pixels.shape[1:] == self._shape:
            return pixels
        return np.stack([self._resized(one) for one in pixels])

    def _resized(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """One picture [C', H', W'] at the network's size, its levels kept."""
        from PIL import Image

        picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        return fitted(picture, self.look)


def _files(raw: Any) -> list[tuple[str, Path]] | None:
    """What pictures that are files are called, and where they lie: an image, a folder, a table or a list of them; None
    for anything else."""
    if isinstance(raw, str | Path):
        path = Path(raw).expanduser()
        if path.is_dir():
            names = list_folder(path).names
            if not names:
                raise UserError(f"input: folder '{path}' holds no pictures ({', '.join(IMAGE_ENDINGS)})")
            return [(name, path / name) for name in names]
        if lists_pictures(path):
            return [(name, path.parent / name) for name in read_paths(path)]
        return [(path.name, path)] if path.suffix.lower() in IMAGE_ENDINGS else None
    if isinstance(raw, list | tuple) and raw and all(isinstance(one, str | Path) for one in raw):
        return [(str(one), Path(one)) for one in raw]
    return None


def _is_frame(raw: Any) -> bool:
    return type(raw).__module__.partition(".")[0] in ("polars", "pandas") and hasattr(raw, "to_numpy")


def _csv_numbers(path: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Column names and numbers [N, D] of a CSV file."""
    from nntrain.data.tables.delimited import read_delimited
    from nntrain.data.tables.inference import to_column

    if not is_table(path):
        known = ", ".join((*IMAGE_ENDINGS, *ARCHIVE_ENDINGS, *TABLE_ENDINGS, ".npy", ".npz"))
        raise UserError(f"input: {path}: unknown ending '{path.suffix}' (known: {known}; or a folder)")
    frame, dialect = read_delimited(path)
    try:
        columns = [to_column(frame[name], "numeric") for name in dialect.names]
    except UserError as error:
        said = f"{path}: the model takes pictures, as files, a folder, or a table of their pixels alone; {error}"
        raise UserError(said) from None
    values = np.stack([column.values for column in columns], axis=1)
    if np.isnan(values).any():
        row, place = (int(i) for i in np.argwhere(np.isnan(values))[0])
        raise UserError(f"{path}: row {row + 1}: the pixel in column '{dialect.names[place]}' is missing")
    return dialect.names, values


def pixel_preprocessing_from_state(state: Mapping[str, Any]) -> PixelPreprocessing:
    """What `PixelPreprocessing.state` described."""
    given = state["features"]
    features = PixelFeatures(
        int(given["channels"]),
        int(given["height"]),
        int(given["width"]),
        tuple(map(float, given["mean"])),
        tuple(map(float, given["std"])),
    )
    fit = state.get("fit", "stretch")  # these three were not in files of the first release
    if fit not in get_args(Fit):
        raise ValueError(f"fit {fit!r}")
    standardize = bool(state.get("standardize_target", True))
    most = int(state.get("max_pixels", MAX_PIXELS))
    return PixelPreprocessing(features, task_from_state(state["task"]), int(state["levels"]), fit, standardize, most)
