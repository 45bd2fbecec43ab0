"""Numbers and durations as people read them."""

from __future__ import annotations

import math

import pytest

from nntrain.record.sparkline import logarithmic, resampled, sparkline
from nntrain.record.words import clean, duration, measured, number, plural, setting, shorten, size


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "-"),
        (0.0, "0"),
        (0.97314, "0.9731"),
        (-0.1234, "-0.1234"),
        (12.3456, "12.346"),
        (123.456, "123.46"),
        (1234.56, "1,234.6"),
        (51234.5, "51,234"),
        (1234567.0, "1.23e+06"),
        (0.001234, "0.00123"),
        (0.0001234, "0.000123"),
        (0.0000123, "1.23e-05"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_numbers_have_sensible_digits(value: float | None, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0042, "4 ms"),
        (0.314, "0.31 s"),
        (3.2, "3.2 s"),
        (59.97, "1 min 00 s"),
        (65.2, "1 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7384, "2 h 03 min"),
        (100_800, "1 d 04 h"),
        (math.inf, "-"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_settings_sizes_and_plurals() -> None:
    assert [setting(v) for v in (0.001, 1e-5, 0.3, 1.0, None)] == ["0.001", "1e-05", "0.3", "1", "-"]
    assert [measured(v) for v in (1484705.0, 0.5, 15.0001, 2e300)] == ["1,484,705", "0.5", "15.0001", "2e+300"]
    assert [size(n) for n in (512, 1434, 2.5 * 2**30)] == ["512 B", "1.4 KiB", "2.5 GiB"]
    assert [plural(1, "row"), plural(1200, "row"), plural(2, "x", "xes")] == ["1 row", "1,200 rows", "2 xes"]


def test_text_from_outside_is_one_harmless_line_of_a_given_width() -> None:
    assert clean(" a\tb\n\x1b[0mc ") == "a b [0mc"
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcdef", 4, ascii_only=True) == "ab.."
    assert shorten("日本語です", 5) == "日本…"


def test_a_sparkline_goes_from_low_to_high() -> None:
    assert sparkline([0, 1, 2, 3.5, 7], 0, 7) == ["▁▂▃▅█"]
    assert sparkline([0, 7], 0, 7, rows=2) == [" █", "▁█"]
    assert sparkline([0, 7, math.nan], 0, 7, ascii_only=True) == ["_# "]
    assert sparkline([1, 10, 100], 1, 100, log=True) == ["▁▅█"]
    assert sparkline([2, 2], 2, 2) == ["▁▁"]


def test_long_curves_are_averaged() -> None:
    assert resampled([1, 3, 5, 7], 2) == [2, 6]
    assert resampled([1, math.nan, 5, 7], 2) == [1, 6]
    assert len(resampled(range(1000), 60)) == 60


def test_more_than_two_decades_are_logarithmic() -> None:
    assert logarithmic([1, 101])
    assert not logarithmic([1, 99, math.nan])
    assert not logarithmic([0, 1000])
    assert not logarithmic([])
