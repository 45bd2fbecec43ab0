"""Values in Hydra's grammar: how they are written, what is wrong with those that it cannot read, and with a sweep that
holds no values, or too many."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Quote, QuotedString, RangeSweep, Sweep
from hydra.errors import HydraException

from nntrain.errors import nearest, unknown

FUNCTIONS = {  # of a sweep, and how each is written
    "choice": "choice(A, B, C)",
    "range": "range(START, STOP, STEP)",
    "interval": "interval(LOW, HIGH)",
    "glob": "glob(PATTERN)",
    "shuffle": "shuffle(range(5))",
    "sort": "sort(C, A, B)",
    "tag": "tag(log, interval(LOW, HIGH))",
}
NAMES_ELSEWHERE = {  # what other tools call them
    "uniform": "interval",
    "loguniform": "tag",
    "log_uniform": "tag",
    "log": "tag",
    "randint": "range",
    "categorical": "choice",
    "grid": "choice",
}
TAGS = ("log",)
MOST = 100_000  # values of a setting, and jobs of a grid: composing as many takes minutes
PLAIN = re.compile(r"[\w./+-]+")  # texts that the grammar takes as they are
QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
GAP = re.compile(r"(?:^|(?<=[,(\[{:]))\s*(?=,)|(?<=,)\s*(?=$|[)\]}])")  # where a value should be
WITH_NULL = re.compile(r"(choice|sort|shuffle)\((.*)\)", re.DOTALL)
NULL = re.compile(r"(?:^|,)\s*null\s*(?=,|$)", re.IGNORECASE)
PAIRS = {")": "(", "]": "[", "}": "{"}


def written(value: Any) -> str:
    """A value as the grammar reads it."""
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{written(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(written, value)) + "]"
    text = str(value)
    return text if PLAIN.fullmatch(text) else QuotedString(text, Quote.single).with_quotes()


def unreadable(raw: str, error: HydraException) -> str:
    """Why the grammar cannot read a value, in words of ours where it is a common slip."""
    reason = str(error).splitlines()[0].strip().rstrip(".")
    return (
        gap(raw)
        or _unbalanced(_without_quoted(raw))
        or _null_among(raw)
        or _function(reason)
        or _in_brackets(raw)
        or reason.partition(" expecting ")[0]
    )


def gap(raw: str) -> str | None:
    """Where in a list of values one is missing. Commas alone are no list: a separator is one."""
    found = GAP.search(_without_quoted(raw)) if "," in raw else None
    if found is None or not raw.strip(", "):
        return None
    before, after = raw[: found.start()], raw[found.end() :]
    if not before.strip():
        return f"a value is missing before '{after}'"
    return f"a value is missing after '{before}'"


def _without_quoted(raw: str) -> str:
    """The same with a letter for every character of a quoted text."""
    return QUOTED.sub(lambda found: "_" * len(found[0]), raw)


def _unbalanced(bare: str) -> str | None:
    """The bracket or quote that is not closed, or that closes none."""
    if (quote := re.search("['\"]", bare)) is not None:
        return f"the quote {quote[0]} is not closed"
    opened: list[str] = []
    for mark in bare:
        if mark in PAIRS.values():
            opened.append(mark)
        elif mark in PAIRS and (not opened or opened.pop() != PAIRS[mark]):
            return f"'{mark}' closes no '{PAIRS[mark]}'"
    return f"'{opened[-1]}' is not closed" if opened else None


def _null_among(raw: str) -> str | None:
    """That a function of values takes no null, which a plain list of values does."""
    found = WITH_NULL.fullmatch(raw)
    if found is None or NULL.search(_without_quoted(found[2])) is None:
        return None
    return f"{found[1]}() takes no null; write {found[2]}"


def _function(reason: str) -> str | None:
    """A function that there is none of, or one that is given what it does not take."""
    if (found := re.search(r"Unknown function '(\w+)'", reason)) is not None:
        name = found[1]
        guess = NAMES_ELSEWHERE.get(name.lower()) or nearest(name, FUNCTIONS)
        hint = f"; did you mean '{FUNCTIONS[guess]}'?" if guess else ""
        return f"there is no function '{name}'{hint} (functions: {', '.join(FUNCTIONS)})"
    found = re.search(r"while evaluating '(\w+)\(", reason)
    return f"{found[1]} is written {FUNCTIONS[found[1]]}" if found and found[1] in FUNCTIONS else None


def _in_brackets(raw: str) -> str | None:
    found = re.fullmatch(r"\(([^()]*)\)|\{([^{}:]*)\}", raw)
    return f"write several values without brackets: {found[1] or found[2]}" if found else None


def sweep_problem(sweep: Sweep, raw: str) -> str | None:
    """What is wrong with a sweep by itself, whatever setting it is for. raw: as it is written."""
    log = "log" in sweep.tags
    if wrong := sorted(sweep.tags.difference(TAGS)):
        return f"{raw}: {unknown('tag', wrong[0], TAGS)}"
    if isinstance(sweep, IntervalSweep):
        return _interval_problem(float(sweep.start or 0), float(sweep.end or 0), raw, log=log)
    if isinstance(sweep, RangeSweep):
        return _range_problem(sweep, raw, log=log)
    return f"{raw} lists values, which have no scale; log goes with interval() and range()" if log else None


def _interval_problem(low: float, high: float, raw: str, *, log: bool) -> str | None:
    if low >= high:
        return f"{raw}: the first end must be below the second"
    if log and low <= 0:
        return f"{raw}: what is drawn over orders of magnitude must begin above 0"
    return None


def _range_problem(found: RangeSweep, raw: str, *, log: bool) -> str | None:
    start, stop, step = found.start or 0, found.stop or 0, found.step
    if not all(map(math.isfinite, (start, stop, step))):
        return f"{raw} has no end; a range goes from one number to another"
    if step == 0:
        return f"{raw}: steps of 0 lead nowhere"
    if start == stop:
        return f"{raw} has no values: it ends where it begins, and the end is not part of it"
    count = math.ceil((stop - start) / step)
    if count <= 0:
        return f"{raw} has no values: steps of {step:g} do not lead from {start:g} to {stop:g}"
    if count > MOST:
        return f"{raw} has {count:,} values, and a sweep takes {MOST:,}; or draw from interval(LOW, HIGH)"
    if log and (step != 1 or not all(isinstance(part, int) for part in (start, stop, step))):
        return f"{raw}: what is drawn over orders of magnitude has no step; write tag(log, interval(...))"
    low, high = sorted((start, start + (count - 1) * step))
    return _interval_problem(low, high + 1, raw, log=True) if log else None
