"""Pictures by matplotlib's figures: the right size, the right words, nothing drawn outside."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from nntrain.record import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def drawn_texts(axes: Axes) -> list[Text]:
    ticks = [tick.label1 for axis in (axes.xaxis, axes.yaxis) for tick in axis._update_ticks()] if axes.axison else []
    legend = axes.get_legend()
    named = [axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title, *axes.texts]
    found = [*named, *ticks, *(legend.get_texts() if legend else [])]
    return [text for text in found if text.get_text() and text.get_visible()]


def assert_drawn(figure: Figure, path: Path) -> None:
    """The file is a PNG of the figure's size with something on it; every word is inside and covers no other."""
    picture = imread(path)
    width, height = figure.get_size_inches() * figure.dpi
    assert picture.shape[:2] == pytest.approx((height, width), abs=1)
    assert picture.std() > 0.01
    boxes = {text: text.get_window_extent() for axes in figure.axes for text in drawn_texts(axes)}
    outside = [t for t, box in boxes.items() if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]
    assert not [text.get_text() for text in outside]
    covered = [(a.get_text(), b.get_text()) for a, b in combinations(boxes, 2) if boxes[a].overlaps(boxes[b])]
    assert not covered


@pytest.mark.parametrize("k", [1, 3, 30, 90])
def test_label_scores(tmp_path: Path, k: int) -> None:
    path = tmp_path / "label_scores.png"
    support = np.arange(k) + 1000
    scores = {"precision": np.linspace(0, 1, k), "recall": np.ones(k), "support": support}
    figure = plots.label_scores(scores, [f"label {i}" for i in range(k)], path, "labels of test")
    assert_drawn(figure, path)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[0] == f"label {k - 1} ({999 + k:,})"  # the most frequent comes first
    assert len(names) == min(k, 40)
    title = "the 40 most frequent of 90 labels of test" if k == 90 else "labels of test"
    assert f"{title} (samples that have it)" in texts(figure)
    assert figure.axes[0].patches[k - 1 if k < 40 else 39].get_width() == scores["precision"][0 if k < 40 else k - 40]


def test_matplotlib_is_loaded_when_a_plot_is_drawn_and_pyplot_never(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nntrain.record import plots; before = 'matplotlib' in sys.modules;"
        "scores = {'precision': [1], 'recall': [1], 'support': [1]};"
        f"plots.label_scores(scores, ['a'], Path({str(tmp_path / 'x.png')!r}));"
        "print(before, 'matplotlib.pyplot' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]
