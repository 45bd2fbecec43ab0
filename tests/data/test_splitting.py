"""Splits: disjoint, in proportion, reproducible; groups whole, time in order, folds a partition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntrain.data.splitting import Shares, by_chance, by_group, by_name, by_time, check_class_sizes
from nntrain.errors import UserError


def everything(rows):
    return np.sort(np.concatenate([rows.train, rows.val, rows.test]))


@given(st.integers(10, 300), st.integers(1, 5), st.integers(0, 9))
def test_a_random_split_is_a_partition_of_the_asked_sizes(count, classes, seed):
    labels = np.arange(count) % classes
    for stratify in (None, labels):
        rows = by_chance(np.arange(count), Shares(0.2, 0.1, seed), stratify, None)
        assert np.array_equal(everything(rows), np.arange(count))
        assert len(rows.train) > 0
        assert len(rows.test) == max(1, round(0.1 * count))


@given(st.lists(st.integers(20, 120), min_size=2, max_size=4), st.integers(0, 5))
def test_classes_keep_their_proportions(sizes, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    rows = by_chance(np.arange(len(labels)), Shares(0.2, 0.1, seed), labels, None)
    for split, share in ((rows.val, 0.2), (rows.test, 0.1)):
        assert np.all(np.abs(np.bincount(labels[split], minlength=len(sizes)) - share * np.array(sizes)) <= 1.5)


def test_the_split_depends_on_split_seed_alone():
    first, again = (by_chance(np.arange(50), Shares(0.2, 0.2, 3), None, None) for _ in range(2))
    assert np.array_equal(first.val, again.val)
    assert not np.array_equal(first.val, by_chance(np.arange(50), Shares(0.2, 0.2, 4), None, None).val)


def test_counts_are_taken_as_counts():
    rows = by_chance(np.arange(50), Shares(7, 5), None, None)
    assert (len(rows.train), len(rows.val), len(rows.test)) == (38, 7, 5)


def test_no_test_split_when_its_share_is_zero():
    assert len(by_chance(np.arange(50), Shares(0.2, 0), None, None).test) == 0


def test_folds_partition_what_is_not_test_and_share_the_test_rows():
    labels = np.arange(103) % 3
    folds = [by_chance(np.arange(103), Shares(0.5, 0.2, 0, 5), labels, i) for i in range(5)]
    tests = {tuple(rows.test) for rows in folds}
    assert len(tests) == 1
    outside = np.setdiff1d(np.arange(103), folds[0].test)
    assert np.array_equal(np.sort(np.concatenate([rows.val for rows in folds])), outside)
    for rows in folds:
        assert np.array_equal(everything(rows), np.arange(103))
        assert np.ptp(np.bincount(labels[rows.val])) <= 1


@given(st.lists(st.integers(0, 12), min_size=20, max_size=200), st.integers(0, 5))
def test_no_group_straddles(groups, seed):
    groups = np.array([*groups, 0, 1, 2, 3, 4, 5])
    for folds in (None, 3):
        rows = by_group(groups, Shares(0.2, 0.2, seed, folds), 0)
        parts = [set(groups[split]) for split in (rows.train, rows.val, rows.test)]
        assert np.array_equal(everything(rows), np.arange(len(groups)))
        assert all(parts)
        assert not (parts[0] & parts[1])
        assert not (parts[0] & parts[2])
        assert not (parts[1] & parts[2])


def test_group_folds_cover_every_group_once():
    groups = np.arange(60) % 11
    folds = [by_group(groups, Shares(0.2, 0, 0, 4), i) for i in range(4)]
    assert np.array_equal(np.sort(np.concatenate([rows.val for rows in folds])), np.arange(60))


def test_the_latest_rows_are_test_and_those_before_validation():
    times = np.random.default_rng(0).permutation(100).astype(float)
    rows = by_time(times, Shares(0.2, 0.1))
    assert times[rows.train].max() < times[rows.val].min()
    assert times[rows.val].max() < times[rows.test].min()
    assert (len(rows.val), len(rows.test)) == (20, 10)


def test_a_column_that_says_the_split_in_the_usual_words():
    rows = by_name("part", ["Train", "validation", "TEST"], np.array([0, 1, 2, 0]))
    assert [list(split) for split in (rows.train, rows.val, rows.test)] == [[0, 3], [1], [2]]


MISTAKES = {
    "all to validation": (
        lambda: by_chance(np.arange(5), Shares(5, 0), None, None),
        "data.val: 5 asks for 5 of 5 rows",
    ),
    "all to both": (lambda: by_chance(np.arange(10), Shares(6, 4), None, None), "val and test ask for 10 of 10 rows"),
    "too few for folds": (lambda: by_chance(np.arange(3), Shares(1, 0, 0, 5), None, 0), "5 folds need at least 5 rows"),
    "too few groups": (lambda: by_group(np.zeros(9, int), Shares(0.2, 0.2), None), "1 groups cannot fill 3 splits"),
    "no split word": (
        lambda: by_name("s", ["maybe"], np.array([0])),
        "split_column 's': 'maybe' is none of train, val",
    ),
    "an empty split": (lambda: by_name("s", ["train"], np.array([0, -1])), "row 2 says nothing"),
    "nothing to train on": (
        lambda: by_name("s", ["val"], np.array([0])).require_samples(),
        "the training split is empty",
    ),
    "a lonely class": (
        lambda: check_class_sizes(np.array([0, 0, 1]), ["a", "b"]),
        "class 'b' has one sample.*stratify",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case):
    do, said = MISTAKES[case]
    with pytest.raises(UserError, match=said):
        do()
