"""How far a sweep is and how long it takes, by made-up clocks."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nntrain.sweep.told.pace import Pace


def pace_of(epochs: Mapping[int, int]) -> Pace:
    pace = Pace()
    pace.epochs.update(epochs)
    return pace


def stack(pace: Pace, members: range, start: float, until: int, seconds: float, begun: int = 0) -> float:
    """Members that train together from `start` on, an epoch in so many seconds each; when it was."""
    for number in members:
        if number not in pace.at:
            pace.begin(number, begun, start)
    for epoch in range(begun + 1, until + 1):
        start += seconds
        for number in members:
            pace.go_on(number, epoch, pace.epochs[number], start)
    return start


def test_nothing_is_said_before_there_is_ground_for_it() -> None:
    assert Pace().share() == 0.0
    assert Pace().seconds_left(5.0) is None
    pace = pace_of({0: 100, 1: 100})
    pace.begin(0, 0, 10.0)
    pace.begin(1, 0, 10.0)
    assert pace.seconds_left(15.0) is None  # no epoch is done
    pace.go_on(0, 1, 100, 12.0)
    assert pace.seconds_left(12.0) is None  # the other may be at its first for long
    pace.go_on(1, 1, 100, 12.1)
    assert pace.seconds_left(12.1) == pytest.approx(198 * 1.05)


def test_the_first_guess_of_a_stack_is_as_good_as_the_last() -> None:
    """However long it took until it began; and none of its members has ended."""
    pace = pace_of(dict.fromkeys(range(48), 100))
    now = stack(pace, range(48), 7.5, until=2, seconds=0.6)
    assert pace.seconds_left(now) == pytest.approx(98 * 0.6)
    assert pace.share() == pytest.approx(0.02)
    now = stack(pace, range(48), now, until=60, seconds=0.6, begun=2)
    assert pace.seconds_left(now) == pytest.approx(40 * 0.6, rel=0.01)


def test_stacks_that_wait_their_turn_take_as_long_as_the_first() -> None:
    pace = pace_of(dict.fromkeys(range(48), 100))
    now = stack(pace, range(16), 3.0, until=50, seconds=0.2)
    assert pace.seconds_left(now) == pytest.approx(250 * 0.2)
    assert pace.share() == pytest.approx(1 / 6)


def test_between_two_news_it_counts_down_until_it_has_run_out() -> None:
    pace = pace_of({0: 10})
    now = stack(pace, range(1), 0.0, until=5, seconds=2.0)
    assert pace.seconds_left(now) == pytest.approx(10.0)
    assert pace.seconds_left(now + 3) == pytest.approx(7.0)
    assert pace.seconds_left(now + 11) is None


def test_it_follows_epochs_not_jobs() -> None:
    pace = pace_of({0: 10, 1: 100})
    now = stack(pace, range(1), 0.0, until=10, seconds=0.5)
    pace.end(0, 10, now)
    assert pace.share() == pytest.approx(10 / 110)
    assert pace.seconds_left(now) == pytest.approx(50.0)


def test_it_counts_on_early_stopping() -> None:
    pace = pace_of({0: 100, 1: 100})
    now = stack(pace, range(1), 0.0, until=20, seconds=0.1)
    pace.end(0, 20, now)
    assert pace.seconds_left(now) == pytest.approx(2.0)


def test_the_first_that_stop_do_not_stand_for_those_that_go_on() -> None:
    """One of ten members leaves at epoch 20: nine are still to train, not none."""
    pace = pace_of(dict.fromkeys(range(10), 100))
    now = stack(pace, range(10), 0.0, until=20, seconds=0.5)
    pace.end(0, 20, now)
    assert pace.seconds_left(now) == pytest.approx(9 * 80 / (10 / 0.5), rel=0.01)


def test_a_job_that_failed_has_nothing_left_and_did_what_it_did() -> None:
    pace = pace_of({0: 100, 1: 100})
    now = stack(pace, range(2), 0.0, until=10, seconds=1.0)
    pace.end(0, None, now)
    assert pace.ran[0] == 10
    assert pace.seconds_left(now) == pytest.approx(90 / 2)


def test_what_an_earlier_session_did_sets_no_pace() -> None:
    pace = pace_of({0: 100, 1: 100, 2: 100})
    pace.end(0, 100, None)
    now = stack(pace, range(1, 2), 0.0, until=60, seconds=1.0, begun=50)  # from its saved state
    assert pace.share() == pytest.approx(160 / 300)
    assert pace.seconds_left(now) == pytest.approx(140.0)


def test_the_pace_is_that_of_late() -> None:
    pace = pace_of({0: 1000})
    now = stack(pace, range(1), 0.0, until=100, seconds=1.0)
    now = stack(pace, range(1), now, until=300, seconds=0.1, begun=100)
    slow = 700 * (120 / 300)
    left = pace.seconds_left(now)
    assert left is not None
    assert left < slow * 0.9


def test_a_stack_that_broke_starts_again_with_what_it_had_saved() -> None:
    pace = pace_of({0: 10, 1: 10})
    now = stack(pace, range(2), 0.0, until=4, seconds=1.0)
    for number in (0, 1):
        pace.wait(number)
    assert pace.share() == 0.0
    pace.begin(0, 3, now)
    assert pace.share() == pytest.approx(3 / 20)


def test_jobs_that_a_search_will_draw_take_as_long_as_those_it_drew() -> None:
    pace = pace_of({0: 10})
    now = stack(pace, range(1), 0.0, until=10, seconds=1.0)
    pace.end(0, 10, now)
    assert pace.share(more=9) == pytest.approx(0.1)
    assert pace.seconds_left(now, more=9) == pytest.approx(90.0)


def test_many_news_are_thinned_out() -> None:
    pace = pace_of({0: 100_000})
    now = stack(pace, range(1), 0.0, until=5000, seconds=0.1)
    assert len(pace._news) <= 400
    assert pace.seconds_left(now) == pytest.approx(9500.0, rel=0.01)


def test_of_those_that_go_on_so_many_stop_as_of_those_that_came_so_far() -> None:
    pace = pace_of(dict.fromkeys(range(8), 100))
    stack(pace, range(8), 0.0, until=20, seconds=1.0)
    for number in range(4):
        pace.end(number, 20, 20.0)
    now = stack(pace, range(4, 8), 20.0, until=40, seconds=1.0, begun=20)
    for number in (4, 5):  # half of those that came to 40, a quarter of all
        pace.end(number, 40, now)
    pace.epochs[8] = 100
    expected = 20 + 20 / 2 + 60 / 4  # of one that is to come
    assert pace.share() == pytest.approx(240 / (240 + 2 * 60 + expected))


def test_a_job_that_begins_again_has_lost_its_epochs_and_not_the_time_for_them() -> None:
    pace = pace_of({0: 100})
    now = stack(pace, range(1), 0.0, until=20, seconds=1.0)
    pace.wait(0)
    assert pace.share() == 0.0
    now = stack(pace, range(1), now, until=10, seconds=1.0)
    assert pace.share() == pytest.approx(0.1)
    assert pace.seconds_left(now) == pytest.approx(90.0)
