"""Whole processes: `nntrain fit` on MNIST for three epochs, run folder, plots and all, beside a hand-written script.

    python benchmarks/whole_process.py

Bars: at most 1.2 times the wall time of the script with a DataLoader (benchmarks/handwritten.py), and at most 1.3 times
its peak memory. The script reads the same files, validates, keeps the best weights, tests them; it draws no plots and
writes no run folder. Two jobs: the shipped recipe `mnist`, and the plain 784-256-128-10 of benchmarks/mnist.yaml.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

from common import HERE, Ran, arguments, interleaved, mnist_folder, nntrain, ratio, report, run, set_threads

OURS, LOADER, SLICES = "nntrain fit, plots and all", "by hand: DataLoader", "by hand: index slices, fused"
WALL, PEAK = 1.2, 1.3


def main() -> None:
    options = arguments(__doc__, rounds=7).parse_args()
    set_threads(options.threads)
    lines = []
    with mnist_folder() as (folder, data), tempfile.TemporaryDirectory() as scratch:
        plain = [f"config='{HERE / 'mnist.yaml'}'", f"data.path='{folder}'"]
        jobs = {
            "recipe": ("config=mnist epochs=3", ["config=mnist", "epochs=3", f"data.root='{folder}'"]),
            "plain": ("784-256-128-10, 3 epochs", plain),
        }
        for job, (words, fit) in jobs.items():
            script = [sys.executable, str(HERE / "handwritten.py"), str(folder)]
            commands = {
                OURS: nntrain("fit", *fit, "device=cpu"),
                LOADER: [*script, "loader", job],
                SLICES: [*script, "slices", job],
            }
            found = interleaved({n: partial(run, c, Path(scratch)) for n, c in commands.items()}, options.rounds)
            lines += [{"job": words} | row(name, runs, found[OURS]) for name, runs in found.items()]
    report("whole_process", lines, options, {"data": data})


def row(name: str, runs: Sequence[Ran], ours: Sequence[Ran]) -> dict[str, object]:
    wall = ratio([ran.seconds for ran in ours], [ran.seconds for ran in runs])
    peak = ratio([ran.peak for ran in ours], [ran.peak for ran in runs])
    line: dict[str, object] = {"process": name, "wall s": median(ran.seconds for ran in runs)}
    line |= {"CPU s": median(ran.cpu for ran in runs), "peak MiB": median(ran.peak for ran in runs)}
    line |= {"nntrain's wall, times": wall, "nntrain's peak, times": peak}
    return line | ({"bars": f"{WALL}, {PEAK}", "": wall <= WALL and peak <= PEAK} if name == LOADER else {})


if __name__ == "__main__":
    main()
