"""The data sources by name."""

from __future__ import annotations

from typing import Any

from nntrain.data.bundled import BundledSource

SOURCES: dict[str, type[Any]] = {
    "bundled": BundledSource,
}
