"""What an autoencoder makes of its inputs, as PNG; see `plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nntrain.record.canvas import BLUE, ORANGE
from nntrain.record.plots import new_axes, new_figure, save_figure
from nntrain.record.run_plots import short
from nntrain.record.words import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

MOST_COLUMNS = 40  # of a table; of more those with the largest errors are drawn


def reconstructions(rows: Mapping[str, NDArray[Any]], path: Path, title: str = "reconstructions") -> Figure:
    """Rows of pictures below each other, a column per sample: the originals, what the network was given, what it made.

    rows: by their labels, uint8 [N, C, H, W] each, grey or colour.
    """
    shapes = next(iter(rows.values())).shape
    count, _, height, width = shapes
    side = 0.72  # inches of a picture's longer side
    across, up = side * min(1.0, width / height), side * min(1.0, height / width)
    left, gap = 1.25, 0.05
    figure = new_figure(left + count * (across + gap) + 0.1, len(rows) * (up + gap) + 0.45)
    whole_width, whole_height = figure.get_size_inches()
    for r, (label, pictures) in enumerate(rows.items()):
        bottom = (len(rows) - 1 - r) * (up + gap) + 0.08
        figure.text(0.1 / whole_width, (bottom + up / 2) / whole_height, label, va="center", fontsize=9)
        for i, picture in enumerate(pictures):
            at = left + i * (across + gap)
            axes = figure.add_axes((at / whole_width, bottom / whole_height, across / whole_width, up / whole_height))
            axes.axis("off")
            shown = picture[0] if len(picture) == 1 else np.moveaxis(picture[:3], 0, 2)
            axes.imshow(shown, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="nearest")
    figure.text(0.1 / whole_width, 1 - 0.24 / whole_height, title, fontsize=11)
    return save_figure(figure, path)


def column_errors(
    numeric: Mapping[str, float], categories: Mapping[str, float], path: Path, title: str = "reconstruction errors"
) -> Figure:
    """A bar per column, the worst at the top: root mean squared error of numbers in standard deviations (1: as good as
    the mean), share of categories that are wrong. nan: never hidden, so not told."""
    bars = [(clean(name), value, BLUE) for name, value in numeric.items() if np.isfinite(value)]
    bars += [(clean(name), value, ORANGE) for name, value in categories.items() if np.isfinite(value)]
    bars.sort(key=lambda bar: -bar[1])
    shown: Sequence[tuple[str, float, str]] = bars[:MOST_COLUMNS]
    left = max((len(short(name)) for name, *_ in shown), default=5) * 0.075 + 0.4
    up = max(0.9, 0.24 * len(shown))
    figure = new_figure(left + 5.4, up + 1.15)
    more = f", the worst {len(shown)} of {len(bars)} columns" if len(bars) > len(shown) else ""
    axes = new_axes(figure, (left, 0.6, 4.8, up), "root mean squared error, share wrong", "", f"{title}{more}")
    axes.grid(False, axis="y")
    axes.barh(range(len(shown)), [value for _, value, _ in shown], 0.65, color=[colour for *_, colour in shown])
    axes.set_yticks(range(len(shown)), [short(name) for name, *_ in shown], fontsize=8.5, parse_math=False)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)
    if any(colour == BLUE for *_, colour in shown):
        axes.axvline(1.0, color="#555555", linewidth=1, linestyle="--")
    named = {BLUE: "number (1, dashed: no better than its mean)", ORANGE: "category (share wrong)"}
    for colour, said in named.items():
        if any(own == colour for *_, own in shown):
            axes.barh([0], [0], color=colour, label=said)
    axes.legend(frameon=True, framealpha=0.85, edgecolor="none", fontsize=8, loc="lower right")
    return save_figure(figure, path)
