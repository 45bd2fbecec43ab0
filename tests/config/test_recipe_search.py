"""The section `search` of a recipe: what it says, and everything that can be wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from nntrain.config.compose import Composed
from nntrain.config.grammar import written
from nntrain.config.recipe import read_recipe
from nntrain.config.search import Search, defaults, read_search
from nntrain.config.words import read_word

Mistakes = Callable[..., list[str]]


def read(text: str) -> Search:
    Path("mine.yaml").write_text(text)
    return read_search(read_recipe(Path("mine.yaml")))


SPACE = """\
search:
  {before}optimizer.lr: "tag(log, interval(1e-4, 1e-1))"
  {before}model.depth: range(1, 6)
  {before}optimizer: [adam, sgd]
"""
SHORT, LONG = SPACE.format(before=""), SPACE.format(before="  ").replace("search:\n", "search:\n  space:\n")


def test_the_space_becomes_words_of_a_command_line() -> None:
    for text in (SHORT, LONG):
        lr, depth, optimizer = read(text).words
        assert (lr.for_hydra, lr.ends, lr.values) == (
            "++optimizer.lr=tag(log, interval(1e-4, 1e-1))",
            (1e-4, 1e-1),
            (),
        )
        assert (depth.key, depth.values) == ("model.depth", (1, 2, 3, 4, 5))
        assert optimizer.values == ("adam", "sgd")
    assert str(lr.origin) == "mine.yaml, line 3"
    assert str(read(SHORT).words[0].origin) == "mine.yaml, line 2"


def test_settings_of_the_search_stand_beside_its_space() -> None:
    found = read(f"{LONG}  sampler: {{name: tpe, n_startup_trials: 5}}\n  n_trials: 50\n  seed: 3\n")
    values = {key: value for key, (value, _) in found.settings.items()}
    assert values == {"sampler": {"name": "tpe", "n_startup_trials": 5}, "n_trials": 50, "seed": 3}
    assert found.problems == ()
    assert set(defaults()) >= set(values)


def test_a_setting_of_a_run_with_the_name_of_a_setting_of_the_search_is_searched_where_there_is_no_space() -> None:
    found = read("search: {seed: range(3), time_limit: [1, 2]}")
    assert [word.key for word in found.words] == ["seed", "time_limit"]
    assert not found.settings


VALUES = [3, 1e-5, True, None, "relu", "a (b)", "it's", [4, 4], {"name": "elu", "alpha": 0.5}, -0.1, "1e5 "]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_a_list_is_a_choice_of_its_values(value: object, tmp_path: Path) -> None:
    assert read_word(f"name={written(value)},x", tmp_path).values == (value, "x")
    Path("mine.yaml").write_text(yaml.safe_dump({"search": {"model.activation": [value, "x"]}}))
    (word,) = read_search(read_recipe(Path("mine.yaml"))).words
    assert word.values == (value, "x")


MISTAKES = {
    "search: 3": "search: must be a section such as 'search: {optimizer.lr: \"interval(0.001, 0.1)\"}'; it is 3 "
    "(mine.yaml, line 1)",
    "search: {}": "search: is empty; name what is to be searched (mine.yaml, line 1)",
    "search: {space: 3}": "search.space: must be a mapping from settings to values; it is 3 (mine.yaml, line 1)",
    'search: {optimizer.lrr: "interval(0, 1)"}': "optimizer.lrr: optimizer adam has no setting 'lrr'; did you mean "
    "'optimizer.lr'? (mine.yaml, line 1)",
    'search: {optimzer.lr: "interval(0, 1)"}': "optimzer.lr: there is no such section or setting; did you mean "
    "'optimizer.lr'? (mine.yaml, line 1)",
    "search: {optimizer: [adam, sdg]}": "optimizer: unknown optimizer 'sdg'; did you mean 'sgd'? (choices: ",
    'search: {optimizer.lr: "interval(0, 1)"}': "optimizer.lr: 0 is not a number above 0 (mine.yaml, line 1)",
    'search: {model.dropout: "interval(0.5, 1.5)"}': "model.dropout: 1.5 is not a number of at least 0 and below 1 ",
    "search: {model.depth: [1, 2.5]}": "model.depth: 2.5 is not a whole number of at least 0 (mine.yaml, line 1)",
    "search: {optimizer.lr: 0.1}": "optimizer.lr: 0.1 is not a search such as",
    "search: {optimizer.lr: '0.1'}": "optimizer.lr: '0.1' is a single value, no search; write a search such as",
    "search: {optimizer.lr: []}": "optimizer.lr: [] names no value (mine.yaml, line 1)",
    'search: {optimizer.lr: "interval(0.1"}': "optimizer.lr: interval(0.1 cannot be read: '(' is not closed; within ",
    "search: {optimizer.lr: choice(0.1,0.2,0.3)}": "optimizer.lr: choice(0.1 cannot be read: '(' is not closed; within "
    "braces a value with a comma needs quotes (mine.yaml, line 1)",
    "search: {config: [iris, wine]}": "config: recipes are swept over on the command line: config=iris,wine -m (mine",
    "search: {optimizer.lr: {low: 0.1, high: 1}}": 'optimizer.lr: must be a search such as "interval(0.001, 0.1)", '
    "\"range(1, 6)\", or a list of values; it is {'low': 0.1, 'high': 1} (mine.yaml, line 1)",
    "config: iris": "config: there is no such section or setting; it is a word of the command line: config=... (mine",
    'search: {optimizer.lr: "intervall(0.1, 1)"}': "optimizer.lr: intervall(0.1, 1) cannot be read: there is no "
    "function 'intervall'; did you mean 'interval(LOW, HIGH)'? (functions: choice, range, interval, glob, shuffle, "
    "sort, tag) (mine.yaml, line 1)",
    'search: {optimizer.lr: "0.1,,0.2"}': "optimizer.lr: 0.1,,0.2 cannot be read: a value is missing after '0.1,' ",
    'search: {optimizer.lr: "interval(0.1, 1e-4)"}': "optimizer.lr: interval(0.1, 1e-4): the first end must be below "
    "the second (mine.yaml, line 1)",
    'search: {seed: "range(4, 1)"}': "seed: range(4, 1) has no values: steps of 1 do not lead from 4 to 1 (mine.",
    "search: {n_trails: 3, optimizer.lr: [0.1, 1]}": "search.n_trails: there is no such setting; did you mean "
    "'search.n_trials'? What is searched stands in 'space' beside it (mine.yaml, line 1)",
    "search: {run_dir: [a, b]}": "run_dir: is the folder of the whole sweep, and cannot be searched (mine.yaml, ",
    "search: {optimizer: {lr: [0.1, 0.2]}}": "optimizer: settings are written with a dot: optimizer.lr: ... (mine",
    "search: {sampler: tpee}": "search.sampler: unknown sampler 'tpee'; did you mean 'tpe'? (choices: auto, grid, tpe",
    "search: {sampler: {name: tpe, startup: 3}}": "search.sampler: unknown setting of sampler tpe 'startup'; did you "
    "mean 'n_startup_trials'?",
    "search: {pruner: {name: hyperband, reduction_factor: 1}}": "search.pruner: reduction_factor: 1 is not a whole "
    "number of at least 2 (mine.yaml, line 1)",
    "search: {n_trials: 0}": "search.n_trials: 0 is not a whole number of at least 1 (mine.yaml, line 1)",
    "search: {n_trails: 3, space: {}}": "search.n_trails: unknown setting of search 'n_trails'; did you mean ",
    "search: {optimizer.lr: [0.1, 0.2], n_trials: 3}": "search.optimizer.lr: what is searched stands in 'space', where "
    "the search has settings of its own: space: {optimizer.lr: ...} (mine.yaml, line 1)",
    "search: {metrics: accuracyy}": "search.metrics: unknown metric 'accuracyy'; did you mean 'accuracy'? (choices: ",
    "search: {sampler: grid, pruner: median}": "search.pruner: a grid runs every job to its end; leave it out, or take "
    "another search.sampler",
    "search: {sampler: {name: tpe, _target_: os.system}}": "'search.sampler._target_' is refused",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_said_by_every_command(text: str, mistakes: Mistakes) -> None:
    said = mistakes(text)
    assert any(MISTAKES[text] in line for line in said), said


def test_settings_of_a_choice_that_is_searched_are_left_to_the_combinations(composed: Callable[..., Composed]) -> None:
    found = composed('search: {optimizer: [sgd, rmsprop], optimizer.momentum: "interval(0, 0.9)"}')
    assert found.searches
    assert "search" not in found.config
