"""The canvas: words put together from their digits are what the renderer writes, and colours lie where they should."""

from __future__ import annotations

import numpy as np
import pytest

from nntrain.record import stamps as drawing
from nntrain.record.canvas import BLACK, BLUE, WHITE, Canvas, rgb
from nntrain.record.stamps import stamped


@pytest.mark.parametrize("size", [5.5, 8.0, 9.0, 9.7, 10.0, 11.0])
@pytest.mark.parametrize("text", ["0.0512", "1e-06", "250k", "(7)", "best epoch 17: 0.1234", "T1 A4 r2d2 f1"])
def test_a_number_put_together_is_the_number_drawn_whole(text: str, size: float) -> None:
    together, whole = stamped(text, size), drawing._drawn(text, size)
    assert (together.width, together.base, together.ink) == (whole.width, whole.base, whole.ink)
    assert np.array_equal(together.alpha, whole.alpha)


@pytest.mark.parametrize("text", ["\u05d0 12 \u05d1", "", "loss"])
def test_what_has_no_digits_or_another_order_on_the_line_is_drawn_whole(text: str) -> None:
    assert stamped(text, 10.0) is drawing._drawn(text, 10.0)


def test_a_turned_word_is_the_level_one_on_its_side() -> None:
    level, turned = Canvas(1.0, 1.0), Canvas(1.0, 1.0)
    level.write(55, 55, "loss 7", 10.0, BLUE, across="centre")
    turned.write(55, 55, "loss 7", 10.0, BLUE, across="centre", turned=True)
    assert np.array_equal(ink(np.rot90(level.pixels)), ink(turned.pixels))
    assert (turned.pixels[:, :, 3] == 255).all()


def ink(pixels: drawing.Pixels) -> drawing.Pixels:
    """The part of a picture that is not white."""
    drawn = pixels[:, :, :3].min(axis=2) < 255
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def test_a_word_at_the_edge_is_cut_off() -> None:
    canvas = Canvas(0.2, 0.2)
    canvas.write(-5, -3, "loss", 10.0)
    assert (canvas.pixels[:, :, 0] < 128).any()


@pytest.mark.parametrize("alpha", [1.0, 0.6])
def test_a_box_colours_what_is_in_it(alpha: float) -> None:
    canvas = Canvas(1.0, 1.0)
    canvas.fill((10, 20, 30, 25), BLUE, alpha)
    expected = rgb(WHITE) * (1 - alpha) + rgb(BLUE) * alpha
    box = canvas.pixels[canvas.height - 25 : canvas.height - 20, 10:30, :3]
    assert np.abs(box - expected).max() <= 1
    assert (canvas.pixels[:, :, 0] < 255).sum() == box[:, :, 0].size


@pytest.mark.parametrize("alpha", [1.0, 0.6])
def test_a_box_without_height_colours_nothing(alpha: float) -> None:
    canvas = Canvas(1.0, 1.0)
    canvas.fill((10, 20.1, 30, 20.3), BLACK, alpha)
    assert (canvas.pixels == 255).all()
