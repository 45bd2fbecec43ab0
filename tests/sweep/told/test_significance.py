"""The test behind the marks of a leaderboard, held to scipy's figures and to simulated sweeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_ind, ttest_rel

from nntrain.sweep.told.significance import LEVEL, _tail, chance_of_worse

BEST = {0: 0.91, 1: 0.93, 2: 0.90, 3: 0.94}
OTHER = {0: 0.89, 1: 0.92, 2: 0.88, 3: 0.90}


def keyed(values: dict[int, float], by: int) -> dict[int, float]:
    return {key + by: value for key, value in values.items()}


def test_over_shared_seeds_it_is_the_paired_test() -> None:
    known = ttest_rel(list(OTHER.values()), list(BEST.values()), alternative="less").pvalue
    assert chance_of_worse(OTHER, BEST, lower=False) == pytest.approx(known)


def test_over_other_seeds_it_is_welchs() -> None:
    known = ttest_ind(list(OTHER.values()), list(BEST.values()), equal_var=False, alternative="less").pvalue
    assert chance_of_worse(keyed(OTHER, 10), BEST, lower=False) == pytest.approx(known)


def test_losses_are_compared_by_their_logarithms() -> None:
    a, b = [math.log(v) for v in OTHER.values()], [math.log(v) for v in BEST.values()]
    assert chance_of_worse(OTHER, BEST, lower=True) == pytest.approx(ttest_rel(a, b, alternative="greater").pvalue)


def test_runs_that_diverged_by_different_factors_are_seen_to_be_worse() -> None:
    found = chance_of_worse({0: 1.2, 1: 3.0, 2: 5.4}, {0: 0.10, 1: 0.11, 2: 0.09}, lower=True)
    assert found is not None
    assert found < 0.02


@pytest.mark.parametrize(("other", "best"), [({0: 0.5}, {0: 0.9}), ({0: 0.5}, BEST), ({9: 0.5}, {0: 0.9, 1: 0.9})])
def test_a_single_run_tells_nothing(other: dict[int, float], best: dict[int, float]) -> None:
    assert chance_of_worse(other, best, lower=False) is None


def test_differences_without_spread_are_counted_by_their_signs() -> None:
    best = dict.fromkeys(range(5), 0.9)
    assert chance_of_worse(dict.fromkeys(range(5), 0.8), best, lower=False) == 0.5**5
    assert chance_of_worse(best, best, lower=False) == 1.0
    assert chance_of_worse({10: 0.8, 11: 0.8}, {0: 0.9, 1: 0.9}, lower=False) == pytest.approx(1 / 6)


@pytest.mark.parametrize("freedom", [1, 2, 2.7, 5, 31, 1e4])
def test_the_tail_of_students_distribution(freedom: float) -> None:
    for t in (-3.0, -0.01, 0.0, 0.3, 1.0, 2.5, 8.0, 60.0):
        assert _tail(t, freedom) == pytest.approx(student.sf(t, freedom), rel=1e-9, abs=1e-300)


def test_the_truly_best_setting_is_nearly_always_among_those_marked() -> None:
    """Eight settings with five seeds, seven of them alike and one a little better: whichever comes out first, the good
    one is told apart from it in at most LEVEL of all sweeps."""
    rng, lost, sweeps = np.random.default_rng(0), 0, 400
    for _ in range(sweeps):
        values = rng.normal(0.9, 0.02, (8, 5)) + np.array([0.005, *[0.0] * 7])[:, None]
        rows = [dict(enumerate(map(float, row))) for row in values]
        best = max(rows, key=lambda row: sum(row.values()))
        p = 1.0 if best is rows[0] else chance_of_worse(rows[0], best, lower=False)
        assert p is not None
        lost += p < LEVEL / 7
    assert lost / sweeps <= LEVEL
