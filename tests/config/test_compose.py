"""What a recipe and a command line come to, and where each value says that it came from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nntrain.config import schema
from nntrain.config.compose import Composed, compose
from nntrain.config.options import default_options, option_names
from nntrain.folder import write_config

Recipe = Callable[..., Composed]

SGD = "optimizer:\n  name: sgd\n  lr: 0.3\n  momentum: 0.5\n"


def origin(composed: Composed, key: str) -> tuple[str, str]:
    return composed.origins[key].kind, composed.origins[key].where


def test_every_value_says_where_it_came_from(composed: Recipe) -> None:
    found = composed(SGD + "model: linear\nseed: 3", "optimizer.lr=0.4", "epochs=7", "init=normal")
    assert found.config["optimizer"]["lr"] == 0.4
    assert origin(found, "optimizer.name") == ("recipe", "mine.yaml, line 2")
    assert origin(found, "optimizer.lr") == ("command line", "optimizer.lr=0.4")
    assert origin(found, "optimizer.momentum") == ("recipe", "mine.yaml, line 4")
    assert origin(found, "optimizer.nesterov") == ("default", "optimizer/sgd.yaml")
    assert origin(found, "model.name") == ("recipe", "mine.yaml, line 5")
    assert origin(found, "seed") == ("recipe", "mine.yaml, line 6")
    assert origin(found, "epochs") == ("command line", "epochs=7")
    assert origin(found, "batch_size") == ("default", "nntrain.yaml")
    assert origin(found, "init.name") == ("command line", "init=normal")
    assert origin(found, "init.std") == ("default", "init/normal.yaml")
    assert origin(found, "loss.name") == ("default", "loss/auto.yaml")
    assert (found.config["name"], origin(found, "name")) == ("mine", ("default", "the recipe's name"))
    flat = {f"{key}.{inner}" for key in schema.GROUPS for inner in found.config[key]} | set(schema.fields("top"))
    assert set(found.origins) == flat


def test_of_words_with_one_key_the_last_counts_and_this_is_said(composed: Recipe) -> None:
    words = ("seed=1", "optimizer.lr=0.1", "seed=2", "optimizer.lr=1e-1", "model.freeze=head", "freeze=none")
    found = composed("model: mlp", *words)
    assert found.config["seed"] == 2
    assert found.notes == (
        "seed=1 does not count: seed=2 stands after it",
        "model.freeze=head does not count: freeze=none stands after it",
    )


def test_another_choice_on_the_command_line_leaves_nothing_of_the_recipes(composed: Recipe) -> None:
    found = composed(SGD, "optimizer=rmsprop").config["optimizer"]
    assert found == compose(["optimizer=rmsprop"]).config["optimizer"]
    assert found["momentum"] == 0.0


def test_the_recipes_own_choice_keeps_its_settings(composed: Recipe) -> None:
    found = composed(SGD, "optimizer=sgd")
    assert found.config["optimizer"]["momentum"] == 0.5
    assert origin(found, "optimizer.name") == ("command line", "optimizer=sgd")


def test_settings_without_a_name_belong_to_the_default_choice(composed: Recipe) -> None:
    text = "optimizer: {lr: 0.3}"
    assert composed(text).config["optimizer"]["lr"] == 0.3
    assert composed(text, "optimizer=adam").config["optimizer"]["lr"] == 0.3
    assert composed(text, "optimizer=sgd").config["optimizer"]["lr"] == 0.01


REPLACED = [
    ("model: {depth: 3, width: 9}", "model.widths=[4,5]", "model.depth", 2),
    ("schedule: {name: cosine, warmup_epochs: 2}", "schedule.warmup_steps=10", "schedule.warmup_epochs", None),
    (
        "regularization: {swa_start_percent: 75}",
        "regularization.swa_start_epochs=3",
        "regularization.swa_start_percent",
        None,
    ),
]


@pytest.mark.parametrize(("text", "word", "key", "default"), REPLACED)
def test_what_the_recipe_says_in_other_words_gives_way_to_the_command_line(
    composed: Recipe, cwd: Path, text: str, word: str, key: str, default: Any
) -> None:
    group, _, setting = key.partition(".")
    found = composed(text, word)
    assert found.config[group][setting] == default
    assert found.origins[key].kind == "default"
    write_config(cwd, composed(text).config)
    assert compose(["config=./config.yaml", word]).config[group] == found.config[group]
    assert composed(text, f"{word.partition('=')[0]}=null").config[group][setting] != default


def test_the_last_word_counts(composed: Recipe) -> None:
    found = composed(SGD, "optimizer.lr=1", "optimizer.lr=2", "optimizer=adam", "optimizer=sgd")
    assert (found.config["optimizer"]["name"], found.config["optimizer"]["lr"]) == ("sgd", 2)


STRUCTURES: list[tuple[str, str, str, Any]] = [  # the defaults are a number, a name, {} or null
    ("model.dropout", "[0.1,0.2]", "[0.1, 0.2]", [0.1, 0.2]),
    ("model.activation", "{name:elu,alpha:0.2}", "{name: elu, alpha: 0.2}", {"name": "elu", "alpha": 0.2}),
    ("model.widths", "[8,4]", "[8, 4]", [8, 4]),
    ("data.types", "{a b:categorical}", "{a b: categorical}", {"a b": "categorical"}),
    ("data.types", "{0:categorical}", "{0: categorical}", {0: "categorical"}),
    ("data.target", "[a,'b, c']", "[a, 'b, c']", ["a", "b, c"]),
    ("data.target", "'a, b'", "'a, b'", "a, b"),
    ("data.target", "größe in cm", "größe in cm", "größe in cm"),
    ("data.missing", "['-999',no]", "['-999', no]", ["-999", "no"]),
    ("loss.class_weights", "{yes:2,no:1}", "{yes: 2, no: 1}", {"yes": 2, "no": 1}),
    ("loss.class_weights", "[1,5]", "[1, 5]", [1, 5]),
    ("optimizer.lr", "1e-3", "1e-3", 0.001),
    ("data.separator", ",", "','", ","),
    ("data.separator", ";", ";", ";"),
    ("data.separator", "|", "'|'", "|"),
    ("data.target", "trueness", "trueness", "trueness"),
]


@pytest.mark.parametrize(("key", "word", "written", "value"), STRUCTURES)
def test_lists_and_mappings_from_both_sides(composed: Recipe, key: str, word: str, written: str, value: Any) -> None:
    group, _, setting = key.partition(".")
    options = {**default_options(), "data": "table"}
    recipe = f"{group}:\n  name: {options[group]}\n  {setting}: {written}"
    assert composed(recipe).config[group][setting] == value
    assert composed("data: table", f"{key}={word}").config[group][setting] == value


def test_a_mapping_replaces_the_recipes(composed: Recipe) -> None:
    text = "model: {activation: {name: leaky_relu, negative_slope: 0.2}}\ndata: {name: table, types: {a: date}}"
    found = composed(text, "model.activation={name:elu}", "data.types={b: numeric}").config
    assert (found["model"]["activation"], found["data"]["types"]) == ({"name": "elu"}, {"b": "numeric"})
    assert composed(text, "model.activation=tanh").config["model"]["activation"] == "tanh"


def test_a_part_of_a_mapping_or_list(composed: Recipe) -> None:
    text = "model: {activation: {name: leaky_relu, negative_slope: 0.2}, dropout: [0.1, 0.2]}\ndata: {name: table}"
    words = ("model.activation.negative_slope=0.3", "data.types.zip=categorical", "model.dropout.1=0.5")
    found = composed(text, *words)
    assert found.config["model"]["activation"] == {"name": "leaky_relu", "negative_slope": 0.3}
    assert found.config["model"]["dropout"] == [0.1, 0.5]
    assert found.config["data"]["types"] == {"zip": "categorical"}
    assert origin(found, "model.activation") == ("command line", words[0])


def test_references_and_the_environment(composed: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE", "0.25")
    found = composed("seed: 3\nepochs: ${seed}\noptimizer: {lr: '${oc.decode:${oc.env:RATE}}'}", "batch_size=${epochs}")
    assert [found.config[key] for key in ("seed", "epochs", "batch_size")] == [3, 3, 3]
    assert found.config["optimizer"]["lr"] == 0.25


def test_yaml_aliases_and_merge_keys_are_fine(composed: Recipe) -> None:
    text = "optimizer: &o {name: sgd, lr: 0.5}\nmodel: {widths: &w [8, 4]}"
    assert composed(text).config["optimizer"]["lr"] == 0.5
    found = composed("model: {<<: {depth: 3, width: 9}, width: 8}").config["model"]
    assert (found["depth"], found["width"]) == (3, 8)


NAMES = [
    "plain.yaml",
    "with space.yaml",
    "it's.yaml",
    'a"b.yaml',
    "größe.yaml",
    "a=b.yaml",
    "a,b.yaml",
    "[x](1){y}.yml",
    "#1$.yaml",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_may_hold_any_character(composed: Recipe, cwd: Path, name: str) -> None:
    found = composed("seed: 5\nrun_dir: ./out, a=b", name=name)
    assert found.config["seed"] == 5
    assert found.config["run_dir"] == str(cwd / "out, a=b")
    assert found.config["name"] == name.rpartition(".")[0]
    folder = cwd / f"runs of {name}"
    folder.mkdir()
    write_config(folder, found.config)
    for word in (f"config={folder}", f"config={folder.name}/config.yaml", f"config='{folder}/config.yaml'"):
        assert compose([word]).config == {**found.config, "run_dir": None}
    (cwd / f"{name}.csv").touch()
    words = ["data=table", f"data.path={name}.csv", f"run_dir=to, {name}"]
    found = compose(words)
    assert found.config["data"]["path"] == str(cwd / f"{name}.csv")
    assert found.config["run_dir"] == str(cwd / f"to, {name}")


def test_a_recipe_is_found_without_its_ending_and_ours_come_first(cwd: Path) -> None:
    (cwd / "mine.yaml").write_text("seed: 5")
    (cwd / "digits.yaml").write_text("seed: 6")
    assert compose(["config=mine"]).config["seed"] == 5
    assert compose(["config=digits"]).config["seed"] == 0
    assert compose(["config=./digits"]).config["seed"] == 6
    assert compose(["config=digits.yaml"]).config["seed"] == 6


def test_relative_paths_start_at_the_recipe_or_where_the_command_runs(cwd: Path) -> None:
    (cwd / "recipes").mkdir()
    (cwd / "recipes" / "mine.yaml").write_text("data: {name: table, path: ../a.csv, val_path: ~/b.csv}")
    found = compose(["config=recipes/mine.yaml", "data.test_path=c.csv"]).config["data"]
    assert found["path"] == str(cwd / "a.csv")
    assert found["val_path"] == str(Path("~/b.csv").expanduser())
    assert found["test_path"] == str(cwd / "c.csv")
    assert compose(["data=vision"]).config["data"]["root"] == str(cwd / "data")  # a default: where the command runs


def test_a_class_of_ones_own_takes_what_it_wants(composed: Recipe) -> None:
    found = composed("model: {name: 'my_package.nets:Net', hidden: 3}", "model.rate=0.5")
    assert found.config["model"] == {"name": "my_package.nets:Net", "hidden": 3, "rate": 0.5}
    assert composed("model: {name: 'a.b:Net', hidden: 3}", "model=mlp").config["model"]["depth"] == 2
    assert compose(["model=a.b:Net"]).config["model"] == {"name": "a.b:Net"}


CHOICES = st.fixed_dictionaries({group: st.sampled_from(option_names(group)) for group in schema.GROUPS})


@given(choices=CHOICES, on_command_line=st.sets(st.sampled_from(schema.GROUPS)))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_choices_compose_and_their_config_repeats_them(choices: dict[str, str], on_command_line: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "any.yaml"
        named = {group: name for group, name in choices.items() if group not in ("regularization", "checkpoint")}
        lines = [f"{group}: {{name: {name}}}\n" for group, name in named.items() if group not in on_command_line]
        recipe.write_text("".join(lines) + "seed: 1")
        words = [f"{group}={name}" for group, name in named.items() if group in on_command_line]
        found = compose([f"config={recipe}", *words])
        assert {group: found.config[group]["name"] for group in named} == named
        write_config(Path(folder), found.config)
        again = compose([f"config={folder}"])
        assert again.config == found.config
        assert {where.kind for key, where in again.origins.items()} == {"recipe"}


@cache
def of_a_table() -> dict[str, Any]:
    return compose(["data=table"]).config


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).filter(
    lambda text: text not in ("???", "_target_")
)


@given(
    target=TEXT,
    missing=st.lists(TEXT, max_size=3),
    lr=st.floats(1e-12, 1e12),
    types=st.dictionaries(TEXT, st.just("date")),
)
@example(target="${b}", missing=["\\${b}", "a\\\\${seed}", "${"], lr=1.0, types={})
@example(target="0E0", missing=["1e5", "yes", "null", "2026-01-31"], lr=1e-5, types={"${seed}": "date", "1.": "date"})
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_survives_the_config_of_a_run(
    target: str, missing: list[str], lr: float, types: dict[str, str]
) -> None:
    base = of_a_table()
    data = {**base["data"], "target": target, "missing": missing, "types": types}
    config = {**base, "data": data, "optimizer": {**base["optimizer"], "lr": lr}}
    with tempfile.TemporaryDirectory() as folder:
        write_config(Path(folder), config)
        assert compose([f"config={folder}"]).config == config


def test_a_callers_own_hydra_is_left_in_place() -> None:
    from hydra import compose as their_compose
    from hydra import initialize
    from hydra.core.global_hydra import GlobalHydra

    with initialize(version_base=None):
        theirs = GlobalHydra.instance().hydra
        compose(["optimizer=adagrad", "loss=huber"])
        assert GlobalHydra.instance().hydra is theirs
        assert their_compose(overrides=["+a=1"]) == {"a": 1}
