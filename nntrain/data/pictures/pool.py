"""Decoding in parallel: chunks of pictures go to processes of our own, which write the pixels to one file."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from nntrain.data.pictures.decoding import Look, UnreadableError, pillow
from nntrain.data.pictures.worker import decode_chunk
from nntrain.data.progress import Progress
from nntrain.errors import UserError
from nntrain.signals import held_back

CHUNK, CHUNK_BYTES = (
    256,
    1 << 20,
)  # pictures in one message, and the bytes of their files: at the end others wait for it
FEW_BYTES = 2 << 20  # what is decoded sooner than a process starts
MOST_WORKERS = 16
REFRESH = 0.1  # seconds between two looks at how far it is


@dataclass(frozen=True)
class Chunk:
    """Pictures whose pixels lie behind one another, from `row` on. contents: their bytes, or why there are none; None:
    they are files."""

    row: int
    names: Sequence[str]
    contents: Sequence[bytes | UnreadableError] | None = None


@dataclass(frozen=True)
class Problem:
    """A picture that cannot be used. kind: see UnreadableError."""

    row: int
    name: str
    kind: str
    said: str


@dataclass(frozen=True)
class Target:
    """Where pixels go: byte `start` of `file` is the first of row 0, and rows follow it. root: of the names."""

    file: Path
    start: int
    root: Path
    look: Look


class Decoded:
    """What came of it: problems in no order, and a checksum for every row."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.sums: dict[int, list[int]] = {}
        self.done = 0
        self.failure: str | None = None
        self.closed = False  # nothing more is awaited: processes are about to be ended
        self._lock = threading.Lock()

    def add(self, chunk: Chunk, problems: Iterable[Sequence[int | str]], sums: list[int]) -> None:
        with self._lock:
            for place, kind, said in problems:
                self.problems.append(Problem(chunk.row + int(place), chunk.names[int(place)], str(kind), str(said)))
            self.sums[chunk.row] = sums
            self.done += len(chunk.names)

    def checksums(self) -> list[int]:
        """In the order of rows."""
        return [one for row in sorted(self.sums) for one in self.sums[row]]


class Crew:
    """Processes that decode. They can be started before it is known what; none is left at the end of the `with`."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, count: int) -> None:
        """Have `count` of them."""
        package = Path(__file__).resolve().parents[2]
        path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-P", "-m", "nntrain.data.pictures.worker"]
        while len(self._processes) < count:
            with held_back():  # until it is there to ignore them
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                )
                self._processes.append(process)

    @contextmanager
    def at_work(self, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
        """`count` of them, each good for one task: they are ended after it."""
        self.start(count)
        try:
            yield self._processes
        finally:
            self.end()

    def end(self) -> None:
        """Wherever they are."""
        processes, self._processes = self._processes, []
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *raised: object) -> None:
        self.end()


def decode_all(
    chunks: Iterable[Chunk],
    target: Target,
    *,
    total: int | None,
    crew: Crew,
    workers: int,
    patient: bool,
    progress: Progress | None = None,
) -> Decoded:
    """Decode all chunks into the file, which is there, by `workers` processes of the crew; 0: in this process.

    patient: go on where a picture is broken; else stop soon after the first. What is no picture's own fault (another
    size than the first, colour where all were grey) always ends it. Raises UserError where a process dies.
    """
    found = Decoded()

    def over() -> bool:
        return found.failure is not None or any(not patient or problem.kind != "broken" for problem in found.problems)

    if workers == 0:
        with pillow(), target.file.open("r+b") as out:
            for chunk in chunks:
                at = target.start + chunk.row * _bytes_each(target.look)
                found.add(chunk, *decode_chunk(target.root, chunk.names, chunk.contents, target.look, out, at))
                if progress is not None:
                    progress(found.done, total)
                if over():
                    break
        return found

    waiting: queue.Queue[Chunk | None] = queue.Queue(2 * workers)
    with crew.at_work(workers) as processes:
        threads = [threading.Thread(target=_feed, args=(p, target, waiting, found), daemon=True) for p in processes]
        for thread in threads:
            thread.start()

        def put(item: Chunk | None) -> bool:
            while any(thread.is_alive() for thread in threads) and not over():
                if progress is not None:
                    progress(found.done, total)
                with suppress(queue.Full):
                    waiting.put(item, timeout=REFRESH)
                    return True
            return False

        if all(put(chunk) for chunk in chunks) and all(put(None) for _ in threads):
            for thread in threads:
                while thread.is_alive() and not over():
                    thread.join(REFRESH)
                    if progress is not None:
                        progress(found.done, total)
        found.closed = True
    if found.failure is not None:
        raise UserError(found.failure)
    return found


def _bytes_each(look: Look) -> int:
    return look.channels * look.height * look.width


def _feed(process: subprocess.Popen[bytes], target: Target, waiting: queue.Queue[Chunk | None], found: Decoded) -> None:
    """Hand chunks to one process, one at a time, until there are no more."""
    assert process.stdin is not None
    assert process.stdout is not None
    settings = {
        "look": asdict(target.look),
        "root": str(target.root),
        "file": str(target.file.resolve()),
        "start": target.start,
    }
    first = json.dumps(settings).encode() + b"\n"
    while (chunk := waiting.get()) is not None:
        asked: dict[str, object] = {"row": chunk.row, "names": list(chunk.names)}
        payload: list[bytes] = []
        if chunk.contents is not None:
            payload = [content if isinstance(content, bytes) else b"" for content in chunk.contents]
            asked["lengths"] = [len(content) for content in payload]
        try:
            process.stdin.write(first + json.dumps(asked).encode() + b"\n" + b"".join(payload))
            process.stdin.flush()
            answer, first = process.stdout.readline(), b""
        except (BrokenPipeError, ValueError, OSError):
            answer = b""
        if not answer:
            if found.closed:
                return
            found.failure = (
                f"data: a process that decodes pictures ended (status {process.wait()}) somewhere from "
                f"'{chunk.names[0]}' to '{chunk.names[-1]}'; the memory may have run out"
            )
            return
        told = json.loads(answer)
        if "refused" in told:
            found.failure = told["refused"]
            return
        problems = [list(problem) for problem in told["problems"]]
        for problem in problems:  # what could not be taken from the archive was sent as nothing
            if chunk.contents is not None and isinstance(error := chunk.contents[problem[0]], UnreadableError):
                problem[1:] = [error.kind, str(error)]
        found.add(chunk, problems, told["sums"])
