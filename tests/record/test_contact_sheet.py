"""Contact sheets: every picture stands in its place, in its own pixels, with its caption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nntrain.record.contact_sheet import CELL, contact_sheet


def sheet(path: Path, channels: int = 3, size: tuple[int, int] = (8, 8)) -> Any:
    """Two rows of three pictures, each of one value: 10, 50, 90, ..."""
    pictures = [
        [np.full((channels, *size), 40 * (3 * row + column) + 10, dtype=np.uint8) for column in range(3)]
        for row in range(2)
    ]
    captions = [["cat", "cat (60%)\ndog (40%)", "cat"], ["a $name$ longer than the line is", "", "-"]]
    return contact_sheet(path, pictures, captions, ["original", "epoch 1", "epoch 2"], "augment=cifar")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(8, 8), (28, 20), (300, 200)])
def test_each_picture_stands_in_its_row_and_column(tmp_path: Path, channels: int, size: tuple[int, int]) -> None:
    figure = sheet(tmp_path / "sheet.png", channels, size)
    found = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB"))
    places = []
    for i, drawn in enumerate(figure.images):
        tall, wide = drawn.get_array().shape[:2]
        assert CELL / 2 < max(tall, wide) <= CELL
        assert tall / wide == pytest.approx(size[0] / size[1], rel=0.02)
        left, top = int(drawn.ox), found.shape[0] - int(drawn.oy) - tall
        assert (found[top : top + tall, left : left + wide] == 40 * i + 10).all()
        places.append((top, left))
    assert places == sorted(places)
    assert len({top for top, _ in places}) == 2
    assert len({left for _, left in places}) == 3


def test_heads_captions_and_title_are_written_as_they_are(tmp_path: Path) -> None:
    texts = [text.get_text() for text in sheet(tmp_path / "sheet.png").texts]
    assert texts[:4] == ["augment=cifar", "original", "epoch 1", "epoch 2"]
    assert texts[4:] == ["cat", "cat (60%)\ndog (40%)", "cat", "a $name$ longer…", "", "-"]
