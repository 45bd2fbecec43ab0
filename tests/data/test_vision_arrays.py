"""Data sets whose files hold the pixels, in tiny files of their true formats."""

from __future__ import annotations

import bz2
import http.client
import io
import pickle
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from nntrain.config.compose import compose
from nntrain.data.vision.sets import ArraySet
from nntrain.data.vision.source import VISION, VisionSource
from nntrain.errors import UserError

RNG = np.random.default_rng(0)
CIFAR10_CLASSES = [b"airplane", b"automobile", b"bird", b"cat", b"deer", b"dog", b"frog", b"horse", b"ship", b"truck"]


def pictures(count: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, size=(count, *shape), dtype=np.uint8)


def batch(count: int, start: int = 0) -> tuple[np.ndarray, list[int]]:
    return pictures(count, 3072), [(start + i) % 10 for i in range(count)]


def cifar10_pickled(root: Path) -> dict[str, np.ndarray]:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    held = []
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        pixels, labels = batch(20)
        held.append(pixels.reshape(-1, 3, 32, 32))
        content = {b"batch_label": name.encode(), b"labels": labels, b"data": pixels, b"filenames": [b"a.png"] * 20}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    meta = {b"num_cases_per_batch": 20, b"label_names": CIFAR10_CLASSES, b"num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    return {"train": np.concatenate(held[:5]), "test": held[5], "first": "airplane", "classes": 10}


def cifar10_binary(root: Path) -> dict[str, np.ndarray]:
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    held = []
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        pixels, labels = batch(20)
        held.append(pixels.reshape(-1, 3, 32, 32))
        np.concatenate([np.array(labels, np.uint8)[:, None], pixels], 1).tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join(name.decode() for name in CIFAR10_CLASSES) + "\n\n")
    return {"train": np.concatenate(held[:5]), "test": held[5], "first": "airplane", "classes": 10}


def cifar100_pickled(root: Path) -> dict[str, np.ndarray]:
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    held = {}
    for name, count in (("train", 80), ("test", 20)):
        pixels, labels = batch(count)
        held[name] = pixels.reshape(-1, 3, 32, 32)
        content = {b"data": pixels, b"fine_labels": labels, b"coarse_labels": [label // 5 for label in labels]}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    names = {b"fine_label_names": [f"fine {i}".encode() for i in range(10)], b"coarse_label_names": [b"sea", b"land"]}
    (folder / "meta").write_bytes(pickle.dumps(names, protocol=2))
    return {**held, "first": "fine 0", "classes": 10}


def cifar100_binary(root: Path) -> dict[str, np.ndarray]:
    folder = root / "cifar-100-binary"
    folder.mkdir(parents=True)
    held = {}
    for name, count in (("train", 80), ("test", 20)):
        pixels, labels = batch(count)
        held[name] = pixels.reshape(-1, 3, 32, 32)
        both = np.stack([np.array(labels) // 5, labels], 1).astype(np.uint8)
        np.concatenate([both, pixels], 1).tofile(folder / f"{name}.bin")
    (folder / "fine_label_names.txt").write_text("\n".join(f"fine {i}" for i in range(10)))
    (folder / "coarse_label_names.txt").write_text("sea\nland\n")
    return {**held, "first": "fine 0", "classes": 10}


def coarse(write: Callable[[Path], dict]) -> Callable[[Path], dict]:
    return lambda root: {**write(root), "first": "sea", "classes": 2, "labels": [i % 10 // 5 for i in range(20)]}


def svhn(root: Path) -> dict[str, np.ndarray]:
    held = {}
    for name, count in (("train", 80), ("test", 20), ("extra", 30)):
        held[name] = pictures(count, 3, 32, 32)
        labels = np.array([i % 10 or 10 for i in range(count)], dtype=np.uint8)[:, None]  # 10 stands for 0
        savemat(root / f"{name}_32x32.mat", {"X": held[name].transpose(2, 3, 1, 0), "y": labels}, do_compression=True)
    return {**held, "first": "0", "classes": 10}


def svhn_extra(root: Path) -> dict[str, np.ndarray]:
    held = svhn(root)
    return {**held, "train": np.concatenate([held["train"], held["extra"]])}


def stl10(root: Path) -> dict[str, np.ndarray]:
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    held = {name: pictures(count, 3, 96, 96) for name, count in (("train", 40), ("test", 20), ("unlabeled", 7))}
    for name, array in held.items():
        array.transpose(0, 1, 3, 2).tofile(folder / f"{name}_X.bin")  # by columns
        (np.arange(len(array)) % 10 + 1).astype(np.uint8).tofile(folder / f"{name}_y.bin")
    return {**held, "first": "airplane", "classes": 10}


def usps(root: Path) -> dict[str, np.ndarray]:
    held = {}
    for name, file, count in (("train", "usps.bz2", 80), ("test", "usps.t.bz2", 20)):
        values = RNG.uniform(-1, 1, size=(count, 256)).round(6)
        lines = [
            f"{i % 10 + 1} " + " ".join(f"{j + 1}:{v:.6f}" for j, v in enumerate(row)) for i, row in enumerate(values)
        ]
        (root / file).write_bytes(bz2.compress("\n".join(lines).encode()))
        held[name] = (
            ((values.astype(np.float32) + 1) / 2 * 255).astype(np.uint8).reshape(-1, 1, 16, 16)
        )  # torchvision's
    return {**held, "first": "0", "classes": 10}


def semeion(root: Path) -> dict[str, np.ndarray]:
    bits = RNG.integers(0, 2, size=(80, 256))
    marks = np.eye(10, dtype=int)[np.arange(80) % 10]
    np.savetxt(root / "semeion.data", np.concatenate([bits, marks], 1), fmt="%.4f")
    return {"all": (bits * 255).astype(np.uint8).reshape(-1, 1, 16, 16), "first": "0", "classes": 10}


def fer2013(root: Path, name: str = "fer2013.csv") -> dict[str, np.ndarray]:
    (root / "fer2013").mkdir()
    held = {"train": pictures(80, 1, 48, 48), "test": pictures(20, 1, 48, 48)}
    spaced = name == "icml_face_data.csv"
    lines = ["emotion, Usage, pixels" if spaced else "emotion,pixels,Usage"]
    for split, usages in (("train", ["Training"]), ("test", ["PublicTest", "PrivateTest"])):
        for i, picture in enumerate(held[split]):
            pixels, usage = " ".join(map(str, picture.ravel())), usages[i % len(usages)]
            lines.append(f"{i % 7},{usage},{pixels}" if spaced else f"{i % 7},{pixels},{usage}")
    (root / "fer2013" / name).write_text("\n".join(lines))
    return {**held, "first": "angry", "classes": 7, "labels": [i % 7 for i in range(20)]}


FILES: dict[str, tuple[str, Callable[[Path], dict]]] = {
    "cifar10": ("cifar10", cifar10_pickled),
    "cifar10 binary": ("cifar10", cifar10_binary),
    "cifar100": ("cifar100", cifar100_pickled),
    "cifar100 binary": ("cifar100", cifar100_binary),
    "cifar100_coarse": ("cifar100_coarse", coarse(cifar100_pickled)),
    "cifar100_coarse binary": ("cifar100_coarse", coarse(cifar100_binary)),
    "svhn": ("svhn", svhn),
    "svhn_extra": ("svhn_extra", svhn_extra),
    "stl10": ("stl10", stl10),
    "usps": ("usps", usps),
    "semeion": ("semeion", semeion),
    "fer2013": ("fer2013", fer2013),
    "fer2013 of the challenge": ("fer2013", lambda root: fer2013(root, "icml_face_data.csv")),
}


def test_every_array_set_has_an_example():
    idx = {name for name in VISION if "mnist" in name}  # in test_pictures
    assert {name for name, _ in FILES.values()} == {n for n, s in VISION.items() if isinstance(s, ArraySet)} - idx


@pytest.mark.parametrize("case", FILES)
def test_pictures_and_labels_are_those_of_the_files(tmp_path, case):
    name, write = FILES[case]
    held = write(tmp_path)
    before = "torchvision" in sys.modules
    data = VisionSource(dataset=name, root=str(tmp_path), val=0.2).load()
    assert ("torchvision" in sys.modules) == before
    assert len(data.task.classes) == held["classes"]
    assert data.task.classes[0] == held["first"]
    if "all" in held:  # no test pictures are published: they are drawn
        parts = [data.train, data.val, data.test]
        assert sorted(p.numpy().tobytes() for part in parts for p in part.inputs) == sorted(
            p.tobytes() for p in held["all"]
        )
        return
    assert torch.equal(data.test.inputs, torch.from_numpy(held["test"]))
    assert data.test.targets.tolist() == held.get("labels", [i % 10 for i in range(20)])
    label = {p.tobytes(): i for i, p in enumerate(held["train"])}
    rows = [label[p.numpy().tobytes()] for part in (data.train, data.val) for p in part.inputs]
    assert sorted(rows) == list(range(len(held["train"])))
    targets = torch.cat([data.train.targets, data.val.targets]).tolist()
    if "labels" not in held and name != "svhn_extra":
        assert targets == [row % 10 for row in rows]


def test_stl10_brings_its_pictures_without_labels(tmp_path):
    held = stl10(tmp_path)
    data = VisionSource(dataset="stl10", root=str(tmp_path)).load()
    assert torch.equal(data.unlabelled, torch.from_numpy(held["unlabeled"]))
    kept = VisionSource(dataset="stl10", root=str(tmp_path), labels=10).load()
    assert len(kept.unlabelled) == len(data.train) - 10 + 7
    more = tmp_path / "stl10_binary" / "unlabeled_X.bin"
    more.write_bytes(bytes(more.stat().st_size))
    assert VisionSource(dataset="stl10", root=str(tmp_path)).load().fingerprint != data.fingerprint
    more.unlink()
    assert VisionSource(dataset="stl10", root=str(tmp_path)).load().unlabelled is None


def test_some_labels_are_kept_and_the_other_pictures_have_none(tmp_path):
    cifar10_pickled(tmp_path)
    data = VisionSource(dataset="cifar10", root=str(tmp_path), val=20, labels=30).load()
    assert np.bincount(data.train.targets).tolist() == [3] * 10
    assert (len(data.val), len(data.test), len(data.unlabelled)) == (20, 20, 50)


def test_the_classes_asked_for_in_their_order_are_one_output_where_they_are_two(tmp_path, monkeypatch):
    cifar10_pickled(tmp_path)
    data = VisionSource(dataset="cifar10", root=str(tmp_path), classes=["dog", "cat"]).load()
    assert data.task.classes == ("dog", "cat")
    assert (len(data.train) + len(data.val), len(data.test)) == (20, 4)
    whole = VisionSource(dataset="cifar10", root=str(tmp_path)).load()
    dogs = whole.test.inputs[whole.test.targets == 5]
    assert torch.equal(data.test.inputs[data.test.targets == 0], dogs)


def test_classes_that_are_numbers_may_be_written_as_numbers(tmp_path):
    svhn(tmp_path)
    assert VisionSource(dataset="svhn", root=str(tmp_path), classes=[3, 8]).load().task.classes == ("3", "8")


WRONG = {
    "a class that there is not": (
        {"classes": ["cat", "dogg"]},
        r"data.classes: unknown class 'dogg'; did you mean 'dog'",
    ),
    "a class named twice": ({"classes": ["cat", "cat"]}, r"data.classes: names a class twice \(cat, cat\)"),
    "too many labels": ({"labels": 1000}, r"data.labels: 1000 is more than the \d+ training pictures"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_choice_that_cannot_be_is_named(tmp_path, case):
    cifar10_pickled(tmp_path)
    given, text = WRONG[case]
    with pytest.raises(UserError, match=text):
        VisionSource(dataset="cifar10", root=str(tmp_path), **given).load()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["data.size=64"],
            "data.size: is for data sets of picture files; the pictures of cifar10 are taken as they are",
        ),
        (["data.colour=grey"], "data.colour: is for data sets of picture files"),
        (["data.classes=3"], "data.classes: 3 is not a list of the classes' names"),
        (["data.dataset=cifar11"], "did you mean 'cifar10'"),
    ],
)
def test_what_the_schema_refuses_before_any_file_is_opened(words, text):
    with pytest.raises(UserError) as error:
        compose(["data=vision", "data.dataset=cifar10", *words])
    assert text in str(error.value)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def other(path: Path, content: object) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


PY, BIN, STL = "cifar-10-batches-py", "cifar-10-batches-bin", "stl10_binary"
BROKEN: dict[str, tuple[str, Callable[[Path], dict], str, Callable[[Path], None], str]] = {
    "a batch cut short": (
        "cifar10",
        cifar10_pickled,
        f"{PY}/data_batch_3",
        cut,
        "data_batch_3: is truncated, or no pickle",
    ),
    "a batch that would run code": (
        "cifar10",
        cifar10_pickled,
        f"{PY}/test_batch",
        lambda path: path.write_bytes(b"cos\nsystem\n(S'true'\ntR."),
        "test_batch: refused, and nothing of it was run: .* asks for os.system",
    ),
    "a batch without labels": (
        "cifar10",
        cifar10_pickled,
        f"{PY}/test_batch",
        lambda path: other(path, {b"data": pictures(2, 3072), b"fine_labels": [1, 2]}),
        r"test_batch: has no labels \(it has data, fine_labels\)",
    ),
    "pictures of another size": (
        "cifar10",
        cifar10_pickled,
        f"{PY}/test_batch",
        lambda path: other(path, {b"data": pictures(2, 3000), b"labels": [1, 2]}),
        r"test_batch: data is uint8 \(2, 3000\), not pictures uint8 \[N, 3072\]",
    ),
    "labels of other pictures": (
        "cifar10",
        cifar10_pickled,
        f"{PY}/test_batch",
        lambda path: other(path, {b"data": pictures(2, 3072), b"labels": [1, 2, 3]}),
        r"test_batch: 2 pictures, but labels are int64 \(3,\)",
    ),
    "a label of no class": (
        "cifar10",
        cifar10_pickled,
        f"{PY}/test_batch",
        lambda path: other(path, {b"data": pictures(2, 3072), b"labels": [1, 10]}),
        "test_batch: label 10 of sample 1 is out of range; 10 classes allow 0 to 9",
    ),
    "no names": (
        "cifar10",
        cifar10_pickled,
        f"{PY}/batches.meta",
        lambda path: other(path, {b"num_vis": 3072}),
        "batches.meta: has no list label_names of the classes' names",
    ),
    "a binary batch cut short": (
        "cifar10",
        cifar10_binary,
        f"{BIN}/data_batch_2.bin",
        cut,
        "data_batch_2.bin: is truncated: 61453 bytes are no whole number of pictures of 3073 bytes each",
    ),
    "half a MATLAB file": ("svhn", svhn, "train_32x32.mat", cut, "train_32x32.mat: is truncated, or no MATLAB file: "),
    "a MATLAB file of other arrays": (
        "svhn",
        svhn,
        "test_32x32.mat",
        lambda path: savemat(path, {"pictures": np.zeros(3)}),
        r"test_32x32.mat: has no array X and no array y \(it has none of them\)",
    ),
    "a MATLAB file of another shape": (
        "svhn",
        svhn,
        "test_32x32.mat",
        lambda path: savemat(path, {"X": np.zeros((3, 4), np.uint8), "y": np.zeros((3, 1))}),
        r"X is uint8 \(3, 4\) and y \(3, 1\), not uint8 \[32, 32, 3, N\] and \[N, 1\]",
    ),
    "half a picture": (
        "stl10",
        stl10,
        f"{STL}/train_X.bin",
        cut,
        "train_X.bin: is truncated: .* bytes are no whole number of pictures of 27648 bytes each",
    ),
    "fewer labels": (
        "stl10",
        stl10,
        f"{STL}/test_y.bin",
        cut,
        "test_X.bin: holds 20 pictures, but test_y.bin 13 labels",
    ),
    "half a bzip2": ("usps", usps, "usps.t.bz2", cut, "usps.t.bz2: is truncated, or no bzip2 file"),
    "other numbers": (
        "semeion",
        semeion,
        "semeion.data",
        lambda path: path.write_text("1 2 3\n4 5 6\n"),
        "semeion.data: rows are 256 pixels and 10 marks, each 0 or 1, of which one mark is 1",
    ),
    "a line cut short": (
        "fer2013",
        fer2013,
        "fer2013/fer2013.csv",
        lambda path: path.write_text("emotion,pixels,Usage\n3,1 2 3,Training\n"),
        "fer2013.csv: line 2 is no emotion with 2304 pixels; is the file truncated",
    ),
    "no test rows": (
        "fer2013",
        fer2013,
        "fer2013/fer2013.csv",
        lambda path: path.write_text(f"emotion,pixels,Usage\n3,{' '.join(['7'] * 2304)},Training\n"),
        "fer2013.csv: has no row whose Usage is PublicTest or PrivateTest",
    ),
    "other columns": (
        "fer2013",
        fer2013,
        "fer2013/fer2013.csv",
        lambda path: path.write_text("emotion,pixels\n"),
        "fer2013.csv: its columns are emotion, pixels, not emotion, pixels, Usage",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_named(tmp_path, case):
    name, write, file, break_it, text = BROKEN[case]
    write(tmp_path)
    break_it(tmp_path / file)
    with pytest.raises(UserError, match=text):
        VisionSource(dataset=name, root=str(tmp_path)).load()


MISSING = {
    "cifar10": r"the files of cifar10 \(data_batch_1 and so on\) are in none of '.*cifar-10-batches-py', '.*', "
    r"'.*cifar-10-batches-bin'; set data.download=true to get them, or data.root to where they are",
    "semeion": r"the files of semeion \(semeion.data\) are in none of",
    "fer2013": r"the files of fer2013 \(fer2013.csv\) .*; torchvision cannot download them: get them from https://www.kag",
}


@pytest.mark.parametrize("download", [False, True])
@pytest.mark.parametrize("name", MISSING)
def test_missing_files_say_where_they_were_sought_and_how_to_get_them(tmp_path, monkeypatch, name, download):
    monkeypatch.setattr("nntrain.data.vision.source.download", lambda what, root: None)  # which brings nothing
    with pytest.raises(UserError, match=rf"^data.root: {MISSING[name]}"):
        VisionSource(dataset=name, root=str(tmp_path), download=download).load()


def test_cifar_is_downloaded_and_unpacked_by_torchvision_and_not_unpickled(tmp_path, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")
    cifar10_pickled(tmp_path / "made")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(tmp_path / "made" / PY, PY)
    asked = []

    def transport(url: str, filename: str | Path, **rest: object) -> None:
        asked.append(url)
        Path(filename).write_bytes(archive.getvalue())

    monkeypatch.setattr(datasets.utils, "_urlretrieve", transport)
    monkeypatch.setattr(datasets.utils, "_get_redirect_url", lambda url, **rest: url)
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", None)
    monkeypatch.setattr(pickle, "load", lambda *args, **rest: pytest.fail("a pickle was opened"))
    data = VisionSource(dataset="cifar10", root=str(tmp_path / "root"), download=True).load()
    assert asked == ["https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"]
    assert len(data.test) == 20
    VisionSource(dataset="cifar10", root=str(tmp_path / "root"), download=True).load()
    assert len(asked) == 1, "what is there is not fetched again"


FAILURES = [
    (OSError("no route to host\nmore"), "no route to host"),
    (http.client.IncompleteRead(b"", 7), r"IncompleteRead\(0 bytes read, 7 more expected\)"),
    (RuntimeError("File not found or corrupted."), "File not found or corrupted."),
    (tarfile.ReadError(), "ReadError"),
]


@pytest.mark.parametrize(("error", "said"), FAILURES)
def test_a_download_that_fails_is_one_line(tmp_path, monkeypatch, error, said):
    datasets = pytest.importorskip("torchvision.datasets")

    def transport(*args: object, **rest: object) -> None:
        raise error

    monkeypatch.setattr(datasets.utils, "_urlretrieve", transport)
    monkeypatch.setattr(datasets.utils, "_get_redirect_url", lambda url, **rest: url)
    with pytest.raises(UserError, match=rf"^data.download: SVHN cannot be downloaded to '.*': {said}$"):
        VisionSource(dataset="svhn", root=str(tmp_path), download=True).load()
