"""The test behind the marks of a leaderboard, held to scipy's figures and to simulated sweeps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy.special import digamma, polygamma
from scipy.stats import t as student
from scipy.stats import ttest_ind, ttest_rel

from nntrain.sweep.told.significance import LEVEL, _digamma, _tail, _trigamma, _trigamma_inverse, chances_of_worse

BEST = {0: 0.91, 1: 0.93, 2: 0.90, 3: 0.94}
OTHER = {0: 0.89, 1: 0.92, 2: 0.88, 3: 0.90}


def keyed(values: dict[int, float], by: int) -> dict[int, float]:
    return {key + by: value for key, value in values.items()}


def chance_of_worse(other: dict[int, float], best: dict[int, float], *, lower: bool) -> float | None:
    return chances_of_worse([other], best, lower=lower)[0]


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


def test_digamma_and_trigamma() -> None:
    for x in (0.05, 0.5, 1.0, 2.5, 40.0, 1e6):
        assert _digamma(x) == pytest.approx(digamma(x), rel=1e-9)
        assert _trigamma(x) == pytest.approx(polygamma(1, x), rel=1e-9)
        assert _trigamma(_trigamma_inverse(_trigamma(x))) == pytest.approx(_trigamma(x), rel=1e-9)


def sweep(
    rng: np.random.Generator, means: Sequence[float], seeds: int, times: ArrayLike = 1.0
) -> list[dict[int, float]]:
    """Of settings with these means: each with a noise of its own, of 0.02 times so much, and one that all share by
    seed."""
    scale = 0.02 * np.broadcast_to(times, len(means))
    values = np.array(means)[:, None] + rng.normal(0, scale, (seeds, len(means))).T + rng.normal(0, 0.03, seeds)
    return [dict(enumerate(map(float, row))) for row in values]


def marked(rows: list[dict[int, float]]) -> list[bool]:
    """Whether each is told from the best, less being worse, as a leaderboard tells it."""
    best = max(rows, key=lambda row: sum(row.values()))
    chances = chances_of_worse(rows, best, lower=False)
    return [
        row is not best and p is not None and p < LEVEL / (len(rows) - 1) for row, p in zip(rows, chances, strict=True)
    ]


@pytest.mark.parametrize(("count", "seeds", "unlike"), [(8, 5, 0.0), (8, 2, 0.0), (8, 3, 0.5), (30, 3, 0.5)])
def test_the_truly_best_setting_is_nearly_always_among_those_marked(count: int, seeds: int, unlike: float) -> None:
    """All others are nearly as good: whichever comes out first, the best is told apart from it in at most LEVEL of all
    sweeps."""
    rng = np.random.default_rng(0)
    means = [1e-6, *[0.0] * (count - 1)]
    lost = [marked(sweep(rng, means, seeds, np.exp(rng.normal(0, unlike, count))))[0] for _ in range(300)]
    assert np.mean(lost) <= LEVEL


def test_few_seeds_tell_what_is_clearly_worse_where_there_are_many_settings() -> None:
    """Five times its noise, in half of 30 settings. Three seeds by themselves would tell a sixth of these."""
    rng = np.random.default_rng(0)
    told = [marked(sweep(rng, [0.0, -0.1] * 15, 3)) for _ in range(30)]
    assert np.mean([row[1::2] for row in told]) > 0.9


def test_what_is_far_worse_scatters_more_and_hides_little() -> None:
    """Of 40 settings half are far off, the farther the wilder, and four as good as the best. By one usual spread for
    all, only a sixteenth of those that are a little worse would be told."""
    rng, means = np.random.default_rng(0), np.concatenate([np.zeros(4), np.full(16, -0.1), np.linspace(-0.2, -1.5, 20)])
    told = np.array([marked(sweep(rng, means, 3, np.exp(-2 * means))) for _ in range(20)])
    assert told[:, :4].mean() < LEVEL
    assert told[:, 4:20].mean() > 0.75
    assert told[:, 20:].mean() > 0.9


def test_what_is_usual_is_not_carried_on_to_where_no_spread_was_seen() -> None:
    """A best at 1 and a setting at 0.1 whatever the seed differ without a spread, far beyond all others."""
    best, chance = dict.fromkeys(range(3), 1.0), dict.fromkeys(range(3), 0.1)
    others = [{i: 1 - k * 5e-4 - k * k * 2e-5 * (i - 1) for i in range(3)} for k in range(1, 14)]
    *_, found = chances_of_worse([*others, chance], best, lower=False)
    assert found is not None
    assert found < 1e-3


def test_a_spread_that_is_small_by_chance_is_not_believed() -> None:
    best, lucky = {0: 0.90, 1: 0.94, 2: 0.92}, {0: 0.890, 1: 0.927, 2: 0.913}  # always about 0.01 less
    others = [{0: 0.86, 1: 0.95, 2: 0.88}, {0: 0.88, 1: 0.89, 2: 0.93}, {0: 0.91, 1: 0.87, 2: 0.90}]
    by_itself = chance_of_worse(lucky, best, lower=False)
    beside_others = chances_of_worse([lucky, *others], best, lower=False)[0]
    assert by_itself is not None
    assert by_itself < 0.02
    assert beside_others is not None
    assert beside_others > 0.04


def test_a_large_spread_is_not_lowered() -> None:
    best, wild = {0: 0.90, 1: 0.94, 2: 0.92}, {0: 0.2, 1: 0.95, 2: 0.9}
    others = [{0: 0.86, 1: 0.90, 2: 0.89}, {0: 0.87, 1: 0.92, 2: 0.88}, {0: 0.88, 1: 0.91, 2: 0.91}]
    found = chances_of_worse([wild, *others], best, lower=False)[0]
    assert found is not None
    assert found > 0.1
