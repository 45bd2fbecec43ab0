"""From the start of the process to the end of the first training step, beside the import of torch.

    python benchmarks/start_up.py

Bar: the import of torch and 0.5 s; for scikit-learn's bundled data the import of scikit-learn on top. What the data
costs to read (MNIST's files: 55 MB to unzip and to hash) is in the figure. `nntrain --help` is beside it: 0.15 s.
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

TORCH, BOTH, HELP = "import torch", "import torch, sklearn.datasets", "nntrain --help"
SAY = "import time; print('first step', time.monotonic(), 0)"
ALLOWED, HELP_ALLOWED = 0.5, 0.15


def seconds_to_first_step(command: Sequence[str], cwd: Path) -> float:
    """Until the child says that it is there."""
    began = monotonic()
    said = run(command, cwd).out
    return float(said.rpartition("first step ")[2].split()[0]) - began


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
        commands = {name: [sys.executable, "-c", f"{name}; {SAY}"] for name in (TORCH, BOTH)} | fits
        contestants = {name: partial(seconds_to_first_step, c, Path(scratch)) for name, c in commands.items()}
        contestants[HELP] = lambda: run(nntrain("--help"), Path(scratch)).seconds
        found = interleaved(contestants, options.rounds)
    lines = []
    for name, seconds in found.items():
        line: dict[str, object] = {"process": name, "s": median(seconds)}
        if name in fits:
            base = BOTH if "bundled" in name else TORCH
            more = median(a - b for a, b in zip(seconds, found[base], strict=True))
            line |= {"beyond": base, "s more": more, "bar": ALLOWED, "": more <= ALLOWED}
        elif name == HELP:
            line |= {"bar": HELP_ALLOWED, "": median(seconds) <= HELP_ALLOWED}
        lines.append(line)
    report("start_up", lines, {"data": data, "threads": options.threads, "rounds": options.rounds})


if __name__ == "__main__":
    main()
