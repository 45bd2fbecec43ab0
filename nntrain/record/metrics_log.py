"""`metrics.csv`: a row per epoch, on disk as soon as the epoch ends."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from nntrain.record.files import refused, write_atomic

Value = float | int | str | None


class MetricsLog:
    """Appends rows; the first row (in the file, or given) decides the columns, and every other must have the same.

    None is an empty cell. Numbers are written so that they read back exactly. Raises WriteError when the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        rows = read_metrics(self.path) if self.path.exists() else []
        self.columns: list[str] = list(rows[0]) if rows else []

    def append(self, *rows: Mapping[str, Value]) -> None:
        """Add rows; opened and closed for them, so that nothing stays in a buffer."""
        new = not self.columns
        if new:
            self.columns = list(rows[0])
        for row in rows:
            self._check(row)
        text = _csv(rows, self.columns, header=new)
        try:
            with self.path.open("wb" if new else "ab", buffering=0) as file:
                whole = file.tell()
                try:
                    rest = memoryview(text.encode())
                    while rest:
                        rest = rest[file.write(rest) :]
                except OSError:
                    file.truncate(whole)  # a full disk takes a part of the row: the next row must not continue it
                    raise
        except OSError as error:
            raise refused(self.path, error, kept="the rows before are kept") from error

    def rewrite(self, rows: Sequence[Mapping[str, Value]]) -> None:
        """Make the file hold `rows` and no others: what a resumed run does with the rows up to where it goes on."""
        self.columns = list(rows[0]) if rows else []
        for row in rows:
            self._check(row)
        if rows:
            write_atomic(self.path, _csv(rows, self.columns, header=True))
        else:
            self.path.unlink(missing_ok=True)

    def _check(self, row: Mapping[str, Value]) -> None:
        if self.columns and set(row) != set(self.columns):
            raise ValueError(f"row has columns {sorted(row)}, {self.path.name} has {sorted(self.columns)}")


def _csv(rows: Sequence[Mapping[str, Value]], columns: Sequence[str], *, header: bool) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def read_metrics(path: Path) -> list[dict[str, Value]]:
    """The rows of a `metrics.csv`: whole numbers as int, others as float, empty cells as None, anything else as text.

    A last line that a power cut left without its end is left out.
    """
    text = Path(path).read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    return [{key: _value(cell) for key, cell in row.items()} for row in csv.DictReader(io.StringIO(whole))]


def _value(cell: str) -> Value:
    if cell == "":
        return None
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
