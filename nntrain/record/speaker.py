"""What is said to people, on a screen and in a log."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TextIO

from rich.text import Text

from nntrain.record.files import WriteError
from nntrain.record.layout import FAINT, WARNING, Page
from nntrain.record.log import Log
from nntrain.record.screen import PLAIN_WIDTH, Display, print_lines
from nntrain.record.words import clean, wrapped

Lines = Callable[[Page], Sequence[Text]]


class Speaker:
    """Lays out all that is said twice: for the width of the screen, and for that of the log.

    stream: where people read, standard output by default (standard error under `--json`). quiet: what is told, and
    nothing else. silent: nothing at all but in the log. live: see `Display`.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        silent: bool = False,
        width: int | None = None,
        live: bool | None = None,
    ) -> None:
        self.log = Log()
        self.quiet = quiet or silent
        self.silent = silent
        self.display = Display(io.StringIO() if silent else stream, width=width, live=live)
        self.page, self.log_page = self.display.page, Page(PLAIN_WIDTH)
        self.display.wanted = self.display.wanted and not self.quiet

    def say(self, lines: Lines) -> None:
        """On the screen, unless quiet, and in the log."""
        if not self.quiet:
            self.print(lines(self.page))
        self.write_log(lines(self.log_page))

    def tell(self, lines: Lines) -> None:
        """Lines that are said even when quiet, once the display has ended."""
        self.close()
        if not self.silent:
            self.print(lines(self.page))
        self.write_log(lines(self.log_page))

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self.say(lambda page: labelled("note", FAINT, text, page))

    def warn(self, text: str) -> None:
        """Something that the user may want to mend."""
        self.say(lambda page: labelled("warning", WARNING, text, page))

    def close(self) -> None:
        """End the display, if it still runs."""
        self.display.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def print(self, lines: Sequence[Text]) -> None:
        """On the screen alone."""
        print_lines(self.display.console, lines)

    def write_log(self, lines: Sequence[Text]) -> None:
        """In the log alone; one that the disk refuses ends, which is said."""
        try:
            if lines:
                self.log.write("\n".join(line.plain for line in lines))
        except WriteError as error:
            self.log = Log()  # what is done is worth more than its log
            if not self.silent:
                self.print(labelled("warning", WARNING, f"{error}; the log ends here", self.page))


def labelled(label: str, style: str, text: str, page: Page) -> list[Text]:
    """`label  text`, broken between words, further lines below the first."""
    first, *rest = wrapped(clean(text), page.width - len(label) - 2)
    return [Text.assemble((label, style), "  ", first), *(Text(" " * (len(label) + 2) + line) for line in rest)]
