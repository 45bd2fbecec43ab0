"""Why a delimited file cannot be read as a table: the row of another width, or what is not in the encoding."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from nntrain.data.files import open_unzipped
from nntrain.data.tables.sniffing import Dialect
from nntrain.errors import UserError


def not_encoded(path: Path, encoding: str, error: UnicodeDecodeError) -> str:
    """The message for bytes that are no text in the encoding; names the line."""
    line = error.object[: error.start].count(b"\n") + 1
    hint = "; set data.encoding, for instance latin-1 or cp1252" if encoding.lower() in ("utf-8", "utf8") else ""
    return f"{path}: line {line} is not {encoding.upper()} (byte 0x{error.object[error.start]:02x}){hint}"


def _rows(path: Path, encoding: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of every row, one after another."""
    with closing(open_unzipped(path)) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        reader = csv.reader(text, delimiter=dialect.separator, skipinitialspace=dialect.separator != "\t")
        for row in reader:
            if len(row) > 1 or any(cell.strip() for cell in row):  # not a blank line
                yield reader.line_num, row


def _ragged(path: Path, encoding: str, dialect: Dialect) -> str | None:
    """The first row that has more or fewer fields than the table has columns; None where there is none."""
    width = len(dialect.names)
    try:
        for line, row in _rows(path, encoding, dialect):
            if len(row) != width:
                whose = "the header" if dialect.header else "line 1"
                return f"{path}: line {line} has {len(row)} field{'s' * (len(row) != 1)}, {whose} has {width}"
    except csv.Error as error:
        return f"{path}: {error}"
    return None


def diagnosis(path: Path, encoding: str, dialect: Dialect, said: str) -> str:
    """Why polars could not read the file, found by reading it again slowly."""
    try:
        if ragged := _ragged(path, encoding, dialect):
            return ragged
    except UnicodeDecodeError:
        with closing(open_unzipped(path)) as file:
            try:
                file.read().decode(encoding)
            except UnicodeDecodeError as error:
                return not_encoded(path, encoding, error)
    if "could not parse" in said:
        return f"{path}: a quoted text is never closed"
    return f"{path}: cannot be read as a table: {said.splitlines()[0]}"


def check_short_rows(path: Path, encoding: str, dialect: Dialect) -> None:
    """Raise a UserError for a row with too few fields. Files without quotes are counted in blocks, fast."""
    import numpy as np

    wanted = len(dialect.names) - 1
    if wanted == 0:
        return
    separator = ord(dialect.separator)
    plain = codecs.lookup(encoding).name in ("utf-8", "ascii") and separator != ord(" ")
    rest = b""
    with closing(open_unzipped(path)) as file:
        while plain and (block := file.read(1 << 24)):
            block = rest + block
            if b'"' in block:
                plain = False
                break
            cut = block.rfind(b"\n") + 1
            rest = block[cut:]
            bytes_ = np.frombuffer(block, dtype=np.uint8, count=cut)
            ends = np.flatnonzero(bytes_ == ord("\n"))
            fields = np.diff(np.searchsorted(np.flatnonzero(bytes_ == separator), ends), prepend=0)
            lengths = np.diff(ends, prepend=-1)
            blank = (lengths == 1) | ((lengths == 2) & (bytes_[ends - 1] == ord("\r")))
            if bool(((fields < wanted) & ~blank).any()):
                plain = False  # found, or a line of spaces: read slowly to name it
                break
        else:
            plain = plain and (rest.count(dialect.separator.encode()) == wanted or not rest.strip())
    if not plain and (ragged := _ragged(path, encoding, dialect)):
        raise UserError(ragged)
