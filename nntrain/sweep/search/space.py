"""What a search draws from: an axis per setting that varies, as Hydra's search syntax says it. Knows no sampler."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from nntrain.config import schema
from nntrain.config.fields import Kind
from nntrain.errors import UserError

WIDE = 2.0  # orders of magnitude that a number spans, from where on it is better drawn over these
NOTHING = (
    "search: there is nothing to search; name settings and their values, as optimizer.lr=interval(0.001,0.1), "
    "or in the recipe: search: {optimizer.lr: 'interval(0.001, 0.1)'}"
)
MARK = "++"  # lets Hydra carry words whose keys it has no config for


@dataclass(frozen=True)
class Axis:
    """One setting. low, high: of a number, both included. step: between values, None for any number between the ends.
    whole: whether its values are whole numbers. choices: values as written, of a setting without an order."""

    key: str
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False
    whole: bool = False
    choices: tuple[str, ...] = ()

    @property
    def count(self) -> int | None:
        """How many values it has; None where there is no end of them."""
        if self.choices:
            return len(set(self.choices))
        return None if self.step is None else round((self.high - self.low) / self.step) + 1

    @property
    def example(self) -> str | float:
        """One of its values."""
        return self.examples[0]

    @property
    def examples(self) -> tuple[str | float, ...]:
        """Values that are listed; of a number the ends."""
        if self.choices:
            return self.choices
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)

    @property
    def most(self) -> float:
        """The greatest of its values, all of them numbers."""
        return max(map(float, self.choices)) if self.choices else self.high

    def word(self, value: str | float) -> str:
        """The word that sets it, as Hydra takes it."""
        return f"{MARK}{self.key}={value if isinstance(value, str) else self._rounded(value)}"

    def _rounded(self, value: float) -> float:
        """As people would write it: four digits of a number between two ends, no errors of adding up in a range."""
        if self.whole:
            return value
        return min(max(float(f"{value:.4g}" if self.step is None else f"{value:.10g}"), self.low), self.high)

    def value(self, written: str) -> str | float:
        """A value from a word."""
        if self.choices:
            return written
        return int(written) if self.whole else float(written)


def read_space(arguments: Iterable[str]) -> tuple[list[Axis | str], list[Axis]]:
    """The words of a sweep in their order, an axis in place of each that varies; and the axes alone.

    UserError where there is none.
    """
    words: list[Axis | str] = []
    for override in OverridesParser.create().parse_overrides(list(arguments)):
        key = str(override.get_key_element())
        if override.is_sweep_override():
            words.append(axis_of(key.removeprefix(MARK), override))
        else:
            words.append(f"{key}={override.get_value_element_as_str()}")
    axes = [word for word in words if isinstance(word, Axis)]
    if not axes:
        raise UserError(NOTHING)
    return words, axes


def axis_of(key: str, override: Override) -> Axis:
    """The axis of a word that varies, and is known to be sound."""
    found = override.value()
    if isinstance(found, IntervalSweep):
        return _interval(key, found, schema.field(key))
    written = tuple(dict.fromkeys(override.sweep_string_iterator()))
    return _range(key, found, written) if isinstance(found, RangeSweep) else Axis(key, choices=written)


def _interval(key: str, interval: IntervalSweep, kind: Kind | None) -> Axis:
    low, high = float(interval.start or 0), float(interval.end or 0)
    whole = isinstance(interval.start, int) or _takes_whole_numbers(kind, low)
    return Axis(key, low, high, 1 if whole else None, "log" in interval.tags, whole)


def _range(key: str, found: RangeSweep, values: Sequence[str]) -> Axis:
    whole = all(isinstance(part, int) for part in (found.start, found.stop, found.step))
    low, high = sorted((float(values[0]), float(values[-1])))
    return Axis(key, low, high, abs(found.step), "log" in found.tags, whole)


def _takes_whole_numbers(kind: Kind | None, low: float) -> bool:
    """Whether a setting takes whole numbers alone."""
    return kind is not None and low.is_integer() and not kind.complaint(int(low)) and bool(kind.complaint(low + 0.5))


def size(axes: Sequence[Axis]) -> int | None:
    """How many combinations there are; None where there is no end of them."""
    whole = 1
    for axis in axes:
        if axis.count is None:
            return None
        whole *= axis.count
    return whole


def notes(axes: Sequence[Axis]) -> list[str]:
    """What is likely to be meant otherwise."""
    found = []
    for axis in axes:
        if axis.key == "seed":
            found.append(
                "seed: a search goes after the luckiest one; better leave it out, and train the best trial again with "
                "several: seed=1,2,3 -m"
            )
        if not axis.log and not axis.choices and axis.low > 0 and log10(axis.high / axis.low) >= WIDE:
            share = (axis.high / 10 - axis.low) / (axis.high - axis.low)
            found.append(
                f"{axis.key}: only one draw in {1 / share:.0f} is below {axis.high / 10:g}; "
                f"tag(log, interval({axis.low:g}, {axis.high:g})) draws evenly over orders of magnitude"
            )
    return found
