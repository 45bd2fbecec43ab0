"""Pixel values in arrays, laid out in any of the usual ways, as uint8 pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nntrain.data.dataset import PixelFeatures
from nntrain.errors import UserError


def pictures_of(array: NDArray[Any], features: PixelFeatures, levels: int) -> NDArray[np.uint8]:
    """Pixel values as they were in training, any number type, 0 to 255 -> uint8 [N, C', H', W'], C' 1 or 3.

    array: [N, H', W'], [N, C', H', W'], [N, H', W', C'], [N, C*H*W]; or one picture, [H, W], [C, H, W] or [C*H*W], of
    the size C, H, W of `features`. levels: see PixelPreprocessing. Raises UserError.
    """
    if array.dtype.kind not in "uif":
        raise UserError(f"input: pixels are numbers, not {array.dtype}")
    if array.size and not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 255):
        raise UserError("input: pixel values run from 0 to 255")
    array = _channels_first(array, (features.channels, features.height, features.width))
    if levels > 1 and _are_fractions(array):
        raise UserError(
            "input: pixel values run from 0 to 1; multiply them by 255, the scale the network was trained on"
        )
    return np.ascontiguousarray(np.rint(array)).astype(np.uint8)


def _channels_first(array: NDArray[Any], shape: tuple[int, int, int]) -> NDArray[Any]:
    """[N, C', H', W']. shape: (C, H, W) that the network takes."""
    values = shape[0] * shape[1] * shape[2]
    if array.shape in ((values,), shape[1:], shape):
        array = array[None]
    if array.ndim == 2 and array.shape[1] == values:
        array = array.reshape(-1, *shape)
    elif array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[1] not in (1, 3) and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3):
        raise UserError(
            f"input: an array of shape {tuple(array.shape)} does not fit pictures of "
            f"{shape[0]} x {shape[1]} x {shape[2]} ({values} values)"
        )
    return array


def _are_fractions(array: NDArray[Any]) -> bool:
    """Whether the greatest value is 1 and some lie between 0 and it."""
    if array.dtype.kind != "f" or not array.size or array.max() > 1:
        return False
    return bool((array != np.floor(array)).any())
