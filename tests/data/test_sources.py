"""Every source in the table: option file, schema and signature say the same, and its dataset is sound."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from nntrain.config.schema.data import DATASETS, FIELDS, VISION_FILES, conflicts
from nntrain.data import bundled, bundled_files, synthetic
from nntrain.data.dataset import Dataset, PixelFeatures
from nntrain.data.preprocessing import from_state
from nntrain.data.table import SOURCES
from nntrain.data.vision import source as vision
from nntrain.data.vision.sets import ListSet
from nntrain.errors import UserError

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "data"


def options(name: str) -> dict:
    section = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    assert section.pop("name") == name
    return section


def test_every_option_file_is_a_source_and_every_source_has_one():
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_the_option_file_is_the_constructor(name):
    parameters = inspect.signature(SOURCES[name]).parameters
    defaults = {key: list(p.default) if isinstance(p.default, tuple) else p.default for key, p in parameters.items()}
    written = options(name)
    assert written == {**defaults, **({"types": {}} if "types" in defaults else {})}


@pytest.mark.parametrize("name", SOURCES)
def test_defaults_satisfy_the_schema(name):
    section = options(name)
    assert {key: said for key, value in section.items() if (said := FIELDS[key].complaint(value))} == {}
    assert list(conflicts({"name": name, **section})) == []


@pytest.mark.parametrize("name", SOURCES)
def test_every_line_of_an_option_file_is_explained(name):
    first, *lines = (CONFIGS / f"{name}.yaml").read_text().splitlines()
    assert first.startswith("# ")
    assert first.endswith(".")
    assert [line for line in lines if "#" not in line and not line.startswith("name:")] == []


def test_schema_and_sources_know_the_same_data_sets():
    assert DATASETS["bundled"] == bundled.DATASETS
    assert set(DATASETS["vision"]) == set(vision.VISION)
    lists = {name for name, known in vision.VISION.items() if isinstance(known, ListSet)}
    assert set(VISION_FILES) == lists
    assert DATASETS["synthetic"] == synthetic.DATASETS


CONFLICTS = {
    "another source's data set": ({"name": "bundled", "dataset": "moons"}, ["dataset"]),
    "three moons": ({"name": "synthetic", "dataset": "moons", "classes": 3}, ["classes"]),
    "names for synthetic classes": ({"name": "synthetic", "dataset": "blobs", "classes": ["a", "b"]}, ["classes"]),
    "a count for the names of classes": ({"name": "idx", "classes": 10}, ["classes"]),
    "a long separator": ({"name": "table", "separator": "=>"}, ["separator"]),
    "two dividers": ({"name": "table", "group_column": "g", "time_column": "t"}, ["time_column"]),
    "groups and a validation file": ({"name": "table", "group_column": "g", "val_path": "v.csv"}, ["group_column"]),
    "a split column and a test file": ({"name": "table", "split_column": "s", "test_path": "t"}, ["split_column"]),
    "folds over time": ({"name": "table", "folds": 5, "time_column": "t"}, ["folds"]),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_settings_that_exclude_each_other(case):
    section, keys = CONFLICTS[case]
    assert [key for key, _ in conflicts(section)] == keys


EXAMPLES = (
    [("bundled", {"dataset": name}) for name in bundled.DATASETS]
    + [("synthetic", {"dataset": name, "samples": 60}) for name in synthetic.DATASETS]
    + [("table", {"target": "y"}), ("idx", {}), ("vision", {}), ("arrays", {})]
)


@pytest.fixture
def example(request, tmp_path) -> Dataset:
    name, settings = request.param
    rng = np.random.default_rng(0)
    if name == "table":
        lines = ["a,b,y", *(f"{rng.normal():.3f},{'uvw'[i % 3]},{rng.normal():.3f}" for i in range(40))]
        (tmp_path / "t.csv").write_text("\n".join(lines))
        settings = {**settings, "path": str(tmp_path / "t.csv")}
    if name == "arrays":
        np.savez(tmp_path / "a.npz", x=rng.normal(size=(40, 3)), y=np.arange(40) % 2)
        settings = {"path": str(tmp_path / "a.npz")}
    if name in ("idx", "vision"):
        write_idx_files(tmp_path, rng)
        settings = {"path" if name == "idx" else "root": str(tmp_path)}
    return SOURCES[name](**settings).load()


def write_idx_files(folder: Path, rng: np.random.Generator, train: int = 40, test: int = 10) -> None:
    for part, count in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, size=(count, 28, 28), dtype=np.uint8)
        header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in images.shape)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            bytes([0, 0, 8, 1]) + count.to_bytes(4, "big") + labels.tobytes()
        )


@pytest.mark.parametrize("example", EXAMPLES, indirect=True, ids=lambda e: "-".join([e[0], *map(str, e[1].values())]))
def test_what_a_source_hands_on_is_sound(example):
    import json

    data = example
    pixels = isinstance(data.features, PixelFeatures)
    for split in (data.train, data.val, data.test):
        assert split is not None
        assert len(split.inputs) == len(split.targets) > 0
        assert split.inputs.dtype == (torch.uint8 if pixels else torch.float32)
        assert split.inputs.is_contiguous()
        if data.task.is_classification:
            assert split.targets.dtype == torch.int64
            assert split.targets.ndim == 1
            assert 0 <= split.targets.min() <= split.targets.max() < len(data.task.classes)
        else:
            assert split.targets.dtype == torch.float32
            assert split.targets.shape == (len(split), len(data.task.targets))
    if pixels:
        assert data.train.inputs.shape[1:] == (data.features.channels, data.features.height, data.features.width)
    else:
        assert data.train.inputs.shape[1] == data.features.numeric + len(data.features.cardinalities)
        assert bool(torch.isfinite(data.train.inputs).all())
    if not data.task.is_classification:
        assert data.train.targets.mean(0).abs().max() < 1e-5
        assert torch.allclose(data.train.targets.std(0, correction=0), torch.ones(len(data.task.targets)), atol=1e-5)
    assert from_state(json.loads(json.dumps(data.preprocessing.state()))) == data.preprocessing
    json.dumps(dict(data.summary))
    assert len(data.fingerprint) == 16


@pytest.mark.parametrize("name", ["bundled", "synthetic", "vision"])
def test_an_unknown_data_set_names_the_nearest(name):
    close = {"bundled": "wime", "synthetic": "spiral", "vision": "kmnits"}[name]
    meant = {"bundled": "wine", "synthetic": "spirals", "vision": "kmnist"}[name]
    with pytest.raises(UserError, match=f"data.dataset: unknown .* '{close}'; did you mean '{meant}'"):
        SOURCES[name](dataset=close)


def test_digits_are_grey_pictures_of_17_levels():
    data = SOURCES["bundled"](dataset="digits").load()
    assert data.train.inputs.shape[1:] == (1, 8, 8)
    assert int(data.train.inputs.max()) == 16
    assert data.task.classes == tuple("0123456789")


def test_bundled_sets_need_neither_scikit_learn_nor_polars():
    import subprocess
    import sys

    code = (
        "import sys; from nntrain.data.table import SOURCES;"
        "SOURCES['bundled'](dataset='iris').load(); SOURCES['bundled'](dataset='digits').load();"
        "SOURCES['synthetic']().load();"
        "print([m for m in ('sklearn', 'polars', 'torchvision', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", synthetic.DATASETS)
def test_synthetic_data_depends_on_its_own_seed_alone(name):
    make = SOURCES["synthetic"]
    first, again = (make(dataset=name).load() for _ in range(2))
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert not torch.equal(first.train.inputs, make(dataset=name, data_seed=1).load().train.inputs)


def test_circles_lie_on_circles_without_noise():
    points, label = synthetic.SyntheticSource(dataset="circles", noise=0.0, samples=50).draw()
    radius = np.hypot(*points.T)
    assert np.allclose(radius, np.where(label == 0, 1.0, 0.5))


def test_sinusoid_is_the_sine_without_noise():
    points, values = synthetic.SyntheticSource(dataset="sinusoid", noise=0.0, samples=50).draw()
    assert np.allclose(values, np.sin(points[:, 0]))


@pytest.mark.parametrize("name", bundled.DATASETS)
def test_bundled_sets_are_those_of_scikit_learn_to_the_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = bundled_files._from_files(name), bundled_files._from_sklearn(name)
    assert ours is not None
    assert (ours.features, ours.classes) == (theirs.features, theirs.classes)
    assert (ours.data.dtype, ours.target.dtype) == (theirs.data.dtype, theirs.target.dtype)
    assert ours.data.tobytes() == theirs.data.tobytes()
    assert ours.target.tobytes() == theirs.target.tobytes()
    monkeypatch.setitem(bundled_files.FILES, name, ("another name",))
    assert bundled_files.read_bundled(name).data.tobytes() == theirs.data.tobytes()
