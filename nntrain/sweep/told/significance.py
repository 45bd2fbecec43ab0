"""Whether one setting is worse than another, or chance alone may have it so."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from statistics import mean, variance

LEVEL = 0.05  # the chance, at most, that the truly best setting is not among those marked
TERMS, TINY = 400, 1e-300  # of a continued fraction: at most, and in place of 0


def chance_of_worse(other: Mapping[Hashable, float], best: Mapping[Hashable, float], *, lower: bool) -> float | None:
    """p of a one-sided t test that `other` is no worse than `best`; None where a single run of either says nothing.

    Values by replicate (a seed, a fold). Where two or more replicates are in both, the test is over their differences:
    the same seed gives both the same split and order of samples. Otherwise it is Welch's, for unequal variances.
    lower: whether less is better; values that are then all positive (losses, errors) are compared by their logarithms,
    for they scatter by factors: one run that diverged must not hide that all three are worse.
    """
    sides = [dict(other), dict(best)]
    if lower and all(value > 0 for side in sides for value in side.values()):
        sides = [{key: math.log(value) for key, value in side.items()} for side in sides]
    sign = 1.0 if lower else -1.0
    worse, better = ({key: sign * value for key, value in side.items()} for side in sides)
    shared = [key for key in worse if key in better]
    if len(shared) > 1:
        return _paired([worse[key] - better[key] for key in shared])
    if min(len(worse), len(better)) > 1:
        return _welch(list(worse.values()), list(better.values()))
    return None


def _paired(differences: Sequence[float]) -> float:
    n, shift = len(differences), mean(differences)
    spread = math.sqrt(variance(differences) / n)
    if spread <= 1e-12 * abs(shift):  # counts of samples often differ by the same: the sign test, which needs no spread
        return 0.5**n if shift > 0 else 1.0
    return _tail(shift / spread, n - 1) if spread else 1.0


def _welch(worse: Sequence[float], better: Sequence[float]) -> float:
    """B. L. Welch, The generalization of Student's problem (1947), with Satterthwaite's degrees of freedom."""
    parts = [variance(side) / len(side) for side in (worse, better)]
    shift, spread = mean(worse) - mean(better), math.sqrt(sum(parts))
    if spread <= 1e-12 * abs(shift) or not spread:  # Fisher's exact test, of two samples that do not overlap
        return 1 / math.comb(len(worse) + len(better), len(worse)) if shift > 0 else 1.0
    freedom = sum(parts) ** 2 / sum(p**2 / (len(side) - 1) for p, side in zip(parts, (worse, better), strict=True))
    return _tail(shift / spread, freedom)


def _tail(t: float, freedom: float) -> float:
    """P(T > t) of Student's distribution, by the incomplete beta function; scipy, which has it too, takes a quarter of
    a second to load."""
    if t < 0:
        return 1.0 - _tail(-t, freedom)
    return 0.5 * _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b), regularized, by its continued fraction (W. H. Press et al., Numerical Recipes, 6.4), 0 <= x <= 1."""
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    if x <= 0:
        return 0.0
    front = a * math.log(x) + b * math.log1p(-x) - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b)
    c, d, fraction = 1.0, 0.0, 1.0
    for i in range(TERMS):
        m = i // 2
        if i == 0:
            term = 1.0
        elif i % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / ((1.0 + term * d) or TINY)
        c = (1.0 + term / c) or TINY
        fraction *= c * d
        if i and abs(c * d - 1.0) < 1e-15:
            break
    return math.exp(front) * (fraction - 1.0) / a
