"""The settings that all models have: short words for them, names beside paths, and what is said of wrong values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.config import schema
from nntrain.config.compose import compose
from nntrain.config.words import read_word
from nntrain.errors import UserError
from nntrain.models.transfer import SETTINGS


def test_the_models_settings_are_those_that_transfer_knows() -> None:
    assert set(schema.common("model")) == set(SETTINGS)


SHORT: dict[str, Any] = {
    "reuse=encoder": "encoder",
    "reuse={first:3}": {"first": 3},
    "freeze=backbone": "backbone",
    "freeze=[hidden.0,head]": ["hidden.0", "head"],
    "unfreeze_at={epochs:2,every:1}": {"epochs": 2, "every": 1},
    "unfreeze_at=null": None,
}


@pytest.mark.parametrize("word", SHORT)
def test_a_short_word_sets_the_models_setting(word: str) -> None:
    composed = compose([word])
    key = word.partition("=")[0]
    assert composed.config["model"][key] == SHORT[word]
    assert composed.origins[f"model.{key}"].where == word


def test_of_the_short_word_and_the_long_one_the_last_counts() -> None:
    assert compose(["freeze=backbone", "model.freeze=none"]).config["model"]["freeze"] == "none"


def test_a_short_word_sweeps_as_the_setting_it_stands_for(tmp_path: Path) -> None:
    word = read_word("freeze=none,{first:1}", tmp_path)
    assert [one.value for one in word.each()] == ["none", {"first": 1}]
    assert word.for_hydra == "++model.freeze=none,{first:1}"


@pytest.mark.parametrize("name", ["DEFAULT", "resnet18", "ResNet18_Weights.IMAGENET1K_V1"])
def test_a_name_of_published_weights_stays_a_name(tmp_path: Path, name: str) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"model: {{name: mlp, init_from: {name}}}")
    assert compose([f"config={recipe}"]).config["model"]["init_from"] == name
    assert compose([f"model.init_from={name}"], tmp_path).config["model"]["init_from"] == name


def test_a_path_is_relative_to_the_recipe_and_a_folder_called_like_a_name_is_a_path(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("model: {name: mlp, init_from: runs/other}")
    assert compose([f"config={recipe}"]).config["model"]["init_from"] == str(tmp_path / "runs" / "other")
    (tmp_path / "RUN").mkdir()
    found = compose([f"config={recipe}", "model.init_from=RUN"], tmp_path).config["model"]["init_from"]
    assert found == str(tmp_path / "RUN")


WRONG = {
    "reuse=encodr": "model.reuse: unknown reuse 'encodr'; did you mean 'encoder'? (choices: all_but_head, ",
    "reuse={first:0}": "model.reuse: first: 0 is not a whole number of at least 1",
    "reuse=[]": "model.reuse: [] needs at least 1 entries",
    "freeze=all": "model.freeze: unknown freeze 'all' (choices: none, backbone), or {first: a whole number of "
    "at least 1} or a list of values, each a layer's name or pattern",
    "freeze={last:2}": "model.freeze: {'last': 2} is not {first: a whole number of at least 1}",
    "unfreeze_at=3": "model.unfreeze_at: 3 is not {epochs: a whole number of at least 1, every: a whole number",
    "unfreeze_at={epochs:2,evry:1}": "model.unfreeze_at: unknown key 'evry'; did you mean 'every'?",
    "model.lr_decay=1.5": "model.lr_decay: 1.5 is not a number of at most 1 and above 0",
    "model.lr_multipliers={head:-1}": "model.lr_multipliers: head: -1 is not a number above 0",
}


@pytest.mark.parametrize("model", ["mlp", "package.module:Net"])
@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_value_is_said_of_somebodys_own_class_too(word: str, model: str) -> None:
    with pytest.raises(UserError) as refused:
        compose([f"model={model}", word])
    assert WRONG[word] in str(refused.value)
