"""Pictures by matplotlib's figures, as PNG; it is loaded when the first is drawn, without pyplot and its global state.

Those that every run leaves are in `run_plots.py`.

Each function draws, writes the file whole or not at all, and returns the figure (which tests read). The colours are of
Okabe & Ito's palette, distinct for the colour-blind. Margins are set by hand: automatic layout draws everything twice.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nntrain.record.axes import tick
from nntrain.record.canvas import BLUE, LIGHT, ORANGE
from nntrain.record.files import write_atomic
from nntrain.record.run_plots import short
from nntrain.record.stamps import DPI
from nntrain.record.words import clean, count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike


def new_figure(width: float, height: float) -> Figure:
    """Of this size in inches, drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> Figure:
    """Write it as PNG, whole or not at all. Raises WriteError when the disk refuses."""
    png = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box for such a character says enough
        figure.savefig(png, format="png", pil_kwargs={"compress_level": 3})
    write_atomic(path, png.getvalue())
    return figure


def new_axes(figure: Figure, inches: tuple[float, float, float, float], x: str, y: str, title: str) -> Axes:
    """Axes at (left, bottom, width, height) in inches, labelled, with a faint grid and no box."""
    width, height = figure.get_size_inches()
    left, bottom, across, up = inches
    axes = figure.add_axes((left / width, bottom / height, across / width, up / height))
    axes.set_xlabel(x, parse_math=False)  # a column's name may well hold dollars
    axes.set_ylabel(y, parse_math=False)
    axes.set_title(title, fontsize=11, loc="left", parse_math=False)
    axes.grid(color=LIGHT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["top"].set_visible(False)
    axes.spines["right"].set_visible(False)
    return axes


def plain_numbers(axis: Axis, *, log: bool = False) -> None:
    """`250k` and `0.0005` at the ticks; otherwise large and small values get an exponent far from where one looks."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    if log:
        axis.set_minor_formatter(NullFormatter())
    largest = max(abs(end) for end in axis.get_view_interval())
    if log or largest >= 1e4 or largest < 1e-2:
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def label_scores(
    scores: Mapping[str, ArrayLike], labels: Sequence[str], path: Path, title: str = "labels", most: int = 40
) -> Figure:
    """Precision and recall of each label, a bar each, the rarest label last; of more labels the `most` frequent.

    scores: `precision`, `recall` and `support` (samples that have it), each [K].
    """
    support = np.asarray(scores["support"], dtype=float)
    order = np.argsort(-support, kind="stable")[:most]
    k = len(order)
    names = [f"{short(clean(labels[i]))} ({count(support[i])})" for i in order]
    font = 9.0 if k <= 20 else 7.5
    left = max(len(name) for name in names) * font * 0.58 / 72 + 0.35
    up = max(1.0, 0.34 * k) if k <= 20 else 0.24 * k
    figure = new_figure(left + 6.4, up + 1.05)
    some = f"the {most} most frequent of {len(labels)} {title}" if k < len(labels) else title
    axes = new_axes(figure, (left, 0.6, 4.8, up), "share", "", f"{some} (samples that have it)")
    axes.grid(False, axis="y")
    rows = np.arange(k)
    for name, shift, colour in (("precision", -0.2, BLUE), ("recall", 0.2, ORANGE)):
        axes.barh(rows + shift, np.asarray(scores[name], dtype=float)[order], 0.36, color=colour, label=name)
    axes.set_yticks(rows, names, fontsize=font, parse_math=False)
    axes.set_ylim(k - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return save_figure(figure, path)
