"""Aligned text for the terminal: every function makes lines that fit a width, with the styles rich knows."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from nntrain.record.words import clean, shorten, wrapped

LABEL, FAINT, STRONG, GOOD, WARNING = "cyan", "bright_black", "bold", "bold green", "bold yellow"
TRAIN, VAL = "blue", "yellow"


@dataclass(frozen=True)
class Page:
    """Where lines go: how many cells fit in one, and whether nothing but ASCII can be shown."""

    width: int
    ascii_only: bool = False

    @property
    def star(self) -> str:
        return "*" if self.ascii_only else "★"

    @property
    def arrow(self) -> str:
        return "->" if self.ascii_only else "→"

    @property
    def rule(self) -> str:
        return "-" if self.ascii_only else "─"

    def cut(self, text: str, width: int | None = None) -> str:
        return shorten(text, self.width if width is None else width, ascii_only=self.ascii_only)


def heading(title: str, page: Page) -> Text:
    """A title with a rule to the end of the line (at most 78 cells)."""
    end = min(page.width, 78)
    title = page.cut(clean(title), end - 4)
    return Text.assemble((title, STRONG), " ", (page.rule * (end - cell_len(title) - 1), FAINT))


def facts(pairs: Iterable[tuple[str, str]], page: Page) -> list[Text]:
    """Label and value a line, the values aligned and broken between words; empty values are left out.

    A value with a word (a path) too long for that starts on the line below its label.
    """
    kept = [(label, value) for label, value in pairs if value]
    indent = max((cell_len(label) for label, _ in kept), default=0) + 2
    lines = []
    for label, value in kept:
        parts = wrapped(clean(value), page.width - indent)
        if max(map(cell_len, parts)) > page.width - indent:
            lines += [Text(label, LABEL), *(Text("  " + part) for part in wrapped(clean(value), page.width - 2))]
            continue
        for i, part in enumerate(parts):
            lines.append(Text.assemble((label.ljust(indent) if i == 0 else " " * indent, LABEL), part))
    return lines


def grid(
    header: Sequence[str], rows: Sequence[Sequence[str]], align: str, page: Page, *, gap: int = 2, flexible: int = 0
) -> list[Text]:
    """A table. align: `l` or `r` per column. Where space is short, column `flexible` is cut."""
    cells = [list(header), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    over = sum(widths) + gap * (len(widths) - 1) - page.width
    widths[flexible] = max(4, widths[flexible] - max(over, 0))
    lines = []
    for n, row in enumerate(cells):
        padded = [_padded(page.cut(cell, w), w, side) for cell, w, side in zip(row, widths, align, strict=True)]
        lines.append(Text((" " * gap).join(padded).rstrip(), FAINT if n == 0 else ""))
    return lines


def _padded(cell: str, width: int, side: str) -> str:
    fill = " " * (width - cell_len(cell))
    return cell + fill if side == "l" else fill + cell


def command(words: Sequence[str], page: Page, indent: str = "  ") -> list[Text]:
    """A command to copy, quoted for a shell; one too long for the line goes on after a backslash."""
    lines, line = [], indent + words[0]
    for word in map(shlex.quote, words[1:]):
        if cell_len(line) + 1 + cell_len(word) + 2 > page.width:
            lines.append(line + " \\")
            line = indent + "    " + word
        else:
            line += " " + word
    return [Text(text, STRONG) for text in [*lines, line]]
