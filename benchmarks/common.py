"""What all benchmarks share: children measured from outside, rounds, medians, the machine, and where results go.

Imports neither torch nor numpy: the peak memory that Linux reports for a child is at least that of its parent.
"""

from __future__ import annotations

import argparse
import ctypes
import gzip
import json
import os
import platform
import random
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
SHARED_MNIST = ROOT.parent / "shared" / "data" / "mnist"
PACKAGES = ("nntrain", "torch", "numpy", "scikit-learn", "polars", "optuna", "lightning", "keras", "skorch")


@dataclass(frozen=True)
class Ran:
    """A finished child. seconds: wall. cpu: seconds of its threads, and of all processes that it started. peak: MiB,
    of its largest process. out: its standard output."""

    seconds: float
    cpu: float
    peak: float
    out: str


def arguments(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"of which the median is taken ({rounds})")
    parser.add_argument("--threads", type=int, default=None, help="for all alike (torch's own choice)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON file (benchmarks/results)")
    return parser


def set_threads(threads: int | None) -> None:
    """For this process, if nothing that computes is imported yet, and for its children."""
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)


def environment() -> dict[str, str]:
    """Of the children: ours with bytecode cached, as any installation has it after its first run."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def run(command: Sequence[str], cwd: Path) -> Ran:
    """Run to the end and measure. Raises RuntimeError with what it said where it fails."""
    adopt_orphans()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        began = perf_counter()
        child = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=errors, env=environment())
        _, status, usage = os.wait4(child.pid, 0)
        seconds = perf_counter() - began
        usages = [usage, *orphans()]
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        said = out.read()
        if child.returncode:
            raise RuntimeError(f"{shlex.join(command)} ended with {child.returncode}:\n{said}{errors.read()}")
    kilobyte = 1024 if sys.platform == "linux" else 1
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Ran(seconds, cpu, max(usage.ru_maxrss for usage in usages) * kilobyte / 2**20, said)


def orphans() -> Iterator[Any]:
    """What processes used that outlive the child that started them, as a fork server does by a moment: they are this
    process's own then, and end by themselves."""
    while True:
        try:
            yield os.wait4(-1, 0)[2]
        except ChildProcessError:
            return


def adopt_orphans() -> None:
    """Make this process the parent of those that outlive theirs. Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER, in prctl(2)


def nntrain(*words: str) -> list[str]:
    """The command line of this Python's nntrain."""
    return [sys.executable, "-m", "nntrain.cli", *words]


def interleaved(contestants: Mapping[str, Callable[[], Any]], rounds: int, rest: float = 0.0) -> dict[str, list[Any]]:
    """What each returns in each round, in an order drawn anew, after one round that is not counted.

    rest: seconds before each, in which idle threads of the one before may stop spinning.
    """
    draw = random.Random(0)
    names = list(contestants)
    found: dict[str, list[Any]] = {name: [] for name in names}
    for i in range(-1, rounds):
        for name in draw.sample(names, len(names)):
            sleep(rest)
            value = contestants[name]()
            if i >= 0:
                found[name].append(value)
        print(f"\rround {i + 1} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median over the rounds of one contestant's figure by another's in the same round."""
    return median(a / b for a, b in zip(above, below, strict=True))


@contextmanager
def mnist_folder() -> Iterator[tuple[Path, str]]:
    """A folder with MNIST's four IDX files, and a word on what is in it: the real ones from $NNTRAIN_MNIST or beside
    the repository, else random pictures of the same shape."""
    for folder in (os.environ.get("NNTRAIN_MNIST"), SHARED_MNIST):
        if folder is not None and (Path(folder) / "train-images-idx3-ubyte.gz").is_file():
            yield Path(folder).resolve(), "MNIST"
            return
    with tempfile.TemporaryDirectory() as name:
        draw = random.Random(0)
        for split, count in (("train", 60_000), ("t10k", 10_000)):
            labels = bytes(draw.randrange(10) for _ in range(count))
            header = b"\x00\x00\x08\x01" + count.to_bytes(4, "big")
            (Path(name) / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(header + labels, 1))
            blank, pixels = bytes(392), (draw.randbytes(392) for _ in range(count))
            header = b"\x00\x00\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (count, 28, 28))
            body = header + b"".join(half + blank for half in pixels)
            (Path(name) / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(body, 1))
        yield Path(name), "random pictures of MNIST's shape"


def machine() -> dict[str, Any]:
    """What a figure depends on."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), cpu)
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = round(os.getloadavg()[0], 1)
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gib": round(memory), "load": load, "versions": versions}


def report(name: str, rows: Sequence[Mapping[str, Any]], options: argparse.Namespace, about: Mapping[str, Any]) -> None:
    """Print the rows as a Markdown table and keep them, with machine and command, in `<results>/<name>.json`."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [[_shown(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[i]) for line in lines)) for i, column in enumerate(columns)]
    for line in (columns, ["-" * width for width in widths], *lines):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")
    words = [word for i, word in enumerate(sys.argv) if "--results" not in sys.argv[max(0, i - 1) : i + 1]]
    command = shlex.join(["python", f"benchmarks/{Path(words[0]).name}", *words[1:]])
    now = datetime.now(UTC).isoformat(timespec="minutes")
    kept = {"command": command, "date": now, "machine": machine(), "rounds": options.rounds, "threads": options.threads}
    kept |= {**about, "rows": list(rows)}
    options.results.mkdir(exist_ok=True)
    name = name if options.threads is None else f"{name}_threads_{options.threads}"
    (options.results / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "met" if value else "missed"
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
