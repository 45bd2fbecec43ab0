"""A large CSV: how long and how much memory until training starts, and what an epoch costs as the rows grow.

    python benchmarks/tables.py

Bars: a million rows by fifty columns (40 numbers, some missing; 9 texts; the class) starts training in under 20 s and
3 GB on two cores; the cost of an epoch per row at 10^6 rows is at most 1.2 times that at 10^4: linear.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic

from common import HERE, Ran, arguments, environment, interleaved, nntrain, report, run, set_threads

SIZES = (10_000, 100_000, 1_000_000)
SECONDS, GIB, LINEAR = 20.0, 3.0, 1.2
WRITE = """
import numpy as np, polars as pl, sys
path, rows = sys.argv[1], int(sys.argv[2])
draw = np.random.default_rng(0)
columns = {}
for i in range(40):
    values = draw.normal(10 * i, i + 1, rows).round(4)
    columns[f"number_{i}"] = pl.Series(values).set(pl.Series(draw.random(rows) < 0.02), None) if i % 4 == 0 else values
for i in range(9):
    names = np.array([f"kind {i} {j}" for j in range(3 + 8 * i)])
    columns[f"text_{i}"] = names[draw.integers(0, len(names), rows)]
score = columns["number_1"] / 2 - columns["number_2"] / 3 + draw.normal(0, 1, rows)
columns["target"] = np.where(score > np.median(score), "yes", "no")
pl.DataFrame(columns).write_csv(path)
"""


def start(path: Path, scratch: Path) -> tuple[float, float]:
    """Seconds to the first training step, and the peak memory until then, in GiB."""
    began = monotonic()
    words = [f"data.path='{path}'", "data=table", "data.target=target", "batch_size=256"]
    said = run([sys.executable, str(HERE / "first_step.py"), "fit", *words], scratch).out
    moment, peak = said.rpartition("first step ")[2].split()[:2]
    return float(moment) - began, float(peak) / 2**20


def epoch(path: Path, scratch: Path) -> tuple[float, Ran]:
    """Seconds of the second and third epoch, the mean, validation included; and the whole process."""
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        words = ["data=table", f"data.path='{path}'", "data.target=target", "batch_size=256", "epochs=3"]
        ran = run(nntrain("fit", *words, f"run_dir='{name}/run'"), scratch)
        with (Path(name) / "run" / "metrics.csv").open(encoding="utf-8", newline="") as file:
            seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    return sum(seconds[1:]) / len(seconds[1:]), ran


def main() -> None:
    options = arguments(__doc__, rounds=3).parse_args()
    set_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        paths = {rows: scratch / f"{rows}.csv" for rows in SIZES}
        for rows, path in paths.items():
            subprocess.run([sys.executable, "-c", WRITE, str(path), str(rows)], check=True, env=environment())
        starts = interleaved({str(rows): partial(start, path, scratch) for rows, path in paths.items()}, options.rounds)
        epochs = interleaved({str(rows): partial(epoch, path, scratch) for rows, path in paths.items()}, options.rounds)
        sizes = {rows: path.stat().st_size / 2**20 for rows, path in paths.items()}
    lines = []
    smallest = [seconds / SIZES[0] for seconds, _ in epochs[str(SIZES[0])]]
    for rows in SIZES:
        first, peak = (median(found[i] for found in starts[str(rows)]) for i in (0, 1))
        each = [seconds / rows for seconds, _ in epochs[str(rows)]]
        growth = median(a / b for a, b in zip(each, smallest, strict=True))
        line: dict[str, object] = {"rows": rows, "file MiB": sizes[rows], "s to the first step": first}
        line |= {"GiB until then": peak, "GiB of the fit": median(ran.peak for _, ran in epochs[str(rows)]) / 1024}
        line |= {"us per row and epoch": median(each) * 1e6, "of that at 10^4": growth}
        if rows == SIZES[-1]:
            met = first < SECONDS and peak < GIB and growth <= LINEAR
            line |= {"bars": f"{SECONDS:g} s, {GIB:g} GiB, {LINEAR}", "": met}
        lines.append(line)
    report("tables", lines, options, {})


if __name__ == "__main__":
    main()
