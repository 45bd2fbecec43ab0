"""`log.txt`: everything that was said, as plain text."""

from __future__ import annotations

import re
from pathlib import Path

from nntrain.record.files import refused

# escape sequences of terminals: colours and cursor moves (CSI), titles and links (OSC), two-character ones
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def plain_text(text: str) -> str:
    """`text` without terminal codes and control characters; line ends and tabs stay."""
    return CONTROL.sub("", ANSI.sub("", text))


class Log:
    """What is said before the run has a folder is kept and written as soon as `open` names the file."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._path: Path | None = None

    def open(self, path: Path) -> None:
        """Write to `path` from here on, after whatever it already holds."""
        self._path = Path(path)
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._append("".join(waiting))

    def write(self, text: str) -> None:
        """One or more lines."""
        said = plain_text(text).rstrip("\n") + "\n"
        if self._path is None:
            self._waiting.append(said)
        else:
            self._append(said)

    def _append(self, text: str) -> None:
        assert self._path is not None
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise refused(self._path, error, kept="what was said before is kept") from error
