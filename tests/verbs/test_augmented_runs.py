"""Augmentation from a recipe to a model: trainings with it, sets made larger, test-time draws, the contact sheet."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nntrain
from nntrain.config.compose import compose
from nntrain.errors import UserError
from nntrain.experiment import build_experiment
from nntrain.verbs.check import check_words
from nntrain.verbs.evaluate import evaluate_words
from nntrain.verbs.predict import predict_words

PICTURES = {
    "data": {"name": "arrays", "path": "pictures.npz"},
    "model": {"name": "mlp", "widths": [8]},
    "batch_size": 20,
    "epochs": 2,
}
ROWS = {
    "data": {"name": "synthetic", "dataset": "moons", "samples": 80},
    "model": {"name": "mlp", "widths": [8]},
    "epochs": 2,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with 80 pictures of 3 classes, of 8 x 8 pixels."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    labels = draw.integers(3, size=80)
    pixels = (draw.integers(60, size=(80, 8, 8, 3)) + 60 * labels[:, None, None, None]).astype(np.uint8)
    np.savez("pictures.npz", x=pixels, y=labels)
    return tmp_path


def fit(recipe: dict[str, Any], *words: str) -> Any:
    return nntrain.fit(recipe, *words, quiet=True)


def experiment(*words: str) -> Any:
    return build_experiment(compose(["config=digits", "device=cpu", *words]).config)


def test_a_training_with_augmentation_repeats_to_the_digit() -> None:
    words = ("augment=cifar", "augment.crop_padding=2", "augment.mixup=0.4", "augment.cutmix=1", "batch_size=16")
    first, second = fit(PICTURES, *words), fit(PICTURES, *words)
    plain = fit(PICTURES, "batch_size=16")
    losses = [[row["train_loss"] for row in run.metrics] for run in (first, second, plain)]
    assert losses[0] == losses[1] != losses[2]


def test_a_table_is_trained_with_noise_and_mixup() -> None:
    run = fit(ROWS, "augment=table", "augment.mixup=0.2", "augment.feature_dropout=0.1")
    assert run.result["epochs_run"] == 2


def test_an_expanded_split_has_the_originals_and_their_targets_in_each_part() -> None:
    plain = experiment().dataset.train
    built = experiment("augment=pictures", "augment.rotate=10", "augment.expand=3")
    train, count = built.dataset.train, len(plain)
    assert built.augment is None
    assert len(train) == 3 * count
    assert f"augment.expand: {3 * count:,} training samples were made of {count:,}, once" in built.notes
    assert torch.equal(train.inputs[:count], plain.inputs)
    assert torch.equal(train.targets, plain.targets.repeat(3))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["config=iris", "augment=cifar"], "changes pictures, and the data is a table; use augment=table"),
        (["config=digits", "augment=table"], "table changes tables, and the data is pictures"),
        (["config=digits", "augment=pictures", "augment.cutmix=1", "loss=hinge"], "augment.cutmix.*loss hinge cannot"),
        (
            ["config=digits", "augment=pictures", "augment.mixup=1", "objective=autoencoder"],
            "augment.mixup: mixes targets",
        ),
        (["config=iris", "augment=table", "augment.mixup=0.2", "loss=hinge"], "augment.mixup.*loss hinge cannot take"),
    ],
)
def test_what_does_not_fit_is_said(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        build_experiment(compose([*words, "device=cpu"]).config)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["augment=pictures", "augment.rotat=3"], "augment.rotat.*did you mean.*rotate"),
        (["augment=pictures", "augment.scale=[1.2,0.8]"], "augment.scale: .*must be the least and then the greatest"),
        (["augment=pictures", "augment.flip=1.5"], "augment.flip: 1.5 is not a number from 0 to 1"),
        (
            ["augment=pictures", "augment.randaugment=2", "augment.trivialaugment=true"],
            "trivialaugment: beside rand",
        ),
        (
            ["augment=pictures", "augment.expand=4", "augment.mixup=1"],
            "augment.mixup: beside expand=4: a fixed",
        ),
        (["augment=cifra"], "augment.*did you mean 'cifar'"),
    ],
)
def test_a_wrong_setting_is_said_before_data_is_read(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        compose(["config=digits", *words])


def test_mixup_of_real_targets_is_allowed() -> None:
    assert experiment("config=diabetes", "augment=table", "augment.mixup=0.2").augment.mixes


def test_settings_without_effect_on_grey_pictures_are_notes() -> None:
    said = "augment.saturation, augment.hue: no effect, the pictures are grey"
    assert said in experiment("augment=photos").notes


def test_test_time_augmentation_is_the_mean_over_the_picture_and_its_draws() -> None:
    run = fit(PICTURES, "augment=pictures", "augment.translate=2", "augment.erase=1", "augment.mixup=1")
    model = nntrain.load(run.dir)
    pixels = np.load("pictures.npz")["x"][:9]
    from nntrain.augment.pictures import Pictures

    draws = Pictures(features=model.features, seed=0, translate=2)
    inputs, samples = model.preprocessing.inputs(pixels), torch.arange(9)
    views = [inputs, *(draws(inputs, samples, epoch) for epoch in range(3))]
    each = [model.probabilities(view.permute(0, 2, 3, 1).numpy()) for view in views]
    np.testing.assert_allclose(model.probabilities(pixels, tta=4), np.mean(each, 0), rtol=1e-4, atol=1e-6)
    assert list(model.predict(pixels, tta=4)) == [model.classes[i] for i in np.mean(each, 0).argmax(1)]


def test_eval_and_predict_take_tta_and_say_so() -> None:
    run = fit(PICTURES, "augment=pictures", "augment.translate=2")
    said = io.StringIO()
    result = evaluate_words({"checkpoint": str(run.dir), "tta": "5"}, said)
    assert result["tta"] == 5
    assert set(run.result["test"]) - set(result["metrics"]) == {"loss"}
    assert "the mean over the sample as it is and 4 draws of augment=pictures" in " ".join(said.getvalue().split())
    np.save("new.npy", np.load("pictures.npz")["x"][:6])
    words = {"checkpoint": str(run.dir), "input": "new.npy", "output": "out.csv", "tta": "5"}
    said = io.StringIO()
    assert predict_words(words, said)["tta"] == 5
    assert "the mean over the sample as it is and 4 draws" in " ".join(said.getvalue().split())


def test_a_table_has_test_time_draws_too() -> None:
    run = fit(ROWS, "augment=table")
    assert "accuracy" in nntrain.load(run.dir).evaluate(build_experiment(run_config(run)).dataset.test, tta=3)


def run_config(run: Any) -> Any:
    return compose([f"config={run.dir / 'config.yaml'}"]).config


@pytest.mark.parametrize(
    ("words", "tta", "said"),
    [
        ([], "4", "was trained without augmentation, so there are no draws to average over"),
        (["augment=pictures", "augment.mixup=1"], "4", "the augmentation of .* only mixes or hides"),
        ([], "flip", "eval: tta: 'flip' is not a whole number from 1 to 1000"),
        ([], "0", "eval: tta: '0' is not a whole number from 1 to 1000"),
    ],
)
def test_draws_that_are_not_there_are_missed(words: list[str], tta: str, said: str) -> None:
    run = fit(PICTURES, *words)
    with pytest.raises(UserError, match=said):
        evaluate_words({"checkpoint": str(run.dir), "tta": tta}, io.StringIO())


DIGITS = ["config=digits", "device=cpu", "show=augment"]


def test_the_contact_sheet_takes_the_next_free_name_and_writes_over_a_named_file(folder: Path) -> None:
    said = io.StringIO()
    first = check_words([*DIGITS, "augment=pictures", "augment.rotate=20"], said)
    assert first["sheet"] == str(folder / "augment.png")
    assert "augment.png" in said.getvalue()
    second = check_words([*DIGITS, "augment=pictures", "augment.mixup=1", "output=augment.png"], io.StringIO())
    assert second["sheet"] == first["sheet"]
    third = check_words([*DIGITS, "augment=mnist", "augment.expand=3"], io.StringIO())
    assert third["sheet"] == str(folder / "augment_2.png")
    assert (folder / "augment_2.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (DIGITS, "nothing is changed: augment is none; add augment=cifar"),
        ([*DIGITS, "config=iris", "augment=table"], "show=augment draws pictures, and the data is a table"),
        ([*DIGITS, "augment=mnist", "output=sheet.jpg"], "output=sheet.jpg: the sheet is a PNG"),
        ([*DIGITS, "augment=mnist", "output=none/sheet.png"], "there is no folder none"),
        (["config=digits", "show=augmet"], "show: .*augmet.*did you mean 'augment'"),
        (["config=digits", "output=sheet.png"], "output names the file of a contact sheet; add show=augment"),
    ],
)
def test_a_sheet_that_cannot_be_drawn_is_said(words: list[str], said: str, folder: Path) -> None:
    with pytest.raises(UserError, match=said):
        check_words(words, io.StringIO())
    assert not list(folder.glob("*.png"))
