"""Pictures in class folders, in an archive of them, or listed in a table: decoded once, split, and kept in a cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from nntrain.data.dataset import Dataset, Split, check_classes
from nntrain.data.files import existing_file, existing_folder
from nntrain.data.pictures.assembling import assembled, labels_note, with_labels
from nntrain.data.pictures.copies import copies_notes, one_of_each, with_copies
from nntrain.data.pictures.decoding import MAX_PIXELS, Fit
from nntrain.data.pictures.files import is_archive, list_folder
from nntrain.data.pictures.layout import lay_out
from nntrain.data.pictures.pool import Crew
from nntrain.data.pictures.reading import Colour, Pictures, Wanted, read_archive, read_files, start_early
from nntrain.data.pictures.samples import Samples, samples_of_layout, samples_of_table
from nntrain.data.pictures.splits import GIB, in_memory, machine_memory, on_disk, statistics, streaming_note
from nntrain.data.pictures.table import Target, files_of, is_table, read_table, task_of_table
from nntrain.data.pictures.words import are, how_read, notes_of
from nntrain.data.splitting import SPLITS, Index, Rows, Shares, by_chance, check_class_sizes
from nntrain.data.targets import TaskSetting
from nntrain.errors import UserError
from nntrain.task import Task


class FolderSource:
    """Pictures of any size as uint8 [N, C, H, W]: folders named by their classes, with train/, val/ and test/ above
    them or without; a tar or zip of that; or a CSV of path and label.
    """

    def __init__(
        self,
        *,
        path: str | None = None,
        classes: Sequence[str] | None = None,
        size: int | Sequence[int] | None = None,
        fit: Fit = "crop",
        colour: Colour = "auto",
        target: Target = None,
        label_separator: str | None = None,
        task: TaskSetting = "auto",
        labels: int | None = None,
        val: float | int = 0.15,
        test: float | int = 0.15,
        split_seed: int = 0,
        stratify: bool = True,
        folds: int | None = None,
        on_broken: str = "stop",
        max_pixels: int = MAX_PIXELS,
        memory_limit: float | None = None,
    ) -> None:
        self.path = path
        self.classes = None if classes is None else tuple(map(str, classes))
        pair = None if size is None else (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        self.wanted = Wanted(pair, colour, fit, max_pixels, patient=on_broken == "skip")
        self.target = target
        self.label_separator = label_separator
        self.task: TaskSetting = task
        self.labels = labels
        self.shares = Shares(val, test, split_seed, folds)
        self.stratify = stratify
        self.memory_limit = memory_limit

    def load(self, *, standardize_target: bool = True, fold: int | None = None) -> Dataset:
        """Find the pictures, decode them or take them from the cache, and split them."""
        path = self._path()
        if is_table(path):
            pictures, samples = self._from_table(path)
        else:
            pictures, samples = self._from_tree(path)
        if pictures.broken:
            samples = samples.at(~np.isin(samples.stored, list(pictures.broken)))
        notes = notes_of(pictures, len(np.unique(samples.stored)))
        rows, unlabelled, said = self._rows(pictures, samples, fold, path)
        targets, task = samples.targets(rows, standardize=standardize_target)
        if not task.is_regression:
            check_classes(targets[torch.from_numpy(rows.train)], task, "picture")
        return self._dataset(
            pictures, samples, rows, unlabelled, targets, task, (*notes, *said), standardize_target=standardize_target
        )

    def _path(self) -> Path:
        if self.path is not None and Path(self.path).expanduser().is_file():
            path = existing_file(self.path, "data.path")
            if is_archive(path) or is_table(path):
                return path
            raise UserError(
                f"data.path: '{path}' is neither a folder of pictures, nor a tar or zip of one, nor a CSV of path,label"
            )
        return existing_folder(self.path, "data.path", lambda beside: is_archive(beside) or is_table(beside))

    def _from_tree(self, path: Path) -> tuple[Pictures, Samples]:
        for key, value in (("target", self.target), ("label_separator", self.label_separator)):
            if value is not None:
                raise UserError(f"data.{key}: is for a CSV of path,label; in '{path}' the folders name the classes")
        if self.task not in ("auto", "classification"):
            raise UserError(f"data.task: folders are classes; {self.task} takes a CSV of path,label")
        return self._from_folder(path) if path.is_dir() else self._from_archive(path)

    def _from_folder(self, path: Path) -> tuple[Pictures, Samples]:
        with Crew() as crew:
            listing = list_folder(path, partial(start_early, crew, self.wanted, path))
            layout = lay_out(listing.names, listing.folders, path, self.classes)
            some = listing.chosen(layout.kept.tolist())
            pictures = read_files(path, some, self.wanted, path, crew)
        pictures.listing.others[:] = listing.others
        return pictures, samples_of_layout(layout, np.arange(len(some.names)))

    def _from_archive(self, path: Path) -> tuple[Pictures, Samples]:
        pictures = read_archive(path, self.wanted, self.classes)
        names = pictures.listing.names
        order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
        layout = lay_out([names[i] for i in order], pictures.listing.folders, path, self.classes)
        return pictures, samples_of_layout(layout, order[layout.kept])

    def _from_table(self, path: Path) -> tuple[Pictures, Samples]:
        if self.classes is not None:
            raise UserError("data.classes: chooses class folders; leave rows out of the table instead")
        if self.task == "multilabel" and self.label_separator is None and isinstance(self.target, str | int | None):
            raise UserError(
                "data.label_separator: is not set, and task=multilabel needs it: the character between the labels of a "
                "picture, such as ';' or '|'"
            )
        table = read_table(path, self.target, self.label_separator)
        task = task_of_table(table, self.task, self.label_separator)
        advice = "; paths are relative to the table; data.on_broken=skip leaves such rows out"
        listing, stored = files_of(table, advice, patient=self.wanted.patient)
        samples = samples_of_table(table, stored, task)
        return read_files(path.parent, listing, self.wanted, path), samples

    def _rows(
        self, pictures: Pictures, samples: Samples, fold: int | None, path: Path
    ) -> tuple[Rows, Index, list[str]]:
        """The rows of each split, those without a label that training may see, and what is to be said."""
        said = []
        of = {split: np.flatnonzero((samples.splits == split) & samples.known) for split in SPLITS}
        aside = {split: int(((samples.splits == split) & ~samples.known).sum()) for split in ("val", "test")}
        for split, count in aside.items():
            if count:
                said.append(f"{are(count, f'picture of {split}')} left out, having no label")
        known = samples.labels if self.stratify else None
        if "val" in samples.divided:
            if self.shares.folds is not None:
                raise UserError(
                    f"data.folds: {path} has a validation split of its own; with k-fold every picture validates once"
                )
            rows = Rows(of["train"], of["val"], of["test"])
            if "test" not in samples.divided:
                said.append("there is train and val, but no test: nothing is scored at the end")
        else:
            ones = one_of_each(of["train"], samples.stored, known)
            if known is not None:
                check_class_sizes(known[ones], samples.task.classes)
            apart = "test" in samples.divided
            drawn = by_chance(ones, self.shares, known, fold, test=not apart)
            drawn = with_copies(drawn, of["train"], samples.stored)
            rows = Rows(drawn.train, drawn.val, of["test"]) if apart else drawn
        rows.require_samples()
        said += copies_notes(pictures, samples.stored, rows)
        without = np.flatnonzero(~samples.known & ~np.isin(samples.splits, ("val", "test")))
        if len(without):
            said.append(f"{are(len(without), 'picture')} without a label, for pre-training alone")
        if self.labels is not None:
            kept, rest = with_labels(rows.train, self.labels, samples.labels, samples.task.classes, self.shares.seed)
            said.append(labels_note(len(kept), len(rows.train)))
            rows, without = Rows(kept, rows.val, rows.test), np.sort(np.concatenate([without, rest]))
        return rows, without, said

    def _dataset(
        self,
        pictures: Pictures,
        samples: Samples,
        rows: Rows,
        unlabelled: Index,
        targets: torch.Tensor,
        task: Task,
        notes: Sequence[str],
        *,
        standardize_target: bool,
    ) -> Dataset:
        stored = samples.stored
        train = stored[rows.train]
        parts = {"train": train, "unlabelled": stored[unlabelled], "val": stored[rows.val], "test": stored[rows.test]}
        used = sum(map(len, parts.values()))
        limit = (machine_memory() / 2) if self.memory_limit is None else self.memory_limit * GIB
        _, channels, height, width = pictures.pixels.shape
        needed = used * channels * height * width
        streamed = needed > limit
        inputs = on_disk(pictures, parts) if streamed else {name: in_memory(pictures, of) for name, of in parts.items()}
        if streamed:
            notes = [*notes, streaming_note(needed, limit)]

        def split(name: str, of: Index) -> Split:
            return Split(inputs[name], targets[torch.from_numpy(of)], streamed=streamed)

        seen = np.concatenate([train, parts["unlabelled"]]) if len(unlabelled) else train
        held = [] if streamed else [inputs["train"], inputs["unlabelled"]]
        return assembled(
            split("train", rows.train),
            split("val", rows.val),
            split("test", rows.test) if len(rows.test) else None,
            task,
            statistics(pictures, seen, held),
            _fingerprint(pictures, samples, targets),
            unlabelled=inputs["unlabelled"] if len(unlabelled) else None,
            fit=self.wanted.fit,
            max_pixels=self.wanted.max_pixels,
            standardize_target=standardize_target,
            notes=notes,
            about={"files": len(pictures.listing.names), "read": how_read(pictures), "streamed": streamed},
        )


def _fingerprint(pictures: Pictures, samples: Samples, targets: torch.Tensor) -> str:
    """Of the pixels, the targets and the splits, wherever the files lie."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(repr((pictures.pixels.shape[1:], samples.task.classes)).encode())
    for array in (pictures.sums[samples.stored], samples.splits.astype("S12"), samples.known, targets.numpy()):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
