"""`hydra/sweeper=optuna`: which trials are drawn, which are ended, and how a search is gone on with."""

from __future__ import annotations

import json
import re
import shutil
import sys
from math import log10
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from search_lab import LR, RECIPE, Lab, jobs, results, resume, search, slope

from nntrain.cli import main
from nntrain.sweep.launchers.basic import Basic
from nntrain.sweep.search.study import Study
from nntrain.sweep.sweep import Sweep

optuna = pytest.importorskip("optuna")


def written(sweep: Sweep, **how: bool) -> dict[str, Any]:
    """In place of the report of a sweep: its sweep.json alone."""
    found = sweep.summary()
    sweep.write(found)
    return found


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nntrain.sweep.workers.work.train_alone", lab.train_alone)
    monkeypatch.setattr("nntrain.sweep.multirun.report", written)
    monkeypatch.setattr("nntrain.sweep.search.plots.draw", lambda *rest: None)
    monkeypatch.setattr("nntrain.sweep.search.storage.Storage", lambda *rest: lab)
    monkeypatch.setattr("gc.collect", lambda *rest: 0)  # after every job: a tenth of a second among all tests
    return lab


def recipe(space: str = LR, **settings: Any) -> None:
    """A recipe with a search, in mine.yaml."""
    lines = [f"  {key}: {json.dumps(value)}\n" for key, value in settings.items()]
    inner = "".join(f"  {line}\n" for line in space.splitlines())
    Path("mine.yaml").write_text(f"{RECIPE}search:\n  space:\n{inner}{''.join(lines)}")


def rates() -> list[float]:
    return [float(words["optimizer.lr"]) for words in jobs().values()]


def test_a_search_goes_to_where_it_is_good(lab: Lab) -> None:
    recipe(n_trials=40)
    assert search() == 0
    assert sorted(jobs()) == list(range(40))
    assert all(1e-4 <= rate <= 1 for rate in rates())
    far = [abs(log10(rate) + 2) for rate in rates()]
    assert median(far[20:]) < 0.6  # at random it would be 1
    assert [trial.user_attrs["job"] for trial in lab.kept] == list(range(40))


def test_a_recipe_whose_keys_are_the_space_itself_is_searched_too() -> None:
    Path("mine.yaml").write_text(f"{RECIPE}search:\n{LR}")
    assert search("search.n_trials=3") == 0
    assert len(jobs()) == 3


def test_how_the_trials_train_is_said_as_check_says_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Basic, "stacks", True)
    recipe(n_trials=2, pruner="median")
    assert search("model.widths=[4],[5]") == 0
    said = "stacked where they agree in model.widths, as far as a short trial finds that faster"
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith(f"2 trials by tpe, pruned by median, one after another; {said} ")
    assert main(["check", "config=mine.yaml", "model.widths=[4],[5]", "-m", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["plan"]["trained"] == said


def test_words_of_a_command_line_are_searched_without_a_recipe_that_says_so() -> None:
    Path("mine.yaml").write_text(RECIPE)
    assert search("optimizer.lr=interval(0.01,0.1)", "optimizer=adam,sgd", "hydra.sweeper.n_trials=4") == 0
    assert {words["optimizer"] for words in jobs().values()} <= {"adam", "sgd"}
    assert all(0.01 <= rate <= 0.1 for rate in rates())


def test_listed_values_without_a_sampler_are_a_grid(lab: Lab) -> None:
    Path("mine.yaml").write_text(f"{RECIPE}search: {{optimizer: [adam, sgd], seed: range(3)}}\n")
    assert search() == 0
    assert len(lab.trained) == 6
    assert not lab.kept


def test_the_same_seed_draws_the_same() -> None:
    recipe(n_trials=12)
    search()
    first = rates()
    shutil.rmtree("out")
    search()
    assert rates() == first
    shutil.rmtree("out")
    search("search.seed=1")
    assert rates() != first


SAMPLERS = {
    "tpe": {"n_startup_trials": 3, "n_ei_candidates": 8, "multivariate": False, "constant_liar": False},
    "gp": {"n_startup_trials": 3, "deterministic_objective": True},
    "cmaes": {"n_startup_trials": 2, "popsize": 4, "with_margin": True},
    "qmc": {"qmc_type": "halton", "scramble": True},
    "random": {},
    "nsga2": {"population_size": 3, "crossover_prob": 0.8, "swapping_prob": 0.4, "mutation_prob": 0.3},
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_draws_takes_its_settings_and_goes_on(name: str, lab: Lab) -> None:
    pytest.importorskip("cmaes" if name == "cmaes" else "scipy")
    recipe(f"{LR}  model.dropout: interval(0, 0.5)", sampler={"name": name, **SAMPLERS[name]}, n_trials=5)
    assert search() == 0
    assert resume("search.n_trials=8") == 0
    assert sorted(jobs()) == list(range(8))
    assert len(set(rates())) > (2 if name == "nsga2" else 7)  # whose population may hold the same one twice


def test_settings_that_a_sampler_or_pruner_has_are_all_passed_on() -> None:
    from nntrain.config.schema.search import PRUNERS, SAMPLERS
    from nntrain.sweep.search.samplers import make_pruner, make_sampler

    given = {
        "n_startup_trials": 3,
        "use_separable_cma": True,
        "multivariate": True,
        "min_resource": 2,
        "max_resource": 9,
    }
    values = {"qmc_type": "sobol", "percentile": 30.0, "mutation_prob": 0.1, "crossover_prob": 0.5}
    values |= {"swapping_prob": 0.5, "scramble": True, **given}
    made = (SAMPLERS, lambda given: make_sampler({"sampler": given, "n_trials": 30}, [], 7))
    for table, make in (made, (PRUNERS, lambda given: make_pruner(given, 7))):
        for name, kinds in table.items():
            if name not in ("auto", "grid"):
                for key in kinds:
                    make({"name": name, key: values.get(key, 4 if "Integer" in type(kinds[key]).__name__ else False)})


PRUNERS = {
    "median": {"n_startup_trials": 2},
    "percentile": {"n_startup_trials": 2, "percentile": 40},
    "successive_halving": {"reduction_factor": 3},
    "hyperband": {},
}


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_ends_running_jobs_and_keeps_what_they_did(name: str, lab: Lab) -> None:
    recipe(pruner={"name": name, **PRUNERS[name]}, n_trials=14)
    assert search() == 0
    pruned = {number: found for number, found in results().items() if found["stop_reason"].startswith("pruned")}
    assert 2 < len(pruned) < 13
    one = next(iter(pruned.values()))
    assert one["stop_reason"] == f"pruned after epoch {one['epochs_run']} ({name})"
    assert one["epochs_run"] < 9
    kept = {trial.user_attrs["job"]: trial for trial in lab.kept}
    assert {number for number, trial in kept.items() if trial.state.name == "PRUNED"} == set(pruned)
    assert all(len(kept[number].intermediate_values) == results()[number]["epochs_run"] for number in kept)
    summary = json.loads(Path("out/sweep.json").read_text())
    assert sum(job["pruned"] for job in summary["jobs"]) == len(pruned)


def test_a_noisy_epoch_ends_no_trial_that_was_better_before(lab: Lab) -> None:
    lab.curve = lambda config, epoch: 1.0 + 5 * (epoch == 3) * (config["optimizer"]["lr"] > 0.01)
    recipe(pruner={"name": "successive_halving", "min_resource": 3}, n_trials=6)
    assert search() == 0
    assert all(found["epochs_run"] == 9 for found in results().values())


def test_a_trial_that_ran_all_its_epochs_is_not_called_pruned() -> None:
    recipe(pruner="hyperband", n_trials=10)
    search("epochs=1")
    assert not any(found["stop_reason"].startswith("pruned") for found in results().values())


def test_two_metrics_are_weighed_against_each_other(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    recipe(f"{LR}  model.widths: [[4], [8], [16]]", sampler="nsga2", metrics=["accuracy", "parameters"], n_trials=6)
    assert search() == 0
    assert {trial.values[1] for trial in lab.kept} <= {40, 80, 160}
    assert all(trial.values[0] < 1 for trial in lab.kept)
    assert "best trade-offs of accuracy and parameters: #" in " ".join(capsys.readouterr().out.split())


# Going on


def test_a_search_is_gone_on_with_towards_the_same_total(lab: Lab) -> None:
    recipe(n_trials=4, pruner="median")
    search()
    assert resume("search.n_trials=7") == 0
    assert lab.trained == list(range(7))
    assert resume("search.n_trials=7") == 0
    assert lab.trained == list(range(7))


def test_the_count_goes_on_where_the_session_before_was(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    recipe(n_trials=8, pruner="median", batch=4)
    search("search.n_trials=6")
    shutil.rmtree("out/5")  # as if killed while it ran
    lab.kept = [trial for trial in lab.kept if trial.user_attrs["job"] != 5]
    capsys.readouterr()
    assert resume("search.n_trials=8") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines if " / 8 " in line] == ["6 / 8", "7 / 8", "8 / 8"]


def test_importance_is_said_of_many_trials_with_two_digits(capsys: pytest.CaptureFixture[str]) -> None:
    recipe(f"{LR}  model.dropout: interval(0, 0.5)", n_trials=24, sampler="random")
    assert search() == 0
    said = " ".join(capsys.readouterr().out.split())
    said = said.partition("importance of the settings for the validation loss, about: ")[2]
    assert re.match(r"optimizer\.lr 0\.\d\d, model\.dropout 0\.\d\d(?!\d)", said)


def test_what_was_running_or_failed_is_tried_again_with_its_values(lab: Lab) -> None:
    lab.breaks = lambda number: number == 1
    recipe(n_trials=5, batch=2)
    assert search() == 2
    before = jobs()
    shutil.rmtree("out/3")  # as if killed while it ran
    lab.kept = [trial for trial in lab.kept if trial.user_attrs["job"] != 3]
    lab.breaks, lab.trained = lambda number: False, []
    assert resume() == 0
    assert lab.trained == [1, 3]
    assert jobs() == before
    assert {trial.user_attrs["job"] for trial in lab.kept if trial.state.name == "COMPLETE"} == set(range(5))


def test_a_job_that_ended_when_the_search_was_killed_is_not_trained_again(lab: Lab) -> None:
    recipe(n_trials=3)
    search()
    lab.kept, lab.trained = [], []
    assert resume() == 0
    assert lab.trained == []
    assert len(lab.kept) == 3


def test_a_trial_that_comes_to_the_settings_of_another_is_not_tried_again(lab: Lab) -> None:
    recipe('  optimizer: "adam,sgd"\n  optimizer.lr: "interval(0.1, 0.10001)"', n_trials=6)
    search()
    assert (len(jobs()), len(lab.trained)) == (6, 2)
    assert [trial.user_attrs["job"] for trial in lab.kept] == list(range(6))
    resume()
    assert len(lab.kept) == 6


def test_a_pruned_job_whose_session_was_killed_counts_as_pruned(lab: Lab) -> None:
    recipe(pruner="median", n_trials=10)
    search()
    before = {trial.user_attrs["job"]: trial.state for trial in lab.kept}
    assert "PRUNED" in {state.name for state in before.values()}
    lab.kept = []
    resume()
    assert {trial.user_attrs["job"]: trial.state for trial in lab.kept} == before


# What ends it


def test_a_small_space_is_tried_once(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    recipe('  optimizer: "adam,sgd"', n_trials=50)
    assert search() == 0
    assert len(lab.trained) == 2
    assert "search: all 2 combinations are tried, after " in capsys.readouterr().out


def test_no_trial_begins_after_the_time_limit(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    recipe(n_trials=50, time_limit=1e-9)
    assert search() == 0
    assert lab.trained == []
    assert "search: the time limit of 1e-09 minutes is over, 0 trials drawn" in capsys.readouterr().out


def test_the_time_limit_is_that_of_all_sessions(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.breaks = lambda number: number == 3
    recipe(n_trials=5)
    assert search() == 2
    assert lab.spent > 0
    lab.breaks, lab.spent = (lambda number: False), 75.0
    resume("search.n_trials=9", "search.time_limit=1")  # job 3 is left as it is, too
    assert lab.trained == [0, 1, 2, 3, 4]
    out = capsys.readouterr().out
    assert "search: 1.25 of 1 minutes were spent in earlier sessions" in out
    assert "search: the time limit of 1 minutes is over, 5 trials drawn" in out
    assert lab.spent == 75  # a session that only reports takes no time
    assert resume("search.n_trials=6", "search.time_limit=60") == 0
    assert lab.trained == [0, 1, 2, 3, 4, 3, 5]


def test_trials_that_the_time_limit_ended_are_not_pruned_and_go_on_where_there_is_more(
    lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a whole population may be, which trains at once: one of them here, whose values end the search."""
    over = Study.over.fget
    assert over is not None
    ended: list[bool] = []
    monkeypatch.setattr(Study, "over", property(lambda study: bool(ended) or over(study)))

    def curve(config: dict[str, Any], epoch: int) -> float:
        ended[:] = [True] * (epoch == 5 and len(lab.trained) == 3)
        return slope(config, epoch)

    lab.curve = curve
    recipe(n_trials=6, time_limit=60)
    assert search() == 0
    assert lab.trained == [0, 1, 2]
    assert results()[2]["stop_reason"] == "time limit of the search (60 minutes), after epoch 5"
    jobs_told = {job["number"]: job for job in json.loads(Path("out/sweep.json").read_text())["jobs"]}
    assert [(jobs_told[n]["ended"], jobs_told[n]["pruned"]) for n in (1, 2)] == [
        ("done", False),
        ("out of time", False),
    ]
    assert [trial.state.name for trial in lab.kept] == ["COMPLETE"] * 3
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "the time limit ended 1 trial before the last epoch, with the models they had; nntrain fit resume=out" in said
    )
    assert resume() == 0  # no more time: it is left as it is
    assert lab.trained == [0, 1, 2]
    assert "note  out is finished" in capsys.readouterr().out
    ended.clear()
    lab.curve = slope
    assert resume("search.time_limit=90") == 0
    assert lab.trained == [0, 1, 2, 2, 3, 4, 5]
    assert "is finished" not in capsys.readouterr().out
    assert results()[2]["epochs_run"] == 9
    (values,) = {tuple(trial.values) for trial in lab.kept[3:4]}
    assert (lab.kept[3].user_attrs["job"], values) == (2, (results()[2]["best_value"],))


def test_a_search_whose_trials_all_fail_ends_early(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.breaks = lambda number: True
    recipe(n_trials=50)
    assert search() == 2
    assert lab.trained == [0, 1, 2]
    said = "search: all of the first 3 trials failed, so there is nothing to learn from; the first: job 0 is broken"
    assert said in capsys.readouterr().err


def test_a_search_of_which_nothing_finished_says_so(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.breaks = lambda number: True
    recipe(n_trials=2)
    assert search() == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "no trial ran to its end, so nothing can be said of the settings" in said


def test_values_that_clash_with_each_other_are_a_failed_trial(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    recipe('  optimizer.momentum: [0.9, 0.0]\n  optimizer.lr: "interval(0.01, 0.1)"', n_trials=8, batch=4)
    assert search("optimizer=sgd", "optimizer.nesterov=true") == 0
    assert 0 < len(lab.trained) < 8
    said = capsys.readouterr().out
    assert said.count("search: optimizer.nesterov: true wants momentum above 0") == 1
    clashing = 8 - len(lab.trained)
    assert clashing > 1
    assert f"search: {clashing} of 8 trials drew values that clash, and trained nothing" in said
    assert len(lab.kept) == 8


def test_values_that_clash_are_learnt_from(lab: Lab) -> None:
    """By TPE, and by one that is gone on with too."""
    space = f"  optimizer.momentum: [0.9, 0.0]\n  optimizer.nesterov: [true, false]\n{LR}"
    recipe(space, n_trials=24, batch=4)
    assert search("optimizer=sgd") == 0
    assert resume("search.n_trials=48") == 0
    clashing = [set(trial.params.values()) >= {"0.0", "True"} for trial in lab.kept]
    assert sum(clashing) == 48 - len(lab.trained)
    assert 1 < sum(clashing) < 10  # of trials that fail 17 would clash
    assert results().keys() == set(lab.trained)


def test_rates_at_which_training_diverges_are_learnt_from(lab: Lab) -> None:
    """Here the best are just below them."""
    lab.breaks = lambda number: float(jobs()[number]["optimizer.lr"]) > 0.03
    lab.curve = lambda config, epoch: 1 - log10(config["optimizer"]["lr"])
    recipe(n_trials=48, batch=4)
    assert search() == 2
    bad = [rate > 0.03 for rate in rates()]
    assert [trial.user_attrs.get("error") is not None for trial in lab.kept] == bad
    assert sum(bad) < 25  # 37, were they ignored


MISTAKES = {
    "metrics: rmse": "search.metrics: rmse is not a metric of classification (metrics: loss, accuracy, ",
    "pruner: median\n  metrics: accuracy": "search.pruner: median judges by early_stopping.monitor alone; set that, "
    "and leave out search.metrics",
    "sampler: gp\n  metrics: [accuracy, parameters]": "search.sampler: gp follows one metric, and search.metrics "
    "has two",
    "metrics: [accuracy, accuracy]": "search.metrics: accuracy stands twice",
    "space: {early_stopping.monitor: [loss, accuracy]}\n  sampler: tpe": "search: early_stopping.monitor cannot be "
    "searched, for trials are compared by it",
    "space: {loss: [cross_entropy, focal]}\n  sampler: tpe": "search: trials are compared by the validation loss, "
    "which means another thing for each loss; set early_stopping.monitor or search.metrics to a metric",
}


@pytest.mark.parametrize("settings", MISTAKES)
def test_what_trials_cannot_be_compared_by(settings: str, capsys: pytest.CaptureFixture[str]) -> None:
    space = "" if "space" in settings else f"  space:\n  {LR}"
    Path("mine.yaml").write_text(f"{RECIPE}search:\n{space}  {settings}\n  n_trials: 2\n")
    assert search() == 2
    assert MISTAKES[settings] in capsys.readouterr().err
    assert not Path("out").exists()


def test_what_trials_cannot_be_compared_by_where_only_they_can_tell() -> None:
    from nntrain.errors import UserError
    from nntrain.sweep.outcome import Outcome
    from nntrain.sweep.search.searched import values_of

    result = {"best_value": 0.1, "monitor": "val_loss", "val": {"loss": 0.1}, "parameters": 9, "seconds": 1.0}
    said = r"search.metrics: rmse is no metric of this task \(it has loss, parameters, seconds\)"
    with pytest.raises(UserError, match=said):
        values_of(Outcome(0, result=result), ["rmse"])


def test_a_sweeper_that_is_named_on_the_command_line_needs_something_to_search(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("mine.yaml").write_text(RECIPE)
    assert search("hydra/sweeper=optuna", "seed=3") == 2
    assert "search: there is nothing to search" in capsys.readouterr().err
    assert search("hydra/sweeper=optuna", "optimizer.lr=interval(0.1,0.2)", "hydra.sweeper.sampler=tpee") == 2
    assert "search.sampler: unknown sampler 'tpee'; did you mean 'tpe'?" in capsys.readouterr().err
    assert search("hydra/sweeper=optuna", "optimizer.lr=0.1,0.2", "hydra.sweeper.sampler=grid") == 2
    assert (
        "a grid is tried by hydra/sweeper=basic, the default; leave out hydra/sweeper=optuna" in capsys.readouterr().err
    )


@pytest.mark.parametrize(("package", "sampler"), [("optuna", "tpe"), ("cmaes", "cmaes")])
def test_a_package_that_is_missing_is_named_with_the_command_that_brings_it(
    package: str, sampler: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    recipe(sampler=sampler)
    assert search() == 2
    said = capsys.readouterr().err
    assert f"needs {package}, which is not here; pip install 'nntrain[optuna]'" in said
    assert not Path("out").exists()


def test_a_plain_fit_leaves_the_search_alone_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe()
    from nntrain.config.compose import compose

    composed = compose(["config=mine.yaml"])
    assert composed.searches
    assert "search" not in composed.config
    assert not compose(["config=iris"]).searches


def test_settings_of_a_search_want_m(capsys: pytest.CaptureFixture[str]) -> None:
    recipe()
    assert main(["fit", "config=mine.yaml", "search.n_trials=3"]) == 2
    assert "search.n_trials=3: sets up a sweep; add -m" in capsys.readouterr().err
