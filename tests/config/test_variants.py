"""Configs made from one another are those that Hydra would compose, each by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.config import validate, variants
from nntrain.config.compose import compose
from nntrain.config.variants import Composer
from nntrain.errors import UserError

RECIPE = """
data: {name: table, path: mine.csv, target: y}
model: {name: mlp, depth: 1, width: 8}
optimizer: {name: sgd, momentum: 0.5}
"""
REFERRING = "epochs: 7\nschedule: {name: cosine, warmup_epochs: 2}\nname: run ${epochs}\n"

SWEEPS = {
    "numbers": [["optimizer.lr=0.1", "seed=1"], ["optimizer.lr=0.2", "seed=1"], ["optimizer.lr=0.2", "seed=2"]],
    "choices": [["optimizer=adam"], ["optimizer=sgd"], ["optimizer=adam"]],
    "a choice and its settings": [["optimizer=adam", "optimizer.lr=1"], ["optimizer=adam", "optimizer.lr=2"]],
    "lists": [["model.widths=[4]"], ["model.widths=[4,5]"], ["model.widths=[6]"]],
    "null, which brings back what it stood for": [["model.widths=[4]"], ["model.widths=null"], ["model.widths=[5]"]],
    "mappings": [["model.activation={name:elu,alpha:0.5}"], ["model.activation=tanh"]],
    "a part of a value": [
        ["model.activation={name:elu,alpha:1}", "model.activation.alpha=2"],
        ["model.activation={name:elu,alpha:1}", "model.activation.alpha=3"],
    ],
    "paths": [["data.path=a.csv"], ["data.path=b/c.csv"], ["run_dir=x", "data.path=b.csv"]],
    "names": [["name=a"], ["name=null"], ["name=b"], ["name=null"]],
    "references": [["epochs=3", "name='of ${epochs}'"], ["epochs=4", "name='of ${epochs}'"]],
}


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    (tmp_path / "referring.yaml").write_text(REFERRING)
    return tmp_path


@pytest.mark.parametrize("recipe", ["mine", "referring", "iris"])
@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_job_is_what_its_words_come_to_alone(sweep: str, recipe: str, cwd: Path) -> None:
    composer = Composer(cwd)
    for words in SWEEPS[sweep]:
        if recipe != "mine" and any(word.startswith("data.path") for word in words):
            continue
        job, alone = composer.compose([f"config={recipe}", *words]), compose([f"config={recipe}", *words])
        assert job.config == alone.config
        assert dict(job.origins) == dict(alone.origins)


def test_hydra_composes_once_for_each_combination_of_choices(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[Any] = []
    real = variants.compose_recipe
    monkeypatch.setattr(variants, "compose_recipe", lambda *rest: composed.append(rest) or real(*rest))
    composer = Composer(cwd)
    for optimizer in ("adam", "sgd"):
        for seed in range(150):
            composer.compose(["config=mine", f"optimizer={optimizer}", f"seed={seed}"])
    assert len(composed) == 2


def test_only_sections_with_another_value_are_checked_again(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composer = Composer(cwd)
    composer.compose(["config=mine", "optimizer.lr=1", "seed=1"])
    checked: list[str] = []
    monkeypatch.setattr(validate, "_section_problems", lambda group, section, origins: checked.append(group) or ())
    composer.compose(["config=mine", "optimizer.lr=1", "seed=2"])
    assert checked == []
    composer.compose(["config=mine", "optimizer.lr=2", "seed=2"])
    assert checked == ["optimizer"]


def test_jobs_share_no_values(cwd: Path) -> None:
    composer = Composer(cwd)
    first = composer.compose(["config=mine", "model.widths=[4]", "optimizer.lr=1"])
    first.config["model"]["widths"].append(5)
    first.config["data"]["types"]["a"] = "numeric"
    second = composer.compose(["config=mine", "model.widths=[4]", "optimizer.lr=2"])
    assert (second.config["model"]["widths"], second.config["data"]["types"]) == ([4], {})


MISTAKES = {
    "a value out of range": ["optimizer.lr=-1"],
    "settings that exclude each other": ["optimizer.momentum=0", "optimizer.nesterov=true"],
    "an unknown key": ["optimizer.lrr=1"],
    "an unknown choice": ["optimizer=sdg"],
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("after", [[], ["optimizer.lr=1"], ["optimizer.momentum=0.9", "optimizer.nesterov=true"]])
def test_a_mistake_is_said_as_of_a_single_run(mistake: str, after: list[str], cwd: Path) -> None:
    composer = Composer(cwd)
    if after:
        composer.compose(["config=mine", *after])
    said = []
    for act in (composer.compose, compose):
        with pytest.raises(UserError) as caught:
            act(["config=mine", *MISTAKES[mistake]])
        said.append(caught.value.problems)
    assert said[0] == said[1]
