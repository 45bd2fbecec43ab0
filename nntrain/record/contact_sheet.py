"""A contact sheet: pictures in rows, what became of each beside it, a caption under every one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nntrain.record.canvas import GREY
from nntrain.record.plots import new_figure, save_figure
from nntrain.record.stamps import DPI
from nntrain.record.words import clean, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = NDArray[np.uint8]
CELL = 128  # pixels of the sheet, about, that a picture's longer side takes
GAP, LINE, HEAD = 14, 15, 56  # pixels between pictures, for a line of a caption, and above all
LETTERS = 17  # of a line of a caption


def contact_sheet(
    path: Path,
    pictures: Sequence[Sequence[Pixels]],
    captions: Sequence[Sequence[str]],
    heads: Sequence[str],
    title: str,
) -> Figure:
    """Draw rows of pictures uint8 [C, H, W] (all of one size), captions of one or two lines under them, a head over
    each column, and write the sheet as PNG."""
    lines = max(caption.count("\n") + 1 for row in captions for caption in row)
    cells = [[_cell(picture) for picture in row] for row in pictures]
    tall, wide = cells[0][0].shape[:2]
    step_x, step_y = max(wide, 7 * LETTERS) + GAP, tall + lines * LINE + GAP
    width, height = GAP + len(heads) * step_x, HEAD + len(cells) * step_y
    figure = new_figure(width / DPI, height / DPI)
    points = 72 / DPI  # of a pixel
    figure.text(GAP / width, 1 - 8 / height, title, fontsize=16 * points, va="top", parse_math=False)
    for column, head in enumerate(heads):
        x = GAP + column * step_x
        y = 1 - (HEAD - 6) / height
        figure.text(x / width, y, head, fontsize=13 * points, color=GREY, va="bottom", parse_math=False)
    for i, row in enumerate(cells):
        for j, cell in enumerate(row):
            left, top = GAP + j * step_x, HEAD + i * step_y
            figure.figimage(cell, left, height - top - tall, origin="upper")
            text = "\n".join(shorten(clean(line), LETTERS) for line in captions[i][j].split("\n"))
            y = 1 - (top + tall + 3) / height
            figure.text(left / width, y, text, fontsize=12 * points, va="top", linespacing=1.1, parse_math=False)
    return save_figure(figure, path)


def _cell(picture: Pixels) -> Pixels:
    """uint8 [C, H, W] -> RGB [h, w, 3], its longer side near `CELL`: small ones by whole factors, unsmoothed."""
    shown = picture[:3] if len(picture) >= 3 else np.repeat(picture[:1], 3, 0)
    image = np.ascontiguousarray(shown.transpose(1, 2, 0))
    longer = max(image.shape[:2])
    if longer <= CELL:
        return image.repeat(CELL // longer, 0).repeat(CELL // longer, 1)
    from PIL import Image

    size = (max(1, image.shape[1] * CELL // longer), max(1, image.shape[0] * CELL // longer))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
