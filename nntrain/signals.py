"""Ctrl-C, SIGTERM and a terminal that closes, in the hands of one function for a while."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = [signal.SIGINT, signal.SIGTERM] + ([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])  # Windows has none
INTERRUPTED = 128  # an exit status from here on is a signal's: its number is added


@contextmanager
def handling(
    caught: Callable[[int, FrameType | None], None], ignored_after: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """`caught` takes each, as a handler of `signal.signal`; then they are handled as before.

    ignored_after: asked at the end, whether they are ignored from then on. One that is ignored (Ctrl-C, in a script's
    background job; SIGHUP, under nohup) is not meant for us and stays so, as does one set outside Python. In a thread
    other than the main one, where Python installs no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {n: handler for n in ENDING if (handler := signal.getsignal(n)) not in (signal.SIG_IGN, None)}
    for number in old:
        signal.signal(number, caught)
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, signal.SIG_IGN if ignored_after() else handler)


@contextmanager
def held_back() -> Iterator[None]:
    """They wait until the end of this; those to a process that is started in here until that says how it takes them, or
    for ever. On Windows, which has nothing of the kind, nothing changes."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
