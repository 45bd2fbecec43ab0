"""The pictures of a sweep: what is drawn where, and nothing over the edge."""

from __future__ import annotations

import math
import random
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.image import imread
from standings import ended, jobs_of, loss_of, write_curves

from nntrain.sweep import plots
from nntrain.sweep.ranking import Contest, contests
from nntrain.sweep.scale import Scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATES = [1e-4, 1e-3, 1e-2, 1e-1]
ONE: dict[str, list[Any]] = {"optimizer.lr": RATES[:3]}
FIVE: dict[str, list[Any]] = {
    "optimizer.lr": RATES,
    "optimizer": ["adam", "a_rather_long_name", "another_such_name"],
    "model.depth": [1, 2, 3],
    "optimizer.weight_decay": [0, 1e-4, 1e-3],
    "seed": [0, 1, 2],
}


def contest_of(space: dict[str, list[Any]], folder: Path, curves: bool = True) -> Contest:
    jobs = jobs_of(space, folder)
    outcomes = ended(jobs, loss_of)
    if curves:
        write_curves(jobs, outcomes)
    return contests(jobs, outcomes)[0]


def scales_of(contest: Contest) -> list[Scale]:
    keys = contest.ranked[0][0].varied
    return [Scale.of(key, [job.varied[key] for job, _ in contest.ranked]) for key in keys]


def assert_drawn(figure: Figure, path: Path) -> None:
    """The file is a PNG of the figure's size with something on it; every word is inside, and covers no other's axis."""
    picture = imread(path)
    width, height = figure.get_size_inches() * figure.dpi
    assert picture.shape[:2] == pytest.approx((height, width), abs=1)
    assert picture.std() > 0.01
    for axes in figure.axes:
        ticks = (
            [tick.label1 for axis in (axes.xaxis, axes.yaxis) for tick in axis._update_ticks()] if axes.axison else []
        )
        texts = [t for t in (*ticks, *axes.texts, axes._left_title, axes.yaxis.label) if t.get_text()]
        boxes = {text: text.get_window_extent() for text in texts}
        outside = [t for t, box in boxes.items() if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]
        assert not [text.get_text() for text in outside]
        flat = [text for text in texts if not text.get_rotation()]
        assert not [(a.get_text(), b.get_text()) for a, b in combinations(flat, 2) if boxes[a].overlaps(boxes[b])]


@pytest.mark.parametrize("space", [ONE, FIVE], ids=["3 jobs", "324 jobs"])
def test_the_metric_against_every_setting(space: dict[str, list[Any]], tmp_path: Path) -> None:
    contest = contest_of(space, tmp_path, curves=False)
    figure = plots.metric_by_setting(contest, scales_of(contest), tmp_path / "x.png")
    assert_drawn(figure, tmp_path / "x.png")
    assert [axes.get_title("left") for axes in figure.axes] == list(space)
    assert figure.axes[0].get_xscale() == "log"
    best = figure.axes[0].lines[-1]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (0.01, contest.ranked[0][1].result["best_value"])


def test_parallel_coordinates(tmp_path: Path) -> None:
    contest = contest_of(FIVE, tmp_path, curves=False)
    figure = plots.parallel_coordinates(contest, scales_of(contest), tmp_path / "x.png")
    assert_drawn(figure, tmp_path / "x.png")
    (lines,) = (found for found in figure.axes[0].collections if isinstance(found, LineCollection))
    assert len(lines.get_segments()) == 324
    assert len(lines.get_segments()[0]) == 6
    best = np.asarray(figure.axes[0].lines[0].get_ydata())
    assert best[0] == pytest.approx(2 / 3, abs=0.02)  # 1e-2 of 1e-4 to 1e-1, on a logarithmic scale
    assert best[-1] == 0  # the least loss


def test_learning_curves(tmp_path: Path) -> None:
    contest = contest_of(ONE, tmp_path)
    figure = plots.learning_curves(contest, tmp_path / "x.png")
    assert_drawn(figure, tmp_path / "x.png")
    (axes,) = figure.axes
    (lines,) = axes.collections
    assert len(lines.get_segments()) == 3
    assert axes.lines[0].get_label() == "#2  lr=0.01: 0.1031"
    assert len(axes.lines[0].get_xdata()) == 20


def test_of_very_many_curves_some_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "MOST_CURVES", 10)
    contest = contest_of({"optimizer.lr": RATES, "seed": [*range(5)]}, tmp_path)
    figure = plots.learning_curves(contest, tmp_path / "x.png")
    assert figure.axes[0].get_title("left") == "val loss of 20 jobs (10 drawn)"
    assert figure.axes[0].lines[0].get_label().startswith(f"#{contest.ranked[0][0].number} ")


def test_curves_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    contest = contest_of(ONE, tmp_path)
    (tmp_path / "0" / "metrics.csv").write_text("epoch,val_loss\n1,0.5\n2,\n3,oops\n")
    (tmp_path / "1" / "metrics.csv").unlink()
    figure = plots.learning_curves(contest, tmp_path / "x.png")
    assert len(figure.axes[0].collections[0].get_segments()) == 1


def test_one_job_is_drawn_too(tmp_path: Path) -> None:
    plots.draw([contest_of({"optimizer.lr": ["0.01"]}, tmp_path)], tmp_path / "plots")
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"metric_by_setting.png", "learning_curves.png"}


def test_a_sweep_has_all_its_pictures_and_contests_lie_apart(tmp_path: Path) -> None:
    contest = contest_of(ONE | {"seed": [0, 1]}, tmp_path)
    plots.draw([contest, Contest("wine, val loss", contest.monitor, contest.rows)], tmp_path / "plots")
    names = {"metric_by_setting.png", "parallel_coordinates.png", "learning_curves.png"}
    assert {path.name for path in (tmp_path / "plots").glob("*.png")} == names
    assert {path.name for path in (tmp_path / "plots" / "wine-val-loss").iterdir()} == names


SCALES = {
    "log": ["1e-4", "1e-3", "1e-2"],
    "log by doubling": ["16", "32", "64"],
    "linear": ["1", "2", "3", "4", "5", "6"],
    "linear from 0": ["0", "0.1", "0.2"],
    "categories": ["adam", "sgd", "adam"],
    "categories with 0": ["0", "1e-4", "1e-3"],
    "categories of lists": ["[4]", "[4,4]"],
}


@pytest.mark.parametrize("name", SCALES)
def test_the_scale_of_a_setting(name: str) -> None:
    scale = Scale.of("some.key", SCALES[name])
    assert (scale.log, bool(scale.names)) == (name.startswith("log"), name.startswith("categories"))


def test_seeds_are_categories_in_their_order() -> None:
    assert Scale.of("seed", ["10", "9", "1"]).names == ("1", "9", "10")


def test_sampled_rates_are_on_a_logarithmic_scale_with_round_ticks() -> None:
    rng = random.Random(0)
    scale = Scale.of("optimizer.lr", [str(10 ** rng.uniform(-5, -1)) for _ in range(50)])
    assert scale.log
    assert [name for _, name in scale.ticks()] == ["0.0001", "0.001", "0.01"]
    assert scale.shares().min() == 0
    assert scale.shares().max() == 1


def test_values_far_off_do_not_squeeze_the_others(tmp_path: Path) -> None:
    contest = contest_of({"optimizer.lr": [0.01 + 0.0001 * i for i in range(12)]}, tmp_path, curves=False)
    values = plots._metric(contest)
    low, high, log = plots._limits(np.append(values, 9 * values.max()), contest)
    assert not log
    assert low < values.min() < values.max() < high < 5 * values.max()


def test_a_sweep_without_a_varied_setting_is_drawn(tmp_path: Path) -> None:
    contest = contest_of({"seed": [0, 1, 2]}, tmp_path)
    plots.draw([contest], tmp_path / "plots")
    assert math.isfinite(imread(tmp_path / "plots" / "metric_by_setting.png").mean())
