"""The data sources by name."""

from __future__ import annotations

from typing import Any

from nntrain.data.bundled import BundledSource
from nntrain.data.tabular import TableSource

SOURCES: dict[str, type[Any]] = {
    "bundled": BundledSource,
    "table": TableSource,
}
