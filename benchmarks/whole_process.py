"""Whole processes: `nntrain fit` on MNIST for three epochs, run folder, plots and all, beside a hand-written script.

    python benchmarks/whole_process.py

Bars: at most 1.2 times the wall time of the script with a DataLoader (benchmarks/handwritten.py), and at most 1.3 times
its peak memory. The script reads the same files, validates, keeps the best weights and tests them; it draws no plots.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from common import HERE, Ran, arguments, interleaved, mnist_folder, nntrain, ratio, report, run, set_threads

OURS, LOADER, SLICES = "nntrain fit, plots and all", "by hand: DataLoader", "by hand: index slices, fused Adam"
WALL, PEAK = 1.2, 1.3


def main() -> None:
    options = arguments(__doc__, rounds=7).parse_args()
    set_threads(options.threads)
    with mnist_folder() as (folder, data), tempfile.TemporaryDirectory() as scratch:
        recipe, script = HERE / "mnist.yaml", str(HERE / "handwritten.py")
        words = [f"config='{recipe}'", f"data.path='{folder}'", "device=cpu"]
        commands = {
            OURS: nntrain("fit", *words),
            LOADER: [sys.executable, script, str(folder), "loader"],
            SLICES: [sys.executable, script, str(folder), "slices"],
        }
        found = interleaved({n: partial(run, c, Path(scratch)) for n, c in commands.items()}, options.rounds)
    report("whole_process", rows(found), {"data": data, "threads": options.threads, "rounds": options.rounds})


def rows(found: dict[str, list[Ran]]) -> list[dict[str, object]]:
    walls = {name: [ran.seconds for ran in runs] for name, runs in found.items()}
    peaks = {name: [ran.peak for ran in runs] for name, runs in found.items()}
    lines: list[dict[str, object]] = []
    for name, runs in found.items():
        wall, peak = ratio(walls[OURS], walls[name]), ratio(peaks[OURS], peaks[name])
        line: dict[str, object] = {"process": name, "wall s": median(walls[name])}
        line |= {"CPU s": median(ran.cpu for ran in runs), "peak MiB": median(peaks[name])}
        line |= {"nntrain's wall, times": wall, "nntrain's peak, times": peak}
        lines.append(line | ({"bars": f"{WALL}, {PEAK}", "": wall <= WALL and peak <= PEAK} if name == LOADER else {}))
    return lines


if __name__ == "__main__":
    main()
