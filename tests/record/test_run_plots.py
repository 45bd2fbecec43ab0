"""The pictures of a run: the right size, the right words, nothing drawn outside, the data where it belongs."""

from __future__ import annotations

import errno
import math
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from nntrain.errors import UserError
from nntrain.record import run_plots as plots
from nntrain.record.axes import Axes, Entry, fitted, linear
from nntrain.record.canvas import BLUE, GREEN, ORANGE, Canvas, Word, rgb


def history(epochs: int, scale: float = 1.0) -> list[dict[str, Any]]:
    losses = [scale * math.exp(-6 * epoch / epochs) for epoch in range(1, epochs + 1)]
    return [
        {"epoch": i + 1, "train_loss": loss, "val_loss": 1.1 * loss, "val_accuracy": 1 - loss / scale, "lr": 0.1}
        for i, loss in enumerate(losses)
    ]


def overlap(a: Word, b: Word) -> bool:
    return a.box[0] < b.box[2] and b.box[0] < a.box[2] and a.box[1] < b.box[3] and b.box[1] < a.box[3]


def assert_drawn(canvas: Canvas, path: Path) -> None:
    """The file is a PNG of the canvas's size that shows what was drawn; every word is inside and covers no other."""
    picture = imread(path)
    assert picture.shape == (canvas.height, canvas.width, 3)
    assert np.array_equal(np.rint(picture * 255), canvas.pixels[:, :, :3])
    assert picture.std() > 0.01
    outside = [
        word.text
        for word in canvas.words
        if min(word.box) < 0 or word.box[2] > canvas.width or word.box[3] > canvas.height
    ]
    assert not outside
    assert not [(a.text, b.text) for a, b in combinations(canvas.words, 2) if overlap(a, b)]


@pytest.mark.parametrize(("epochs", "scale"), [(1, 1.0), (3, 1.0), (500, 1e6)])
def test_learning_curves(tmp_path: Path, epochs: int, scale: float) -> None:
    path = tmp_path / "plots" / "learning_curves.png"
    canvas = plots.learning_curves(history(epochs, scale), "val_accuracy", epochs, path)
    assert_drawn(canvas, path)
    assert {"training", "validation", "epoch", "loss", "accuracy"} <= set(canvas.texts)
    assert any(text.startswith(f"best epoch {epochs}: ") for text in canvas.texts)
    assert ("100k" in canvas.texts) == (scale > 1)  # by decades


def test_epochs_are_whole_numbers() -> None:
    assert list(linear(0.5, 1.5, most=8, whole=True).ticks.values()) == ["1"]
    assert list(linear(0.62, 20.38, most=8, whole=True).ticks.values()) == ["5", "10", "15", "20"]


def test_units_stand_at_the_axes(tmp_path: Path) -> None:
    rows = [{"epoch": e, "train_loss": 1.0, "val_loss": 1.0, "val_rmse": 51_234.0} for e in (1, 2, 3)]
    canvas = plots.learning_curves(rows, "rmse", 1, tmp_path / "x.png", units={"rmse": "US$"})
    assert "rmse (US$)" in canvas.texts


def test_losses_alone_and_losses_that_are_not_finite(tmp_path: Path) -> None:
    rows = [{"epoch": e, "train_loss": math.nan, "val_loss": None} for e in (1, 2)]
    canvas = plots.learning_curves(rows, "val_loss", None, tmp_path / "x.png")
    assert canvas.width < 800
    assert_drawn(canvas, tmp_path / "x.png")


@pytest.mark.parametrize(
    ("lrs", "decades"),
    [
        ([0.1], False),
        ([0.1] * 9, False),
        ((0.1 * 0.9 ** np.arange(99)).tolist(), True),
        ((0.05 + 0.05 * np.cos(np.pi * np.arange(99) / 99)).tolist(), False),
        ([0.1, 0.0], False),
    ],
)
def test_learning_rate(tmp_path: Path, lrs: list[float], decades: bool) -> None:
    path = tmp_path / "learning_rate.png"
    canvas = plots.learning_rate(range(1, len(lrs) + 1), lrs, path)
    assert_drawn(canvas, path)
    assert {"step", "learning rate"} <= set(canvas.texts)
    assert ("0.0001" in canvas.texts) == decades


@pytest.mark.parametrize("k", [2, 10, 30, 100])
def test_confusion_matrix(tmp_path: Path, k: int) -> None:
    path = tmp_path / "confusion_matrix.png"
    names = [f"a rather long class name {i}" if k == 30 else f"class {i}" for i in range(k)]
    counts = np.eye(k, dtype=int) * 12345
    counts[0, 1] = 678
    canvas = plots.confusion_matrix(counts, names, path)
    assert_drawn(canvas, path)
    assert {"predicted class", "true class"} <= set(canvas.texts)
    assert ("678" in canvas.texts) == (k <= plots.COUNTS_UP_TO)
    assert {plots.short(name) for name in names} <= set(canvas.texts)
    assert len({plots.short(name) for name in names}) == k  # cut names still differ


def test_the_colour_of_a_cell_is_its_share_of_the_true_class(tmp_path: Path) -> None:
    canvas = plots.confusion_matrix([[3, 1], [0, 0]], ["a", "b"], tmp_path / "x.png")
    colours = {tuple(colour) for colour in plots.blues()[[192, 64, 0]].tolist()}
    assert colours <= set(map(tuple, canvas.pixels[:, :, :3].reshape(-1, 3).tolist()))


@pytest.mark.parametrize("n", [1, 44, 20_000, 50_000])
def test_predicted_against_true(tmp_path: Path, n: int) -> None:
    true = np.random.default_rng(0).normal(2e5, 5e4, n)
    path = tmp_path / "predicted_against_true.png"
    canvas = plots.predicted_against_true(true, true * 1.1, "median_house_value", "US$", path, "test")
    assert_drawn(canvas, path)
    said = {"true median_house_value (US$)", "predicted median_house_value (US$)", "residuals"}
    assert said <= set(canvas.texts)
    title = f"{n:,} sample{'s' * (n != 1)}" if n <= plots.MOST_POINTS else "20,000 of 50,000 samples"
    assert f"median_house_value, {title} of test" in canvas.texts
    assert any(text.endswith("k") for text in canvas.texts)


def test_names_with_dollars_and_other_scripts_are_no_formulas(tmp_path: Path) -> None:
    canvas = plots.predicted_against_true([1.0, 2.0], [1.0, 2.5], "a $\\frac$ 日本", "", tmp_path / "x.png")
    assert "true a $\\frac$ 日本" in canvas.texts
    plots.confusion_matrix([[1, 2], [3, 4]], ["$\\bad$", "日"], tmp_path / "y.png")


def test_predictions_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    canvas = plots.predicted_against_true([1.0, 2.0, 3.0], [1.0, np.nan, np.inf], "y", "", tmp_path / "x.png")
    assert "y, 1 sample" in canvas.texts
    assert "y, 0 samples" in plots.predicted_against_true([1.0], [np.nan], "y", "", tmp_path / "x.png").texts


def test_a_full_disk_keeps_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "x.png").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="the old file is kept"):
        plots.learning_rate([1], [0.1], tmp_path / "x.png")
    assert (tmp_path / "x.png").read_text() == "old"


def test_matplotlib_is_loaded_when_a_plot_is_drawn_and_its_figures_never(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nntrain.record import run_plots;"
        "before = 'matplotlib' in sys.modules;"
        f"run_plots.learning_rate([1], [.1], Path({str(tmp_path / 'x.png')!r}));"
        "print(before, 'matplotlib.figure' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.0, 1.0, ["0.0", "0.2", "0.4"]),
        (0.05, 0.92, ["0.1", "0.2", "0.3"]),
        (0.0, 0.0101, ["0.000", "0.002", "0.004"]),
        (-0.1, 2.1, ["0.00", "0.25", "0.50"]),
        (95_000.0, 310_000.0, ["100k", "125k", "150k"]),
        (1e-6, 9e-6, ["1e-06", "2e-06", "3e-06"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, said: list[str]) -> None:
    assert list(linear(low, high).ticks.values())[:3] == said


def test_a_curve_goes_through_its_points_and_a_value_the_scale_lacks_is_left_out() -> None:
    canvas = Canvas(4.0, 3.0)
    y = fitted([1.0, 10.0, 1000.0], log=True)
    axes = Axes(canvas, (0.9, 0.6, 2.9, 2.0), linear(0.0, 4.0), y, ("x", "y"), "t")
    axes.curve([1, 2, 3, 4], [1.0, 10.0, 0.0, 1000.0], BLUE)
    x, up = axes.at([1.5], [10**0.5])
    assert np.array_equal(canvas.pixels[canvas.height - 1 - int(up[0]), int(x[0]), :3], rgb(BLUE))
    assert list(y.ticks.values()) == ["1", "10", "100", "1k"]


def test_the_legend_stands_where_the_curve_is_not() -> None:
    canvas = Canvas(4.0, 3.0)
    axes = Axes(canvas, (0.9, 0.6, 2.9, 2.0), linear(0.0, 1.0), linear(0.0, 1.0), ("x", "y"), "t")
    axes.curve(np.linspace(0, 1, 50), np.linspace(0, 1, 50), ORANGE)
    axes.legend([Entry("rising", ORANGE, 1.6), Entry("star", GREEN, dot=13.0, star=True)])
    box = next(word.box for word in canvas.words if word.text == "rising")
    left, bottom, right, top = axes.box
    assert box[2] < (left + right) / 2
    assert box[1] > (bottom + top) / 2
