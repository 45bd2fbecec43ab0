"""From the start of the process to the end of the first training step, beside the import of torch.

    python benchmarks/start_up.py

Bar: the import of torch and 0.5 s. What the data costs to read (MNIST's files: 55 MB to unzip and to hash) is in the
figure; scikit-learn's bundled sets are read without importing it. `nntrain --help` is beside it: 0.15 s.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic

from common import HERE, arguments, interleaved, mnist_folder, nntrain, report, run, set_threads

TORCH, HELP = "import torch", "nntrain --help"
SAY = "import os, time; print('first step', time.monotonic(), 0, flush=True); os._exit(0)"
ALLOWED, HELP_ALLOWED = 0.5, 0.15


def to_first_step(command: Sequence[str], cwd: Path) -> tuple[float, float]:
    """Seconds until the child says that it is there, which is its end, and its CPU seconds."""
    began = monotonic()
    ran = run(command, cwd)
    return float(ran.out.rpartition("first step ")[2].split()[0]) - began, ran.cpu


def to_end(command: Sequence[str], cwd: Path) -> tuple[float, float]:
    """Seconds and CPU seconds of the whole process."""
    ran = run(command, cwd)
    return ran.seconds, ran.cpu


def main() -> None:
    options = arguments(__doc__, rounds=9).parse_args()
    set_threads(options.threads)
    first = [sys.executable, str(HERE / "first_step.py"), "fit"]
    with mnist_folder() as (folder, data), tempfile.TemporaryDirectory() as scratch:
        table = Path(scratch) / "flowers.csv"
        rows = (f"{i % 7 + 0.5},{i % 11},{'abc'[i % 3]},{'yes' if i % 5 < 2 else 'no'}" for i in range(1000))
        table.write_text("length,width,kind,grows\n" + "\n".join(rows) + "\n", encoding="utf-8")
        fits = {
            "fit, synthetic": [*first, "data=synthetic"],
            "fit, a small CSV": [*first, "data=table", f"data.path='{table}'", "data.target=grows"],
            "fit, MNIST": [*first, f"config='{HERE / 'mnist.yaml'}'", f"data.path='{folder}'"],
            "fit, digits (bundled)": [*first, "config=digits"],
        }
        commands = {TORCH: [sys.executable, "-c", f"{TORCH}; {SAY}"]} | fits
        contestants = {name: partial(to_first_step, c, Path(scratch)) for name, c in commands.items()}
        contestants[HELP] = partial(to_end, nntrain("--help"), Path(scratch))
        found = interleaved(contestants, options.rounds)
    lines = []
    for name, times in found.items():
        took = median(seconds for seconds, _ in times)
        line: dict[str, object] = {"process": name, "s": took, "CPU s": median(cpu for _, cpu in times)}
        if name in fits:
            more, cpu = (median(a[i] - b[i] for a, b in zip(times, found[TORCH], strict=True)) for i in (0, 1))
            line |= {"beyond": TORCH, "s more": more, "CPU s more": cpu, "bar": ALLOWED, "": more <= ALLOWED}
        elif name == HELP:
            line |= {"bar": HELP_ALLOWED, "": took <= HELP_ALLOWED}
        lines.append(line)
    report("start_up", lines, options, {"data": data})


if __name__ == "__main__":
    main()
