"""How a signal ends a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from types import FrameType

from nntrain.launch import SAME_ASK
from nntrain.signals import INTERRUPTED, handling


class Interrupted(KeyboardInterrupt):
    """A signal ended a job, its state saved. No Exception: Hydra keeps those of a job to itself.

    status: the exit status, 128 and the signal's number. said: what there is to say of it.
    """

    def __init__(self, status: int, said: str = "") -> None:
        super().__init__(said)
        self.status = status


def interrupt(number: int, frame: FrameType | None) -> None:
    """A handler by which every signal ends what is done here as Ctrl-C does."""
    raise Interrupted(INTERRUPTED + number)


@dataclass
class Deferred:
    """status: the exit status that a signal asked for; 0 where none came."""

    status: int = 0


@contextmanager
def deferring() -> Iterator[Deferred]:
    """What is done in here takes a moment, and a signal waits for it; one that follows later than SAME_ASK seconds
    raises Interrupted."""
    deferred, asked = Deferred(), 0.0

    def caught(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not deferred.status:
            deferred.status, asked = INTERRUPTED + number, monotonic()
        elif monotonic() - asked > SAME_ASK:
            raise Interrupted(INTERRUPTED + number)

    with handling(caught):
        yield deferred
