"""What a growing shows at its end: the table of its steps, the verdict, the picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_growth import FAILED, GOOD, OVERFIT, POOR, SLIPPED, STUCK, steps

from nntrain.record.axes import Axes
from nntrain.record.layout import Page
from nntrain.sweep.grow.growth import AXES, Axis, Growth, Step
from nntrain.sweep.grow.plot import growth_curves
from nntrain.sweep.grow.report import growth_lines, verdict
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome

DEPTH, WIDTH = AXES["depth", "mlp"], AXES["width", "mlp"]
PAGE = Page(100, ascii_only=True)


def growth(*rows: tuple[list[float], list[float]], best: int | None = 1, seeds: int = 3, axis: Axis = DEPTH) -> Growth:
    return Growth(axis, tuple(steps(*rows)), best, seeds, "val_loss", True, "2 steps without a better mean")


def words(line: str) -> str:
    return " ".join(line.split())


def test_the_table_has_a_line_for_every_size_and_marks_the_best() -> None:
    jobs = [Job(n, (), {"model.depth": "1"}, Path(str(n)), {}) for n in range(2)]
    outcomes = {0: Outcome(0), 1: Outcome(1, 2, "no room")}
    lines = [str(line) for line in growth_lines(growth(POOR, GOOD, FAILED), jobs, outcomes, PAGE, took="in 2.0 s")]
    assert lines[1].startswith("growing hidden layers: 3 sizes, 2 runs, 1 failed, in 2.0 s")
    assert words(lines[2]) == "hidden layers runs train loss val loss best epoch parameters time"
    assert words(lines[4]) == "2 3 0.3100 +- 0.0100 0.5100 +- 0.0100 * - - -"
    assert words(lines[5]) == "3 0 - - - - -"
    assert "no room" in "\n".join(lines)


def test_one_seed_has_no_spread_and_no_column_for_runs() -> None:
    alone = growth(([0.5], [0.6]), ([0.3], [0.5]), seeds=1)
    lines = [str(line) for line in growth_lines(alone, [], {}, PAGE, took="in 2.0 s")]
    assert words(lines[4]) == "2 0.3000 0.5000 * - - -"


VERDICTS = {
    "overfits": (
        (POOR, GOOD, SLIPPED, OVERFIT),
        "from 4 hidden layers on: validation is worse than with 2 hidden layers",
    ),
    "stuck": ((POOR, GOOD, STUCK), "none, but from 3 hidden layers on training is worse too: larger networks were not"),
    "noise": (
        (POOR, GOOD, SLIPPED),
        "none that shows up to 3 hidden layers: validation is not worse than with 2 hidden",
    ),
    "failed": ((POOR, GOOD, FAILED), "none up to 2 hidden layers, which is the best"),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_where_overfitting_starts_is_said(case: str) -> None:
    rows, expected = VERDICTS[case]
    said = dict(verdict(growth(*rows), PAGE))
    assert said["best"] == "2 hidden layers: val loss 0.5100 +- 0.0100"
    assert said["overfitting"].startswith(expected)
    assert said["ended"] == "2 steps without a better mean"


def test_a_single_seed_cannot_tell() -> None:
    said = dict(verdict(growth(([0.3], [0.5]), ([0.1], [0.9]), best=0, seeds=1), PAGE))
    assert said["overfitting"] == "a single seed cannot tell it from chance; grow.seeds=3 would"


def test_the_smallest_that_may_be_as_good_is_named() -> None:
    said = dict(verdict(growth(SLIPPED, GOOD), PAGE))
    assert said["smallest"] == "1 hidden layer cannot be told from it by 3 seeds: val loss 0.5133 +- 0.0153"
    assert "smallest" not in dict(verdict(growth(POOR, GOOD), PAGE))


def test_without_any_result_only_the_end_is_said() -> None:
    assert verdict(growth(FAILED, best=None), PAGE) == [("ended", "2 steps without a better mean")]


def test_the_picture_has_both_curves_the_best_and_where_overfitting_starts(tmp_path: Path) -> None:
    canvas = growth_curves(growth(POOR, GOOD, OVERFIT, FAILED), tmp_path / "growth.png")
    assert canvas is not None
    told = {"training", "validation", "overfitting", "best: 2 hidden layers, 0.5100", "hidden layers", "loss"}
    assert told <= set(canvas.texts)
    assert {"1", "2", "3"} <= set(canvas.texts)
    assert "4" not in canvas.texts
    assert "loss against hidden layers, mean and range of 3 seeds" in canvas.texts
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("least", [0.05, 0.001], ids=["linear", "log"])
def test_bars_go_from_the_least_to_the_greatest_run_and_the_key_covers_none(
    least: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Axes] = []
    bars = Axes.bars
    monkeypatch.setattr(Axes, "bars", lambda axes, *ends: (drawn.append(axes), bars(axes, *ends))[1])
    wide = ([least, 0.05, 0.05], [0.2, 0.95, 0.5])
    canvas = growth_curves(growth(POOR, GOOD, wide), tmp_path / "growth.png")
    assert canvas is not None
    _, bottom, _, top = drawn[0].box
    heights = [y for curve in drawn[0].curves for y in curve[1]]
    assert len(heights) == 2 * (3 + 3 * 2)  # of training and validation the means, and the ends of bars
    assert all(bottom < y < top for y in heights)
    assert all(word.box[1] > top for word in canvas.words if word.text in ("training", "validation"))


def test_sizes_that_double_stand_at_equal_distances(tmp_path: Path) -> None:
    doubling = [Step(float(size), *map(dict, map(enumerate, GOOD))) for size in (4, 8, 16)]
    canvas = growth_curves(Growth(WIDTH, tuple(doubling), 0, 3, "val_loss", True, ""), tmp_path / "growth.png")
    assert canvas is not None
    middles = [(word.box[0] + word.box[2]) / 2 for word in canvas.words if word.text in ("4", "8", "16")]
    assert middles[2] - middles[1] == pytest.approx(middles[1] - middles[0], abs=2)
    assert not {"overfitting"} & set(canvas.texts)


def test_nothing_is_drawn_where_nothing_came_to_an_end(tmp_path: Path) -> None:
    assert growth_curves(growth(FAILED, best=None), tmp_path / "growth.png") is None
    assert not (tmp_path / "growth.png").exists()
