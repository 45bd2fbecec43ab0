"""The table of epochs, a line each, made once per epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from nntrain.record.layout import FAINT, GOOD, TRAIN, VAL, Page
from nntrain.record.words import count, duration, number, setting

GAP = 2


class EpochTable:
    """Columns that fit a page: epoch, losses, metrics, learning rate, samples per second, time, best mark.

    metrics: names without `val_`, the most important first; as many as fit (at least the first) are shown. The first is
    shown of the training samples too, where it fits.
    """

    def __init__(self, metrics: Sequence[str], page: Page) -> None:
        self.page = page
        layouts = [_columns(metrics[:n], wide=True, time=True, train=True) for n in (3, 2, 1)]
        layouts += [_columns(metrics[:n], wide=True, time=time) for time in (True, False) for n in (3, 2, 1)]
        layouts.append(_columns(metrics[:1], wide=False, time=False))
        fitting = [columns for columns in layouts if _width(columns) <= page.width]
        self.columns = fitting[0] if fitting else _squeezed(layouts[-1], page)

    def header(self) -> Text:
        line = "  ".join(title.rjust(_cells(title, key)) for title, key, _ in self.columns)
        return Text(self.page.cut(line), FAINT)

    def line(self, row: Mapping[str, Any], best: bool) -> Text:
        line = Text()
        for i, (title, key, style) in enumerate(self.columns):
            text = _shown(key, row.get(key)).rjust(_cells(title, key))
            line.append((" " * GAP if i else "") + text, GOOD if best and key.startswith("val_") else style)
        if best:
            line.append(" " * GAP + self.page.star, GOOD)
        return line


def _columns(metrics: Sequence[str], *, wide: bool, time: bool, train: bool = False) -> list[tuple[str, str, str]]:
    loss = " loss" if wide else ""
    losses = [(f"train{loss}", "train_loss", TRAIN), (f"val{loss}", "val_loss", VAL)]
    seen = [(f"train {name.replace('_', ' ')}", f"train_{name}", TRAIN) for name in metrics[:1] if train]
    shown = [(("val " if wide else "") + name.replace("_", " "), f"val_{name}", "") for name in metrics]
    rest = [("lr", "lr", FAINT), ("samples/s", "samples_per_second", FAINT)]
    return [("epoch", "epoch", ""), *losses, *seen, *shown, *rest, *([("time", "seconds", FAINT)] if time else [])]


def _squeezed(columns: list[tuple[str, str, str]], page: Page) -> list[tuple[str, str, str]]:
    """The same with the titles of metrics cut, as far as the figures below leave room."""
    over = _width(columns) - page.width
    return [
        (page.cut(title, max(8, len(title) - over)) if key.startswith("val_") else title, key, style)
        for title, key, style in columns
    ]


def _cells(title: str, key: str) -> int:
    least = {"epoch": 5, "lr": 8, "samples_per_second": 9, "seconds": 8}.get(key, 8)
    return max(least, len(title))


def _width(columns: Sequence[tuple[str, str, str]]) -> int:
    return sum(_cells(title, key) + GAP for title, key, _ in columns) + 1  # the mark stands last


def _shown(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if key == "epoch":
        return str(value)
    if key == "lr":
        return setting(value)
    if key == "samples_per_second":
        return count(value)
    if key == "seconds":
        return duration(value)
    return number(value)
