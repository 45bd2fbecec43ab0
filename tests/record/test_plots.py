"""The pictures of a run: the right size, the right words, nothing drawn outside."""

from __future__ import annotations

import errno
import math
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from nntrain.errors import UserError
from nntrain.record import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def history(epochs: int, scale: float = 1.0) -> list[dict[str, Any]]:
    losses = [scale * math.exp(-6 * epoch / epochs) for epoch in range(1, epochs + 1)]
    return [
        {"epoch": i + 1, "train_loss": loss, "val_loss": 1.1 * loss, "val_accuracy": 1 - loss / scale, "lr": 0.1}
        for i, loss in enumerate(losses)
    ]


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


@pytest.mark.parametrize(("epochs", "scale"), [(1, 1.0), (3, 1.0), (500, 1e6)])
def test_learning_curves(tmp_path: Path, epochs: int, scale: float) -> None:
    path = tmp_path / "plots" / "learning_curves.png"
    figure = plots.learning_curves(history(epochs, scale), "val_accuracy", epochs, path)
    assert_drawn(figure, path)
    assert {"training", "validation", "epoch", "loss", "accuracy"} <= set(texts(figure))
    assert any(text.startswith(f"best epoch {epochs}: ") for text in texts(figure))
    assert figure.axes[0].get_yscale() == ("log" if scale > 1 else "linear" if epochs < 500 else "log")


def test_epochs_are_whole_numbers(tmp_path: Path) -> None:
    figure = plots.learning_curves(history(1), "val_loss", 1, tmp_path / "x.png")
    assert [tick for tick in figure.axes[0].get_xticks() if 0.5 < tick < 1.5] == [1]


def test_units_stand_at_the_axes(tmp_path: Path) -> None:
    rows = [{"epoch": e, "train_loss": 1.0, "val_loss": 1.0, "val_rmse": 51_234.0} for e in (1, 2, 3)]
    figure = plots.learning_curves(rows, "rmse", 1, tmp_path / "x.png", units={"rmse": "US$"})
    assert "rmse (US$)" in texts(figure)


def test_losses_alone_and_losses_that_are_not_finite(tmp_path: Path) -> None:
    rows = [{"epoch": e, "train_loss": math.nan, "val_loss": None} for e in (1, 2)]
    figure = plots.learning_curves(rows, "val_loss", None, tmp_path / "x.png")
    assert len(figure.axes) == 1
    assert_drawn(figure, tmp_path / "x.png")


@pytest.mark.parametrize(
    ("lrs", "scale"),
    [
        ([0.1], "linear"),
        ([0.1] * 9, "linear"),
        ((0.1 * 0.9 ** np.arange(99)).tolist(), "log"),
        ((0.05 + 0.05 * np.cos(np.pi * np.arange(99) / 99)).tolist(), "linear"),
        ([0.1, 0.0], "linear"),
    ],
)
def test_learning_rate(tmp_path: Path, lrs: list[float], scale: str) -> None:
    path = tmp_path / "learning_rate.png"
    figure = plots.learning_rate(range(1, len(lrs) + 1), lrs, path)
    assert_drawn(figure, path)
    assert {"step", "learning rate"} <= set(texts(figure))
    assert figure.axes[0].get_yscale() == scale


def test_a_million_steps_are_thinned_out(tmp_path: Path) -> None:
    figure = plots.learning_rate(range(10**6), np.linspace(1, 0.1, 10**6), tmp_path / "x.png")
    drawn = figure.axes[0].lines[0].get_xdata()
    assert len(drawn) == plots.MOST_POINTS
    assert (drawn[0], drawn[-1]) == (0, 10**6 - 1)


@pytest.mark.parametrize("k", [2, 10, 30, 100])
def test_confusion_matrix(tmp_path: Path, k: int) -> None:
    path = tmp_path / "confusion_matrix.png"
    names = [f"a rather long class name {i}" if k == 30 else f"class {i}" for i in range(k)]
    counts = np.eye(k, dtype=int) * 12345
    counts[0, 1] = 678
    figure = plots.confusion_matrix(counts, names, path)
    assert_drawn(figure, path)
    assert {"predicted class", "true class"} <= set(texts(figure))
    assert ("678" in texts(figure)) == (k <= plots.COUNTS_UP_TO)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(set(labels)) == k  # cut names still differ


def test_a_class_that_never_occurs_divides_nothing_by_zero(tmp_path: Path) -> None:
    assert_drawn(plots.confusion_matrix([[0, 0], [1, 9]], ["a", "b"], tmp_path / "x.png"), tmp_path / "x.png")


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


@pytest.mark.parametrize("n", [1, 44, 20_000, 50_000])
def test_predicted_against_true(tmp_path: Path, n: int) -> None:
    true = np.random.default_rng(0).normal(2e5, 5e4, n)
    path = tmp_path / "predicted_against_true.png"
    figure = plots.predicted_against_true(true, true * 1.1, "median_house_value", "US$", path, "test")
    assert_drawn(figure, path)
    assert {"true median_house_value (US$)", "predicted median_house_value (US$)", "residuals"} <= set(texts(figure))
    title = f"{n:,} sample{'s' * (n != 1)}" if n <= plots.MOST_POINTS else "20,000 of 50,000 samples"
    assert f"median_house_value, {title} of test" in texts(figure)
    assert any(label.get_text().endswith("k") for label in figure.axes[0].get_xticklabels()) or n == 1


def test_names_with_dollars_and_other_scripts_are_no_formulas(tmp_path: Path) -> None:
    figure = plots.predicted_against_true([1.0, 2.0], [1.0, 2.5], "a $\\frac$ 日本", "", tmp_path / "x.png")
    assert "true a $\\frac$ 日本" in texts(figure)
    plots.confusion_matrix([[1, 2], [3, 4]], ["$\\bad$", "日"], tmp_path / "y.png")


def test_predictions_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    figure = plots.predicted_against_true([1.0, 2.0, 3.0], [1.0, np.nan, np.inf], "y", "", tmp_path / "x.png")
    assert "y, 1 sample" in texts(figure)


def test_a_full_disk_keeps_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "x.png").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="the old file is kept"):
        plots.learning_rate([1], [0.1], tmp_path / "x.png")
    assert (tmp_path / "x.png").read_text() == "old"


def test_matplotlib_is_loaded_when_a_plot_is_drawn_and_pyplot_never(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nntrain.record import plots; before = 'matplotlib' in sys.modules;"
        f"plots.learning_rate([1], [.1], Path({str(tmp_path / 'x.png')!r}));"
        "print(before, 'matplotlib.pyplot' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]
