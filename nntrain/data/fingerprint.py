"""A short hash of the data as read, so that a run says what it was trained on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def of_files(*paths: Path) -> str:
    """Of the bytes of the files, in this order: 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def of_arrays(*arrays: NDArray[Any]) -> str:
    """Of the shapes, types and contents of the arrays: 16 hexadecimal digits."""
    import numpy as np

    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
