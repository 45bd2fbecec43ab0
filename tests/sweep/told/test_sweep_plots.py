"""The pictures of a sweep: what is drawn where, and nothing over the edge."""

from __future__ import annotations

import math
import random
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread
from standings import CONFIG, ended, jobs_of, loss_of, write_curves

from nntrain.record.canvas import GREEN, ORANGE, Box, Canvas, rgb
from nntrain.sweep.job import Job
from nntrain.sweep.told import plots
from nntrain.sweep.told.ranking import Contest, contests
from nntrain.sweep.told.scale import Setting

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


def settings_of(contest: Contest) -> list[Setting]:
    keys = contest.ranked[0][0].varied
    return [Setting.of(key, [job.varied[key] for job, _ in contest.ranked]) for key in keys]


def assert_drawn(canvas: Canvas, path: Path) -> None:
    """The file is a PNG of the canvas's size with something on it; every word is inside and covers no other."""
    picture = imread(path)
    assert picture.shape[:2] == (canvas.height, canvas.width)
    assert picture.std() > 0.01
    for word in canvas.words:
        left, bottom, right, top = word.box
        assert 0 <= left < right <= canvas.width, word
        assert 0 <= bottom < top <= canvas.height, word
    assert not [(a.text, b.text) for a, b in combinations(canvas.words, 2) if overlap(a.box, b.box)]


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def has_colour(path: Path, colour: str) -> bool:
    pixels = (imread(path)[:, :, :3] * 255).round()
    return bool((pixels == rgb(colour)).all(axis=2).any())


@pytest.mark.parametrize("space", [ONE, FIVE], ids=["3 jobs", "324 jobs"])
def test_the_metric_against_every_setting(space: dict[str, list[Any]], tmp_path: Path) -> None:
    contest = contest_of(space, tmp_path, curves=False)
    canvas = plots.metric_by_setting(contest, settings_of(contest), tmp_path / "x.png")
    assert_drawn(canvas, tmp_path / "x.png")
    assert {*space, "val loss", "0.0001", "0.001", "0.01"} <= set(canvas.texts)
    assert has_colour(tmp_path / "x.png", GREEN)  # the best job
    assert has_colour(tmp_path / "x.png", ORANGE) == (space is FIVE)  # medians of values that jobs share


def test_medians_are_of_the_jobs_that_ran_to_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = jobs_of({"optimizer": ["adam", "sgd"], "seed": [0, 1, 2]}, tmp_path)
    outcomes = ended(jobs, lambda varied: 1.0 if varied["seed"] == "2" else 0.5)
    for job in jobs:
        outcomes[job.number].pruned = job.varied["seed"] == "2"
    (contest,) = contests(jobs, outcomes)
    drawn: list[float] = []
    at = plots.Axes.at
    monkeypatch.setattr(plots.Axes, "at", lambda axes, x, y: (drawn.extend(map(float, y)), at(axes, x, y))[1])
    plots.metric_by_setting(contest, settings_of(contest)[:1], tmp_path / "x.png")
    assert drawn == [0.5] * 4 + [1.0] * 2 + [0.5] * 3  # dots of all jobs, the medians, the star


def test_pruned_jobs_are_marked_as_in_the_leaderboard(tmp_path: Path) -> None:
    jobs = jobs_of({"optimizer": ["adam", "sgd"], "optimizer.lr": RATES}, tmp_path)
    outcomes = ended(jobs, loss_of)
    for number in (0, 4, 7):
        outcomes[number].pruned = True
    (contest,) = contests(jobs, outcomes)
    canvas = plots.metric_by_setting(contest, settings_of(contest), tmp_path / "x.png")
    assert canvas.texts.count("†") == 2 * 3 + 1  # in each panel, and in the key
    assert {"a job", "the best", "median", "pruned"} <= set(canvas.texts)
    outcomes = ended(jobs, loss_of)
    canvas = plots.metric_by_setting(contests(jobs, outcomes)[0], settings_of(contest), tmp_path / "x.png")
    assert not {"†", "pruned"} & set(canvas.texts)


def test_of_very_many_settings_those_with_the_widest_effect_are_drawn(tmp_path: Path) -> None:
    jobs = jobs_of({"optimizer.lr": RATES} | {f"section.key_{i}": ["a", "b"] for i in range(9)}, tmp_path)
    chosen = jobs[::7]
    (contest,) = contests(chosen, ended(chosen, loss_of))
    canvas = plots.metric_by_setting(contest, settings_of(contest), tmp_path / "x.png")
    titles = [text for text in canvas.texts if "." in text and not text[0].isdigit()]
    assert len(titles) == plots.MOST_PANELS
    assert "optimizer.lr" in titles


def test_parallel_coordinates(tmp_path: Path) -> None:
    contest = contest_of(FIVE, tmp_path, curves=False)
    canvas = plots.parallel_coordinates(contest, settings_of(contest), tmp_path / "x.png")
    assert_drawn(canvas, tmp_path / "x.png")
    assert {"324 jobs; best: 0.1031", "optimizer.", "weight_decay", "seed", "val loss"} <= set(canvas.texts)
    assert has_colour(tmp_path / "x.png", GREEN)


def test_lines_of_pruned_jobs_are_dashed_and_the_key_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = jobs_of({"optimizer": ["adam", "sgd"], "optimizer.lr": RATES}, tmp_path)
    outcomes = ended(jobs, loss_of)
    for number in (0, 4, 7):
        outcomes[number].pruned = True
    (contest,) = contests(jobs, outcomes)
    looks: list[tuple[str, bool]] = []
    line = Canvas.line

    def noted(canvas: Canvas, x: Any, y: Any, colour: str, width: float, clip: Box, dashes: Any = ()) -> None:
        looks.append((colour, bool(dashes)))
        line(canvas, x, y, colour, width, clip, dashes)

    monkeypatch.setattr(Canvas, "line", noted)
    canvas = plots.parallel_coordinates(contest, settings_of(contest), tmp_path / "x.png")
    assert_drawn(canvas, tmp_path / "x.png")
    assert [dashed for _, dashed in looks] == [True] * 3 + [False] * 5 + [False, False, True]  # jobs, then the key
    assert (looks[7][0], looks[6][0]) == (GREEN, plots._shade(plots.BLUES, (1 - 1 / 4) ** 2))  # shades of whole ones
    said = f"8 jobs, 3 pruned; best: {contest.ranked[0][1].result['best_value']:.4f}"
    assert {said, "a job, the darker the better", "the best", "pruned"} <= set(canvas.texts)


def test_a_search_of_which_all_jobs_were_pruned_is_drawn(tmp_path: Path) -> None:
    jobs = jobs_of({"optimizer": ["adam", "sgd"], "optimizer.lr": RATES[:2]}, tmp_path)
    outcomes = ended(jobs, loss_of)
    for outcome in outcomes.values():
        outcome.pruned = True
    (contest,) = contests(jobs, outcomes)
    canvas = plots.parallel_coordinates(contest, settings_of(contest), tmp_path / "x.png")
    assert {"the best", "pruned"} <= set(canvas.texts)


def test_medians_are_drawn_where_jobs_share_most_values(tmp_path: Path) -> None:
    drawn = {}
    for shared in (1, 3):  # of five rates
        rates = [0.1, 0.2, 0.3, 0.4, 0.5, *[0.1, 0.2, 0.3][:shared]]
        varied = [{"optimizer.lr": str(rate), "seed": str(seed)} for seed, rate in enumerate(rates)]
        jobs = [Job(i, (), settings, tmp_path, CONFIG) for i, settings in enumerate(varied)]
        (contest,) = contests(jobs, ended(jobs, loss_of))
        canvas = plots.metric_by_setting(contest, settings_of(contest)[:1], tmp_path / "x.png")
        drawn[shared] = "median" in canvas.texts
    assert drawn == {1: False, 3: True}


def test_learning_curves(tmp_path: Path) -> None:
    contest = contest_of(ONE, tmp_path)
    canvas = plots.learning_curves(contest, tmp_path / "x.png")
    assert_drawn(canvas, tmp_path / "x.png")
    assert {"epoch", "val loss of 3 jobs", "#2  lr=0.01: 0.1031", "20"} <= set(canvas.texts)
    assert has_colour(tmp_path / "x.png", GREEN)


def test_a_curve_of_one_epoch_is_a_dot(tmp_path: Path) -> None:
    jobs = jobs_of(ONE, tmp_path)
    outcomes = ended(jobs, loss_of)
    write_curves(jobs, outcomes, epochs=1)
    canvas = plots.learning_curves(contests(jobs, outcomes)[0], tmp_path / "x.png")
    assert_drawn(canvas, tmp_path / "x.png")
    assert has_colour(tmp_path / "x.png", plots._shade(plots.GREYS, 1 - 2 / 3))


def test_of_very_many_curves_some_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "MOST_CURVES", 10)
    contest = contest_of({"optimizer.lr": RATES, "seed": [*range(5)]}, tmp_path)
    texts = plots.learning_curves(contest, tmp_path / "x.png").texts
    assert "val loss of 20 jobs (10 drawn)" in texts
    assert any(text.startswith(f"#{contest.ranked[0][0].number} ") for text in texts)


@pytest.mark.parametrize("broken", ["epoch,val_loss\n1,\n", "epoch,val_loss\n1,oops\n", "epoch,val_loss\n", ""])
def test_curves_that_cannot_be_read_are_left_out(broken: str, tmp_path: Path) -> None:
    contest = contest_of({"optimizer.lr": ["0.01"]}, tmp_path)
    (tmp_path / "0" / "metrics.csv").write_text(broken)
    assert "val loss of 1 job" in plots.learning_curves(contest, tmp_path / "x.png").texts


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
    scale = Setting.of("some.key", SCALES[name])
    assert (scale.log, bool(scale.names)) == (name.startswith("log"), name.startswith("categories"))


def test_seeds_are_categories_in_their_order() -> None:
    assert Setting.of("seed", ["10", "9", "1"]).names == ("1", "9", "10")


def test_lists_are_categories_in_the_order_of_their_numbers() -> None:
    assert Setting.of("model.widths", ["[16,8]", "[8]", "[16]", "x"]).names == ("[8]", "[16,8]", "[16]", "x")


def test_sampled_rates_are_on_a_logarithmic_scale_with_round_ticks() -> None:
    rng = random.Random(0)
    scale = Setting.of("optimizer.lr", [str(10 ** rng.uniform(-5, -1)) for _ in range(50)])
    assert scale.log
    assert list(scale.ticks().values()) == ["0.0001", "0.001", "0.01"]
    assert scale.shares().min() == 0
    assert scale.shares().max() == 1


def test_jobs_that_are_worse_by_far_are_arrows_at_the_edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In each picture, and counted; they move no median."""
    jobs = jobs_of({"optimizer.lr": [*RATES, 2], "model.depth": [1, 2]}, tmp_path)
    outcomes = ended(jobs, lambda varied: 1e9 if varied["optimizer.lr"] == "2" else loss_of(varied))
    write_curves(jobs, outcomes)
    (contest,) = contests(jobs, outcomes)
    arrows: list[float] = []
    arrow = Canvas.arrow
    monkeypatch.setattr(Canvas, "arrow", lambda canvas, x, y, **how: (arrows.append(x), arrow(canvas, x, y, **how))[1])
    canvas = plots.metric_by_setting(contest, settings_of(contest), tmp_path / "x.png")
    assert_drawn(canvas, tmp_path / "x.png")
    assert "2 jobs beyond the edge" in canvas.texts
    assert len(arrows) == 1 + 2 + 1  # at the rate, at both depths, in the key
    canvas = plots.learning_curves(contest, tmp_path / "x.png")
    assert_drawn(canvas, tmp_path / "x.png")
    assert "val loss of 10 jobs, 2 beyond the edge" in canvas.texts
    canvas = plots.parallel_coordinates(contest, settings_of(contest), tmp_path / "x.png")
    assert "10 jobs, 2 worse than the axis; best: 0.1031" in canvas.texts


def test_above_one_panel_there_is_room_for_every_mark(tmp_path: Path) -> None:
    jobs = jobs_of({"optimizer.lr": RATES, "seed": range(20)}, tmp_path)
    outcomes = ended(jobs, lambda varied: 1e9 if varied["optimizer.lr"] == "0.1" else loss_of(varied))
    outcomes[0].pruned = True
    (contest,) = contests(jobs, outcomes)
    canvas = plots.metric_by_setting(contest, settings_of(contest)[:1], tmp_path / "x.png")
    assert_drawn(canvas, tmp_path / "x.png")
    assert {"a job", "the best", "median", "pruned", "20 jobs beyond the edge"} <= set(canvas.texts)


def test_the_key_of_learning_curves_lies_above_all_of_them(tmp_path: Path) -> None:
    canvas = plots.learning_curves(contest_of(FIVE, tmp_path), tmp_path / "x.png")
    boxes = {word.text: word.box for word in canvas.words}
    (said,) = (text for text in boxes if text.startswith("#"))
    assert boxes[said][1] > boxes["val loss of 324 jobs"][3]


def test_a_sweep_without_a_varied_setting_is_drawn(tmp_path: Path) -> None:
    contest = contest_of({"seed": [0, 1, 2]}, tmp_path)
    plots.draw([contest], tmp_path / "plots")
    assert math.isfinite(imread(tmp_path / "plots" / "metric_by_setting.png").mean())


def test_numbers_that_would_run_into_each_other_are_thinned_and_names_cut() -> None:
    rates = ["0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1"]
    assert list(Setting.of("optimizer.lr", rates).ticks().values()) == rates
    assert list(Setting.of("optimizer.lr", rates).ticks(room=40).values()) == ["0.0001", "0.001", "0.01", "0.1"]
    assert list(Setting.of("model", ["a_name_longer_than_most", "b"]).ticks().values()) == ["a_name_longer_t…", "b"]
