"""How a signal ends a sweep."""

from __future__ import annotations

from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A signal ended a job, its state saved. No Exception: Hydra keeps those of a job to itself.

    status: the exit status, 130 or 143.
    """

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


def interrupt(number: int, frame: FrameType | None) -> None:
    """A handler by which SIGTERM ends what is done here as Ctrl-C does."""
    raise Interrupted(128 + number)
