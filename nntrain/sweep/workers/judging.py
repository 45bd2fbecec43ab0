"""Judges of running jobs: a worker says how an epoch went, and the parent of the sweep answers whether the job goes on.

The parent alone knows all trials, so that workers need neither Optuna nor the file in which they are kept; a question
and its answer are a line of JSON each. Where the parent cannot be reached, as from another machine, a job runs to its
end.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nntrain.sweep.job import Job
    from nntrain.sweep.workers.work import Judge

Decide = Callable[[int, int, float], str | None]  # of a job's number, an epoch and its value

_CONNECTIONS: dict[Any, Connection | None] = {}  # of this process, by where they lead; None: there is nobody


@dataclass(frozen=True)
class Judges:
    """Makes the judge of each job, in whatever process it is called."""

    address: Any
    key: bytes

    def __call__(self, job: Job) -> Judge:
        number = job.number

        def judge(epoch: int, value: float) -> str | None:
            connection = self._connection()
            if connection is None:
                return None
            try:
                connection.send_bytes(json.dumps([number, epoch, value]).encode())
                said: str | None = json.loads(connection.recv_bytes())
            except (OSError, EOFError):  # the parent has gone
                _CONNECTIONS[self.address] = None
                return None
            return said

        return judge

    def _connection(self) -> Connection | None:
        if self.address not in _CONNECTIONS:
            try:
                _CONNECTIONS[self.address] = Client(self.address, authkey=self.key)
            except (OSError, EOFError, AuthenticationError):
                _CONNECTIONS[self.address] = None
        return _CONNECTIONS[self.address]


@contextmanager
def judging(decide: Decide) -> Iterator[Judges]:
    """Answer for as long as this lasts, in threads of this process."""
    key = secrets.token_bytes(16)
    with _listener() as listener:
        closed = threading.Event()
        threading.Thread(target=_accept, args=(listener, key, decide, closed), daemon=True).start()
        judges = Judges(listener.address, key)
        try:
            yield judges
        finally:
            closed.set()
            with suppress(OSError):  # wake the thread that waits for somebody to come
                Client(listener.address).close()
            if own := _CONNECTIONS.pop(listener.address, None):
                own.close()


def _listener() -> Listener:
    """For this user's processes alone where the system has such; else for all of this machine, told apart by the key.

    Whoever comes is asked for the key by a thread of his own, so that one who says nothing keeps nobody waiting.
    """
    if hasattr(socket, "AF_UNIX"):
        with suppress(OSError):  # its path may be too long
            return Listener(family="AF_UNIX")
    return Listener(("127.0.0.1", 0))


def _accept(listener: Listener, key: bytes, decide: Decide, closed: threading.Event) -> None:
    while not closed.is_set():
        try:
            connection = listener.accept()
        except (OSError, EOFError):  # one that went away
            continue
        threading.Thread(target=_answer, args=(connection, key, decide), daemon=True).start()


def _answer(connection: Connection, key: bytes, decide: Decide) -> None:
    """Until the other side goes, or turns out to be a stranger. A job that nobody knows goes on."""
    with connection, suppress(OSError, EOFError, AuthenticationError, AssertionError):
        deliver_challenge(connection, key)
        answer_challenge(connection, key)
        while True:
            number, epoch, value = json.loads(connection.recv_bytes())
            try:
                said = decide(number, epoch, value)
            except KeyError:
                said = None
            connection.send_bytes(json.dumps(said).encode())
