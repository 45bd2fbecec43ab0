"""torchvision's data sets for classification, read from its folders without torchvision, which only downloads."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Sequence
from functools import partial
from http.client import HTTPException
from pathlib import Path
from tarfile import TarError
from typing import Any
from zipfile import BadZipFile

import numpy as np

from nntrain.data import fingerprint
from nntrain.data.dataset import Dataset
from nntrain.data.idx import find_files
from nntrain.data.pictures.assembling import picture_dataset
from nntrain.data.pictures.decoding import MAX_PIXELS, Fit
from nntrain.data.pictures.files import Listing, list_folder
from nntrain.data.pictures.pool import Crew
from nntrain.data.pictures.reading import Colour, Pictures, read_files, start_early
from nntrain.data.pictures.samples import Samples
from nntrain.data.pictures.source import FolderSource
from nntrain.data.pictures.table import PictureTable
from nntrain.data.splitting import SPLITS, Shares
from nntrain.data.tables.columns import Column
from nntrain.data.vision.arrays import ARRAYS
from nntrain.data.vision.cifar import CIFAR10, cifar100
from nntrain.data.vision.lists import LISTS
from nntrain.data.vision.mnist import FAMILY, as_array_set
from nntrain.data.vision.sets import Arrays, ArraySet, Download, Labelled, ListSet, selected
from nntrain.errors import UserError, unknown
from nntrain.task import Task

# What a connection or an archive that breaks off raises, what torchvision says of check sums that differ, and of the
# package that Google Drive takes.
DOWNLOAD_FAILS = (
    *(OSError, HTTPException, RuntimeError, ValueError, ImportError),
    *(EOFError, TarError, BadZipFile, zlib.error, lzma.LZMAError),
)

VISION: dict[str, ArraySet | ListSet] = {
    **{name: as_array_set(family) for name, family in FAMILY.items()},
    "cifar10": CIFAR10,
    "cifar100": cifar100("fine"),
    "cifar100_coarse": cifar100("coarse"),
    **ARRAYS,
    **LISTS,
}


class VisionSource:
    """uint8 pictures [N, C, H, W]; the published splits, validation drawn from the training pictures where none is.

    size, fit, colour, on_broken, max_pixels, memory_limit: of data sets made of picture files, as `FolderSource` has
    them.
    """

    def __init__(
        self,
        *,
        dataset: str = "mnist",
        root: str = "data",
        download: bool = False,
        classes: Sequence[str] | None = None,
        size: int | Sequence[int] | None = None,
        fit: Fit = "crop",
        colour: Colour = "auto",
        on_broken: str = "stop",
        max_pixels: int = MAX_PIXELS,
        memory_limit: float | None = None,
        labels: int | None = None,
        val: float | int = 0.15,
        test: float | int = 0.15,
        split_seed: int = 0,
        stratify: bool = True,
        folds: int | None = None,
    ) -> None:
        if dataset not in VISION:
            raise UserError(f"data.dataset: {unknown('data set', dataset, list(VISION))}")
        self.dataset = dataset
        self.root = Path(root).expanduser()
        self.download = download
        self.classes = None if classes is None else tuple(map(str, classes))
        self.labels = labels
        self.shares = Shares(val, test, split_seed, folds)
        self.stratify = stratify
        self.reading = {
            "size": size,
            "fit": fit,
            "colour": colour,
            "on_broken": on_broken,
            "max_pixels": max_pixels,
            "memory_limit": memory_limit,
        }

    def load(self, *, standardize_target: bool = True, fold: int | None = None) -> Dataset:
        """Find (or download), read and split. `standardize_target` has no meaning here."""
        del standardize_target
        known = VISION[self.dataset]
        if isinstance(known, ListSet):
            return self._load_files(known, fold)
        arrays = self._arrays(known)
        train, test, classes = arrays.train, arrays.test, arrays.classes
        if self.classes is not None:
            train, _ = _of_classes(train, classes, self.classes)
            test = None if test is None else _of_classes(test, classes, self.classes)[0]
            classes = self.classes
        return picture_dataset(
            *train,
            classes,
            self.shares,
            fingerprint.of_files(*arrays.files),
            test=test,
            unlabelled=arrays.unlabelled,
            keep_labels=self.labels,
            fold=fold,
            stratify=self.stratify,
        )

    def _arrays(self, known: ArraySet) -> Arrays:
        if (found := self._read_first(known)) is not None:
            return found
        if self.download and known.download is not None:
            download(known.download, self.root)
            if (found := self._read_first(known)) is not None:
                return found
        first = known.layouts[0]
        several = f"{first.files[0]} and so on" if len(first.files) > 1 else first.files[0]
        zipped = ", with .gz or without" if "-idx" in several else ""
        folders = [self.root / folder for layout in known.layouts for folder in layout.folders]
        raise self._not_found(f"the files of {self.dataset} ({several}{zipped})", folders, known)

    def _read_first(self, known: ArraySet) -> Arrays | None:
        for layout in known.layouts:
            paths = find_files([self.root / folder for folder in layout.folders], layout.files)
            if paths is not None:
                return layout.read(paths)
        return None

    def _load_files(self, known: ListSet, fold: int | None) -> Dataset:
        folder = self._folder(known)
        if folder is None and self.download and known.download is not None:
            download(known.download, self.root)
            folder = self._folder(known)
        if folder is None:
            needs = f" ({', '.join(known.needs)})" if known.needs else ""
            folders = [self.root / name for name in known.folders]
            raise self._not_found(f"the pictures of {self.dataset}{needs}", folders, known)
        shares = self.shares
        return _Listed(
            known,
            path=str(folder),
            classes=self.classes,
            labels=self.labels,
            val=shares.val,
            test=shares.test,
            split_seed=shares.seed,
            folds=shares.folds,
            stratify=self.stratify,
            **self.reading,
        ).load(fold=fold)

    def _folder(self, known: ListSet) -> Path | None:
        """The folder that has all that the data set needs."""
        for folder in [*(self.root / name for name in known.folders), *([self.root] if known.needs else [])]:
            if folder.is_dir() and all((folder / need).exists() for need in known.needs):
                return folder
        for folder in (self.root / name for name in known.folders):
            absent = [need for need in known.needs if not (folder / need).exists()]
            if folder.is_dir() and len(absent) < len(known.needs):
                raise UserError(
                    f"data.root: '{folder}' lacks {', '.join(absent)}, so {self.dataset} is not whole; "
                    "delete the folder and set data.download=true, or complete it"
                )
        return None

    def _not_found(self, what: str, folders: Sequence[Path], known: ArraySet | ListSet) -> UserError:
        looked = [f"'{folder}'" for folder in dict.fromkeys(folders)]
        where = f"in none of {', '.join(looked)}" if len(looked) > 1 else f"not in {looked[0]}"
        if known.download is None:
            get = f"torchvision cannot download them: get them from {known.get} and set data.root to where they are"
        else:
            get = "set data.download=true to get them, or data.root to where they are"
        return UserError(f"data.root: {what} are {where}; {get}")


class _Listed(FolderSource):
    """The picture files that a published data set lists, decoded, cached and split as those of any folder are."""

    def __init__(self, known: ListSet, **settings: Any) -> None:
        super().__init__(**settings)
        self.known = known

    def _from_tree(self, path: Path) -> tuple[Pictures, Samples]:
        with Crew() as crew:
            return self._listed(path, list_folder(path, partial(start_early, crew, self.wanted, path)), crew)

    def _listed(self, path: Path, there: Listing, crew: Crew) -> tuple[Pictures, Samples]:
        listed = self.known.read(path, there.names)
        if not listed.names:
            raise UserError(f"data.root: '{path}' holds none of the data set's pictures")
        if listed.marks is None:
            kept, labels, classes = selected(np.array(listed.labels, dtype=np.int64), listed.classes, self.classes)
        else:  # a picture without any of the labels asked for is a picture still
            kept, labels = np.ones(len(listed.names), dtype=np.bool_), None
            _, _, classes = selected(np.arange(len(listed.classes)), listed.classes, self.classes)
        names = [name for name, keep in zip(listed.names, kept, strict=True) if keep]
        place = {name: i for i, name in enumerate(there.names)}
        if absent := [name for name in names if name not in place]:
            raise UserError(
                f"{path / absent[0]}: is listed but not there ({len(absent)} of {len(names)} pictures are not); "
                "delete the folder and set data.download=true, or complete it"
            )
        rows = sorted({place[name] for name in names})
        some = Listing(*([of[i] for i in rows] for of in (there.names, there.sizes, there.times)))  # type: ignore[arg-type]
        pictures = read_files(path, some, self.wanted, path, crew)
        stored = np.searchsorted(rows, [place[name] for name in names])
        splits = np.array(listed.splits)[kept]
        published = set(splits.tolist())
        divided = tuple(split for split in SPLITS if split in published and published != {"train"})
        known = np.ones(len(names), dtype=np.bool_)
        if listed.marks is None:
            assert labels is not None
            task = Task("classification", ("label",), classes)
            return pictures, Samples(stored, splits, known, divided, task, labels[kept])
        places = {name: i for i, name in enumerate(listed.classes)}
        columns = tuple(Column(name, "numeric", listed.marks[:, places[name]]) for name in classes)
        table = PictureTable(path, names, columns, None)
        return pictures, Samples(stored, splits, known, divided, Task("multilabel", classes, classes), None, table)


def _of_classes(part: Labelled, classes: tuple[str, ...], wanted: Sequence[str]) -> tuple[Labelled, tuple[str, ...]]:
    kept, labels, chosen = selected(part[1], classes, wanted)
    return (part[0][kept], labels[kept]), chosen


def download(what: Download, root: Path) -> None:
    """Let torchvision get the files. Raises UserError where it cannot be imported, and where it fails."""
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"data.download: torchvision cannot be imported ({str(error).splitlines()[0]}); "
            "install a torch and a torchvision that belong together "
            "(both for CPU or for CUDA): pip install --force-reinstall torch torchvision"
        ) from None
    dataset: Any = getattr(datasets, what.name)
    try:
        if what.archive:
            datasets.utils.download_and_extract_archive(
                dataset.url, str(root), filename=dataset.filename, md5=dataset.tgz_md5
            )
            return
        for arguments in what.arguments:
            dataset(str(root), download=True, **arguments)
    except DOWNLOAD_FAILS as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"data.download: {what.name} cannot be downloaded to '{root}': {said}") from None
