"""The pictures of a search show every trial, and what it was about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nntrain.sweep.outcome import Outcome
from nntrain.sweep.search.plots import draw, history, importance, importances, pareto, slices
from nntrain.sweep.search.space import Axis
from nntrain.sweep.search.study import Goal, Study

optuna = pytest.importorskip("optuna")

AXES = [
    Axis("optimizer.lr", 1e-4, 1, log=True),
    Axis("optimizer", choices=("adam", "sgd")),
    Axis("model.dropout", 0, 0.5),
]
SETTINGS = {"sampler": "random", "pruner": "median", "seed": 0, "time_limit": None}


class Nowhere:
    def add(self, trial: Any) -> None: ...
    def trials(self) -> list[Any]:
        return []


def study(metrics: Sequence[str] = ("loss",), count: int = 12) -> Study:
    """Trials whose loss is 100 times the learning rate; the third failed, the fourth was pruned."""
    goal = Goal(tuple(metrics), (True,) * len(metrics), 9)
    made = Study(AXES, goal, SETTINGS, Nowhere)  # type: ignore[arg-type]
    for job in range(count):
        trial = made.ask()
        made.start(trial, job, job)
        if job == 3 and len(metrics) == 1:
            made.judge(job, 1, 50.0)
        values = [100 * trial.params["optimizer.lr"], 10.0 * (job + 1)][: len(metrics)]
        outcome = Outcome(job, result={"epochs_run": 1}, pruned=job == 3 and len(metrics) == 1)
        made.tell(trial, outcome, None if job == 2 else values)
    return made


def test_all_pictures_of_a_search_are_drawn(tmp_path: Path) -> None:
    made = study(count=24)
    draw(made, importances(made), tmp_path)
    drawn = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(drawn) == {"search_history.png", "search_slices.png", "search_importance.png"}
    assert min(drawn.values()) > 5000


def test_history_has_a_dot_for_every_trial_and_the_best_so_far(tmp_path: Path) -> None:
    made = study()
    (axes,) = history(made.trials, "loss", True, tmp_path / "a.png").axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert {name: len(line.get_xdata()) for name, line in lines.items() if name in ("trial", "pruned", "failed")} == {
        "trial": 10,
        "pruned": 1,
        "failed": 1,
    }
    best = list(lines["best so far"].get_ydata())
    assert best == sorted(best, reverse=True)
    assert axes.get_ylabel() == "validation loss"


def test_slices_have_a_panel_for_every_setting_on_its_own_scale(tmp_path: Path) -> None:
    made = study()
    lr, optimizer, dropout = slices(made.trials, AXES, "loss", True, tmp_path / "a.png").axes
    assert (lr.get_xscale(), dropout.get_xscale()) == ("log", "linear")
    assert [tick.get_text() for tick in optimizer.get_xticklabels()] == ["adam", "sgd"]
    star = lr.get_lines()[-1]
    assert star.get_marker() == "*"
    assert star.get_ydata()[0] == min(trial.values[0] for trial in made.completed)


def test_importance_finds_what_the_metric_depends_on(tmp_path: Path) -> None:
    shares = importances(study(count=30))
    assert next(iter(shares)) == "optimizer.lr"
    assert sum(shares.values()) == pytest.approx(1)
    (axes,) = importance(shares, "loss", tmp_path / "a.png").axes
    assert [bar.get_width() for bar in axes.patches] == list(shares.values())
    assert importances(study(count=15)) == {}


def spread(*values: float) -> list[Any]:
    """Finished trials with these losses, and a whole number each."""
    space = {"model.depth": optuna.distributions.IntDistribution(1, 3)}
    return [
        optuna.trial.create_trial(params={"model.depth": 1 + i % 3}, distributions=space, values=[value])
        for i, value in enumerate(values)
    ]


def test_losses_that_span_decades_are_all_on_a_logarithmic_axis(tmp_path: Path) -> None:
    values = [0.01 * (10 + i) for i in range(12)] + [50.0]
    (axes,) = history(spread(*values), "loss", True, tmp_path / "a.png").axes
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[1] > 50


def test_what_is_far_off_is_marked_at_the_edge(tmp_path: Path) -> None:
    values = [1 + 0.01 * i for i in range(12)] + [5.0]
    (axes,) = history(spread(*values), "loss", True, tmp_path / "a.png").axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert list(lines["beyond the edge"].get_xdata())[-1] == 12
    assert set(lines["beyond the edge"].get_ydata()) == {axes.get_ylim()[1]}
    (panel,) = slices(
        spread(*values), [Axis("model.depth", 1, 3, 1, whole=True)], "loss", True, tmp_path / "b.png"
    ).axes
    assert panel.get_title().endswith(" beyond the edge")


def test_whole_numbers_have_whole_ticks(tmp_path: Path) -> None:
    (axes,) = slices(spread(1, 2, 3), [Axis("model.depth", 1, 3, 1, whole=True)], "loss", True, tmp_path / "a.png").axes
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_two_metrics_have_a_front(tmp_path: Path) -> None:
    made = study(("loss", "parameters"))
    draw(made, {}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pareto_front.png"]
    best = {trial.number for trial in made.optuna.best_trials}
    (axes,) = pareto(made.trials, best, ("loss", "parameters"), tmp_path / "a.png").axes
    beaten, front = axes.get_lines()
    assert len(front.get_xdata()) == len(best)
    assert len(beaten.get_xdata()) == 11 - len(best)
    assert list(front.get_ydata()) == sorted(front.get_ydata(), reverse=True)
