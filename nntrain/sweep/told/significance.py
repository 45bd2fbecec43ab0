"""Whether one setting is worse than another, or chance alone may have it so."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, linear_regression, mean, variance

LEVEL = 0.05  # the chance, at most, that the truly best setting is not among those marked
FEWEST, MANY = 3, 10  # differences that say how uncertain each other's spread is, and how it grows with the shift
LARGEST = 1e6  # degrees of freedom: as good as infinitely many
TERMS, TINY = 400, 1e-300  # of a continued fraction: at most, and in place of 0

Values = Mapping[Hashable, float]  # by replicate: a seed, a fold


@dataclass(frozen=True)
class Difference:
    """By how much one setting is worse than another. shift: the mean; variance: of a single difference, of which the
    mean is over `n`, with so many degrees of `freedom`. lone: p where nothing is known of the spread."""

    shift: float
    variance: float
    n: float
    freedom: float
    lone: float

    @property
    def p(self) -> float:
        error = math.sqrt(self.variance / self.n)
        if error <= 1e-12 * abs(self.shift) or not error:
            return self.lone if self.shift > 0 else 1.0
        return _tail(self.shift / error, self.freedom)


def chances_of_worse(others: Sequence[Values], best: Values, *, lower: bool) -> list[float | None]:
    """p of a one-sided t test for each of `others` that it is no worse than `best`; None where a single run of either
    says nothing.

    Where two or more replicates are in both, the test is over their differences: the same seed gives both the same
    split and order of samples. Otherwise it is Welch's, for unequal variances. Two or three seeds say little of a
    spread, so that what the differences of all have in common counts too: see `_moderated`. lower: whether less is
    better; values that are then all positive (losses, errors) are compared by their logarithms, for they scatter by
    factors: one run that diverged must not hide that all three are worse.
    """
    sides = [dict(side) for side in (best, *others)]
    if lower and all(value > 0 for side in sides for value in side.values()):
        sides = [{key: math.log(value) for key, value in side.items()} for side in sides]
    sign = 1.0 if lower else -1.0
    first, *rest = ({key: sign * value for key, value in side.items()} for side in sides)
    found = [_difference(other, first) for other in rest]
    moderated = iter(_moderated([one for one in found if one is not None]))
    return [None if one is None else next(moderated).p for one in found]


def _difference(worse: Values, better: Values) -> Difference | None:
    shared = [key for key in worse if key in better]
    if len(shared) > 1:
        return _paired([worse[key] - better[key] for key in shared])
    if min(len(worse), len(better)) > 1:
        return _welch(list(worse.values()), list(better.values()))
    return None


def _paired(differences: Sequence[float]) -> Difference:
    """Without a spread, as counts of samples often differ by the same, it is the sign test."""
    n = len(differences)
    return Difference(mean(differences), variance(differences), n, n - 1, lone=0.5**n)


def _welch(worse: Sequence[float], better: Sequence[float]) -> Difference:
    """B. L. Welch, The generalization of Student's problem (1947), with Satterthwaite's degrees of freedom. Without a
    spread it is Fisher's exact test, of two samples that do not overlap."""
    parts = [variance(side) / len(side) for side in (worse, better)]
    n = 2 / (1 / len(worse) + 1 / len(better))
    squares = sum(p**2 / (len(side) - 1) for p, side in zip(parts, (worse, better), strict=True))
    freedom = sum(parts) ** 2 / squares if squares else len(worse) + len(better) - 2.0
    lone = 1 / math.comb(len(worse) + len(better), len(worse))
    return Difference(mean(worse) - mean(better), n * sum(parts), n, freedom, lone)


def _moderated(found: Sequence[Difference]) -> Sequence[Difference]:
    """With what they have in common: a variance that is smaller than is usual among them is raised towards that, by as
    many degrees of freedom as the likeness of all variances is worth, which the tests then have more (G. K. Smyth,
    Linear models and empirical Bayes methods, 2004). Of these half count, as all are differences from the same best,
    whose noise makes them alike; and a variance that is larger is not lowered. Both keep `LEVEL` where spreads differ.

    Settings that are far worse scatter more: among many differences what is usual grows with the shift.
    """
    spread = [one for one in found if one.variance > 0]
    if len(spread) < FEWEST:
        return found
    halves = [one.freedom / 2 for one in spread]
    logs = [math.log(one.variance) - _digamma(half) + math.log(half) for one, half in zip(spread, halves, strict=True)]
    shifts = [one.shift for one in spread]
    slope = max(0.0, linear_regression(shifts, logs).slope) if len(set(shifts)) >= MANY else 0.0
    level = fmean(logs) - slope * fmean(shifts)
    errors = sum((log - level - slope * shift) ** 2 for log, shift in zip(logs, shifts, strict=True))
    left = errors / (len(logs) - (2 if slope else 1)) - fmean(map(_trigamma, halves))  # without that of estimation
    prior = min(_trigamma_inverse(left) if left > 0 else LARGEST, LARGEST)  # half of its degrees of freedom

    def with_prior(one: Difference) -> Difference:
        shift = min(max(one.shift, min(shifts)), max(shifts))  # those without a spread lie anywhere
        usual = math.exp(level + slope * shift + _digamma(prior) - math.log(prior))
        common = (prior * usual + one.freedom * one.variance) / (prior + one.freedom)
        freedom = min(prior + one.freedom, max(sum(halves), one.freedom))
        return replace(one, variance=max(common, one.variance), freedom=freedom)

    return [with_prior(one) for one in found]


def _digamma(x: float) -> float:
    """x > 0; M. Abramowitz and I. A. Stegun, 6.3.5 and 6.3.18."""
    below = sum(1 / (x + i) for i in range(8))
    x += 8
    return math.log(x) - 1 / (2 * x) - 1 / (12 * x**2) + 1 / (120 * x**4) - 1 / (252 * x**6) - below


def _trigamma(x: float) -> float:
    """x > 0; M. Abramowitz and I. A. Stegun, 6.4.6 and 6.4.12."""
    below = sum(1 / (x + i) ** 2 for i in range(8))
    x += 8
    return 1 / x + 1 / (2 * x**2) + 1 / (6 * x**3) - 1 / (30 * x**5) + 1 / (42 * x**7) + below


def _trigamma_inverse(y: float) -> float:
    """The x > 0 at which it is y > 0, by bisection; up to LARGEST."""
    low, high = 1 / LARGEST, LARGEST
    for _ in range(60):
        x = math.sqrt(low * high)
        low, high = (x, high) if _trigamma(x) > y else (low, x)
    return high


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
