"""What a network begins with, layer by layer: where the weights come from, and which of them train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from nntrain.record.layout import Page, grid


def beginning_table(rows: Sequence[Mapping[str, str]], page: Page) -> list[Text]:
    """rows: with the keys layer, shape (of its largest tensor), weights and trains."""
    if not rows:
        return []
    keys = ("layer", "shape", "weights", "trains")
    return grid(keys, [[row[key] for key in keys] for row in rows], "llll", page, flexible=2)
