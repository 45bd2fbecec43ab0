"""Settings of `data`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nntrain.config.fields import (
    NON_NEGATIVE,
    POSITIVE,
    Boolean,
    Choice,
    Either,
    Integer,
    Kind,
    ListOf,
    MapOf,
    Number,
    Path,
    Text,
    optional,
)

COLUMN = Either(Text("a column's name"), Integer())
VISION_ARRAYS = (  # the files hold the pixels
    *("mnist", "fashion_mnist", "kmnist", "qmnist", "emnist_balanced", "emnist_letters", "emnist_digits"),
    *("emnist_mnist", "emnist_bymerge", "emnist_byclass", "cifar10", "cifar100", "cifar100_coarse"),
    *("svhn", "svhn_extra", "stl10", "usps", "semeion", "fer2013"),
)
VISION_FILES = (  # every picture is a file
    *("food101", "oxford_pets", "oxford_pets_species", "flowers102", "dtd", "fgvc_aircraft", "fgvc_aircraft_family"),
    *("fgvc_aircraft_manufacturer", "eurosat", "gtsrb", "country211", "rendered_sst2", "imagenette"),
    *("imagenette_320", "imagenette_160", "caltech101", "caltech256", "sun397", "celeba"),
)
DATASETS = {
    "bundled": ("digits", "iris", "wine", "breast_cancer", "diabetes"),
    "vision": VISION_ARRAYS + VISION_FILES,
    "synthetic": ("spirals", "moons", "circles", "blobs", "linear", "sinusoid"),
}

FIELDS: dict[str, Kind] = {
    "dataset": Choice("data set", tuple(name for names in DATASETS.values() for name in names)),
    "path": optional(Path(), "null (it must be given)"),
    "target": optional(Either(COLUMN, ListOf(COLUMN, minimum=1)), "null (it must be given)"),
    "task": Choice("task", ("auto", "classification", "multilabel", "regression")),
    "header": Either(Boolean(), Choice("header", ("auto",))),
    "separator": optional(Text("one character, tab or space"), "null (found out)"),
    "encoding": Text("the name of an encoding"),
    "missing": ListOf(Either(Text(), Number())),
    "types": MapOf("column", Choice("type", ("numeric", "categorical", "boolean", "date"))),
    "drop": ListOf(COLUMN),
    "numeric": Choice("scaling", ("standard", "quantile", "robust", "none")),
    "one_hot_max": Integer(low=0),
    "embedding_dim": optional(Integer(low=1), "null (by the number of values)"),
    "max_categories": Integer(low=1),
    "weight_column": optional(COLUMN),
    "val": Either(Number(above=0, below=1), Integer(low=1)),
    "test": Either(Number(low=0, below=1), Integer(low=0)),
    "split_seed": Integer(low=0),
    "stratify": Boolean(),
    "folds": optional(Integer(low=2), "null (no k-fold)"),
    "val_path": optional(Path()),
    "test_path": optional(Path()),
    "split_column": optional(COLUMN),
    "group_column": optional(COLUMN),
    "time_column": optional(COLUMN),
    "classes": optional(Either(Integer(low=2), ListOf(Either(Text("a class's name"), Integer()), minimum=2)), "null"),
    "size": optional(Either(Integer(low=1), ListOf(Integer(low=1), length=2)), "null (the size that all have)"),
    "fit": Choice("fit", ("crop", "stretch", "pad")),
    "colour": Choice("colour", ("auto", "grey", "rgb")),
    "on_broken": Choice("choice", ("stop", "skip")),
    "max_pixels": Integer(low=1),
    "memory_limit": optional(Number(above=0), "null (half of the memory)"),
    "label_separator": optional(Text("a character"), "null (one label)"),
    "labels": optional(Integer(low=1), "null (all keep theirs)"),
    "root": Path(),
    "download": Boolean(),
    "y_path": optional(Path()),
    "x": optional(Text("an array's name")),
    "y": optional(Text("an array's name")),
    "x_test": Text("an array's name"),
    "y_test": Text("an array's name"),
    "samples": Integer(low=10),
    "noise": NON_NEGATIVE,
    "turns": POSITIVE,
    "features": Integer(low=1),
    "data_seed": Integer(low=0),
}

# Of pictures that are files, and what leaves them as they are.
READING = {"size": None, "fit": "crop", "colour": "auto", "on_broken": "stop", "memory_limit": None}

# Each decides by itself which rows go where.
DIVIDERS = ("split_column", "group_column", "time_column")


def narrowed(section: Mapping[str, Any]) -> dict[str, Kind]:
    """The fields that allow less than FIELDS says, where it is known what source they belong to."""
    own = DATASETS.get(str(section.get("name")))
    return {} if own is None else {"dataset": Choice("data set", own)}


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What stands in no single value: a data set of another source, and two settings that both divide the rows."""
    name, dataset, classes = section.get("name"), section.get("dataset"), section.get("classes")
    own = DATASETS.get(str(name))
    if own is not None and dataset is not None and dataset not in own:
        yield "dataset", f"{dataset!r} is no data set of data={name} (choices: {', '.join(own)})"
    if name == "synthetic":
        if not isinstance(classes, int):
            yield "classes", f"{classes} is not a whole number of at least 2"
        elif dataset in ("moons", "circles") and classes != 2:
            yield "classes", f"{dataset} have 2 classes, not {classes}"
    if name == "bundled" and section.get("task") == "multilabel":
        yield "task", "no bundled data set has labels; use classification, regression or auto"
    if name == "vision" and dataset in VISION_ARRAYS:
        for key, usual in READING.items():
            if section.get(key, usual) != usual:
                yield key, f"is for data sets of picture files; the pictures of {dataset} are taken as they are"
    if name in ("idx", "folder", "vision") and isinstance(classes, int):
        yield "classes", f"{classes} is not a list of the classes' names"
    if isinstance(classes, Sequence):
        names = [str(one) for one in classes]
        for twice in sorted({one for one in names if names.count(one) > 1}):
            yield "classes", f"'{twice}' is named more than once"
    yield from _too_large(section.get("size"), section.get("max_pixels"))
    separator = section.get("separator")
    if separator is not None and len(separator) > 1 and separator not in ("tab", "space", "\\t"):
        yield "separator", f"{separator!r} is not one character, tab or space"
    between = section.get("label_separator")
    if between is not None and len(between) > 1:
        yield "label_separator", f"{between!r} is not one character"
    used = [key for key in DIVIDERS if section.get(key) is not None]
    for key in used[1:]:
        yield key, f"stands beside {used[0]}, which also says which rows are validation and test; leave one of them out"
    if section.get("val_path") is not None:
        for key in used:
            yield key, "stands beside val_path, which also says what is validation; leave one of them out"
    if section.get("test_path") is not None and section.get("split_column") is not None:
        yield "split_column", "stands beside test_path, which also says what is test; leave one of them out"
    if section.get("folds") is not None:
        for key in ("val_path", "split_column", "time_column"):
            if section.get(key) is not None:
                yield "folds", f"stands beside {key}: with k-fold every row validates once; leave one of them out"


def _too_large(size: int | Sequence[int] | None, most: int | None) -> Iterator[tuple[str, str]]:
    """Pictures are to be of a size that would not be decoded."""
    if size is not None and most is not None:
        height, width = (size, size) if isinstance(size, int) else size
        if height * width > most:
            yield "size", f"{height} x {width} are {height * width:,} pixels, and data.max_pixels is {most:,}"
