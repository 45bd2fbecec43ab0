"""The pictures of a search show every trial, and what it was about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nntrain.sweep.outcome import Outcome
from nntrain.sweep.search import importance as importances
from nntrain.sweep.search.importance import Importance, importance_of
from nntrain.sweep.search.plots import Told, draw, history, importance, pareto, slices
from nntrain.sweep.search.space import Axis
from nntrain.sweep.search.study import Goal, Study

optuna = pytest.importorskip("optuna")

AXES = [
    Axis("optimizer.lr", 1e-4, 1, log=True),
    Axis("optimizer", choices=("adam", "sgd")),
    Axis("model.dropout", 0, 0.5),
]
DEPTH = Axis("model.depth", 1, 3, 1, whole=True)
KINDS = ("history", "slices", "importance")
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


def found(made: Study) -> list[Importance]:
    return [one for place in range(len(made.goal.metrics)) if (one := importance_of(made, place)) is not None]


def losses(trials: Sequence[Any]) -> Told:
    return Told(trials, "loss", lower=True)


def test_all_pictures_of_a_search_are_drawn(tmp_path: Path) -> None:
    made = study(count=24)
    draw(made, found(made), tmp_path)
    drawn = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(drawn) == {"search_history.png", "search_slices.png", "search_importance.png"}
    assert min(drawn.values()) > 5000


def test_history_has_a_dot_for_every_trial_and_the_best_so_far(tmp_path: Path) -> None:
    made = study()
    (axes,) = history(losses(made.trials), tmp_path / "a.png").axes
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
    lr, optimizer, dropout = slices(losses(made.trials), AXES, tmp_path / "a.png").axes
    assert (lr.get_xscale(), dropout.get_xscale()) == ("log", "linear")
    assert [tick.get_text() for tick in optimizer.get_xticklabels()] == ["adam", "sgd"]
    star = lr.get_lines()[-1]
    assert star.get_marker() == "*"
    assert star.get_ydata()[0] == min(trial.values[0] for trial in made.completed)


def test_slices_say_what_their_marks_are(tmp_path: Path) -> None:
    (key,) = slices(losses(study().trials), AXES, tmp_path / "a.png").legends
    assert [text.get_text() for text in key.get_texts()] == ["trial", "pruned", "the best"]


def test_importance_finds_what_the_metric_depends_on(tmp_path: Path) -> None:
    (told,) = found(study(count=30))
    assert next(iter(told.shares)) == "optimizer.lr"
    assert sum(told.shares.values()) == pytest.approx(1)
    assert told.said.startswith("importance of the settings for the validation loss, about: optimizer.lr 0.")
    (axes,) = importance(told, tmp_path / "a.png").axes
    assert [bar.get_width() for bar in axes.patches] == list(told.shares.values())


def test_of_few_trials_it_is_said_that_importance_cannot_be_told(tmp_path: Path) -> None:
    (told,) = found(study(count=15))
    assert told.said == "importance of the settings: it takes 20 trials to tell, and 13 can be compared"
    draw(study(count=15), [told], tmp_path)
    assert not (tmp_path / "search_importance.png").exists()


def halved(count: int, ran: dict[int, int]) -> Study:
    """Trials of nine epochs whose loss is that after the first by the learning rate, halved by every epoch; ran: how
    many epochs those did that were pruned."""
    made = Study(AXES, Goal(("loss",), (True,), 9), SETTINGS, Nowhere)  # type: ignore[arg-type]
    for job in range(count):
        trial, epochs = made.ask(), ran.get(job, 9)
        made.start(trial, job, job)
        values = [100 * trial.params["optimizer.lr"] / 2**epoch for epoch in range(epochs)]
        for epoch, value in enumerate(values, 1):
            made.judge(job, epoch, value)
        made.tell(trial, Outcome(job, result={"epochs_run": epochs}, pruned=epochs < 9), values[-1:])
    return made


HALVED = {  # how many trials there are, how many epochs those ran that were pruned; how it is told
    "most ran to their end": (30, {1: 2}, "for the validation loss, about: optimizer.lr"),
    "two thirds ran three epochs": (30, {i: 1 if i < 10 else 3 for i in range(25)}, "after 3 epochs, which 20 of 30 "),
    "all ran one epoch": (24, {i: 1 + i // 23 for i in range(24)}, "after 1 epoch, which all 24 trials ran, about: "),
}


@pytest.mark.parametrize("case", HALVED)
def test_pruned_trials_are_compared_with_the_others_after_as_many_epochs(case: str) -> None:
    count, ran, said = HALVED[case]
    (told,) = found(halved(count, ran))
    assert said in told.said
    assert next(iter(told.shares)) == "optimizer.lr"
    assert told.shares["optimizer.lr"] > 0.8


def test_of_very_many_trials_some_from_first_to_last_tell_the_importance(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[float] = []
    monkeypatch.setattr(importances, "MOST", 20)
    monkeypatch.setattr(importances, "_shares", lambda study, trials, values: compared.extend(values) or {})
    made = study(count=42)
    (told,) = found(made)
    values = [trial.values[0] for trial in made.completed]
    assert told.trials == 40
    assert compared == values[::2]


def test_where_all_trials_came_to_the_same_that_is_said() -> None:
    made = study(count=0)
    for job in range(20):
        trial = made.ask()
        made.start(trial, job, job)
        made.tell(trial, Outcome(job, result={"epochs_run": 9}), [0.5])
    (told,) = found(made)
    assert told.said == "importance of the settings: all trials came to the same validation loss"


def test_of_a_single_setting_nothing_is_said() -> None:
    made = study(count=24)
    made.axes = AXES[:1]
    assert found(made) == []


def spread(*values: float) -> list[Any]:
    """Finished trials with these losses, and a whole number each."""
    space = {"model.depth": optuna.distributions.IntDistribution(1, 3)}
    return [
        optuna.trial.create_trial(params={"model.depth": 1 + i % 3}, distributions=space, values=[value])
        for i, value in enumerate(values)
    ]


def test_losses_that_span_decades_are_all_on_a_logarithmic_axis(tmp_path: Path) -> None:
    values = [0.01 * (10 + i) for i in range(12)] + [8.0]
    (axes,) = history(losses(spread(*values)), tmp_path / "a.png").axes
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[1] > 8


def test_what_is_far_off_is_marked_at_the_edge(tmp_path: Path) -> None:
    values = [1 + 0.01 * i for i in range(12)] + [5.0]
    (axes,) = history(losses(spread(*values)), tmp_path / "a.png").axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert list(lines["beyond the edge"].get_xdata())[-1] == 12
    assert set(lines["beyond the edge"].get_ydata()) == {axes.get_ylim()[1]}
    (panel,) = slices(losses(spread(*values)), [DEPTH], tmp_path / "b.png").axes
    assert panel.get_title().endswith(" beyond the edge")


def test_whole_numbers_have_whole_ticks(tmp_path: Path) -> None:
    (axes,) = slices(losses(spread(1, 2, 3)), [DEPTH], tmp_path / "a.png").axes
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_two_metrics_have_a_front(tmp_path: Path) -> None:
    made = study(("loss", "parameters"))
    best = {trial.number for trial in made.optuna.best_trials}
    (axes,) = pareto(made.trials, best, ("loss", "parameters"), tmp_path / "a.png").axes
    beaten, front = axes.get_lines()
    assert len(front.get_xdata()) == len(best)
    assert len(beaten.get_xdata()) == 11 - len(best)
    assert list(front.get_ydata()) == sorted(front.get_ydata(), reverse=True)


def test_of_two_metrics_each_has_its_pictures(tmp_path: Path) -> None:
    made = study(("loss", "parameters"), 24)
    draw(made, found(made), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "pareto_front.png",
        *(f"search_{kind}_{metric}.png" for kind in KINDS for metric in ("loss", "parameters")),
    }


def test_trade_offs_stand_out_in_the_pictures_of_either_metric(tmp_path: Path) -> None:
    made = study(("loss", "parameters"))
    best = {trial.number for trial in made.optuna.best_trials}
    told = Told(made.trials, "parameters", True, 1, best)
    (axes,) = history(told, tmp_path / "a.png").axes
    assert axes.get_ylabel() == "parameters"
    dots = {line.get_label(): len(line.get_xdata()) for line in axes.get_lines()}
    assert (dots["best trade-offs"], dots["trial"]) == (len(best), 11 - len(best))
    labels = [line.get_label() for line in slices(told, AXES, tmp_path / "b.png").axes[0].get_lines()]
    assert labels == ["trial", "best trade-offs"]


def test_what_should_be_large_is_on_a_plain_axis(tmp_path: Path) -> None:
    values = [0.01, 0.5, 0.9, 0.95]
    (axes,) = history(Told(spread(*values), "accuracy", lower=False), tmp_path / "a.png").axes
    assert axes.get_yscale() == "linear"
