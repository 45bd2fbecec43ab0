"""Arrays of pixel values: every usual layout gives the same pictures, and what is none of them is named."""

from __future__ import annotations

import numpy as np
import pytest

from nntrain.data.dataset import PixelFeatures
from nntrain.data.pictures.arrays import pictures_of
from nntrain.errors import UserError

COLOUR = PixelFeatures(3, 4, 5, (0.0,) * 3, (1.0,) * 3)
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5), dtype=np.uint8)
LAYOUTS = {
    "channels first": PICTURES,
    "channels last": PICTURES.transpose(0, 2, 3, 1),
    "rows of values": PICTURES.reshape(2, -1),
    "whole numbers as floats": PICTURES.astype(np.float64),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_pictures(layout):
    assert np.array_equal(pictures_of(LAYOUTS[layout], COLOUR, 255), PICTURES)


ONE = {"channels first": PICTURES[0], "a row of values": PICTURES[0].ravel()}


@pytest.mark.parametrize("layout", ONE)
def test_one_picture_is_an_array_of_one(layout):
    assert np.array_equal(pictures_of(ONE[layout], COLOUR, 255), PICTURES[:1])


def test_grey_pictures_need_no_channel():
    grey = PixelFeatures(1, 4, 5, (0.0,), (1.0,))
    assert np.array_equal(pictures_of(PICTURES[:, 0], grey, 255), PICTURES[:, :1])
    assert np.array_equal(pictures_of(PICTURES[0, 0], grey, 255), PICTURES[:1, :1])


def test_values_of_two_levels_are_no_fractions():
    assert pictures_of(np.full((1, 60), 0.6), COLOUR, 1).max() == 1


MISTAKES = {
    "text": (np.array(["a"]), "pixels are numbers, not <U1"),
    "not finite": (np.full((2, 60), np.nan), "pixel values run from 0 to 255"),
    "too bright": (np.full((2, 60), 300.0), "pixel values run from 0 to 255"),
    "fractions": (np.full((2, 60), 0.5), "pixel values run from 0 to 1; multiply them by 255"),
    "no layout": (np.zeros((2, 7)), r"an array of shape \(2, 7\) does not fit pictures of 3 x 4 x 5 \(60 values\)"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_holds_no_pictures_is_named(case):
    array, said = MISTAKES[case]
    with pytest.raises(UserError, match=f"input: {said}"):
        pictures_of(array, COLOUR, 255)
