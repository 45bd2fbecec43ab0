"""Peak memory of whole processes, and how much of it is data.

    python benchmarks/memory.py

Bar: at most 1.3 times that of the hand-written script of the same job. What a fit of a small synthetic set takes is the
program itself (torch, plots); what MNIST adds to that is compared with its 70,000 * 784 bytes: the data once, batches
and outputs, and what reading and splitting held for a moment.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from common import HERE, arguments, interleaved, mnist_folder, nntrain, ratio, report, run, set_threads

PROGRAM, OURS = "nntrain fit, synthetic", "nntrain fit, MNIST"
LOADER, SLICES = "by hand, MNIST: DataLoader", "by hand, MNIST: index slices"
BAR, MNIST_MIB = 1.3, 70_000 * 784 / 2**20


def main() -> None:
    options = arguments(__doc__, rounds=3).parse_args()
    set_threads(options.threads)
    with mnist_folder() as (folder, data), tempfile.TemporaryDirectory() as scratch:
        script = [sys.executable, str(HERE / "handwritten.py"), str(folder)]
        commands = {
            PROGRAM: nntrain("fit", "data=synthetic", "epochs=1", "device=cpu"),
            OURS: nntrain("fit", f"config='{HERE / 'mnist.yaml'}'", f"data.path='{folder}'", "device=cpu"),
            LOADER: [*script, "loader"],
            SLICES: [*script, "slices"],
        }
        runs = interleaved({n: partial(run, c, Path(scratch)) for n, c in commands.items()}, options.rounds)
    found = {name: [ran.peak for ran in ended] for name, ended in runs.items()}
    rows = []
    for name, peaks in found.items():
        row: dict[str, object] = {"process": name, "peak MiB": median(peaks)}
        if name == OURS:
            row["beyond synthetic, times the data"] = (median(peaks) - median(found[PROGRAM])) / MNIST_MIB
        if name in (LOADER, SLICES):
            times = ratio(found[OURS], peaks)
            row |= {"nntrain's peak, times": times, "bar": BAR, "": times <= BAR}
        rows.append(row)
    report("memory", rows, options, {"data": data})


if __name__ == "__main__":
    main()
