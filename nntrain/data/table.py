"""The data sources by name. A new one: its file, a line here, and configs/data/<name>.yaml."""

from __future__ import annotations

from nntrain.data.arrays import ArraysSource
from nntrain.data.bundled import BundledSource
from nntrain.data.dataset import Source
from nntrain.data.idx import IdxSource
from nntrain.data.pictures.source import FolderSource
from nntrain.data.synthetic import SyntheticSource
from nntrain.data.tables.source import TableSource
from nntrain.data.vision.source import VisionSource

SOURCES: dict[str, type[Source]] = {
    "bundled": BundledSource,
    "table": TableSource,
    "folder": FolderSource,
    "idx": IdxSource,
    "vision": VisionSource,
    "arrays": ArraysSource,
    "synthetic": SyntheticSource,
}
