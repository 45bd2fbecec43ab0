"""Opening a stream for people to read, printing finished pages of text on it, and a display that changes below them."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from nntrain.record.layout import FAINT, GOOD, Page

PLAIN_WIDTH = 100  # where there is no terminal to fit
REFRESHES = 5  # of a display, per second, in rich's own thread


class PeopleConsole(Console):
    """A console that falls silent where its reader has gone (`| head`, a window that was closed): the work goes on."""

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError as error:
            if error.errno != errno.EIO:  # a terminal that was closed
                raise
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        self.quiet = True
        # rich puts streams of its own before these two while a display redirects them
        ours = [getattr(stream, "rich_proxied_file", stream) for stream in (sys.stdout, sys.stderr)]
        for stream in ours:
            if self.file is stream or (self.file in ours and _closed(stream)):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # or flushing it at the end would fail again


def _closed(stream: TextIO) -> bool:
    """Whether nobody can read it any more, as of a terminal that was closed."""
    try:
        os.write(stream.fileno(), b"")
    except OSError:
        return True
    return False


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


class Display:
    """Lines at the end of the screen that change, while others are printed above them. wanted: whether there is to be
    one, by default where the stream is a terminal and no CI runs us."""

    def __init__(self, stream: TextIO | None = None, *, width: int | None = None, live: bool | None = None) -> None:
        self.console, self.page = open_screen(stream, width)
        terminal = self.console.is_terminal and not self.console.is_dumb_terminal and "CI" not in os.environ
        self.wanted = terminal if live is None else live
        self._live: Live | None = None

    @property
    def on(self) -> bool:
        return self._live is not None

    def begin(self, view: Callable[[], Text]) -> None:
        """view: what to show; called in a thread of its own, REFRESHES times a second."""
        redirects = self.console.file is sys.stdout  # under --json standard output belongs to the JSON line
        self._live = Live(
            console=self.console,
            get_renderable=view,
            refresh_per_second=REFRESHES,
            transient=True,
            redirect_stdout=redirects,
            redirect_stderr=redirects,
            vertical_overflow="crop",
        )
        self._live.start()

    def end(self) -> None:
        """Nothing of it stays."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()


def stacked_lines(lines: Sequence[Text]) -> Text:
    """For a display: what does not fit is cut, not broken."""
    return Text("\n", no_wrap=True, overflow="crop").join(lines)


def bar(share: float, width: int, page: Page) -> Text:
    """Filled to a share, from 0 to 1, of `width` cells."""
    full, rest = ("#", "-") if page.ascii_only else ("━", "─")
    filled = min(width, int(share * width))
    return Text.assemble((full * filled, GOOD), (rest * (width - filled), FAINT))
