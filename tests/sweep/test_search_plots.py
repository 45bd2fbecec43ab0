"""The pictures of a search show every trial, and what it was about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nntrain.sweep.outcome import Outcome
from nntrain.sweep.search_plots import draw, history, importance, importances, pareto, slices
from nntrain.sweep.space import Axis
from nntrain.sweep.study import Goal, Study

optuna = pytest.importorskip("optuna")

AXES = [
    Axis("optimizer.lr", 1e-4, 1, log=True),
    Axis("optimizer", choices=("adam", "sgd")),
    Axis("model.dropout", 0, 0.5),
]
SETTINGS = {"sampler": "random", "pruner": "none", "seed": 0}


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
    made = study()
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
    assert importances(study(count=4)) == {}


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
