"""How far the decoding of pictures is: a bar on a terminal; elsewhere a line, once it takes a while."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.live import Live
from rich.text import Text

from nntrain.record.layout import FAINT, GOOD
from nntrain.record.screen import open_screen, print_lines
from nntrain.record.words import count, duration

PATIENCE = 2.0  # seconds without a word
REFRESHES = 5  # per second
BAR = 32


class DecodingBar:
    """Called with the pictures done and how many there are (None: not known); it ends where both are equal."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        live: bool | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        """stream: where people read. before: called each time; it may raise to end the decoding."""
        self._console, self._page = open_screen(stream)
        terminal = self._console.is_terminal and not self._console.is_dumb_terminal and "CI" not in os.environ
        self._wants_live = (terminal if live is None else live) and not quiet
        self._quiet = quiet
        self._before = before
        self._live: Live | None = None
        self._began: float | None = None
        self._said = False
        self._done = 0
        self._total: int | None = None

    def __call__(self, done: int, total: int | None) -> None:
        if self._before is not None:
            self._before()
        self._done, self._total = done, total
        if self._began is None:
            self._began = time.monotonic()
        if done == total:
            self.close()
        elif self._wants_live and self._live is None:
            self._live = Live(
                console=self._console, get_renderable=self._view, refresh_per_second=REFRESHES, transient=True
            )
            self._live.start()
        elif not (self._wants_live or self._said or self._quiet) and time.monotonic() - self._began > PATIENCE:
            self._said = True
            many = "pictures" if total is None else f"{count(total)} pictures"
            print_lines(self._console, [Text(f"decoding {many}, once; later starts find them in the cache")])

    def close(self) -> None:
        """Take the bar off the screen."""
        self._began = None
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _view(self) -> Text:
        done, total = self._done, self._total
        took = time.monotonic() - (self._began or time.monotonic())
        if total is None:
            return Text.assemble("decoding  ", f"{count(done)} pictures  ", (duration(took), FAINT))
        full, rest = ("#", "-") if self._page.ascii_only else ("━", "─")
        filled = BAR * done // max(1, total)
        left = f"{duration(took / done * (total - done))} left" if done else ""
        return Text.assemble(
            f"decoding  {count(done)} / {count(total)}  ",
            (full * filled, GOOD),
            (rest * (BAR - filled), FAINT),
            f" {done / max(1, total):4.0%}  ",
            (left, FAINT),
        )


@contextmanager
def decoding_bar(
    stream: TextIO | None = None, *, quiet: bool = False, before: Callable[[], None] | None = None
) -> Iterator[DecodingBar]:
    """A bar that is off the screen at the end, whatever happens."""
    bar = DecodingBar(stream, quiet=quiet, before=before)
    try:
        yield bar
    finally:
        bar.close()
