"""Data sets of picture files: tiny ones laid out as torchvision unpacks them."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from nntrain.data.pictures.files import list_folder
from nntrain.data.vision.lists import LISTS
from nntrain.data.vision.source import VISION, VisionSource
from nntrain.errors import UserError


class Maker:
    """Makes pictures of one grey each, and remembers which grey belongs to which class and split."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.held: list[tuple[int, str, str]] = []

    def __call__(self, file: str, label: str, split: str) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = 10 + len(self.held)
        Image.new("RGB", (12, 8), (grey, grey, grey)).save(path, quality=100)
        self.held.append((grey, label, split))

    def text(self, file: str, text: str) -> None:
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        (self.root / file).write_text(text)


def food(make: Maker) -> None:
    for split in ("train", "test"):
        for label in ("waffles", "pho"):
            names = [f"{label}/{split}{i}" for i in range(4)]
            for name in names:
                make(f"food-101/images/{name}.jpg", label, split)
        listed = {label: [f"{label}/{split}{i}" for i in range(4)] for label in ("waffles", "pho")}
        make.text(f"food-101/meta/{split}.json", json.dumps(listed))


def pets(make: Maker, *, species: bool = False) -> None:
    kinds = {"Abyssinian": (1, "cat"), "american_bulldog": (2, "dog"), "Bombay": (3, "cat")}
    for split, file in (("train", "trainval"), ("test", "test")):
        lines = []
        for name, (number, kind) in kinds.items():
            for i in range(4):
                one = f"{name}_{i + (0 if split == 'train' else 50)}"
                label = kind if species else name.replace("_", " ").title()
                make(f"oxford-iiit-pet/images/{one}.jpg", label, split)
                lines.append(f"{one} {number} {1 if kind == 'cat' else 2} {number}")
        make.text(f"oxford-iiit-pet/annotations/{file}.txt", "\n".join(lines) + "\n")


def flowers(make: Maker) -> None:
    sets: dict[str, list[int]] = {"trnid": [], "valid": [], "tstid": []}
    labels, number = [], 0
    names = {"trnid": "train", "valid": "val", "tstid": "test"}
    for key, split in names.items():
        for label, name in ((1, "pink primrose"), (2, "hard-leaved pocket orchid")):
            for _ in range(3):
                number += 1
                make(f"flowers-102/jpg/image_{number:05d}.jpg", name, split)
                labels.append(label)
                sets[key].append(number)
    savemat(make.root / "flowers-102" / "imagelabels.mat", {"labels": np.array(labels)[None]})
    savemat(make.root / "flowers-102" / "setid.mat", {key: np.array(ids)[None] for key, ids in sets.items()})


def textures(make: Maker) -> None:
    for split in ("train", "val", "test"):
        names = [f"{label}/{label}_{split}{i}.jpg" for label in ("banded", "woven") for i in range(3)]
        for name in names:
            make(f"dtd/dtd/images/{name}", name.partition("/")[0], split)
        make.text(f"dtd/dtd/labels/{split}1.txt", "\n".join(names) + "\n")


def aircraft(make: Maker, level: str = "variant") -> None:
    classes = {"variant": ["707-320", "DC-9-30"], "family": ["Boeing 707", "DC-9"], "manufacturer": ["Boeing", "de X"]}
    folder = "fgvc-aircraft-2013b/data"
    many = {"variant": "variants", "family": "families", "manufacturer": "manufacturers"}
    make.text(f"{folder}/{many[level]}.txt", "\n".join(classes[level]) + "\n")
    number = 1_000_000
    for split in ("train", "val", "test"):
        lines = []
        for label in classes[level]:
            for _ in range(3):
                number += 1
                make(f"{folder}/images/{number:07d}.jpg", label, split)
                lines.append(f"{number:07d} {label}")
        for each in many:
            make.text(f"{folder}/images_{each}_{split}.txt", "\n".join(lines) + "\n")


def folders(top: str, splits: dict[str, str], classes: dict[str, str], ending: str = "jpg") -> Callable[[Maker], None]:
    def write(make: Maker) -> None:
        for folder, split in splits.items():
            for one, label in classes.items():
                for i in range(8 if splits == {"": "train"} else 4):
                    make("/".join(part for part in (top, folder, one, f"{i}.{ending}") if part), label, split)

    return write


def caltech(make: Maker) -> None:
    folders("caltech101/101_ObjectCategories", {"": "train"}, {"ant": "ant", "bass": "bass"})(make)
    make("caltech101/101_ObjectCategories/BACKGROUND_Google/1.jpg", "none", "none")
    make.held.pop()


def signs(make: Maker) -> None:
    folders("gtsrb/GTSRB/Training", {"": "train"}, {"00000": "0", "00001": "1"}, "ppm")(make)
    with (make.root / "gtsrb" / "GT-final_test.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Filename", "Width", "ClassId"])
        for i in range(6):
            make(f"gtsrb/GTSRB/Final_Test/Images/{i:05d}.ppm", str(i % 2), "test")
            writer.writerow([f"{i:05d}.ppm", 12, i % 2])
    make.text("gtsrb/GTSRB/Training/Readme.txt", "")


def scenes(make: Maker) -> None:
    make.text("SUN397/ClassName.txt", "/a/abbey\n/a/apse/indoor\n")
    for label in ("abbey", "apse/indoor"):
        for i in range(8):
            make(f"SUN397/a/{label}/sun_{i}.jpg", label, "train")


ATTRIBUTES = ("Bald", "Smiling", "Young")


def faces(make: Maker) -> None:
    lines, parts, number = [], [], 0
    for part, split in enumerate(("train", "val", "test")):
        for marks in ((1, -1, -1), (-1, 1, 1), (-1, -1, -1), (1, 1, -1)):
            number += 1
            have = [name for name, mark in zip(ATTRIBUTES, marks, strict=True) if mark == 1]
            make(f"celeba/img_align_celeba/{number:06d}.jpg", " ".join(have), split)
            lines.append(f"{number:06d}.jpg {' '.join(f'{mark:2d}' for mark in marks)}")
            parts.append(f"{number:06d}.jpg {part}")
    make.text("celeba/list_attr_celeba.txt", "\n".join([str(number), " ".join(ATTRIBUTES), *lines]) + "\n")
    make.text("celeba/list_eval_partition.txt", "\n".join(parts) + "\n")


def test_the_labels_of_faces_are_any_number(tmp_path):
    make = Maker(tmp_path)
    faces(make)
    data = VisionSource(dataset="celeba", root=str(tmp_path), size=4).load()
    assert (data.task.kind, data.task.classes) == ("multilabel", ATTRIBUTES)
    found = {
        (round(float(picture.double().mean())), " ".join(np.array(ATTRIBUTES)[row.numpy() > 0]), split)
        for split in ("train", "val", "test")
        for picture, row in zip(getattr(data, split).inputs, getattr(data, split).targets, strict=True)
    }
    assert found == set(make.held)
    chosen = VisionSource(dataset="celeba", root=str(tmp_path), size=4, classes=["Young", "Bald"]).load()
    assert chosen.task.classes == ("Young", "Bald")
    assert torch.equal(chosen.test.targets, data.test.targets[:, [2, 0]])


THREE = {"train": "train", "valid": "val", "test": "test"}
TWO = {"AD": "AD", "AE": "AE"}
WNIDS = ("n01440764", "n02102040", "n02979186", "n03000684", "n03028079")
WNIDS += ("n03394916", "n03417042", "n03425413", "n03445777", "n03888257")
NAMES = ("tench", "English springer", "cassette player", "chain saw", "church")
NAMES += ("French horn", "garbage truck", "gas pump", "golf ball", "parachute")
SIZES = {"imagenette": "imagenette2", "imagenette_320": "imagenette2-320", "imagenette_160": "imagenette2-160"}
PICTURES: dict[str, Callable[[Maker], None]] = {
    "food101": food,
    "oxford_pets": pets,
    "oxford_pets_species": lambda make: pets(make, species=True),
    "flowers102": flowers,
    "dtd": textures,
    "fgvc_aircraft": aircraft,
    "fgvc_aircraft_family": lambda make: aircraft(make, "family"),
    "fgvc_aircraft_manufacturer": lambda make: aircraft(make, "manufacturer"),
    "eurosat": folders("eurosat/2750", {"": "train"}, {"Forest": "Forest", "River": "River"}),
    "gtsrb": signs,
    "country211": folders("country211", THREE, TWO),
    "rendered_sst2": folders("rendered-sst2", THREE, {"negative": "negative", "positive": "positive"}, "png"),
    **{
        name: folders(folder, {"train": "train", "val": "test"}, dict(zip(WNIDS, NAMES, strict=True)), "JPEG")
        for name, folder in SIZES.items()
    },
    "caltech101": caltech,
    "caltech256": folders(
        "caltech256/256_ObjectCategories", {"": "train"}, {"001.ak47": "001.ak47", "002.flag": "002.flag"}
    ),
    "sun397": scenes,
}


def test_every_list_set_has_an_example():
    assert {*PICTURES, "celeba"} == set(LISTS)


def found(data, splits: tuple[str, ...]) -> set[tuple[int, str, str]]:
    """(grey, class, split) of every picture."""
    return {
        (round(float(picture.double().mean())), data.task.classes[label], split)
        for split in splits
        for picture, label in zip(getattr(data, split).inputs, getattr(data, split).targets.tolist(), strict=True)
    }


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_has_its_class_and_its_split(tmp_path, name):
    make = Maker(tmp_path)
    PICTURES[name](make)
    before = "torchvision" in sys.modules
    few = len({label for _, label, _ in make.held}) == 10
    classes = ["pink primrose", "hard-leaved pocket orchid"] if name == "flowers102" else None  # two of the 102
    shares = {"val": 10 if few else 0.25, "test": 0.25}
    data = VisionSource(dataset=name, root=str(tmp_path), size=4, classes=classes, **shares).load()
    assert ("torchvision" in sys.modules) == before
    assert data.train.inputs.shape[2:] == (4, 4)
    published = {split for _, _, split in make.held}
    if published == {"train"}:  # everything is drawn
        parts = found(data, ("train", "val", "test"))
        assert {(grey, label) for grey, label, _ in parts} == {(grey, label) for grey, label, _ in make.held}
        assert len(data.test) == round(0.25 * len(make.held))
        return
    if "val" in published:
        assert found(data, ("train", "val", "test")) == set(make.held)
        return
    assert found(data, ("test",)) == {one for one in make.held if one[2] == "test"}
    drawn = {(grey, label) for grey, label, _ in found(data, ("train", "val"))}
    assert drawn == {(grey, label) for grey, label, split in make.held if split == "train"}


def test_dog_or_cat_of_the_pets_in_the_order_asked_for(tmp_path):
    PICTURES["oxford_pets_species"](Maker(tmp_path))
    data = VisionSource(dataset="oxford_pets_species", root=str(tmp_path), size=4, classes=["dog", "cat"]).load()
    assert data.task.classes == ("dog", "cat")
    assert data.test.targets.bincount().tolist() == [4, 8]


def test_the_pictures_are_decoded_once_and_then_found(tmp_path):
    PICTURES["food101"](Maker(tmp_path))
    one, two = (VisionSource(dataset="food101", root=str(tmp_path), size=[6, 9]).load() for _ in range(2))
    assert torch.equal(one.train.inputs, two.train.inputs)
    assert one.fingerprint == two.fingerprint
    assert one.summary["pictures"]["height"] == 6
    assert "decoded in" in one.notes[0]
    assert "decoded before, from the cache" in two.notes[0]


def test_some_labels_are_kept_and_the_other_pictures_have_none(tmp_path):
    PICTURES["eurosat"](Maker(tmp_path))
    data = VisionSource(dataset="eurosat", root=str(tmp_path), size=4, labels=4).load()
    assert data.train.targets.bincount().tolist() == [2, 2]
    assert len(data.unlabelled) == 16 - 4 - len(data.val) - len(data.test)


def remove(file: str) -> Callable[[Path], None]:
    return lambda root: (root / file).unlink()


def write(file: str, text: str) -> Callable[[Path], None]:
    return lambda root: (root / file).write_text(text) and None


def cut(file: str) -> Callable[[Path], None]:
    return lambda root: (root / file).write_bytes((root / file).read_bytes()[:-9]) and None


AIR = "fgvc-aircraft-2013b/data"
BROKEN: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a list that is not there": (
        "food101",
        remove("food-101/meta/test.json"),
        r"data.root: '.*food-101' lacks meta/test.json, so food101 is not whole; delete the folder and set "
        "data.download=true, or complete it",
    ),
    "a list cut short": (
        "food101",
        write("food-101/meta/train.json", '{"pho": ["pho/t'),
        "train.json: is truncated, or no list of pictures by class: ",
    ),
    "a list of something else": (
        "food101",
        write("food-101/meta/train.json", "[1, 2]"),
        "train.json: is truncated, or no list of pictures by class: ",
    ),
    "a picture that is listed alone": (
        "food101",
        remove("food-101/images/pho/test2.jpg"),
        r"images/pho/test2.jpg: is listed but not there \(1 of 16 pictures are not\); delete the folder",
    ),
    "a picture cut short": (
        "food101",
        cut("food-101/images/pho/test2.jpg"),
        "images/pho/test2.jpg: .*data.on_broken=skip",
    ),
    "fields that lack": (
        "oxford_pets",
        write("oxford-iiit-pet/annotations/test.txt", "Abyssinian_50 1\n"),
        r"test.txt: entry 1 has 2 fields, not 4; is the file truncated\?",
    ),
    "half a MATLAB file": (
        "flowers102",
        cut("flowers-102/imagelabels.mat"),
        "imagelabels.mat: is truncated, or no MATLAB file",
    ),
    "a picture without a label": (
        "flowers102",
        lambda root: savemat(
            root / "flowers-102" / "setid.mat",
            {"trnid": np.array([[1, 500]]), "valid": np.array([[2]]), "tstid": np.array([[3]])},
        ),
        "setid.mat: picture 500 has no label in imagelabels.mat",
    ),
    "a class that is none": (
        "fgvc_aircraft",
        write(f"{AIR}/variants.txt", "707-320\n"),
        "fgvc-aircraft-2013b: 'DC-9-30' is none of the 1 classes; the data set is not whole",
    ),
    "other columns": (
        "gtsrb",
        write("gtsrb/GT-final_test.csv", "a;b\n1;2\n"),
        "GT-final_test.csv: its columns are a, b, not Filename and ClassId",
    ),
    "a mark that is none": (
        "celeba",
        write("celeba/list_attr_celeba.txt", "1\nBald Young\n000001.jpg 1 0\n"),
        "list_attr_celeba.txt: is not a count, a line of names, and lines of a file and its marks",
    ),
    "a picture in no split": (
        "celeba",
        write("celeba/list_eval_partition.txt", "000001.jpg 0\n"),
        "list_eval_partition.txt: 000002.jpg is in no split",
    ),
    "no pictures at all": (
        "eurosat",
        lambda root: [path.unlink() for path in root.rglob("*.jpg")] and None,
        "data.root: '.*2750' holds none of the data set's pictures",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_or_not_whole_is_named(tmp_path, case):
    name, break_it, text = BROKEN[case]
    (faces if name == "celeba" else PICTURES[name])(Maker(tmp_path))
    break_it(tmp_path)
    with pytest.raises(UserError, match=text):
        VisionSource(dataset=name, root=str(tmp_path), size=4).load()


def test_a_broken_picture_may_be_left_out(tmp_path):
    PICTURES["food101"](Maker(tmp_path))
    cut("food-101/images/pho/test2.jpg")(tmp_path)
    data = VisionSource(dataset="food101", root=str(tmp_path), size=4, on_broken="skip").load()
    assert len(data.test) == 7
    assert any(note.startswith("data.on_broken: 1 picture") and "images/pho/test2.jpg" in note for note in data.notes)


def test_missing_pictures_say_where_they_were_sought_and_how_to_get_them(tmp_path):
    with pytest.raises(
        UserError,
        match=r"^data.root: the pictures of food101 \(meta/train.json, meta/test.json, images\) are not in "
        r"'.*food-101'; set data.download=true to get them, or data.root to where they are$",
    ):
        VisionSource(dataset="food101", root=str(tmp_path)).load()


def test_the_root_may_be_the_data_sets_own_folder(tmp_path):
    PICTURES["food101"](Maker(tmp_path))
    data = VisionSource(dataset="food101", root=str(tmp_path / "food-101"), size=4).load()
    assert len(data.test) == 8


def test_the_sizes_that_differ_are_said(tmp_path):
    PICTURES["food101"](Maker(tmp_path))
    Image.new("RGB", (20, 20)).save(tmp_path / "food-101" / "images" / "pho" / "test1.jpg")
    with pytest.raises(
        UserError, match=r"data.size: the pictures of .*food-101 differ in size: 12 x 8 \(15\), 20 x 20"
    ):
        VisionSource(dataset="food101", root=str(tmp_path)).load()


@pytest.mark.parametrize("name", [name for name, known in VISION.items() if known.download is not None])
def test_torchvision_has_the_class_and_the_arguments_that_download(name):
    datasets = pytest.importorskip("torchvision.datasets")
    import inspect

    download = VISION[name].download
    made = getattr(datasets, download.name)
    if download.archive:
        assert made.url.startswith("https://")
        return
    for arguments in download.arguments:
        inspect.signature(made).bind("root", download=True, **arguments)


def test_a_download_makes_the_folder_that_is_then_read(tmp_path, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")
    made = []

    def eurosat(root: str, *, download: bool) -> None:
        made.append((root, download))
        PICTURES["eurosat"](Maker(Path(root)))

    monkeypatch.setattr(datasets, "EuroSAT", eurosat)
    data = VisionSource(dataset="eurosat", root=str(tmp_path), download=True).load()
    assert made == [(str(tmp_path), True)]
    assert data.task.classes == ("Forest", "River")


def of_torchvision(dataset) -> set[tuple[Path, int]]:
    """(file, label) of each sample; torchvision's classes keep them under several names."""
    files = getattr(dataset, "_image_files", None) or getattr(dataset, "_images", None)
    samples = (
        zip(files, dataset._labels, strict=True) if files else getattr(dataset, "_samples", None) or dataset.samples
    )
    return {(Path(path), label) for path, label in samples}


THEIRS = {  # but for those that check sums of files which tiny ones have not
    "food101": ("Food101", {"train": {"split": "train"}, "test": {"split": "test"}}),
    "oxford_pets": ("OxfordIIITPet", {"train": {"split": "trainval"}, "test": {"split": "test"}}),
    "dtd": ("DTD", {split: {"split": split} for split in ("train", "val", "test")}),
    "fgvc_aircraft": ("FGVCAircraft", {split: {"split": split} for split in ("train", "val", "test")}),
    "eurosat": ("EuroSAT", {"train": {}}),
    "gtsrb": ("GTSRB", {split: {"split": split} for split in ("train", "test")}),
    "country211": ("Country211", {split: {"split": word} for word, split in THREE.items()}),
    "rendered_sst2": ("RenderedSST2", {split: {"split": split} for split in ("train", "val", "test")}),
    "imagenette": ("Imagenette", {"train": {"split": "train"}, "test": {"split": "val"}}),
    "sun397": ("SUN397", {"train": {}}),
}


@pytest.mark.parametrize("name", THEIRS)
def test_files_labels_and_splits_are_torchvisions(tmp_path, name):
    datasets = pytest.importorskip("torchvision.datasets")
    PICTURES[name](Maker(tmp_path))
    folder = next(tmp_path / place for place in LISTS[name].folders if (tmp_path / place).is_dir())
    listed = LISTS[name].read(folder, list_folder(folder).names)
    made, splits = THEIRS[name]
    for split, arguments in splits.items():
        of_split = [row for row in zip(listed.names, listed.labels, listed.splits, strict=True) if row[2] == split]
        theirs = getattr(datasets, made)(str(tmp_path), **arguments)
        assert {(folder / file, label) for file, label, _ in of_split} == of_torchvision(theirs)
    names = getattr(theirs, "classes", listed.classes)
    assert listed.classes == tuple(one[0] if isinstance(one, tuple) else one for one in names)
