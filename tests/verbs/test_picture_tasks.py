"""What can be predicted from pictures: one of two classes, of ten, any number of labels, real values."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from lab import Lab
from PIL import Image

from nntrain.config.compose import compose
from nntrain.experiment import build_experiment
from nntrain.opening import load
from nntrain.verbs.evaluate import evaluate_words
from nntrain.verbs.predict import predict_words

GREY = np.random.default_rng(0).integers(0, 256, size=(120, 3))  # one level for each channel of each picture


@pytest.fixture
def listed(lab: Lab) -> Path:
    """Plain pictures, with the share of red as a value and the strong colours as labels."""
    folder = lab.folder / "pictures"
    folder.mkdir()
    lines = ["path,redness,colours"]
    for i, levels in enumerate(GREY):
        Image.new("RGB", (6, 5), tuple(int(level) for level in levels)).save(folder / f"{i:03d}.png")
        colours = "|".join(name for name, level in zip(("red", "green", "blue"), levels, strict=True) if level > 127)
        lines.append(f"{i:03d}.png,{2000 + levels[0]:.1f},{colours or '|'}")  # "|": none of them
    (folder / "list.csv").write_text("\n".join(lines) + "\n")
    return folder / "list.csv"


def words(listed: Path, *more: str) -> list[str]:
    return ["data=folder", f"data.path={listed}", "epochs=30", *more]


def test_real_values_of_pictures_from_training_to_predictions(lab: Lab, listed: Path) -> None:
    run = lab.fit(*words(listed, "data.target=redness"))
    result = json.loads((run.dir / "result.json").read_text())
    assert result["task"] == "regression"
    assert result["test"]["r2"] > 0.8
    found = evaluate_words({"checkpoint": str(run.dir)}, io.StringIO())
    assert found["metrics"] == result["test"]
    whole = evaluate_words({"checkpoint": str(run.dir), "data.path": str(listed)}, io.StringIO())
    model = load(run.dir)
    predicted = model.predict(listed.parent)
    assert np.sqrt(np.mean((predicted - (2000 + GREY[:, 0])) ** 2)) == pytest.approx(whole["metrics"]["rmse"], rel=1e-5)
    predict_words({"checkpoint": str(run.dir), "input": str(listed.parent), "output": "p.csv"}, io.StringIO())
    frame = pl.read_csv("p.csv")
    assert frame.columns == ["file", "prediction"]
    assert frame["file"].to_list() == [f"{i:03d}.png" for i in range(120)]
    np.testing.assert_allclose(frame["prediction"].to_numpy(), predicted, rtol=1e-6)


def test_labels_of_pictures_from_training_to_predictions(lab: Lab, listed: Path) -> None:
    run = lab.fit(*words(listed, "data.target=colours", "data.label_separator='|'"))
    result = json.loads((run.dir / "result.json").read_text())
    assert result["task"] == "multilabel"
    assert result["test"]["average_precision"] > 0.75
    whole = evaluate_words({"checkpoint": str(run.dir), "data.path": str(listed)}, io.StringIO())
    model = load(run.dir)
    assert model.classes == ("blue", "green", "red")
    assert whole["rows"] == 120  # also those that have none of the labels
    right = (model.probabilities(listed.parent) > 0.5) == (GREY[:, ::-1] > 127)
    assert whole["metrics"]["exact_match"] == pytest.approx(right.all(1).mean())
    assert whole["metrics"]["hamming_accuracy"] == pytest.approx(right.mean())
    predict_words({"checkpoint": str(run.dir), "input": str(listed.parent), "output": "p.csv"}, io.StringIO())
    frame = pl.read_csv("p.csv").fill_null("")
    assert frame.columns == ["file", "prediction", "p_blue", "p_green", "p_red"]
    assert frame["prediction"].to_list() == ["|".join(labels) for labels in model.predict(listed.parent)]


def folders(root: Path, classes: tuple[str, ...]) -> Path:
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(24):
            Image.new("L", (4, 4), 20 * number + i).save(root / name / f"{i}.png")
    return root


@pytest.mark.parametrize(
    ("classes", "outputs", "loss"),
    [
        (("cat", "dog"), 1, "binary_cross_entropy"),
        (("cat", "dog", "frog"), 3, "cross_entropy"),
        (tuple("0123456789"), 10, "cross_entropy"),
    ],
)
def test_dog_or_cat_is_one_output_and_ten_digits_are_ten(
    lab: Lab, classes: tuple[str, ...], outputs: int, loss: str
) -> None:
    path = folders(lab.folder / "tree", classes)
    config = compose(["config=tiny.yaml", "device=cpu", "data=folder", f"data.path={path}", "data.val=10"]).config
    experiment = build_experiment({**config, "data": {**config["data"], "test": 10}})
    assert experiment.task.classes == classes
    assert experiment.program.objective.criterion.name == loss
    network = experiment.program.network
    assert network(experiment.dataset.train.inputs[:2]).shape == (2, outputs)
    assert experiment.program.objective.predictions(network(experiment.dataset.train.inputs[:2])).shape[1] == len(
        classes
    )


def test_two_chosen_of_many_classes_are_one_output(lab: Lab) -> None:
    path = folders(lab.folder / "tree", ("bird", "cat", "dog"))
    config = compose(["config=tiny.yaml", "data=folder", f"data.path={path}", "data.classes=[dog,cat]"]).config
    experiment = build_experiment({**config, "device": "cpu"})
    assert experiment.task.classes == ("dog", "cat")
    assert experiment.program.objective.outputs == 1
