"""How the search of a recipe and the words of a command line come together."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.config.words import CommandLine, read_words
from nntrain.errors import UserError
from nntrain.sweep.search.section import with_search


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def line(recipe: str, *words: str) -> CommandLine:
    Path("mine.yaml").write_text(recipe)
    return with_search(read_words(["config=mine.yaml", *words], Path.cwd()), Path.cwd())


def mistakes(recipe: str, *words: str) -> tuple[str, ...]:
    with pytest.raises(UserError) as caught:
        line(recipe, *words)
    return caught.value.problems


LR = 'search: {optimizer.lr: "interval(0.01, 0.1)"}'
GRID = "search: {optimizer: [adam, sgd]}"


def test_an_interval_needs_a_sampler_and_brings_it() -> None:
    found = line(LR)
    assert found.hydra == ("hydra/sweeper=optuna",)
    assert [word.for_hydra for word in found.settings] == ["++optimizer.lr=interval(0.01, 0.1)"]
    assert line("epochs: 3", "optimizer.lr=interval(0.01,0.1)").hydra == ("hydra/sweeper=optuna",)


def test_listed_values_are_a_grid_unless_the_search_has_settings() -> None:
    assert line(GRID).hydra == ()
    assert line("search: {space: {seed: range(3)}, sampler: grid}").hydra == ()
    found = line("search: {space: {seed: range(3)}, n_trials: 2}")
    assert found.hydra == ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=2")
    assert line(GRID, "search.pruner=median").hydra[0] == "hydra/sweeper=optuna"


def test_values_on_the_command_line_take_the_place_of_the_recipes_and_that_is_said() -> None:
    found = line(LR, "optimizer.lr=0.1,0.2")
    assert [word.for_hydra for word in found.settings] == ["++optimizer.lr=0.1,0.2"]
    assert found.hydra == ()
    replaced = "optimizer.lr: {} (command line) instead of interval(0.01, 0.1) (mine.yaml, line 1)"
    none_drawn = "search: nothing is left to be drawn, so every combination is tried"
    assert found.notes == (replaced.format("0.1,0.2"), none_drawn)
    assert line(LR, "optimizer.lr=0.1,0.2", "search.n_trials=3").notes == (replaced.format("0.1,0.2"),)
    assert line(LR, "search={optimizer.lr:interval(1,2)}").notes == (replaced.format("interval(1,2)"),)
    assert line(GRID, "optimizer=adam,lion").notes == (
        "optimizer: adam,lion (command line) instead of adam,sgd (mine.yaml, line 1)",
    )


def test_a_setting_of_the_recipes_search_is_fixed_by_a_choice_of_one() -> None:
    found = line(
        'search: {optimizer.lr: "interval(0.01, 0.1)", model.width: "interval(4, 8)"}', "optimizer.lr=choice(0.1)"
    )
    assert [word.text for word in found.settings] == ["model.width=interval(4, 8)", "optimizer.lr=choice(0.1)"]
    assert found.notes == (
        "optimizer.lr: choice(0.1) (command line) instead of interval(0.01, 0.1) (mine.yaml, line 1)",
    )


@pytest.mark.parametrize("words", [(), ("seed=1,2",), ("optimizer.lr=interval(0.01, 0.1)",)])
def test_what_changes_nothing_in_the_recipes_search_is_not_said(words: tuple[str, ...]) -> None:
    assert line(LR, *words).notes == ()


def test_settings_on_the_command_line_go_over_the_recipes_and_hydras_over_both() -> None:
    recipe = "search: {space: {seed: range(3)}, n_trials: 2, sampler: {name: tpe, n_startup_trials: 1}}"
    found = line(recipe, "search.n_trials=5", "hydra.sweeper.n_trials=7").hydra
    assert found == (
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=5",
        "hydra.sweeper.sampler={name:tpe,n_startup_trials:1}",
        "hydra.sweeper.n_trials=7",
    )


def test_a_sweeper_that_is_named_stays() -> None:
    assert line(LR, "hydra/sweeper=basic").hydra == ("hydra/sweeper=basic",)
    assert line(GRID, "search.seed=1", "hydra/sweeper=optuna").hydra == (
        "hydra.sweeper.seed=1",
        "hydra/sweeper=optuna",
    )


def test_a_sweep_on_the_command_line_takes_the_place_of_the_recipes() -> None:
    found = line(GRID, "optimizer=muon,lion", "seed=1,2")
    assert [word.text for word in found.settings] == ["optimizer=muon,lion", "seed=1,2"]


MISTAKES = {
    "optimizer.lr=0.1": "optimizer.lr: is searched (mine.yaml, line 1) and fixed (command line: optimizer.lr=0.1); "
    "to search the other settings with that value: 'optimizer.lr=choice(0.1)'",
    "search.sampler=grid": "search.sampler: a grid has listed values, and optimizer.lr is an interval (mine.yaml, line "
    "1); list its values, or take another sampler (command line: search.sampler=grid)",
    "search.n_trials=0": "search.n_trials: 0 is not a whole number of at least 1 (command line: search.n_trials=0)",
    "search.n_trials=1,2": "search.n_trials: a sweep has one search; give one value (command line: search.n",
    "search.trials=3": "search.trials: unknown setting of search 'trials'; did you mean 'n_trials'?",
    "search.space.seed=range(3)": "search.space.seed: on the command line write the setting itself: seed=interval(...)",
    "search=tpe": "search: must be a mapping such as search={n_trials: 20, space: {optimizer.lr: 'interval(0.001, 0",
    "search={n_trials:0,space:{}}": "search.n_trials: 0 is not a whole number of at least 1 (command line: search={n_",
    "search={trials:3,n_trials:2}": "search.trials: unknown setting of search 'trials'; did you mean 'n_trials'?",
    "search={}": "search: is empty; name what is to be searched (command line: search={})",
    "search={optimizer.lr:0.1}": "optimizer.lr: 0.1 is not a search such as",
    "config=mine.yaml,digits": "search: a sweep over recipes has one space for all; leave it out, or sweep one recipe",
}


@pytest.mark.parametrize("word", MISTAKES)
def test_what_contradicts_itself(word: str) -> None:
    said = mistakes(LR, word)
    assert any(problem.startswith(MISTAKES[word]) for problem in said), said


def test_the_whole_section_can_be_a_word() -> None:
    found = line("epochs: 3", "search={n_trials: 4, space: {optimizer.lr: 'interval(0.01, 0.1)', seed: [1, 2]}}")
    assert found.hydra == ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=4")
    assert [word.text for word in found.settings] == ["optimizer.lr=interval(0.01, 0.1)", "seed=1,2"]
    found = line(LR, "search={sampler: {name: tpe, n_startup_trials: 3}}", "search.n_trials=7")
    assert found.hydra[1:] == ("hydra.sweeper.sampler={name:tpe,n_startup_trials:3}", "hydra.sweeper.n_trials=7")
    assert [word.key for word in found.settings] == ["optimizer.lr"]
    found = line(LR, "search={optimizer.lr: interval(0.2, 0.3), model.width: tag(log, interval(4, 64))}")
    assert found.settings[1].text == "model.width=tag(log, interval(4, 64))"
    found = line(LR, "search={optimizer.lr: 'interval(0.2, 0.3)'}")
    assert [word.text for word in found.settings] == ["optimizer.lr=interval(0.2, 0.3)"]


def test_a_search_of_nothing() -> None:
    said = "search: names nothing to search; write settings and their values in 'space' (mine.yaml, line 1)"
    assert mistakes("search: {n_trials: 3}") == (said,)
    assert line("search: {n_trials: 3}", "seed=1,2").hydra[0] == "hydra/sweeper=optuna"


def test_recipes_that_are_wrong_are_left_to_their_own_check() -> None:
    assert line("data: [", "seed=1,2").hydra == ()


WORDS = {
    "optimizer.lr=interval(0,1)": "optimizer.lr: 0 is not a number above 0 (command line: optimizer.lr=interval(0,1))",
    "model.dropout=interval(0,1)": "model.dropout: 1 is not a number of at least 0 and below 1",
    "optimizer.lr=interval(0.1,0.01)": "optimizer.lr: interval(0.1,0.01): the first end must be below the second",
    "optimizer=sgd optimizer.momentum=tag(log,interval(0,0.9))": "optimizer.momentum: tag(log,interval(0,0.9)): what "
    "is drawn over orders of magnitude must begin above 0",
}


@pytest.mark.parametrize("words", WORDS)
def test_ends_are_checked_before_anything_runs(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    assert main(["fit", "config=iris", *words.split(), "-m"]) == 2
    assert WORDS[words] in capsys.readouterr().err
    assert not Path("runs").exists()
