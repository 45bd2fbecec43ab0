"""A model file is data: what it says of itself may be anything, and none of it is run."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab import TINY, Lab
from safetensors import safe_open
from safetensors.torch import save_file

from nntrain.errors import UserError
from nntrain.opening import load
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
    section = config["model"] | change["model"]
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
        {"fold": 3},
        {"fold": "x"},
    ],
    ids=str,
)
def test_words_about_itself_that_make_no_sense_are_refused_with_one_line(lab: Lab, change: dict[str, object]) -> None:
    run = lab.fit("epochs=1")
    changed(run.best, **change)
    with pytest.raises(UserError, match=r"is damaged|in the model file") as refused:
        load(run.best)
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def of_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    pixels = np.random.default_rng(0).integers(256, size=(60, 12, 10), dtype=np.uint8)
    np.savez(folder / "pictures.npz", x=pixels, y=np.arange(60) % 3)
    (folder / "tiny.yaml").write_text(TINY)
    words = ("data=arrays", f"data.path={folder / 'pictures.npz'}", "model=cnn", "model.width=4", "epochs=1")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return Lab(folder).fit(*words, "augment=pictures", "augment.flip=0.5").best


@pytest.fixture
def pictures(of_pictures: Path, tmp_path: Path) -> Path:
    """The model file of a network that was trained on pictures of 12 x 10, with augmentation."""
    return Path(shutil.copy(of_pictures, tmp_path / "model.safetensors"))


def about(path: Path) -> dict[str, Any]:
    return load_model(path)[1]


def test_pictures_of_another_size_than_the_network_takes_are_refused(pictures: Path) -> None:
    preprocessing = about(pictures)["preprocessing"]
    changed(pictures, preprocessing=preprocessing | {"features": preprocessing["features"] | {"height": 9000}})
    with pytest.raises(UserError, match=r"its network takes \(1, 12, 10\), and its data is \(1, 9000, 10\)$"):
        load(pictures)


@pytest.mark.parametrize(("height", "width"), [(10**9, 10), (30_000, 30_000), (-12, -10), (12.0, 10)])
def test_pictures_whose_size_the_weights_do_not_tell_have_a_limit(pictures: Path, height: float, width: int) -> None:
    said = about(pictures)
    size = {"height": height, "width": width}
    whole = said["preprocessing"] | {"features": said["preprocessing"]["features"] | size}
    changed(pictures, features=said["features"] | size, preprocessing=whole)
    match = "describes a network larger than|describes pictures of 1 x .*; the limit is 89,478,485 values$"
    with pytest.raises(UserError, match=match):
        load(pictures)


def test_a_tables_columns_must_be_those_that_the_network_takes(lab: Lab) -> None:
    run = lab.fit("epochs=1")
    changed(run.best, preprocessing=about(run.best)["preprocessing"] | {"numeric": []})
    with pytest.raises(UserError, match=r"its network takes \(2, 16, None\), and its data is \(0, 16, None\)$"):
        load(run.best)


SETTINGS = {
    "augment.randaugment": (50, "50 is not a whole number from 0 to 8"),
    "augment.elastic_sigma": (1e9, "1000000000.0 is not a number of at most 1000"),
    "augment.shake": (1, "unknown setting of augment pictures 'shake'"),
    "augment.scale": ([2, 1], "must be the least and then the greatest"),
    "loss.gamma": ("x", "unknown setting of loss auto 'gamma'"),
    "objective.name": ("zzz", "unknown objective 'zzz'"),
    "data.val": (7.5, "7.5 is not"),
    "precision": ("zzz", "unknown precision 'zzz'"),
    "deterministic": ("no", "'no' is not true or false"),
    "seed": (-1, "-1 is not a whole number"),
}


@pytest.mark.parametrize("key", SETTINGS)
def test_settings_that_no_recipe_could_have_are_refused_with_one_line(pictures: Path, key: str) -> None:
    value, match = SETTINGS[key]
    config = about(pictures)["config"]
    group, dot, inner = key.partition(".")
    changed(pictures, config=config | ({group: config[group] | {inner: value}} if dot else {key: value}))
    with pytest.raises(
        UserError, match=f"is damaged: {key if dot else group}.*{match}|is damaged: {group}: {match}"
    ) as said:
        load(pictures)
    assert "\n" not in str(said.value)


def test_draws_for_pictures_of_another_size_are_refused_with_one_line(pictures: Path) -> None:
    config = about(pictures)["config"]
    changed(pictures, config=config | {"augment": config["augment"] | {"translate": 50}})
    with pytest.raises(UserError, match=r"augment.translate: 50 pixels of pictures of 12 x 10; choose less than 10"):
        load(pictures).predict(np.zeros((1, 12, 10)), tta=2)


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
