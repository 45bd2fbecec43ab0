"""How a table of text is written: separator, header and column names, from the beginning of the file."""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nntrain.errors import UserError

if TYPE_CHECKING:
    import _csv

HEAD = 1 << 18  # bytes looked at to find out how a file is written
SNIFFED = 200  # rows looked at
SEPARATORS = ("\t", ";", "|", ",", " ")  # a comma inside a semicolon file is a decimal; not the other way round
MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL")

Header = Literal["auto"] | bool


@dataclass(frozen=True)
class Dialect:
    """How a file is written. `names` are its columns: from the header, else "0", "1", ...

    skip: lines before the first row of values (blank ones, and those of the header).
    """

    separator: str
    header: bool
    names: tuple[str, ...]
    skip: int


def sniff(head: str, path: Path, separator: str | None, header: Header, known: AbstractSet[str]) -> Dialect:
    """Find separator, header and column names from the beginning of a file."""
    separator = separator or _find_separator(head)
    rows: list[list[str]] = []
    parsed = _parsed(head, separator)
    before: list[int] = []  # lines before each row
    line = 0
    for row in parsed:
        if any(cell.strip() for cell in row):
            before.append(line)
            rows.append(row)
        line = parsed.line_num
        if len(rows) == SNIFFED:
            break
    if not rows:
        raise UserError(f"{path}: is empty")
    first = [cell.strip() for cell in rows[0]]
    has_header = header if header != "auto" else bool(known & set(first)) or _is_header(first, rows[1:])
    names = _unique(first) if has_header else tuple(str(i) for i in range(len(first)))
    return Dialect(separator, has_header, names, [*before, line][1 if has_header else 0])


def _parsed(head: str, separator: str) -> _csv.Reader:
    lines = list(io.StringIO(head, newline=""))
    if len(head) >= HEAD // 4 and len(lines) > 1:
        lines = lines[:-1]  # the last line of a cut head is no whole line
    return csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t")


def _find_separator(head: str) -> str:
    for candidate in SEPARATORS:
        widths = Counter(len(row) for row in itertools.islice(_parsed(head, candidate), SNIFFED) if row)
        if not widths:
            continue
        width, rows = widths.most_common(1)[0]
        if width > 1 and rows >= 0.9 * sum(widths.values()):
            return candidate
    # a ragged file has no even width; what occurs in its first line is the best guess
    first = head.splitlines()[0] if head.splitlines() else ""
    return next((candidate for candidate in SEPARATORS[:-1] if candidate in first), ",")


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_header(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Names over values: no cell is a number, and some column below is numbers throughout, or no name recurs below."""
    named = [cell for cell in first if cell]
    if any(is_number(cell) or cell in MISSING for cell in named):
        return False
    if not body:
        return True
    columns = [
        [row[i].strip() for row in body if i < len(row) and row[i].strip() not in MISSING] for i in range(len(first))
    ]
    if any(column and all(is_number(cell) for cell in column) for column in columns):
        return True
    return not any(cell in column for cell, column in zip(first, columns, strict=True))


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Names as given; an empty one by its position, a repeated one with a number."""
    seen: dict[str, int] = {}
    result = []
    for i, given in enumerate(names):
        name = given or f"unnamed_{i}"
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return tuple(result)
