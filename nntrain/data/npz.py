"""numpy's files, read without ever unpickling."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nntrain.errors import UserError


def read_npy(path: Path) -> NDArray[Any]:
    """The array in an .npy file. Raises UserError for pickled objects and for what is no such file."""
    try:
        with path.open("rb") as file:
            array = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise _refusal(path, error) from None
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: is an .npz archive; name it so")
    return array


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz file by name. Raises UserError for pickled objects and for what is no such file."""
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise UserError(f"{path}: holds one array (.npy); name it so, and give the labels as data.y_path")
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _refusal(path, error) from None


def _refusal(path: Path, error: Exception) -> UserError:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    if said.startswith("Object arrays"):
        return UserError(
            f"{path}: holds pickled Python objects, which could run code; save plain arrays of numbers or text"
        )
    if "pickle" in said.lower() or isinstance(error, zipfile.BadZipFile):
        return UserError(f"{path}: is no whole .npy or .npz file")
    return UserError(f"{path}: cannot be read as .npy or .npz: {said}")
