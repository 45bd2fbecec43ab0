"""numpy's files as data: tables of numbers, targets of every kind, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nntrain.data.arrays import ArraysSource
from nntrain.errors import UserError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
Y = np.arange(50) % 2


@pytest.fixture
def load(tmp_path):
    def load(arrays: dict, **settings):
        np.savez(tmp_path / "a.npz", **arrays)
        return ArraysSource(path=str(tmp_path / "a.npz"), **settings).load()

    return load


def test_numbers_become_columns(load):
    data = load({"x": X.astype(np.float32), "y": Y})
    assert data.features.numeric == 3
    assert data.task.classes == ("0", "1")
    columns = (torch.from_numpy(X) - torch.from_numpy(X).mean(0)) / torch.from_numpy(X).std(0)
    assert torch.allclose(data.preprocessing.inputs(X), columns.float(), atol=0.5)


def test_an_npz_gives_the_same_at_prediction(load, tmp_path):
    data = load({"x": X, "y": Y})
    split = data.preprocessing.labelled(tmp_path / "a.npz")
    assert torch.equal(split.inputs, data.preprocessing.inputs(X))
    assert split.targets.tolist() == Y.tolist()


def test_the_usual_names_and_own_ones(load):
    assert load({"X_train": X, "y_train": Y}).features.numeric == 3
    assert load({"features": X, "label": Y}, x="features", y="label").features.numeric == 3


def test_several_real_targets(load):
    data = load({"x": X, "y": X[:, :2] * 10 + 5})
    assert data.task.targets == ("y0", "y1")
    assert data.train.targets.shape == (34, 2)


def test_given_test_arrays_are_the_test_split(load):
    data = load({"x": X, "y": Y, "x_test": X[:7] + 1, "y_test": Y[:7]}, numeric="none")
    assert torch.allclose(data.test.inputs, torch.from_numpy(X[:7] + 1).float())
    assert len(data.train) + len(data.val) == 50


def test_a_pair_of_npy(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", np.array(["b", "a"])[Y])
    data = ArraysSource(path=str(tmp_path / "x.npy"), y_path=str(tmp_path / "y.npy")).load()
    assert data.task.classes == ("a", "b")


def test_float_pictures_are_taken_as_columns_with_a_word(load):
    data = load({"x": RNG.normal(size=(50, 2, 4)), "y": Y})
    assert data.features.numeric == 8
    assert "samples of shape (2, 4) are taken as 8 columns" in data.notes


MISTAKES = {
    "pickled objects": (
        {"x": np.array([{}] * 50, dtype=object), "y": Y},
        {},
        "holds pickled Python objects, which could run code",
    ),
    "no such array": (
        {"inputs": X, "y": Y},
        {"x": "input"},
        r"data.x: a.npz has no array 'input'; did you mean 'inputs'\?",
    ),
    "no targets": ({"x": X, "target": Y}, {}, r"data.y: a.npz has no array 'y' \(arrays: x, target\)"),
    "other counts": ({"x": X, "y": Y[:9]}, {}, "data.y: 50 samples, but 9 targets"),
    "a flat array": (
        {"x": X[:, 0], "y": Y},
        {},
        r"data.x: inputs are numbers of shape \[N, ...\], not float64 of shape \(50,\)",
    ),
    "missing targets": ({"x": X, "y": np.where(Y, np.nan, 1.5)}, {}, "data.y: some targets are NaN"),
    "deep targets": ({"x": X, "y": np.zeros((50, 2, 2))}, {}, "data.y: targets are numbers or text"),
    "nothing": ({"x": X[:0], "y": Y[:0]}, {}, "data.x: is empty"),
    "another test shape": (
        {"x": X, "y": Y, "x_test": X[:, :2], "y_test": Y},
        {},
        r"data.x_test: samples of shape \(2,\)",
    ),
    "test pictures of another type": (
        {"x": np.zeros((50, 4, 4), np.uint8), "y": Y, "x_test": np.zeros((50, 4, 4)), "y_test": Y},
        {},
        "data.x_test: holds float64, and data.x pictures as uint8; save both alike",
    ),
    "a lonely class": ({"x": X, "y": [*Y[:49], 2]}, {}, "class '2' has one sample"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(load, case):
    arrays, settings, said = MISTAKES[case]
    with pytest.raises(UserError, match=said):
        load(arrays, **settings)


def test_what_is_no_numpy_file_is_named(tmp_path):
    for name in ("a.npz", "a.npy"):
        (tmp_path / name).write_bytes(b"something else")
        with pytest.raises(UserError, match=rf"{name}: is no whole .npy or .npz file"):
            ArraysSource(path=str(tmp_path / name), y_path=str(tmp_path / name)).load()
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(UserError, match=r"data.y_path: 'x.npy' holds the inputs alone"):
        ArraysSource(path=str(tmp_path / "x.npy")).load()
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npy").read_bytes())
    with pytest.raises(UserError, match=r"x.npz: holds one array \(.npy\); name it so"):
        ArraysSource(path=str(tmp_path / "x.npz")).load()
    whole = tmp_path / "cut.npz"
    np.savez(whole, x=X, y=Y)
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"cut.npz: "):
        ArraysSource(path=str(whole)).load()


PIXELS = RNG.integers(0, 256, size=(50, 6, 5, 3), dtype=np.uint8)


def test_pictures_with_real_targets_stay_pictures(load, tmp_path):
    y = PIXELS.mean((1, 2, 3)) * 10 + 5
    data = load({"x": PIXELS, "y": y, "x_test": PIXELS[:7], "y_test": y[:7]})
    assert data.task.kind == "regression"
    assert data.train.inputs.shape[1:] == (3, 6, 5)
    assert data.train.inputs.dtype is torch.uint8
    assert torch.equal(data.test.inputs, torch.from_numpy(PIXELS[:7]).permute(0, 3, 1, 2))
    back = data.train.targets.double() * data.task.scale[0] + data.task.center[0]
    torch.testing.assert_close(back[:, 0], data.train.inputs.double().mean((1, 2, 3)) * 10 + 5, rtol=1e-5, atol=1e-3)
    split = data.preprocessing.labelled(tmp_path / "a.npz")
    torch.testing.assert_close(split.targets[:7], data.test.targets)
    assert torch.equal(data.preprocessing.labelled((PIXELS[:7], y[:7])).inputs, data.test.inputs)


def test_pictures_with_labels(load, tmp_path):
    y = (RNG.random((50, 3)) > 0.5).astype(np.uint8)
    data = load({"x": PIXELS, "y": y}, val=10, test=0)
    assert (data.task.kind, data.task.classes) == ("multilabel", ("y0", "y1", "y2"))
    assert data.train.targets.dtype is torch.float32
    known = {picture.tobytes(): row for picture, row in zip(PIXELS.transpose(0, 3, 1, 2), y, strict=True)}
    for split in (data.train, data.val):
        for picture, row in zip(split.inputs, split.targets, strict=True):
            assert known[picture.numpy().tobytes()].tolist() == row.tolist()
    assert torch.equal(data.preprocessing.labelled(tmp_path / "a.npz").targets, torch.from_numpy(y).float())
    assert data.summary["classes"]["train"]["y1"] == int(data.train.targets[:, 1].sum())


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (np.zeros((7, 2)), r"input: targets are float64 \(7, 2\), not numbers \[N, 3\] \(y0, y1, y2\)"),
        (np.array(["a"] * 7), r"input: targets are <U1 \(7,\), not numbers \[N, 3\]"),
        (np.full((7, 3), 2.0), "a label is 1 where the row has it and 0 where not, but column 'y0' holds 2"),
        (np.full((7, 3), np.nan), "input: some targets are NaN; leave these samples out"),
    ],
)
def test_targets_of_pictures_that_do_not_fit_the_task(load, y, text):
    data = load({"x": PIXELS, "y": (RNG.random((50, 3)) > 0.5).astype(np.uint8)})
    with pytest.raises(UserError, match=text):
        data.preprocessing.labelled((PIXELS[:7], y))
