"""What of a metric a picture shows."""

from __future__ import annotations

import numpy as np
import pytest

from nntrain.sweep.told.view import view_of

GOOD = [0.10 + 0.01 * i for i in range(12)]
CASES = {  # values, the worst that is shown, whether by a logarithmic axis
    "all alike": ([0.5] * 12, 0.5, False),
    "of a few all": ([0.1, 0.2, 1e6], 1e6, True),
    "close together": (GOOD, 0.21, False),
    "one worse by far": ([*GOOD, 0.9], 0.21, False),
    "one that diverged": ([*GOOD, 1e9], 0.21, True),
    "a third of which diverged": ([*GOOD, 1e3, 1e6, 1e9, 1e12, 1e15], 0.21, True),
    "two decades": ([*GOOD, 0.5, 2.0, 9.0], 9.0, True),
    "many decades, evenly": ([10.0**-i for i in range(12)], 1.0, True),
    "a best of nothing": ([0.0, *GOOD, 7.0], 0.21, False),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_shown_of_losses(case: str) -> None:
    values, worst, log = CASES[case]
    view = view_of(values, lower=True)
    assert view.log == log
    shown = np.array(values)[~view.beyond(values)]
    assert (shown.min(), shown.max()) == (min(values), pytest.approx(worst))
    assert view.low < shown.min() <= shown.max() < view.high < 5 * worst
    assert len(view.scale.ticks) > 1


def test_of_accuracies_the_high_ones_are_shown() -> None:
    view = view_of([0.1, *(0.95 + 0.002 * i for i in range(12))], lower=False)
    assert (view.log, view.beyond([0.1, 0.95, 0.972]).tolist()) == (False, [True, False, False])


def test_none_is_left_out_for_little() -> None:
    values = [0.0213, 0.0224, 0.0226, 0.0232, 0.0241, 0.0253, 0.0308, 0.0315]
    assert not view_of([*values, 0.0421], lower=True).beyond([*values, 0.0421]).any()
    assert view_of([*values, 0.09], lower=True).beyond([*values, 0.09]).tolist() == [False] * 8 + [True]
