"""A model file is data: what it says of itself may be anything, and none of it is run."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from lab import Lab
from safetensors import safe_open
from safetensors.torch import save_file

from nntrain.errors import UserError
from nntrain.predictor import load
from nntrain.training.checkpoint import load_model, save_model
from nntrain.verbs.evaluate import evaluate_words


def changed(path: Path, **changes: object) -> Path:
    """The model file with other words about itself, its checksum made to fit."""
    tensors, about = load_model(path)
    save_model(path, tensors, {**about, **changes})
    return path


@pytest.mark.parametrize("group", ["model", "loss"])
def test_code_of_its_own_is_not_run_unless_trusted(lab: Lab, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = lab.fit("epochs=1")
    (lab.folder / "evil.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(lab.folder)
    config = load_model(run.best)[1]["config"]
    changed(run.best, config=config | {group: config[group] | {"name": "evil:Net"}})
    with pytest.raises(UserError, match=f"names code of its own, {group} evil:Net; open it with trust=true"):
        load(run.best)
    with pytest.raises(SystemExit, match="imported"):
        load(run.best, trust=True)


def test_a_data_source_of_its_own_is_not_run_unless_trusted(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    run = lab.fit("epochs=1")
    (lab.folder / "evil2.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(lab.folder)
    config = load_model(run.best)[1]["config"]
    changed(run.best, config=config | {"data": config["data"] | {"name": "evil2:Rows"}})
    with pytest.raises(UserError, match="names code of its own, data evil2:Rows"):
        evaluate_words({"checkpoint": str(run.best)}, io.StringIO())
    with pytest.raises(SystemExit, match="imported"):
        evaluate_words({"checkpoint": str(run.best), "trust": "true"}, io.StringIO())


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"name": "mlp", "depth": 10**9, "width": 8}},
        {"model": {"name": "mlp", "widths": [10**12]}},
    ],
)
def test_a_network_larger_than_its_weights_is_refused_before_it_is_built(lab: Lab, change: dict[str, object]) -> None:
    run = lab.fit("epochs=1")
    config = load_model(run.best)[1]["config"]
    section = config["model"] | change["model"]  # type: ignore[operator]
    changed(run.best, config=config | {"model": section})
    with pytest.raises(UserError, match="describes a network larger than the weights it holds; refused"):
        load(run.best)


def test_features_larger_than_the_weights_are_refused(lab: Lab) -> None:
    run = lab.fit("epochs=1")
    features = load_model(run.best)[1]["features"]
    changed(run.best, features=features | {"cardinalities": [10**11]})
    with pytest.raises(UserError, match="describes a network larger than the weights it holds; refused"):
        load(run.best)


def test_weights_of_another_network_are_refused(lab: Lab) -> None:
    run = lab.fit("epochs=1")
    config = load_model(run.best)[1]["config"]
    changed(run.best, config=config | {"model": config["model"] | {"widths": [9]}})
    with pytest.raises(UserError, match=r"does not hold the network that its config describes \(body"):
        load(run.best)


@pytest.mark.parametrize(
    "change",
    [
        {"config": {}},
        {"config": None},
        {"task": {}},
        {"task": "x"},
        {"features": {"kind": "table"}},
        {"class_weights": ["x"]},
        {"preprocessing": {"kind": "table"}},
        {"preprocessing": {"kind": "os.system"}},
        {"preprocessing": None},
    ],
    ids=str,
)
def test_words_about_itself_that_make_no_sense_are_refused_with_one_line(lab: Lab, change: dict[str, object]) -> None:
    run = lab.fit("epochs=1")
    changed(run.best, **change)
    with pytest.raises(UserError, match=r"is damaged|in the model file") as refused:
        load(run.best)
    assert "\n" not in str(refused.value)


def test_tampered_weights_are_refused(lab: Lab) -> None:
    run = lab.fit("epochs=1")
    with safe_open(run.best, "pt") as file:
        metadata = file.metadata()
    tensors, _ = load_model(run.best)
    first = next(iter(tensors))
    save_file({**tensors, first: tensors[first] + 1}, run.best, metadata)
    with pytest.raises(UserError, match="was changed after it was written"):
        evaluate_words({"checkpoint": str(run.dir)}, io.StringIO())


def test_the_folder_of_a_run_may_be_moved(lab: Lab) -> None:
    run = lab.fit("data.folds=2", "epochs=1")
    moved = run.dir.rename(lab.folder / "moved")
    assert evaluate_words({"checkpoint": str(moved)}, io.StringIO())["rows"] == 18
