"""A process that decodes pictures: takes chunks on standard input, writes pixels to a file, answers on standard output.

A process of our own, not one of multiprocessing's: nothing is forked beside torch's threads, the caller's main module
is not imported again, and no pixel passes through a pipe.

Every message is a line of JSON. The first one says the file, and the look of the pictures. Then, per chunk, `names`,
`row` of the first of them in the file, and, for pictures from an archive, `lengths` of their bytes, which follow the
line. The answer has `problems` [[place in the chunk, kind, text], ...] and the checksum of each picture's pixels.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nntrain.data.pictures.decoding import Look, UnreadableError, decode, pillow
from nntrain.signals import ENDING

Problem = tuple[int, str, str]
READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)


def read_file(path: str | Path, look: Look) -> bytes:
    """The bytes of a picture's file. Raises UnreadableError; one that no allowed picture can fill is not read."""
    try:
        file = os.open(path, READ)  # half the time of a file object's, which is a tenth of what a small picture takes
        try:
            size = os.fstat(file).st_size
            refuse_large(size, look)
            content = os.read(file, size + 1)
            while len(content) < size and (more := os.read(file, size - len(content))):
                content += more
            return content
        finally:
            os.close(file)
    except OSError as error:
        raise UnreadableError(f"cannot be opened: {error.strerror or error}") from None


def refuse_large(size: int, look: Look) -> None:
    """Raises UnreadableError for a file of more bytes than the pixels that are allowed can take."""
    if size > 8 * look.max_pixels + (1 << 20):
        raise UnreadableError(f"has {size:,} bytes, more than data.max_pixels={look.max_pixels:,} pixels can take")


def decode_chunk(
    root: Path,
    names: Sequence[str],
    contents: Iterable[bytes | UnreadableError] | None,
    look: Look,
    out: BinaryIO,
    at: int,
) -> tuple[list[Problem], list[int]]:
    """Decode pictures and write them to `out` from byte `at` on; zeros where one cannot be read.

    contents: their bytes, or why there are none; None: read from `root`. -> (problems, checksums).
    """
    pixels = np.zeros((len(names), look.channels, look.height, look.width), dtype=np.uint8)
    problems: list[Problem] = []
    given = iter(contents) if contents is not None else None
    above = str(root)  # a Path would be made a text for every name
    for i, name in enumerate(names):
        try:
            content = read_file(os.path.join(above, name), look) if given is None else next(given)  # noqa: PTH118
            if isinstance(content, UnreadableError):
                raise content
            pixels[i] = decode(content, look, name)
        except UnreadableError as error:
            problems.append((i, error.kind, str(error)))
            if error.kind != "broken":
                break  # the whole is decoded anew, or refused
    out.seek(at)
    out.write(pixels.data)
    out.flush()
    return problems, [zlib.crc32(one.data) for one in pixels]


def main() -> None:
    """Serve until standard input ends."""
    for number in ENDING:  # a terminal's reach the whole group; who started us decides
        signal.signal(number, signal.SIG_IGN)
    try:
        _serve(_messages(sys.stdin.buffer), sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # who started us has gone; Python's own end would meet the pipe again
        os._exit(1)


def _messages(read: BinaryIO) -> Iterator[Any]:
    """Until there are no more. One is cut short where who sends them has gone."""
    while (line := read.readline()).endswith(b"\n"):
        yield json.loads(line)


def _serve(messages: Iterator[Any], read: BinaryIO, write: BinaryIO) -> None:
    if (settings := next(messages, None)) is None:
        return
    look, root, start = Look(**settings["look"]), Path(settings["root"]), int(settings["start"])
    bytes_each = look.channels * look.height * look.width
    with pillow(), Path(settings["file"]).open("r+b") as out:
        for asked in messages:
            lengths = asked.get("lengths")
            contents = None if lengths is None else [read.read(n) for n in lengths]
            answer: dict[str, Any]
            try:
                problems, sums = decode_chunk(
                    root, asked["names"], contents, look, out, start + bytes_each * asked["row"]
                )
                answer = {"problems": problems, "sums": sums}
            except OSError as error:  # the disk is full, most likely
                answer = {"refused": f"cannot write {settings['file']}: {error.strerror or error}"}
            write.write(json.dumps(answer).encode() + b"\n")
            write.flush()


if __name__ == "__main__":
    main()
