"""The kinds of value that a setting takes: each says what it allows, and whether a value is allowed."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from nntrain.errors import unknown


class Kind(Protocol):
    """`words` completes "must be ..."; `complaint` returns None for an allowed value, else what is wrong with it."""

    @property
    def words(self) -> str: ...

    def complaint(self, value: Any) -> str | None: ...


def shown(value: Any) -> str:
    """A value as messages quote it, shortened to 60 characters."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


class _Plain(Kind, Protocol):
    """A kind whose complaint is simply "... is not <words>"."""

    def allows(self, value: Any) -> bool: ...

    def complaint(self, value: Any) -> str | None:
        return None if self.allows(value) else f"{shown(value)} is not {self.words}"


@dataclass(frozen=True)
class Number(_Plain):
    """A finite real number; `low`/`high` are included in the range, `above`/`below` are not."""

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None

    @property
    def words(self) -> str:
        return f"a number{self.range}"

    @property
    def range(self) -> str:
        """As it follows "a number" or "a whole number"."""
        if self.low is not None and self.high is not None:
            return f" from {_number(self.low)} to {_number(self.high)}"
        parts = [
            f"of at least {self.low:g}" if self.low is not None else "",
            f"of at most {self.high:g}" if self.high is not None else "",
            f"above {self.above:g}" if self.above is not None else "",
            f"below {self.below:g}" if self.below is not None else "",
        ]
        said = " and ".join(part for part in parts if part)
        return f" {said}" if said else ""

    def allows(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            return False
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


def _number(value: float) -> str:
    """Large whole numbers digit by digit."""
    return f"{value:,}" if value >= 1_000_000 else f"{value:g}"


@dataclass(frozen=True)
class Integer(_Plain):
    """A whole number in a closed range."""

    low: int | None = None
    high: int | None = None

    @property
    def words(self) -> str:
        return f"a whole number{Number(self.low, self.high).range}"

    def allows(self, value: Any) -> bool:
        return isinstance(value, int) and Number(self.low, self.high).allows(value)


@dataclass(frozen=True)
class Boolean(_Plain):
    words = "true or false"

    def allows(self, value: Any) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True)
class Text(_Plain):
    """Any text but an empty one; `words` say what it is for ("a column name")."""

    words: str = "text"

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and value != ""


@dataclass(frozen=True)
class Path(_Plain):
    """A path. In a recipe it is relative to the recipe, on the command line to where the command runs.

    names: pattern of what is a name and no path, where no file is called that.
    """

    words: str = "a path"
    names: str | None = None

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and value != "" and "\0" not in value


@dataclass(frozen=True)
class Null(_Plain):
    """Left empty; `words` say what that means."""

    words: str = "null"

    def allows(self, value: Any) -> bool:
        return value is None


@dataclass(frozen=True)
class Choice:
    """One of a table's names."""

    what: str
    options: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"one of {', '.join(self.options)}"

    def complaint(self, value: Any) -> str | None:
        if isinstance(value, str) and value in self.options:
            return None
        if value is None or isinstance(value, bool | int | float | list | dict):
            return f"{shown(value)} is not {self.words}"
        return unknown(self.what, str(value), self.options)


@dataclass(frozen=True)
class ListOf:
    """A list whose every entry is of `kind`, of `length` entries where given, at least `minimum` otherwise."""

    kind: Kind
    length: int | None = None
    minimum: int = 0

    @property
    def words(self) -> str:
        least = f"at least {self.minimum} values" if self.minimum > 1 else "values"
        count = f"{self.length} values" if self.length is not None else least
        return f"a list of {count}, each {self.kind.words}"

    def complaint(self, value: Any) -> str | None:
        if not isinstance(value, Sequence) or isinstance(value, str):
            return f"{shown(value)} is not {self.words}"
        if self.length is not None and len(value) != self.length:
            return f"{shown(value)} has {len(value)} entries; it must be {self.words}"
        if len(value) < self.minimum:
            return f"{shown(value)} needs at least {self.minimum} entries"
        wrong = [f"entry {i}: {said}" for i, entry in enumerate(value) if (said := self.kind.complaint(entry))]
        return "; ".join(wrong) if wrong else None


@dataclass(frozen=True)
class MapOf:
    """A mapping from any name to values of `kind`: `{age: numeric, city: categorical}`."""

    what: str
    kind: Kind

    @property
    def words(self) -> str:
        return f"a mapping from {self.what} to {self.kind.words}"

    def complaint(self, value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return f"{shown(value)} is not {self.words}"
        wrong = [f"{key}: {said}" for key, entry in value.items() if (said := self.kind.complaint(entry))]
        return "; ".join(wrong) if wrong else None


@dataclass(frozen=True)
class Keyed:
    """A mapping with these keys and no others, `{epochs: 3}`; those in `may` can be left out."""

    kinds: Mapping[str, Kind] = field(hash=False)
    may: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return "{" + ", ".join(f"{key}: {kind.words}" for key, kind in self.kinds.items()) + "}"

    def complaint(self, value: Any) -> str | None:
        if not isinstance(value, Mapping) or any(key not in value for key in self.kinds if key not in self.may):
            return f"{shown(value)} is not {self.words}"
        return _first_complaint(value, self.kinds, "key")


@dataclass(frozen=True)
class Variant:
    """A choice with settings of its own: the bare name, or `{name: ..., setting: value}`."""

    what: str
    options: Mapping[str, Mapping[str, Kind]] = field(hash=False)

    @property
    def words(self) -> str:
        return f"one of {', '.join(self.options)}"

    def complaint(self, value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return Choice(self.what, tuple(self.options)).complaint(value)
        settings = dict(value)
        if "name" not in settings:
            return f"{shown(value)} has no 'name'; it must be {self.words}"
        if said := Choice(self.what, tuple(self.options)).complaint(settings["name"]):
            return said
        name = settings.pop("name")
        kinds = self.options[name]
        if settings and not kinds:
            return f"{name} has no setting '{next(iter(settings))}'"
        return _first_complaint(settings, kinds, f"setting of {self.what} {name}")


def _first_complaint(settings: Mapping[str, Any], kinds: Mapping[str, Kind], what: str) -> str | None:
    """What is wrong with the first of several settings that is unknown or not allowed. what: what such a key is."""
    for key, value in settings.items():
        if key not in kinds:
            return unknown(what, str(key), list(kinds))
        if said := kinds[key].complaint(value):
            return f"{key}: {said}"
    return None


class Either:
    """Any of several kinds, those within a kind among them too; what it says of a wrong value names them all."""

    def __init__(self, *kinds: Kind) -> None:
        self.kinds: tuple[Kind, ...] = tuple(
            one for kind in kinds for one in (kind.kinds if isinstance(kind, Either) else (kind,))
        )

    @property
    def words(self) -> str:
        return " or ".join(kind.words for kind in self.kinds)

    def complaint(self, value: Any) -> str | None:
        said = [kind.complaint(value) for kind in self.kinds]
        if None in said:
            return None
        for kind, one in zip(self.kinds, said, strict=True):
            if _fits_in_form(kind, value):  # it explains best what is wrong
                others = [other.words for other in self.kinds if other is not kind and not isinstance(other, Null)]
                final = not (isinstance(value, str) and others) or "did you mean" in str(one)
                return one if final else f"{one}, or {' or '.join(others)}"
        return f"{shown(value)} is not {self.words}"


def _fits_in_form(kind: Kind, value: Any) -> bool:
    """Whether a value that is not allowed is written as those are that the kind allows."""
    forms: dict[type, Any] = {str: Choice, list: ListOf, dict: MapOf | Keyed}
    return isinstance(kind, forms.get(type(value), ()))


def optional(kind: Kind, meaning: str = "null") -> Either:
    """`kind`, or null, which means `meaning`."""
    return Either(kind, Null(meaning))


def is_path(kind: Kind | None) -> bool:
    """Whether a field holds a path, which is made absolute and on the command line stands as it is written."""
    return any(map(is_path, kind.kinds)) if isinstance(kind, Either) else isinstance(kind, Path)


def is_name(kind: Kind | None, value: str) -> bool:
    """Whether what stands in a field that holds a path has the form of a name, which is no path if no file has it."""
    if isinstance(kind, Either):
        return any(is_name(one, value) for one in kind.kinds)
    return isinstance(kind, Path) and kind.names is not None and re.fullmatch(kind.names, value) is not None


FRACTION = Number(low=0, high=1)
POSITIVE = Number(above=0)
NON_NEGATIVE = Number(low=0)
PROBABILITY = Number(low=0, below=1)
