"""CSV and its relatives as people have them: separator and header found out, every way a file can be broken named."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from nntrain.data.files import open_unzipped
from nntrain.data.tables.diagnosis import check_short_rows, diagnosis, not_encoded
from nntrain.data.tables.sniffing import HEAD, MISSING, Dialect, Header, is_number, sniff
from nntrain.errors import UserError

if TYPE_CHECKING:
    import polars as pl

SAMPLE = 1000  # rows by which a column counts as numbers at first; a later text turns it back
SPACED_QUOTE = re.compile(rb'(?:^|[,;\t|])[ ]+"', re.MULTILINE)
NOT_PARSED = re.compile(r"could not parse .* at column .* \(column number (\d+)\)", re.DOTALL)
LEADING_ZERO = r"^\s*0\d"


def read_delimited(
    path: Path,
    *,
    separator: str | None = None,
    header: Header = "auto",
    encoding: str = "utf-8",
    missing: Sequence[str] = (),
    known: AbstractSet[str] = frozenset(),
    text: AbstractSet[str] = frozenset(),
) -> tuple[pl.DataFrame, Dialect]:
    """The file as a frame whose columns are Float64 (plain numbers throughout) or String, missing values null.

    known: names that betray a header. text: columns to be kept as they are written ("007" stays "007").
    Raises UserError for a file that is empty, binary, ragged or in another encoding.
    """
    import polars as pl
    from polars.exceptions import ComputeError, SchemaError

    head = _head(path, encoding)
    dialect = sniff(head, path, separator, header, known)
    source, skip = _source(path, encoding, head, dialect)
    markers = (*MISSING, *missing)

    def read(schema: dict[str, pl.DataType], rows: int | None) -> pl.DataFrame:
        if isinstance(source, io.BytesIO):
            source.seek(0)
        return pl.read_csv(
            source,
            has_header=False,  # the names are ours: stripped, none empty, none twice
            skip_lines=skip,
            separator=dialect.separator,
            schema=schema,
            null_values=[*markers, *(f" {marker}" for marker in markers if marker)],
            n_rows=rows,
        )

    try:
        frame = _typed(read, dialect.names, text)
    except (ComputeError, SchemaError) as error:
        raise UserError(diagnosis(path, encoding, dialect, str(error))) from None
    except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
        raise UserError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    if frame.height and frame[dialect.names[-1]].null_count():
        check_short_rows(path, encoding, dialect)  # polars fills short rows up with missing values
    frame = clean(frame, missing)
    if dialect.separator == ";":
        frame = frame.with_columns(
            column.str.replace(",", ".", literal=True).cast(pl.Float64)
            for column in frame.select(pl.col(pl.String).exclude(text)).get_columns()
            if has_decimal_commas(column)
        )
    if frame[dialect.names[0]].null_count():
        empty = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
        if empty.any():
            frame = frame.filter(~(empty & _blank_lines(source, skip, encoding, dialect, frame.height)))
    if frame.height == 0:
        raise UserError(f"{path}: has a header but no rows" if dialect.header else f"{path}: is empty")
    return frame, dialect


def _typed(
    read: Callable[[dict[str, pl.DataType], int | None], pl.DataFrame], names: Sequence[str], text: AbstractSet[str]
) -> pl.DataFrame:
    """The columns as numbers where the first rows are, but for those of `text`; a text further down makes its column
    text. read: takes the types of the columns, and how many rows to read (None: all)."""
    import polars as pl
    from polars.exceptions import ComputeError

    def types(numbers: AbstractSet[str]) -> dict[str, pl.DataType]:
        return {name: pl.Float64() if name in numbers else pl.String() for name in names}

    sample = read(types(set()), SAMPLE)
    numbers = {name for name in names if name not in text and is_plain_number(sample[name])}
    while True:
        try:
            return read(types(numbers), None)
        except ComputeError as error:
            at = NOT_PARSED.search(str(error))
            name = names[int(at[1]) - 1] if at else None
            if name not in numbers:
                raise
            numbers.discard(name)


def has_decimal_commas(column: pl.Series) -> bool:
    """Whether a column of text is numbers written as 3,14 throughout."""
    present = column.drop_nulls()
    if not present.head(SAMPLE).str.contains(r"^[+-]?\d*,\d+$").any():
        return False
    return looks_numeric(present.str.replace(",", ".", literal=True))


def clean(frame: pl.DataFrame, missing: Sequence[str] = ()) -> pl.DataFrame:
    """Spaces around texts taken off, and missing markers made null (those that are numbers, in numbers too)."""
    import polars as pl

    markers = [*MISSING, *missing]
    numbers = [float(marker) for marker in missing if is_number(marker)]
    changed = []
    for name, dtype in frame.schema.items():
        if dtype == pl.String:
            stripped = pl.col(name).str.strip_chars()
            changed.append(pl.when(stripped.is_in(markers)).then(None).otherwise(stripped).alias(name))
        elif numbers and dtype.is_numeric():
            changed.append(pl.when(pl.col(name).is_in(numbers)).then(None).otherwise(pl.col(name)).alias(name))
    return frame.with_columns(changed) if changed else frame


def is_plain_number(column: pl.Series) -> bool:
    """Whether polars' reader takes the column for numbers: spaces before them are fine, behind them they are not."""
    return looks_numeric(column) and not column.str.contains(r"\s$").any()


def looks_numeric(column: pl.Series) -> bool:
    """Whether every value that is there reads as a number; zero-padded ones ("02134") are codes, not numbers."""
    import polars as pl

    present = column.drop_nulls().str.strip_chars()
    if len(present) == 0:
        return False
    return present.cast(pl.Float64, strict=False).null_count() == 0 and not present.str.contains(LEADING_ZERO).any()


def _head(path: Path, encoding: str) -> str:
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise UserError(
            f"data.encoding: unknown encoding {encoding!r} (such as utf-8, latin-1, cp1252, utf-16)"
        ) from None
    try:
        with closing(open_unzipped(path)) as file:
            raw = file.read(HEAD)
            while raw.count(b"\n") < 5 and (more := file.read(HEAD)):  # very wide rows
                raw += more
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path}: is no whole gzip file: {error}") from None
    if not raw.strip():
        raise UserError(f"{path}: is empty")
    if raw[:2] == b"PK":
        raise UserError(f"{path}: is a zip archive or spreadsheet (.xlsx), not a table of text; save it as CSV")
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and encoding.lower() in ("utf-8", "utf8"):
        raise UserError(f"{path}: is UTF-16, not UTF-8; set data.encoding=utf-16")
    if b"\x00" in raw and "16" not in encoding and "32" not in encoding:
        raise UserError(f"{path}: is a binary file, not a table of text (CSV, TSV) or Parquet")
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        return decoder.decode(raw).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UserError(not_encoded(path, encoding, error)) from None


def _source(path: Path, encoding: str, head: str, dialect: Dialect) -> tuple[Path | io.BytesIO, int]:
    """What polars reads, and the lines to skip: the file itself where it can, else its text in plain UTF-8 CSV."""
    plain = codecs.lookup(encoding).name in ("utf-8", "ascii")
    spaced = SPACED_QUOTE.search(head.encode()) is not None
    if plain and not spaced:
        return path, dialect.skip
    with closing(open_unzipped(path)) as file:
        raw = file.read()
    try:
        text = raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UserError(not_encoded(path, encoding, error)) from None
    if not spaced:
        return io.BytesIO(text.encode()), dialect.skip
    # a quote after a space opens no quoted text for polars
    out = io.StringIO(newline="")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.separator, skipinitialspace=True)
    filled = (row for row in rows if any(cell.strip() for cell in row))
    csv.writer(out, delimiter=dialect.separator, lineterminator="\n").writerows(
        itertools.islice(filled, 1 if dialect.header else 0, None)
    )
    return io.BytesIO(out.getvalue().encode()), 0


def _blank_lines(source: Path | io.BytesIO, skip: int, encoding: str, dialect: Dialect, rows: int) -> pl.Series:
    """True for each row of polars' that is a blank line, not a row of missing values."""
    import polars as pl

    if isinstance(source, io.BytesIO):
        text: io.TextIOBase = io.StringIO(source.getvalue().decode(), newline="")
    else:
        text = io.TextIOWrapper(open_unzipped(source), encoding=encoding, newline="")
    with closing(text):
        lines = itertools.islice(text, skip, None)
        reader = csv.reader(lines, delimiter=dialect.separator)
        blank = [len(row) <= 1 and not any(cell.strip() for cell in row) for row in reader]
    if len(blank) != rows:  # stray quotes that csv and polars read differently: then no row is taken for a blank line
        return pl.repeat(False, rows, dtype=pl.Boolean, eager=True)
    return pl.Series(blank)
