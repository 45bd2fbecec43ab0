"""Finding files, a missing one being named beside its nearest neighbour; and opening them, gzipped or not."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

from nntrain.errors import UserError, did_you_mean, nearest


def existing_file(path: str | Path | None, key: str) -> Path:
    """The path of a file that is there; else a UserError with the nearest name in its folder. `key`: the setting."""
    if path is None:
        raise UserError(f"{key}: no file is named; set it to the path of the data")
    found = Path(path).expanduser()
    if found.is_file():
        return found
    if found.is_dir():
        raise UserError(f"{key}: '{found}' is a folder, not a file")
    folder = found.parent
    if not folder.is_dir():
        raise UserError(f"{key}: no file '{found}': there is no folder '{folder}'")
    guess = nearest(found.name, sorted(entry.name for entry in folder.iterdir() if entry.is_file()))
    raise UserError(f"{key}: no file '{found}'{did_you_mean(guess)}")


def existing_folder(path: str | Path | None, key: str, also: Callable[[Path], bool] = Path.is_dir) -> Path:
    """The path of a folder that is there; else a UserError with the nearest folder beside it.

    also: which other files there could stand in its place, and are suggested too."""
    if path is None:
        raise UserError(f"{key}: nothing is named; set it to where the data is: {key}=...")
    found = Path(path).expanduser()
    if found.is_dir():
        return found
    if found.is_file():
        raise UserError(f"{key}: '{found}' is a file, not a folder")
    beside = found.parent
    names = sorted(entry.name for entry in beside.iterdir() if entry.is_dir() or also(entry)) if beside.is_dir() else []
    guess = nearest(found.name, names)
    raise UserError(f"{key}: no folder '{found}'{did_you_mean(guess)}")


def open_unzipped(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """The bytes of a file, unpacked where it is gzipped."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")
