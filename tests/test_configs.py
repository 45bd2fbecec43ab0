"""The option files, the constructors behind them and the schema say the same; every recipe that is shipped composes."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import yaml

from nntrain.augment.table import AUGMENTATIONS
from nntrain.completion import HYDRA_DEFAULTS
from nntrain.config import schema
from nntrain.config.compose import compose
from nntrain.config.options import (
    config_dir,
    default_options,
    description,
    option_file,
    option_names,
    read_option,
    recipe_file,
    recipe_names,
)
from nntrain.data.table import SOURCES
from nntrain.models.table import INITIALIZERS, MODELS
from nntrain.objective.table import LOSSES
from nntrain.optim.table import OPTIMIZERS, SCHEDULES
from nntrain.sweep.plugins import DEFAULT_LAUNCHER, DEFAULT_SWEEPER, LAUNCHERS, SWEEPERS
from nntrain.training.stopping import Stopping

TABLES: dict[str, dict[str, type]] = {
    "data": SOURCES,
    "augment": AUGMENTATIONS,
    "model": MODELS,
    "init": INITIALIZERS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}
GIVEN = {"model": {"inputs", "outputs"}, "augment": {"features", "seed"}}  # arguments that are not the recipe's
NOTHING = {"augment": {"none"}}  # options that build nothing
PRESETS = {("augment", name) for name in ("mnist", "cifar", "photos")}  # an option with other defaults
SECTIONS = (*schema.GROUPS, schema.SEARCH)
OPTIONS = [(group, name) for group in SECTIONS for name in option_names(group)]
HYDRA = [(group, name) for group in schema.HYDRA for name in option_names(group)]
BUILT = [(group, name) for group, name in OPTIONS if group in TABLES and name not in NOTHING.get(group, ())]
LINE = re.compile(r"(?P<key>\w+): (?P<value>\S.*?) +# (?P<comment>\S.*)")


def settings(group: str, name: str) -> dict[str, Any]:
    """The hyperparameters of an option file, as plain values."""
    loaded = yaml.safe_load(option_file(group, name).read_text(encoding="utf-8")) or {}
    return {key: value for key, value in loaded.items() if key != "name"}


@pytest.mark.parametrize("group", TABLES)
def test_every_entry_of_a_table_has_its_file_and_every_file_its_entry(group: str) -> None:
    assert set(option_names(group)) == {*TABLES[group], *NOTHING.get(group, ())}


def test_every_folder_is_a_group_of_the_schema() -> None:
    folders = {path.name for path in config_dir().iterdir() if path.is_dir()}
    assert folders == {*schema.GROUPS, schema.SEARCH, *schema.HYDRA, "recipes"}
    assert set(default_options()) == set(schema.GROUPS)


@pytest.mark.parametrize(("group", "name"), BUILT)
def test_the_keys_are_the_constructors_arguments(group: str, name: str) -> None:
    arguments = inspect.signature(TABLES[group][name]).parameters
    common = set(schema.common(group))
    assert set(settings(group, name)) - common == set(arguments) - GIVEN.get(group, set())
    assert common <= set(settings(group, name))


@pytest.mark.parametrize(("group", "name"), [(g, n) for g, n in OPTIONS if "layerwise" in settings(g, n)])
def test_layerwise_says_how_the_epochs_are_divided(group: str, name: str) -> None:
    said = next(comment for key, _, comment in read_option(group, name).settings if key == "layerwise")
    assert "the epochs are divided: each layer has an equal part" in said


@pytest.mark.parametrize(("group", "name"), [option for option in BUILT if option not in PRESETS])
def test_the_defaults_are_the_constructors(group: str, name: str) -> None:
    arguments = inspect.signature(TABLES[group][name]).parameters
    for key, value in settings(group, name).items():
        if key in schema.common(group):
            continue
        default = arguments[key].default
        if isinstance(default, tuple):
            default = list(default)
        elif default is None and value == {}:  # nobody writes {} as a default in Python
            default = {}
        assert default in (value, inspect.Parameter.empty), key


def test_early_stopping_takes_what_its_file_says() -> None:
    arguments = set(inspect.signature(Stopping).parameters)
    assert set(settings("early_stopping", "patience")) <= arguments


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_every_default_is_allowed_by_the_schema(group: str, name: str) -> None:
    fields, found = schema.fields(group), settings(group, name)
    assert {key: fields[key].complaint(value) for key, value in found.items()} == dict.fromkeys(found)
    assert list(schema.conflicts(group)({"name": name, **found})) == []


@pytest.mark.parametrize("group", SECTIONS)
def test_the_schema_has_no_field_that_no_option_has(group: str) -> None:
    assert set(schema.fields(group)) == {key for name in option_names(group) for key in settings(group, name)}


def test_the_top_level_has_a_field_and_a_sound_default_for_every_setting() -> None:
    loaded = yaml.safe_load((config_dir() / "nntrain.yaml").read_text(encoding="utf-8"))
    del loaded["defaults"]
    assert list(loaded) == list(schema.fields("top"))
    assert {key: schema.field(key).complaint(value) for key, value in loaded.items()} == dict.fromkeys(loaded)


def test_every_launcher_and_sweeper_that_can_be_chosen_has_its_file() -> None:
    assert set(option_names("launcher")) == set(LAUNCHERS)
    assert set(option_names("sweeper")) == set(SWEEPERS) - {"grow"}  # which grow=... chooses
    assert HYDRA_DEFAULTS == {"launcher": DEFAULT_LAUNCHER, "sweeper": DEFAULT_SWEEPER}


@pytest.mark.parametrize(("group", "name"), HYDRA)
def test_the_settings_of_a_launcher_or_sweeper_are_those_that_it_takes(group: str, name: str) -> None:
    found = {"launcher": LAUNCHERS, "sweeper": SWEEPERS}[group][name]
    taken = {key: value for key, value in vars(found()).items() if not key.startswith("_")}
    taken.pop("name", None)  # a note says it: in option files the name is the option's own
    assert settings(group, name) == ({} if name == "optuna" else taken)  # whose settings are those of search


@pytest.mark.parametrize(("group", "name"), [*OPTIONS, *HYDRA])
def test_an_option_file_is_a_page_of_the_manual(group: str, name: str) -> None:
    first, *lines = option_file(group, name).read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"# [A-Z\w].*\.", first)
    assert all(len(line) <= 120 for line in (first, *lines))
    if lines and lines[0].startswith("name: "):
        assert lines.pop(0) == f"name: {name}"
    written = [line for line in lines if not line.startswith(("#", " "))]
    assert all(LINE.fullmatch(line) for line in written), written
    option = read_option(group, name)
    assert option.description == description(option_file(group, name))
    assert [key for key, _, _ in option.settings] == list(settings(group, name))
    assert {key: yaml.safe_load(value) for key, value, _ in option.settings} == settings(group, name)


RECIPES = recipe_names()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_composes(name: str) -> None:
    needs_path = compose([f"config={name}"]).config["data"]["name"] in ("table", "folder")
    words = ["data.path=somewhere"] if needs_path else []
    assert compose([f"config={name}", *words]).config["name"] == name


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_begins_with_what_it_is_its_command_score_and_time(name: str) -> None:
    lines = recipe_file(name).read_text(encoding="utf-8").splitlines()
    header = [line for line in lines if line.startswith("#")]
    assert lines[: len(header)] == header, "the header stands at the top"
    assert re.fullmatch(r"# [A-Z\w].*\.", header[0])
    text = "\n".join(header)
    assert f"nntrain fit config={name}" in text
    for said in (r"[Ee]xpect", r"seeds|splits", r"[Tt]ime", r"cores|CPU|GPU"):
        assert re.search(said, text), f"{said} is missing"
    assert all(len(line) <= 120 for line in lines)
