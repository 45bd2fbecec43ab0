"""How far the decoding of pictures is: a bar on a terminal; elsewhere a line, once it takes a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.text import Text

from nntrain.record.layout import FAINT
from nntrain.record.screen import Display, bar, print_lines
from nntrain.record.words import count, duration

PATIENCE = 2.0  # seconds without a word
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
        self.display = Display(stream, live=False if quiet else live)
        self._quiet = quiet
        self._before = before
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
        elif self.display.wanted:
            if not self.display.on:
                self.display.begin(self._view)
        elif not (self._said or self._quiet) and time.monotonic() - self._began > PATIENCE:
            self._said = True
            many = "pictures" if total is None else f"{count(total)} pictures"
            print_lines(self.display.console, [Text(f"decoding {many}, once; later starts find them in the cache")])

    def close(self) -> None:
        """Take the bar off the screen."""
        self._began = None
        self.display.end()

    def _view(self) -> Text:
        done, total = self._done, self._total
        took = time.monotonic() - (self._began or time.monotonic())
        if total is None:
            return Text.assemble("decoding  ", f"{count(done)} pictures  ", (duration(took), FAINT))
        left = f"{duration(took / done * (total - done))} left" if done else ""
        share = done / max(1, total)
        line = Text(f"decoding  {count(done)} / {count(total)}  ").append(bar(share, BAR, self.display.page))
        return line.append(f" {share:4.0%}  ").append(left, FAINT)


@contextmanager
def decoding_bar(
    stream: TextIO | None = None, *, quiet: bool = False, before: Callable[[], None] | None = None
) -> Iterator[DecodingBar]:
    """A bar that is off the screen at the end, whatever happens."""
    shown = DecodingBar(stream, quiet=quiet, before=before)
    try:
        yield shown
    finally:
        shown.close()
