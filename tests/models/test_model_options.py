"""Option files, schemas, tables and constructors of model and init agree."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import yaml

from nntrain.config.schema import common, init, model
from nntrain.models.activations import ACTIVATIONS
from nntrain.models.norms import NORMS, PICTURE_NORMS
from nntrain.models.table import INITIALIZERS, MODELS

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
TABLES = {"model": (MODELS, model, {"inputs", "outputs"}), "init": (INITIALIZERS, init, set())}
OPTIONS = [(group, name) for group, (table, _, _) in TABLES.items() for name in table]


def option(group: str, name: str) -> dict:
    return yaml.safe_load((CONFIGS / group / f"{name}.yaml").read_text())


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_an_option_file_lists_the_constructors_settings_and_defaults(group, name):
    table, schema, given = TABLES[group]
    settings = {key: value for key, value in option(group, name).items() if key not in common(group)}
    assert settings.pop("name") == name
    signature = inspect.signature(table[name]).parameters
    assert settings == {key: p.default for key, p in signature.items() if key not in given}
    for key, value in settings.items():
        assert schema.FIELDS[key].complaint(value) is None, key
    assert not list(schema.conflicts(settings))


@pytest.mark.parametrize("group", TABLES)
def test_every_option_file_is_in_the_table(group):
    assert {path.stem for path in (CONFIGS / group).glob("*.yaml")} == set(TABLES[group][0])


@pytest.mark.parametrize(
    ("table", "schema", "given"),
    [(ACTIVATIONS, model.ACTIVATION_SETTINGS, set()), (PICTURE_NORMS | NORMS, model.NORM_SETTINGS, {"width"})],
)
def test_the_settings_of_activations_and_norms_are_their_signatures(table, schema, given):
    settings = {name: set(inspect.signature(made).parameters) - given for name, made in table.items()}
    assert settings == {name: set(kinds) for name, kinds in schema.items()}


@pytest.mark.parametrize(
    ("given", "clashing"),
    [
        ({"widths": [3], "width": 4}, ["width"]),
        ({"widths": [3], "depth": 4, "shape": "funnel"}, ["depth", "shape"]),
        ({"widths": [3], "activation": "relu"}, []),
        ({"widths": None, "width": 4}, []),
        (option("model", "mlp") | {"widths": [3]}, []),  # a run's config.yaml
    ],
)
def test_widths_beside_width_is_a_conflict(given, clashing):
    found = dict(model.given_conflicts(given))
    assert list(found) == clashing
    assert all("stands beside model.widths" in said for said in found.values())


def test_widths_on_the_command_line_replace_the_recipes_width():
    assert not list(model.given_conflicts({"widths": [3]}, over={"width": 4, "depth": 2}))


def test_width_on_the_command_line_beside_the_recipes_widths_is_a_conflict():
    ((key, said),) = model.given_conflicts({"width": 4}, over=option("model", "mlp") | {"widths": [3]})
    assert (key, said[:49]) == ("width", "has no effect beside the recipe's model.widths; a")
    assert not list(model.given_conflicts({"width": 4, "widths": None}, over={"widths": [3]}))


@pytest.mark.parametrize(
    ("change", "key", "text"),
    [
        ({"dropout": [0.1]}, "dropout", "1 entries for 2 hidden layers"),
        ({"widths": [8, 8, 8], "dropout": [0.1, 0.1]}, "dropout", "2 entries for 3 hidden layers"),
        ({"residual": True, "depth": 1}, "residual", "needs at least 2 hidden layers"),
        ({"activation": {"name": "hardtanh", "low": 1}}, "activation", "needs low below high"),
    ],
)
def test_conflicts_of_a_model(change, key, text):
    ((where, said),) = model.conflicts(option("model", "mlp") | change)
    assert where == key
    assert text in said


@pytest.mark.parametrize(
    ("change", "key", "text"),
    [
        ({"depth": 0}, "depth", "0 stages are no cnn"),
        ({"dropout": [0.1]}, "dropout", "1 entries for 3 stages; give one number, or one per stage"),
        ({"kernel": 4}, "kernel", "4 is even"),
        ({"norm": "rms"}, "norm", "rms is no norm for pictures (choices: none, batch, group, layer)"),
        (
            {"norm": "group", "width": 12},
            "norm",
            "8 groups do not divide 12 channels, the width of a stage (widths: 12,",
        ),
        ({"norm": {"name": "group", "groups": 5}}, "norm", "5 groups do not divide 32 channels"),
        ({"head_dropout": 0.5}, "head_dropout", "has no effect without hidden layers in the head"),
    ],
)
def test_conflicts_of_a_cnn(change, key, text):
    ((where, said),) = model.conflicts(option("model", "cnn") | change)
    assert where == key
    assert text in said


@pytest.mark.parametrize(
    ("change", "key", "text"),
    [
        ({"depth": 18}, "depth", "18 is no depth of a resnet (choices: 8, 14, 20, 26, 32, 38, 44, 50, 56)"),
        ({"depth": 62}, "depth", "62 is no depth of a resnet"),
        ({"dropout": [0.1, 0.2]}, "dropout", "a resnet takes one number for all blocks"),
        ({"norm": "none"}, "norm", "a resnet without norms does not train (choices: batch, group, layer)"),
        ({"norm": "group", "width_multiplier": 0.25}, "norm", "8 groups do not divide 4 channels"),
        ({"activation": "maxout"}, "activation", "maxout has no place after a sum"),
    ],
)
def test_conflicts_of_a_resnet(change, key, text):
    ((where, said),) = model.conflicts(option("model", "resnet") | change)
    assert where == key
    assert text in said


def test_a_norm_for_pictures_is_none_of_an_mlp():
    ((key, said),) = model.conflicts(option("model", "mlp") | {"norm": "group"})
    assert (key, said) == ("norm", "group is no norm for vectors (choices: none, batch, layer, rms)")


def test_low_must_be_below_high():
    ((key, said),) = init.conflicts({"low": 1.0, "high": 1.0})
    assert (key, said) == ("low", "must be below high, and they are 1 and 1")


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("dropout", 1.5, "1.5 is not a number of at least 0 and below 1 or a list"),
        ("depth", -1, "-1 is not a whole number of at least 0"),
        ("activation", "rellu", "unknown activation 'rellu'; did you mean 'relu'"),
        ("activation", {"name": "relu", "slope": 1}, "relu has no setting 'slope'"),
        ("norm", {"name": "batch", "momentum": 2}, "momentum: 2 is not"),
        ("widths", [0], "entry 0: 0 is not a whole number of at least 1"),
    ],
)
def test_wrong_values_are_named(key, value, text):
    assert text in model.FIELDS[key].complaint(value)
