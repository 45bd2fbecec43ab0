"""Whatever holds rows and columns, as one polars frame: a file, a frame of polars or pandas, dicts, an array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nntrain.data.files import existing_file
from nntrain.data.npz import read_npy, read_npz
from nntrain.data.tables.delimited import clean, read_delimited
from nntrain.data.tables.sniffing import Dialect
from nntrain.errors import UserError, did_you_mean, nearest

if TYPE_CHECKING:
    import polars as pl


Name = str | int  # of a column: its name, or its position (negative ones from the end)


class ColumnFinder:
    """Finds the columns that settings name; `problems` gathers those that are not there."""

    def __init__(self, names: Sequence[str], file: str) -> None:
        self.names = names
        self.file = file
        self.problems: list[str] = []

    @property
    def listed(self) -> str:
        return ", ".join(self.names[:24]) + (", ..." if len(self.names) > 24 else "")

    def find(self, given: Name, key: str) -> str:
        """The column of that name, else at that position. `key`: the setting that names it."""
        text = str(given)
        if text in self.names:
            return text
        if text.removeprefix("-").isdigit():
            if -len(self.names) <= int(text) < len(self.names):
                return self.names[int(text)]
            said = f"{self.file} has {len(self.names)} columns, there is no position {text}"
        else:
            hint = did_you_mean(nearest(text, self.names))
            said = f"{self.file} has no column '{text}'{hint} (columns: {self.listed})"
        self.problems.append(f"data.{key}: {said}")
        return text


@dataclass(frozen=True)
class Reading:
    """How the training table was written, so that new ones are read alike; JSON-able.

    columns: all its names, in order. aside: those that are no inputs (targets, weights, groups ...).
    header: whether it had one; without, columns are named "0", "1", ...
    """

    columns: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    header: bool = True
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ()

    def names_for(self, width: int) -> tuple[str, ...] | None:
        """Names of `width` columns that come without: all of the table's, or all but the targets and the like."""
        inputs = tuple(name for name in self.columns if name not in self.aside)
        return next((names for names in (self.columns, inputs) if len(names) == width), None)


def read_frame(raw: Any, reading: Reading, *, text: AbstractSet[str] = frozenset(), key: str = "input") -> pl.DataFrame:
    """Raw rows as a frame with the training table's column names, texts stripped, missing markers null.

    text: columns that hold categories, kept as they are written. Raises UserError for what cannot be read.
    """
    frame = _read(raw, reading, text, key)
    return clean(frame, reading.missing)


def _read(raw: Any, reading: Reading, text: AbstractSet[str], key: str) -> pl.DataFrame:
    import polars as pl

    if isinstance(raw, str | Path):
        path = existing_file(raw, key)
        if is_parquet(path):
            return read_parquet(path)
        if path.suffix in (".npy", ".npz"):
            return _from_numpy_file(path, reading)
        return _from_file(path, reading, text)
    if isinstance(raw, pl.DataFrame):
        return raw
    if isinstance(raw, np.ndarray):
        return _from_array(raw, reading)
    if type(raw).__module__.partition(".")[0] == "pandas" and hasattr(raw, "columns"):
        return _from_pandas(raw)
    if isinstance(raw, Mapping):
        if any(isinstance(value, Mapping | list | tuple | np.ndarray) for value in raw.values()):
            raise UserError(
                f"{key}: a dict is one row, column -> value; give a table as a DataFrame or a list of dicts"
            )
        raw = [raw]
    if isinstance(raw, Sequence) and raw and all(isinstance(row, Mapping) for row in raw):
        return pl.DataFrame([dict(row) for row in raw], infer_schema_length=None, strict=False)
    raise UserError(
        f"{key}: rows of a table are a CSV or Parquet file, a DataFrame, a list of dicts or an array, not {_shown(raw)}"
    )


def _shown(raw: Any) -> str:
    return "an empty list" if isinstance(raw, Sequence) and not raw else f"a {type(raw).__name__}"


def is_parquet(path: Path) -> bool:
    """By its first bytes, whatever the name says."""
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def read_parquet(path: Path) -> pl.DataFrame:
    import polars as pl
    from polars.exceptions import PolarsError

    try:
        frame = pl.read_parquet(path)
    except (PolarsError, OSError) as error:
        raise UserError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    if frame.height == 0:
        raise UserError(f"{path}: has no rows")
    return frame


def _from_file(path: Path, reading: Reading, text: AbstractSet[str]) -> pl.DataFrame:
    """A file of text. One without a header has its columns by place: all of the table's, or its inputs."""

    def read(kept: AbstractSet[str]) -> tuple[pl.DataFrame, Dialect]:
        return read_delimited(
            path,
            header="auto" if reading.header else False,
            encoding=reading.encoding,
            missing=reading.missing,
            known=frozenset(reading.columns if reading.header else ()),
            text=kept,
        )

    frame, dialect = read(text)
    if dialect.header:
        return frame
    names = reading.names_for(frame.width)
    if names is None:
        raise UserError(
            f"{path}: has {frame.width} columns and no header; the table trained on had {len(reading.columns)}"
        )
    places = {str(i) for i, name in enumerate(names) if name in text}
    if places - text:  # these are to be kept as they are written, too
        frame, _ = read(places)
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def _from_numpy_file(path: Path, reading: Reading) -> pl.DataFrame:
    """The array of an .npy file, or `x` (and `y`, the targets) of an .npz."""
    import polars as pl

    if path.suffix == ".npy":
        array = read_npy(path)
        return _from_array(array.reshape(len(array), -1) if array.ndim > 2 else array, reading)
    arrays = read_npz(path)
    if not arrays:
        raise UserError(f"{path}: holds no array")
    x = arrays["x"] if "x" in arrays else next(iter(arrays.values()))
    frame = _from_array(x.reshape(len(x), -1), reading)
    if "y" in arrays and len(arrays["y"]) == len(x):
        y = arrays["y"].reshape(len(x), -1)
        columns = zip(reading.aside, y.T, strict=False)
        frame = frame.with_columns(pl.Series(name, np.ascontiguousarray(column)) for name, column in columns)
    return frame


def _from_array(array: np.ndarray[Any, Any], reading: Reading) -> pl.DataFrame:
    import polars as pl

    table = array[None] if array.ndim == 1 else array
    names = reading.names_for(table.shape[1]) if table.ndim == 2 else None
    if names is None:
        inputs = len(reading.columns) - len(reading.aside)
        raise UserError(
            f"an array of shape {array.shape} does not fit: rows of {inputs} inputs are expected, [N, {inputs}]"
        )
    if table.dtype == object:
        return pl.DataFrame({name: _objects(name, table[:, i].tolist()) for i, name in enumerate(names)})
    return pl.DataFrame({name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(names)})


def _from_pandas(frame: Any) -> pl.DataFrame:
    """Column by column through numpy: polars' own way wants pyarrow for text."""
    import polars as pl

    columns: dict[str, pl.Series] = {}
    for name in frame.columns:
        column = frame[name]
        values = column.to_numpy()
        if values.dtype.kind in "biufM":
            columns[str(name)] = pl.Series(str(name), values)
        else:
            missing = column.isna().to_numpy()
            listed = column.astype(object).to_numpy().tolist()
            columns[str(name)] = _objects(
                str(name), [None if gone else v for v, gone in zip(listed, missing, strict=True)]
            )
    return pl.DataFrame(columns)


def _objects(name: str, values: list[Any]) -> pl.Series:
    import polars as pl

    if any(isinstance(value, str) for value in values):
        values = [None if value is None else str(value) for value in values]
    return pl.Series(name, values, strict=False)


def missing_columns(wanted: Sequence[str], have: Sequence[str], where: str) -> UserError | None:
    """The error that names the columns that are not there, with what is nearest."""
    absent = [name for name in wanted if name not in have]
    if not absent:
        return None
    unused = [name for name in have if name not in wanted]
    shown = []
    for name in absent[:5]:
        guess = nearest(name, unused)
        shown.append(f"'{name}'" + (f" (did you mean '{guess}'?)" if guess else ""))
    more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
    return UserError(f"{where}: column{'s' if len(absent) > 1 else ''} missing: {', '.join(shown)}{more}")
