"""Pictures: IDX files, torchvision's folders, arrays; and raw pictures of every form at prediction."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nntrain.data.arrays import ArraysSource
from nntrain.data.idx import FILES, IdxSource, read_idx
from nntrain.data.pictures.assembling import picture_dataset
from nntrain.data.preprocessing import from_state
from nntrain.data.splitting import Shares
from nntrain.data.vision.mnist import FAMILY
from nntrain.data.vision.source import VisionSource
from nntrain.errors import UserError


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def write_family(
    folder: Path, files=FILES, *, zipped: bool = False, first: int = 0, classes: int = 10
) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for i, name in enumerate(files):
        count = 40 if i < 2 else 12
        if i % 2 == 0:
            array = rng.integers(0, 256, size=(count, 6, 5), dtype=np.uint8)
        else:
            array = (first + np.arange(count) % classes).astype(np.uint8)
        arrays[name] = array
        content = idx(array)
        if "idx2-int" in name:
            content = idx(np.stack([array] + [array * 0] * 7, axis=1).astype(">i4"), 0x0C)
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return arrays


@pytest.mark.parametrize("zipped", [False, True])
def test_four_idx_files_become_splits(tmp_path, zipped):
    arrays = write_family(tmp_path, zipped=zipped)
    data = IdxSource(path=str(tmp_path), val=10).load()
    assert (len(data.train), len(data.val), len(data.test)) == (30, 10, 12)
    assert torch.equal(data.test.inputs[:, 0], torch.from_numpy(arrays[FILES[2]]))
    assert data.test.targets.tolist() == arrays[FILES[3]].tolist()
    assert np.bincount(data.val.targets).tolist() == [1] * 10
    known = {tuple(p.ravel()): y for p, y in zip(arrays[FILES[0]], arrays[FILES[1]], strict=True)}
    for split in (data.train, data.val):
        assert all(
            known[tuple(p.ravel())] == y for p, y in zip(split.inputs.numpy(), split.targets.numpy(), strict=True)
        )


def test_idx_files_of_which_some_labels_are_kept(tmp_path):
    write_family(tmp_path)
    data = IdxSource(path=str(tmp_path), val=10, labels=20).load()
    assert data.train.targets.bincount().tolist() == [2] * 10
    assert data.unlabelled.shape == (10, 1, 6, 5)
    assert any("20 of 30 training pictures keep their label (data.labels)" in note for note in data.notes)


def test_pixel_statistics_are_those_of_the_training_pictures(tmp_path):
    write_family(tmp_path)
    data = IdxSource(path=str(tmp_path)).load()
    pixels = data.train.inputs.double()
    assert data.features.mean[0] == pytest.approx(float(pixels.mean()))
    assert data.features.std[0] == pytest.approx(float(pixels.std(correction=0)))


@pytest.mark.parametrize("name", FAMILY)
def test_torchvisions_folders_are_read_without_torchvision(tmp_path, name):
    family = FAMILY[name]
    arrays = write_family(tmp_path / family.folder / "raw", family.files, first=family.first_label)
    before = "torchvision" in sys.modules
    data = VisionSource(dataset=name, root=str(tmp_path)).load()
    assert ("torchvision" in sys.modules) == before
    expected = torch.from_numpy(arrays[family.files[2]])
    assert torch.equal(data.test.inputs[:, 0], expected.mT if family.transposed else expected)
    assert data.test.targets[:3].tolist() == [0, 1, 2]
    assert data.task.classes == family.classes


def test_missing_files_say_where_they_were_sought_and_how_to_get_them(tmp_path):
    with pytest.raises(
        UserError, match=r"data.root: the files of kmnist .* none of '.*KMNIST.raw'.* set data.download=true"
    ):
        VisionSource(dataset="kmnist", root=str(tmp_path)).load()
    (tmp_path / FILES[0]).write_bytes(b"")
    with pytest.raises(UserError, match=r"lacks train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels"):
        IdxSource(path=str(tmp_path)).load()
    (tmp_path.parent / "digits").mkdir(exist_ok=True)
    with pytest.raises(UserError, match=r"data.path: no folder '.*digit'; did you mean 'digits'\?"):
        IdxSource(path=str(tmp_path.parent / "digit")).load()


def test_a_download_that_fails_is_one_line(tmp_path, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")

    def fail(*args, **kwargs):
        raise RuntimeError("Error downloading train-images\nmore")

    monkeypatch.setattr(datasets, "MNIST", fail)
    with pytest.raises(
        UserError, match=r"^data.download: MNIST cannot be downloaded to '.*': Error downloading train-images$"
    ):
        VisionSource(root=str(tmp_path), download=True).load()


WHOLE = idx(np.zeros((3, 4), np.uint8))
BROKEN = {
    "truncated": (WHOLE[:-3], r"is truncated: its header says \(3, 4\), 24 bytes in all, and it has 21"),
    "too long": (WHOLE + b"x", "is too long"),
    "a wrong magic number": (b"\x89PNG" + WHOLE, r"is no IDX file \(it begins with 0x89504e47, not 0x0000080X\)"),
    "empty": (b"", "is no IDX file"),
    "half a gzip": (gzip.compress(WHOLE)[:-9], "is no whole gzip file"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_idx_file_is_named(tmp_path, case):
    content, said = BROKEN[case]
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_idx(tmp_path / "f")


def test_labels_out_of_range_and_of_another_count_are_named(tmp_path):
    arrays = write_family(tmp_path)
    with pytest.raises(UserError, match=r"train-labels.*: label 3 of sample 3 is out of range; 3 classes allow 0 to 2"):
        IdxSource(path=str(tmp_path), classes=["a", "b", "c"]).load()
    (tmp_path / FILES[3]).write_bytes(idx(np.full(12, 10, np.uint8)))
    with pytest.raises(UserError, match=r"t10k-labels.*: label 10 of sample 0 is out of range; 10 classes"):
        IdxSource(path=str(tmp_path)).load()
    (tmp_path / FILES[3]).write_bytes(idx(arrays[FILES[3]][:5]))
    with pytest.raises(
        UserError, match=r"t10k-images-idx3-ubyte: holds 12 pictures, but t10k-labels-idx1-ubyte 5 labels"
    ):
        IdxSource(path=str(tmp_path)).load()


@pytest.fixture
def colour(tmp_path):
    """Colour pictures [N, 3, 6, 5] from an .npz."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, size=(40, 6, 5, 3), dtype=np.uint8)
    np.savez(
        tmp_path / "a.npz",
        x=x,
        y=np.array(["cat", "dog"])[np.arange(40) % 2],
        x_test=x[:4],
        y_test=np.array(["cat", "dog"] * 2),
    )
    return x, ArraysSource(path=str(tmp_path / "a.npz")).load()


def test_arrays_of_pictures(colour):
    x, data = colour
    assert data.train.inputs.shape[1:] == (3, 6, 5)
    assert data.task.classes == ("cat", "dog")
    assert torch.equal(data.test.inputs, torch.from_numpy(x[:4]).permute(0, 3, 1, 2))


def test_every_form_of_the_same_pictures_gives_the_same_inputs(colour, tmp_path):
    x, data = colour
    expected = torch.from_numpy(x[:4]).permute(0, 3, 1, 2)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(4):
        Image.fromarray(x[i]).save(folder / f"{i}.png")
    np.save(tmp_path / "p.npy", x[:4])
    rows = x[:4].transpose(0, 3, 1, 2).reshape(4, -1)
    np.savetxt(tmp_path / "p.csv", rows, fmt="%d", delimiter=",")
    forms = {
        "folder": folder,
        "files": [str(folder / f"{i}.png") for i in range(4)],
        "PIL images": [Image.fromarray(x[i]) for i in range(4)],
        "array, colours last": x[:4],
        "array, colours first": expected.numpy(),
        "tensor": expected,
        "rows": rows,
        "npy": tmp_path / "p.npy",
        "npz": tmp_path / "a.npz",
        "csv": tmp_path / "p.csv",
    }
    for form, raw in forms.items():
        assert torch.equal(data.preprocessing.inputs(raw)[:4], expected), form
    assert torch.equal(data.preprocessing.inputs(folder / "2.png"), expected[2:3])


def test_a_table_that_is_no_pictures_is_refused(colour, tmp_path):
    (tmp_path / "t.csv").write_text("a,where\n1,here\n2,there\n")
    said = r"t.csv: the model takes pictures, as files, a folder, .*; column 'where' is to be numeric, but 'here'"
    with pytest.raises(UserError, match=said):
        colour[1].preprocessing.inputs(tmp_path / "t.csv")


def test_pictures_are_called_by_their_files(colour, tmp_path):
    x, data = colour
    for name in ("b.png", "a.png"):
        Image.fromarray(x[0]).save(tmp_path / name)
    names, pictures = data.preprocessing.named(tmp_path)
    assert names == ["a.png", "b.png"]
    assert data.preprocessing.inputs(pictures) is pictures
    assert torch.equal(pictures, data.preprocessing.inputs(tmp_path))
    assert data.preprocessing.named(tmp_path / "b.png")[0] == ["b.png"]
    assert data.preprocessing.named([tmp_path / "b.png"])[0] == [str(tmp_path / "b.png")]
    assert data.preprocessing.named(x) == (None, x)
    assert data.preprocessing.named(tmp_path / "a.npz") == (None, tmp_path / "a.npz")


def test_pictures_of_another_size_and_colour_are_fitted(colour, tmp_path):
    _, data = colour
    Image.new("L", (20, 30), 128).save(tmp_path / "grey.png")
    assert torch.equal(
        data.preprocessing.inputs(tmp_path / "grey.png"), torch.full((1, 3, 6, 5), 128, dtype=torch.uint8)
    )
    assert torch.equal(
        data.preprocessing.inputs(np.full((2, 12, 10, 3), 7, np.uint8)), torch.full((2, 3, 6, 5), 7, dtype=torch.uint8)
    )


def test_files_are_scaled_to_the_greys_of_training(tmp_path):
    from nntrain.data.bundled import BundledSource

    data = BundledSource().load()
    Image.new("RGB", (40, 40), (255, 255, 255)).save(tmp_path / "white.png")
    assert int(data.preprocessing.inputs(tmp_path / "white.png").min()) == 16
    assert torch.equal(data.preprocessing.inputs(data.test.inputs.numpy().reshape(-1, 64)), data.test.inputs)


def numbered(count: int, start: int = 0) -> np.ndarray:
    """Pictures [N, 1, 2, 2], each of one shade of its own."""
    return np.repeat(np.arange(start, start + count, dtype=np.uint8), 4).reshape(count, 1, 2, 2)


def shades(inputs: torch.Tensor) -> set[int]:
    return set(inputs[:, 0, 0, 0].tolist())


def test_validation_and_pictures_without_labels_may_come_apart():
    labels = np.arange(20) % 2
    data = picture_dataset(
        numbered(20),
        labels,
        ("a", "b"),
        Shares(0.5, 0.25),
        "x",
        val=(numbered(4, 50), labels[:4]),
        unlabelled=numbered(3, 90),
        keep_labels=6,
    )
    assert [len(part) for part in (data.train, data.val, data.test)] == [6, 4, 5]
    assert shades(data.val.inputs) == set(range(50, 54))
    assert np.bincount(data.train.targets).tolist() == [3, 3]
    assert shades(data.unlabelled) | shades(data.train.inputs) | shades(data.test.inputs) == {*range(20), 90, 91, 92}
    assert data.summary["unlabelled"] == len(data.unlabelled) == 9 + 3
    assert data.notes == (
        "6 of 15 training pictures keep their label (data.labels); the rest is for pre-training alone",
    )


def test_a_model_file_of_the_first_release_stretches_as_it_did(colour):
    state = colour[1].preprocessing.state()
    old = {key: value for key, value in state.items() if key not in ("fit", "standardize_target")}
    assert from_state(old).fit == "stretch"
    with pytest.raises(UserError, match=r"preprocessing in the model file is damaged: ValueError fit 'zoom'"):
        from_state({**state, "fit": "zoom"})


def test_labelled_pictures(colour, tmp_path):
    x, data = colour
    for i, name in enumerate(("cat", "dog")):
        (tmp_path / "by class" / name).mkdir(parents=True)
        Image.fromarray(x[i]).save(tmp_path / "by class" / name / "1.png")
    expected = torch.from_numpy(x[:2]).permute(0, 3, 1, 2)
    np.savez(tmp_path / "b.npz", x=x[:2], y=np.array([0, 1]))
    rows = x[:2].transpose(0, 3, 1, 2).reshape(2, -1)
    lines = [
        ",".join(["label", *(f"p{i}" for i in range(90))]),
        *(",".join([str(i), *map(str, row)]) for i, row in enumerate(rows)),
    ]
    (tmp_path / "p.csv").write_text("\n".join(lines))
    for raw in (tmp_path / "by class", tmp_path / "b.npz", tmp_path / "p.csv", (x[:2], ["cat", "dog"])):
        split = data.preprocessing.labelled(raw)
        assert torch.equal(split.inputs, expected)
        assert split.targets.tolist() == [0, 1]


def test_mistakes_in_pictures_are_named(colour, tmp_path):
    take = colour[1].preprocessing
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and no more")
    with pytest.raises(UserError, match=r"input: folder '.*empty' holds no pictures"):
        take.inputs(tmp_path / "empty")
    (tmp_path / "mk.py").write_text("import os\n")
    for read in (take.inputs, take.labelled):
        with pytest.raises(
            UserError, match=r"mk.py: unknown ending '\.py' \(known: .*\.png, .*\.zip, \.csv, .*or a folder"
        ):
            read(tmp_path / "mk.py")
    with pytest.raises(UserError, match=r"broken.png: cannot be read as a picture"):
        take.inputs(tmp_path / "broken.png")
    with pytest.raises(UserError, match=r"input: no file '.*broke.png'; did you mean 'broken.png'\?"):
        take.inputs(tmp_path / "broke.png")
    with pytest.raises(UserError, match=r"label 'cow' is none of the classes \(classes: cat, dog\)"):
        take.labelled((colour[0][:1], ["cow"]))
    with pytest.raises(UserError, match=r"holds no folders of pictures \(\.jpg, .*\), one for each class"):
        take.labelled(tmp_path / "empty")


def test_mnist_straight_from_its_files(shared_data: Path):
    data = VisionSource(root=str(shared_data / "mnist"), val=5000).load()
    assert (len(data.train), len(data.val), len(data.test)) == (55_000, 5_000, 10_000)
    assert data.features.mean[0] / 255 == pytest.approx(0.1307, abs=0.001)
    assert data.features.std[0] / 255 == pytest.approx(0.3081, abs=0.001)
    assert np.bincount(data.test.targets).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
