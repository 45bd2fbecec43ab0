"""Data sets of picture files: which files belong to which class and split, by each one's own lists and folders."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nntrain.data.vision.arrays import read_mat
from nntrain.data.vision.names import FLOWERS, IMAGENETTE
from nntrain.data.vision.sets import Download, Listed, ListSet
from nntrain.errors import UserError

Row = tuple[str, str, str]  # file, class, split
Level = Literal["variant", "family", "manufacturer"]


def _listed(rows: Iterable[Row], classes: Sequence[str] | None, where: Path) -> Listed:
    """classes: in their order; None: those that occur, sorted. Raises UserError for a class that is none of them."""
    found = list(rows)
    order = tuple(sorted({name for _, name, _ in found}) if classes is None else classes)
    place = {name: i for i, name in enumerate(order)}
    if strange := next((name for _, name, _ in found if name not in place), None):
        raise UserError(f"{where}: '{strange}' is none of the {len(order)} classes; the data set is not whole")
    return Listed([file for file, _, _ in found], [place[c] for _, c, _ in found], [s for _, _, s in found], order)


def _lines(path: Path) -> list[str]:
    """Lines that are not empty, and do not begin with #."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: is no text") from None
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _fields(path: Path, count: int, most: int = -1) -> list[list[str]]:
    """Lines of `count` fields between spaces, the last of which may hold spaces where `most` says so."""
    rows = [line.split(None, most) for line in _lines(path)]
    for number, row in enumerate(rows, 1):
        if len(row) != count:
            raise UserError(f"{path}: entry {number} has {len(row)} fields, not {count}; is the file truncated?")
    return rows


def _in_folders(
    above: Mapping[str, str],
    folder: Path,
    names: Sequence[str],
    *,
    called: Callable[[str], str] = str,
    classes: Sequence[str] | None = None,
    without: Sequence[str] = (),
) -> Listed:
    """Pictures in folders named by their classes. above: folder of a split -> the split. called: a folder's name -> the
    class's."""
    rows = []
    for top, split in above.items():
        start = f"{top}/" if top else ""
        for name in names:
            parts = name.removeprefix(start).split("/")
            if name.startswith(start) and len(parts) == 2 and parts[0] not in without:
                rows.append((name, called(parts[0]), split))
    return _listed(rows, classes, folder)


def _food(folder: Path, names: Sequence[str]) -> Listed:
    """meta/train.json and test.json: class -> its pictures."""
    rows: list[Row] = []
    for split in ("train", "test"):
        path = folder / "meta" / f"{split}.json"
        try:
            held: Any = json.loads(path.read_text(encoding="utf-8"))
            rows += [(f"images/{name}.jpg", str(label), split) for label, files in held.items() for name in files]
        except (ValueError, AttributeError, TypeError) as error:
            raise UserError(f"{path}: is truncated, or no list of pictures by class: {error}") from None
    return _listed(rows, None, folder)


def _pets(species: bool, folder: Path, names: Sequence[str]) -> Listed:
    """annotations/trainval.txt and test.txt: `<Breed>_<number> breed species number`; breeds and species from 1."""
    rows: list[Row] = []
    breeds: dict[int, str] = {}
    for file, split in (("trainval", "train"), ("test", "test")):
        for name, breed, kind, _ in _fields(folder / "annotations" / f"{file}.txt", 4):
            title = name.rpartition("_")[0].replace("_", " ").title()
            breeds[int(breed)] = title
            rows.append((f"images/{name}.jpg", {"1": "cat", "2": "dog"}.get(kind, kind) if species else title, split))
    return _listed(rows, ("cat", "dog") if species else [breeds[i] for i in sorted(breeds)], folder)


def _flowers(folder: Path, names: Sequence[str]) -> Listed:
    """imagelabels.mat: the class of each picture, from 1; setid.mat: the numbers of the pictures of each split."""
    labels = read_mat(folder / "imagelabels.mat", ("labels",))[0].ravel()
    sets = read_mat(folder / "setid.mat", ("trnid", "valid", "tstid"))
    rows: list[Row] = []
    for split, numbers in zip(("train", "val", "test"), sets, strict=True):
        for number in numbers.ravel().tolist():
            if not 1 <= number <= len(labels) or not 1 <= labels[number - 1] <= len(FLOWERS):
                raise UserError(f"{folder / 'setid.mat'}: picture {number} has no label in imagelabels.mat")
            rows.append((f"jpg/image_{number:05d}.jpg", FLOWERS[int(labels[number - 1]) - 1], split))
    return _listed(rows, FLOWERS, folder)


def _textures(folder: Path, names: Sequence[str]) -> Listed:
    """labels/<split>1.txt, the first of ten partitions: `class/file`."""
    rows = []
    for split in ("train", "val", "test"):
        for line in _lines(folder / "labels" / f"{split}1.txt"):
            rows.append((f"images/{line}", line.partition("/")[0], split))
    return _listed(rows, None, folder)


def _aircraft(level: Level, folder: Path, names: Sequence[str]) -> Listed:
    """data/images_<level>_<split>.txt: `number class`."""
    many = {"variant": "variants", "family": "families", "manufacturer": "manufacturers"}[level]
    classes = _lines(folder / "data" / f"{many}.txt")
    rows = []
    for split in ("train", "val", "test"):
        for number, name in _fields(folder / "data" / f"images_{level}_{split}.txt", 2, most=1):
            rows.append((f"data/images/{number}.jpg", name, split))
    return _listed(rows, classes, folder)


def _signs(folder: Path, names: Sequence[str]) -> Listed:
    """Training pictures in folders numbered by class; GT-final_test.csv: Filename and ClassId between semicolons."""
    train = _in_folders({"GTSRB/Training": "train"}, folder, names)
    table = folder / "GT-final_test.csv"
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter=";", skipinitialspace=True)
        if not {"Filename", "ClassId"} <= set(reader.fieldnames or ()):
            raise UserError(f"{table}: its columns are {', '.join(reader.fieldnames or ())}, not Filename and ClassId")
        test = [(row["Filename"], row["ClassId"]) for row in reader]
    rows = [(name, str(int(train.classes[i])), "train") for name, i in zip(train.names, train.labels, strict=True)]
    rows += [(f"GTSRB/Final_Test/Images/{name}", label, "test") for name, label in test]
    return _listed(rows, [str(int(name)) for name in train.classes], folder)


def _scenes(folder: Path, names: Sequence[str]) -> Listed:
    """ClassName.txt: `/a/abbey`; the pictures of a class lie in its folder, which may have one above it."""
    classes = [line[3:] for line in _lines(folder / "ClassName.txt")]
    rows = [
        (name, "/".join(name.split("/")[1:-1]), "train") for name in names if name.rpartition("/")[2].startswith("sun_")
    ]
    return _listed(rows, classes, folder)


def _faces(folder: Path, names: Sequence[str]) -> Listed:
    """list_attr_celeba.txt: a count, the names of the attributes, then a line `file 1 -1 ...` for each picture;
    list_eval_partition.txt: `file split`, 0 to 2 (Liu et al. 2015)."""
    path = folder / "list_attr_celeba.txt"
    lines = _lines(path)
    attributes = tuple(lines[1].split()) if len(lines) > 1 else ()
    rows = [line.split() for line in lines[2:]]
    if not rows or any(len(row) != len(attributes) + 1 or {*row[1:]} - {"1", "-1"} for row in rows):
        raise UserError(f"{path}: is not a count, a line of names, and lines of a file and its marks; is it truncated?")
    parts = {"0": "train", "1": "val", "2": "test"}
    split = {name: parts.get(part, part) for name, part in _fields(folder / "list_eval_partition.txt", 2)}
    if strange := next((row[0] for row in rows if split.get(row[0]) not in parts.values()), None):
        raise UserError(f"{folder / 'list_eval_partition.txt'}: {strange} is in no split")
    marks = np.array([row[1:] for row in rows]) == "1"
    files = [f"img_align_celeba/{row[0]}" for row in rows]
    return Listed(files, [0] * len(rows), [split[row[0]] for row in rows], attributes, marks.astype(np.float64))


def _imagenette(folder: Path, names: Sequence[str]) -> Listed:
    """The published validation pictures are what results are compared on: they are test here."""
    return _in_folders(
        {"train": "train", "val": "test"},
        folder,
        names,
        called=lambda name: IMAGENETTE.get(name, name),
        classes=tuple(IMAGENETTE.values()),
    )


def _imagenette_set(size: str) -> ListSet:
    folder = "imagenette2" if size == "full" else f"imagenette2-{size.removesuffix('px')}"
    return ListSet((folder,), ("train", "val"), _imagenette, Download("Imagenette", ({"size": size},)))


def _aircraft_set(level: Level) -> ListSet:
    needs = ("data/images", *(f"data/images_{level}_{split}.txt" for split in ("train", "val", "test")))
    return ListSet(("fgvc-aircraft-2013b",), needs, partial(_aircraft, level), Download("FGVCAircraft"))


def _pets_set(species: bool) -> ListSet:
    needs = ("images", "annotations/trainval.txt", "annotations/test.txt")
    return ListSet(("oxford-iiit-pet",), needs, partial(_pets, species), Download("OxfordIIITPet"))


THREE = {"train": "train", "valid": "val", "test": "test"}
LISTS = {
    "food101": ListSet(("food-101",), ("meta/train.json", "meta/test.json", "images"), _food, Download("Food101")),
    "oxford_pets": _pets_set(False),
    "oxford_pets_species": _pets_set(True),
    "flowers102": ListSet(("flowers-102",), ("jpg", "imagelabels.mat", "setid.mat"), _flowers, Download("Flowers102")),
    "dtd": ListSet(
        ("dtd/dtd", "dtd"),
        ("images", *(f"labels/{split}1.txt" for split in ("train", "val", "test"))),
        _textures,
        Download("DTD"),
    ),
    "fgvc_aircraft": _aircraft_set("variant"),
    "fgvc_aircraft_family": _aircraft_set("family"),
    "fgvc_aircraft_manufacturer": _aircraft_set("manufacturer"),
    "eurosat": ListSet(("eurosat/2750",), (), partial(_in_folders, {"": "train"}), Download("EuroSAT")),
    "gtsrb": ListSet(
        ("gtsrb",),
        ("GTSRB/Training", "GTSRB/Final_Test/Images", "GT-final_test.csv"),
        _signs,
        Download("GTSRB", ({"split": "train"}, {"split": "test"})),
    ),
    "country211": ListSet(("country211",), tuple(THREE), partial(_in_folders, THREE), Download("Country211")),
    "rendered_sst2": ListSet(
        ("rendered-sst2",),
        tuple(THREE),
        partial(_in_folders, THREE, classes=("negative", "positive")),
        Download("RenderedSST2"),
    ),
    "imagenette": _imagenette_set("full"),
    "imagenette_320": _imagenette_set("320px"),
    "imagenette_160": _imagenette_set("160px"),
    "caltech101": ListSet(
        ("caltech101/101_ObjectCategories",),
        (),
        partial(_in_folders, {"": "train"}, without=("BACKGROUND_Google",)),
        Download("Caltech101"),
    ),
    "caltech256": ListSet(
        ("caltech256/256_ObjectCategories",),
        (),
        partial(_in_folders, {"": "train"}, without=("257.clutter",)),
        Download("Caltech256"),
    ),
    "celeba": ListSet(
        ("celeba",),
        ("img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"),
        _faces,
        Download("CelebA", ({"split": "all"},)),
    ),
    "sun397": ListSet(("SUN397",), ("ClassName.txt",), _scenes, Download("SUN397")),
}
