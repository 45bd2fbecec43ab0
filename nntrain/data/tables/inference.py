"""From the columns of a frame to typed columns: the type is inferred, or known from a declaration or from training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nntrain.data.tables.columns import Column, Kind
from nntrain.data.tables.delimited import looks_numeric
from nntrain.errors import UserError

if TYPE_CHECKING:
    import polars as pl

BOOLEAN_WORDS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d-%m-%Y",
)
DAY = 86_400e6  # microseconds


def to_column(
    series: pl.Series, kind: Kind | None = None, *, date_format: str | None = None, boolean: bool = True
) -> Column:
    """kind None: inferred. Raises UserError where a value is not of the declared kind, naming it and its row.

    boolean: whether words like yes and no may be taken for a boolean (a target keeps them as its classes' names).
    """
    import polars as pl

    if series.dtype in (pl.Categorical, pl.Enum) or series.dtype == pl.Null:
        series = series.cast(pl.String)
    if series.dtype == pl.String:
        return _from_text(series, kind, date_format, boolean)
    if series.dtype == pl.Boolean:
        if kind == "categorical":
            return _categorical(series.cast(pl.String))
        return Column(series.name, "numeric" if kind == "numeric" else "boolean", _floats(series.cast(pl.Float64)))
    if series.dtype.is_temporal():
        if kind == "categorical":
            return _categorical(series.cast(pl.String))
        return _of_kind(series.name, "date", kind, _days(series))
    if not series.dtype.is_numeric():
        raise UserError(
            f"column '{series.name}': values of type {series.dtype} are neither numbers, text, dates nor booleans"
        )
    if kind == "categorical":
        return _categorical(_number_texts(series))
    values = _floats(series.cast(pl.Float64))
    if kind == "boolean" and not bool(np.isin(values[~np.isnan(values)], (0, 1)).all()):
        raise _wrong(series.name, "boolean", series, ~np.isin(values, (0, 1)) & ~np.isnan(values))
    if kind == "date":
        raise UserError(f"column '{series.name}' is to hold dates, but holds numbers such as {series.drop_nulls()[0]}")
    return Column(series.name, kind or "numeric", values)


def _of_kind(name: str, found: Kind, wanted: Kind | None, values: NDArray[np.float64]) -> Column:
    if wanted not in (None, found, "numeric"):
        raise UserError(f"column '{name}' is to be {wanted}, but holds {found}s")
    return Column(name, wanted or found, values)


def _from_text(series: pl.Series, kind: Kind | None, date_format: str | None, boolean: bool) -> Column:
    import polars as pl

    if kind == "categorical":
        return _categorical(series)
    if kind is None and series.null_count() == len(series):
        return Column(series.name, "numeric", np.full(len(series), np.nan))
    if kind == "boolean" or (kind is None and boolean):
        truth = _booleans(series, strict=kind == "boolean")
        if truth is not None:
            return Column(series.name, "boolean", truth)
    if kind == "numeric":
        numbers = series.cast(pl.Float64, strict=False)
        if numbers.null_count() > series.null_count():
            raise _wrong(series.name, "numeric", series, (numbers.is_null() & series.is_not_null()).to_numpy())
        return Column(series.name, "numeric", _floats(numbers))
    if kind is None and looks_numeric(series):
        return Column(series.name, "numeric", _floats(series.cast(pl.Float64)))
    if kind in (None, "date"):
        dates = _dates(series, date_format)
        if dates is not None:
            return Column(series.name, "date", _days(dates[0]), date_format=dates[1])
        if kind == "date":
            raise _no_date(series, date_format)
    return _categorical(series)


def _booleans(series: pl.Series, *, strict: bool) -> NDArray[np.float64] | None:
    """0, 1 and NaN where the column says true/false, yes/no ... and both occur; strict: a UserError otherwise."""
    import polars as pl

    lowered = series.str.to_lowercase()
    words = set(lowered.drop_nulls().unique().to_list()) if strict or lowered.head(1000).n_unique() <= 3 else set()
    for no, yes in BOOLEAN_WORDS:
        if words == {no, yes} or (words and words <= {no, yes} and (strict or no == "false")):
            return _floats((lowered == yes).cast(pl.Float64))
    if strict:
        if words <= {"0", "1"}:
            return _floats(lowered.cast(pl.Float64))
        allowed = [word for pair in BOOLEAN_WORDS for word in pair]
        raise _wrong(series.name, "boolean", series, (lowered.is_not_null() & ~lowered.is_in(allowed)).to_numpy())
    return None


def _dates(series: pl.Series, date_format: str | None) -> tuple[pl.Series, str] | None:
    """The column as datetimes and the format that every value follows, or None."""
    import polars as pl

    present = series.drop_nulls()
    for form in (date_format,) if date_format else DATE_FORMATS:
        kind = pl.Datetime("us") if "%H" in form else pl.Date
        if present.head(20).str.strptime(kind, form, strict=False).null_count():
            continue
        parsed = series.str.strptime(kind, form, strict=False)
        if parsed.null_count() == series.null_count():
            return parsed, form
    return None


def _no_date(series: pl.Series, date_format: str | None) -> UserError:
    import polars as pl

    if date_format is None:
        return UserError(
            f"column '{series.name}' is to hold dates, but {series.drop_nulls()[0]!r} and others follow no known form "
            "(2024-12-31, 2024-12-31 23:59:59, 2024/12/31, 31.12.2024, 12/31/2024, 31/12/2024)"
        )
    kind = pl.Datetime("us") if "%H" in date_format else pl.Date
    parsed = series.str.strptime(kind, date_format, strict=False)
    return _wrong(series.name, f"date ({date_format})", series, (parsed.is_null() & series.is_not_null()).to_numpy())


def _wrong(name: str, kind: str, series: pl.Series, where: NDArray[np.bool_]) -> UserError:
    row = int(np.flatnonzero(where)[0])
    shown = {"numeric": "a number", "boolean": "true or false"}.get(kind, f"a {kind}")
    return UserError(f"column '{name}' is to be {kind.split()[0]}, but {series[row]!r} in row {row + 1} is not {shown}")


def _days(series: pl.Series) -> NDArray[np.float64]:
    """Days since 1970-01-01; times of day as fractions of a day."""
    import polars as pl

    if series.dtype == pl.Time:
        return _floats(series.cast(pl.Int64).cast(pl.Float64)) / (DAY * 1000)
    if isinstance(series.dtype, pl.Duration):
        return _floats(series.dt.total_microseconds().cast(pl.Float64)) / DAY
    return _floats(series.dt.epoch("us").cast(pl.Float64)) / DAY


def _floats(series: pl.Series) -> NDArray[np.float64]:
    """float64 with NaN for what is missing or infinite."""
    values: NDArray[np.float64] = series.to_numpy()
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values) if infinite.any() else values


def _number_texts(series: pl.Series) -> pl.Series:
    """Numbers as text, whole ones without a point, so that 1 in a file and 1.0 in a frame are one category."""
    import polars as pl

    if series.dtype.is_float():
        series = series.fill_nan(None)
        if bool((series.drop_nulls() == series.drop_nulls().round()).all()):
            series = series.cast(pl.Int64, strict=False)
    return series.cast(pl.String)


def _categorical(series: pl.Series) -> Column:
    import polars as pl

    categories = series.drop_nulls().unique().sort()
    codes: Any = series.cast(pl.Enum(categories)).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
    return Column(series.name, "categorical", codes, tuple(categories.to_list()))
