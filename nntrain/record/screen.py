"""Opening a stream for people to read, and printing finished pages of text on it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from nntrain.record.layout import Page

PLAIN_WIDTH = 100  # where there is no terminal to fit


class PeopleConsole(Console):
    """A console that falls silent where its reader has gone (`| head`): the work goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        if self.file is sys.stdout or self.file is sys.stderr:  # or flushing it at the end would fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def open_screen(stream: TextIO | None = None, width: int | None = None) -> tuple[Console, Page]:
    """A console on the stream (standard output by default) and the page that fits it, or `width` cells where given."""
    file = sys.stdout if stream is None else stream
    ascii_only = not (getattr(file, "encoding", None) or "utf-8").lower().startswith("utf")
    if ascii_only and isinstance(file, io.TextIOWrapper):
        file.reconfigure(errors="replace")  # a class name with an umlaut must not end the run
    console = PeopleConsole(file=file, width=width, highlight=False, markup=False, emoji=False)
    if width is None and not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PLAIN_WIDTH
    return console, Page(console.width, ascii_only)


def show(lines: Callable[[Page], list[Text]], stream: TextIO | None = None, width: int | None = None) -> None:
    """Lay out lines for the stream's width and print them."""
    console, page = open_screen(stream, width)
    print_lines(console, lines(page))


def print_lines(console: Console, lines: Sequence[Text]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True)  # a path or a command too long for the line stays one word
