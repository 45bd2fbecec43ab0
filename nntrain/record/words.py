"""Numbers, durations and names as people read them."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size


def number(value: float | None) -> str:
    """Three to five digits that matter: `0.9731`, `12.35`, `1,234.5`, `51,234`, `0.00123`, `1.23e-05`; None is `-`."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(float(value))
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-4 or size >= 1e6:
        return f"{value:.2e}"
    if size < 1e-3:
        return f"{value:.6f}"
    if size < 1e-2:
        return f"{value:.5f}"
    if size < 10:
        return f"{value:.4f}"
    if size < 1e3:
        return f"{value:.{3 if size < 100 else 2}f}"
    return f"{value:,.1f}" if size < 1e4 else f"{value:,.0f}"


def setting(value: float | None) -> str:
    """A number that somebody chose (a learning rate): as few digits as say it, at most three."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e6 else f"{value:.3g}"


def count(value: float) -> str:
    """A whole number with its thousands marked: `17,226`."""
    return f"{value:,.0f}"


def measured(value: float) -> str:
    """A value of the data as it is there: at most six digits, none added; whole numbers in full up to 15 digits."""
    return f"{value:,.0f}" if abs(value) < 1e15 and value == int(value) else f"{value:,.6g}"


def duration(seconds: float) -> str:
    """`4 ms`, `0.31 s`, `3.2 s`, `1 min 05 s`, `2 h 03 min`, `1 d 04 h`."""
    if not math.isfinite(seconds):
        return "-"
    if seconds < 0.0995:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.{2 if seconds < 0.995 else 1}f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def size(count_of_bytes: float) -> str:
    """`512 B`, `1.4 KiB`, `23.1 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count_of_bytes < 1024:
            return f"{count_of_bytes:.0f} {unit}" if unit == "B" else f"{count_of_bytes:.1f} {unit}"
        count_of_bytes /= 1024
    return f"{count_of_bytes:.1f} TiB"


def plural(amount: int, one: str, many: str | None = None) -> str:
    """`1 epoch`, `1,200 epochs`."""
    return f"{count(amount)} {one if amount == 1 else many or one + 's'}"


def clean(text: object) -> str:
    """Text from outside (a class, a column) on one line, without anything that could steer a terminal."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in str(text))).strip()


def shorten(text: str, width: int, *, ascii_only: bool = False) -> str:
    """At most `width` terminal cells; what is cut off at the end is marked."""
    if cell_len(text) <= width:
        return text
    mark = ".." if ascii_only else "…"
    return set_cell_size(text, max(0, width - len(mark))).rstrip() + mark


def wrapped(text: str, width: int) -> list[str]:
    """`text` broken between words into lines of at most `width`; a longer word (a path) stays whole."""
    return textwrap.wrap(text, max(20, width), break_long_words=False, break_on_hyphens=False) or [""]


def numbers_text(numbers: Sequence[int]) -> str:
    """`3`, `0-3`, `0-2, 8`, `0, 4, 8, ...`."""
    spans: list[list[int]] = []
    for n in sorted(numbers):
        if spans and n == spans[-1][1] + 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    said = [str(a) if a == b else f"{a}-{b}" if b > a + 1 else f"{a}, {b}" for a, b in spans]
    return ", ".join(said[:4]) + (", ..." if len(said) > 4 else "")
