"""Which rows train, which choose the best model (validation), and which are only looked at once (test)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nntrain.errors import UserError
from nntrain.seeding import derive

Index = NDArray[np.int64]

SPLITS = ("train", "val", "test")
SPLIT_OF_WORD = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "holdout"), "test"),
}


@dataclass(frozen=True)
class Rows:
    """Row numbers of each split, disjoint; `test` may be empty."""

    train: Index
    val: Index
    test: Index

    def require_samples(self) -> None:
        """Raise a UserError where training or validation would be empty."""
        for name, rows in (("training", self.train), ("validation", self.val)):
            if len(rows) == 0:
                total = len(self.train) + len(self.val) + len(self.test)
                raise UserError(
                    f"data: the {name} split is empty ({total} rows in all); lower val and test, or give more rows"
                )


@dataclass(frozen=True)
class Shares:
    """How much goes to validation and test: a fraction of all rows (0.15) or a count of rows (5000)."""

    val: float | int
    test: float | int
    seed: int = 0
    folds: int | None = None


def generator(seed: int) -> np.random.Generator:
    """The generator of all splits: it depends on `split_seed` alone, so that training seeds share their splits."""
    return np.random.default_rng(derive(seed, "split"))


def row_count(share: float | int, rows: int, key: str) -> int:
    """Rows that `share` of `rows` means: a float below 1 is a fraction (at least one row), anything else a count."""
    if share == 0:
        return 0
    count = max(1, round(share * rows)) if isinstance(share, float) and share < 1 else int(share)
    if count >= rows:
        raise UserError(f"data.{key}: {share} asks for {count} of {rows} rows and leaves none to train on")
    return count


def check_class_sizes(labels: Index, classes: Sequence[str]) -> None:
    """Raise a UserError naming the classes that have a single sample: it cannot be in two splits."""
    counts = np.bincount(labels, minlength=len(classes))
    lonely = [name for name, count in zip(classes, counts, strict=True) if count == 1]
    if lonely:
        shown = ", ".join(repr(name) for name in lonely[:5]) + (", ..." if len(lonely) > 5 else "")
        which = f"class {shown} has" if len(lonely) == 1 else f"classes {shown} have"
        raise UserError(
            f"data: {which} one sample, which a stratified split cannot divide; add samples, or set data.stratify=false"
        )


def take(rows: Index, count: int, rng: np.random.Generator, labels: Index | None) -> tuple[Index, Index]:
    """Draw `count` of `rows`; with `labels` (one per row of the table) each class gives its share -> (rest, drawn).

    Shares are rounded by largest remainder, so that exactly `count` rows are drawn unless a class would be left empty:
    at least one row of every class stays in the rest.
    """
    order = rng.permutation(rows)
    if labels is None:
        return np.sort(order[count:]), np.sort(order[:count])
    order = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels[order])
    quota = sizes * count / max(1, len(rows))
    drawn = np.minimum(np.floor(quota).astype(np.int64), np.maximum(sizes - 1, 0))
    for cls in np.argsort(drawn - quota, kind="stable"):
        if drawn.sum() >= count:
            break
        if drawn[cls] < sizes[cls] - 1:
            drawn[cls] += 1
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    position = np.arange(len(order)) - np.repeat(starts, sizes)
    taken = position < np.repeat(drawn, sizes)
    return np.sort(order[~taken]), np.sort(order[taken])


def fold_numbers(rows: Index, folds: int, rng: np.random.Generator, labels: Index | None) -> Index:
    """A fold 0 ... folds - 1 for each of `rows`; sizes differ by at most one, within each class too."""
    if folds > len(rows):
        raise UserError(
            f"data.folds: {folds} folds need at least {folds} rows outside the test split, there are {len(rows)}"
        )
    order = rng.permutation(len(rows))
    if labels is not None:
        order = order[np.argsort(labels[rows[order]], kind="stable")]
    numbers = np.empty(len(rows), dtype=np.int64)
    numbers[order] = np.arange(len(rows)) % folds
    return numbers


def by_chance(
    pool: Index, shares: Shares, labels: Index | None, fold: int | None, *, test: bool = True, val: bool = True
) -> Rows:
    """Divide `pool` at random; `test` and `val` say whether these are to be taken out of it at all."""
    rng = generator(shares.seed)
    drawn_test = np.empty(0, dtype=np.int64)
    rest = pool
    if test:
        rest, drawn_test = take(pool, row_count(shares.test, len(pool), "test"), rng, labels)
    if not val:
        return Rows(rest, np.empty(0, dtype=np.int64), drawn_test)
    if shares.folds is not None:
        numbers = fold_numbers(rest, shares.folds, rng, labels)
        chosen = numbers == (fold or 0)
        return Rows(rest[~chosen], rest[chosen], drawn_test)
    count = row_count(shares.val, len(pool), "val")
    if count >= len(rest):
        raise UserError(
            f"data: val and test ask for {count + len(drawn_test)} of {len(pool)} rows and leave none to train on"
        )
    train, drawn_val = take(rest, count, rng, labels)
    return Rows(train, drawn_val, drawn_test)


def by_group(groups: Index, shares: Shares, fold: int | None, *, test: bool = True) -> Rows:
    """Divide whole groups (an int per row): no group is in two splits, and sizes come as close as that allows."""
    rng = generator(shares.seed)
    sizes = np.bincount(groups)
    present = rng.permutation(np.flatnonzero(sizes))
    needed = (shares.folds or 2) + (1 if test and shares.test else 0)
    if len(present) < needed:
        raise UserError(f"data.group_column: {len(present)} groups cannot fill {needed} splits; groups stay whole")
    part = np.full(len(sizes), -1, dtype=np.int64)
    rows = len(groups)

    def fill(wanted: int, number: int, candidates: Index, keep: int) -> Index:
        filled = 0
        for i, group in enumerate(candidates):
            if filled >= wanted or len(candidates) - i <= keep:
                return candidates[i:]
            part[group] = number
            filled += int(sizes[group])
        return candidates[:0]

    if test:
        present = fill(row_count(shares.test, rows, "test"), 2, present, keep=needed - 1)
    if shares.folds is None:
        present = fill(row_count(shares.val, rows, "val"), 1, present, keep=1)
        part[present] = 0
    else:
        load = np.zeros(shares.folds, dtype=np.int64)
        for group in present[np.argsort(-sizes[present], kind="stable")]:
            lightest = int(np.argmin(load))
            load[lightest] += sizes[group]
            part[group] = 1 if lightest == (fold or 0) else 0
    of_row = part[groups]
    return Rows(np.flatnonzero(of_row == 0), np.flatnonzero(of_row == 1), np.flatnonzero(of_row == 2))


def by_time(times: NDArray[np.float64], shares: Shares, *, test: bool = True) -> Rows:
    """The latest rows are test, those before them validation, the earliest training."""
    order = np.argsort(times, kind="stable").astype(np.int64)
    rows = len(order)
    tests = row_count(shares.test, rows, "test") if test else 0
    vals = row_count(shares.val, rows, "val")
    if tests + vals >= rows:
        raise UserError(f"data: val and test ask for {tests + vals} of {rows} rows and leave none to train on")
    cut = rows - tests
    return Rows(order[: cut - vals], order[cut - vals : cut], order[cut:])


def by_name(column: str, names: Sequence[str], codes: Index) -> Rows:
    """The table says it: `names[codes[i]]` is row i's split, "train", "val" or "test" in the usual spellings."""
    splits = splits_as_written(f"data.split_column '{column}'", names, codes)
    train, val, test = (np.flatnonzero(splits == split) for split in SPLITS)
    return Rows(train, val, test)


def splits_as_written(where: str, names: Sequence[str], codes: Index) -> NDArray[np.str_]:
    """The split of each row, [N], from `names[codes[i]]` in any of the usual spellings; a code of -1: nothing is said.

    where: what to call the column. Raises UserError for a word that means no split, and for a row that says nothing.
    """
    meant = [SPLIT_OF_WORD.get(name.strip().lower()) for name in names]
    if None in meant:
        raise UserError(f"{where}: {names[meant.index(None)]!r} is none of train, val, test")
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0]) + 1
        raise UserError(f"{where}: row {row} says nothing; it must say train, val or test")
    return np.array(meant, dtype=np.str_)[codes]
