"""Epochs that a search takes: trees of Parzen estimators with Hyperband, beside random search.

    python benchmarks/search.py                      digits and housing, five seeds
    python benchmarks/search.py --seeds 1 --only digits

Random search trains all its trials to their end: that is its budget of epochs, and its best validation loss the mark.
The other search draws from the same space, with the same seed for networks and split, and is read up to the epoch in
which a trial of its reaches the mark. Trials of a batch train beside each other, so all epochs count that the batch had
done by then. Bar: at most half the budget, as the median over the seeds. Epochs are counted, not seconds, so a busy
machine is fine. Housing is looked for in the folder that NNTRAIN_DATA names, or in ../shared/data.
"""

from __future__ import annotations

import csv
import math
import os
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import ROOT, arguments, nntrain, report, set_threads
from search_figure import draw

BAR = 0.5
BATCH = 8  # trials that are drawn and trained together
TRIALS = {"random": 40, "tpe": 100}
SEARCHES = {
    "random": ["search.sampler=random"],
    "tpe": ["search.sampler=tpe", "search.pruner=hyperband"],
}
SPACE = [
    "optimizer.lr=tag(log, interval(1e-5, 1))",
    "optimizer.weight_decay=tag(log, interval(1e-4, 10))",
    "model.dropout=interval(0, 0.6)",
    "regularization.input_noise=interval(0, 1)",
]
RECIPES = {
    "digits": ["config=digits", "model.width=64", "epochs=27"],
    "housing": ["config=housing", "model.width=64", "model.depth=2", "epochs=27", "batch_size=1024"],
}
Curves = list[list[float]]
Progress = dict[int, float]


def curves(words: Sequence[str], search: str, seed: int, trials: int, folder: Path) -> Curves:
    """Search, and give the validation loss of every epoch of every trial, in the order of drawing."""
    drawn = [f"seed={seed}", f"search.seed={seed}", f"search.n_trials={trials}", f"search.batch={BATCH}"]
    command = nntrain("fit", *words, *SPACE, *SEARCHES[search], *drawn, f"run_dir={folder}", "device=cpu", "-m")
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    jobs = sorted((path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    if len(jobs) < trials:
        raise RuntimeError(f"only {len(jobs)} of {trials} trials:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    found = []
    for job in jobs:
        with (job / "metrics.csv").open(encoding="utf-8", newline="") as file:
            found.append([float(row["val_loss"] or "nan") for row in csv.DictReader(file)])
    return found


def progress(found: Curves) -> Progress:
    """The best loss so far by the epochs that all trials had done, each time it became better."""
    best, before, steps = math.inf, 0, {}
    for start in range(0, len(found), BATCH):
        batch = found[start : start + BATCH]
        for epoch in range(max(map(len, batch))):
            values = [curve[epoch] for curve in batch if epoch < len(curve) and math.isfinite(curve[epoch])]
            if values and min(values) < best:
                best = min(values)
                steps[before + sum(min(len(curve), epoch + 1) for curve in batch)] = best
        before += sum(map(len, batch))
    return steps


def epochs_to(mark: float, steps: Progress) -> int | None:
    """Epochs that all trials had done when the first of them reached the mark; None where none does."""
    return next((spent for spent, best in steps.items() if best <= mark), None)


def one_seed(words: Sequence[str], seed: int, trials: Mapping[str, int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        found = {kind: curves(words, kind, seed, trials[kind], Path(name) / kind) for kind in SEARCHES}
    steps = {kind: progress(own) for kind, own in found.items()}
    budget, mark = sum(map(len, found["random"])), min(steps["random"].values())
    reached = epochs_to(mark, steps["tpe"])
    return {
        "seed": seed,
        "budget": budget,
        "mark": mark,
        "random reached it after": epochs_to(mark, steps["random"]),
        "reached after": reached,
        "share": None if reached is None else reached / budget,
        "epochs of all trials": sum(map(len, found["tpe"])),
        "best": min(steps["tpe"].values()),
        "best so far, by epochs spent": steps,
    }


def summary(name: str, rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    shares = [math.inf if one["share"] is None else one["share"] for one in rounds]
    middle = statistics.median(shares)
    return {
        "data": name,
        "seeds": len(rounds),
        "random's epochs": statistics.median(one["budget"] for one in rounds),
        "epochs to its best": None
        if middle == math.inf
        else statistics.median(one["reached after"] or 0 for one in rounds),
        "share, median": None if middle == math.inf else middle,
        "share, worst": None if math.inf in shares else max(shares),
        "seeds below the bar": sum(share <= BAR for share in shares),
        "random's best": statistics.mean(one["mark"] for one in rounds),
        "best in the end": statistics.mean(one["best"] for one in rounds),
        "bar": middle <= BAR,
    }


def main() -> None:
    parser = arguments(__doc__, rounds=1)
    parser.add_argument("--seeds", type=int, default=5, help="how many (5)")
    parser.add_argument("--only", choices=tuple(RECIPES), default=None, help="one of the two")
    parser.add_argument(
        "--trials", type=int, nargs=2, default=tuple(TRIALS.values()), help="of random search, and of the other"
    )
    options = parser.parse_args()
    set_threads(options.threads or 1)
    data = Path(os.environ.get("NNTRAIN_DATA", ROOT.parent / "shared" / "data")) / "housing" / "housing.csv"
    rows, runs = [], {}
    for name, words in RECIPES.items():
        if options.only not in (None, name):
            continue
        paths = [f"data.path={data.resolve()}"] if name == "housing" else []
        trials = dict(zip(TRIALS, options.trials, strict=True))
        runs[name] = []
        for seed in range(options.seeds):
            runs[name].append(one_seed([*words, *paths], seed, trials))
            print(f"{name}: {runs[name][-1]}", flush=True)
        rows.append(summary(name, runs[name]))
    report("search", rows, options, {"space": SPACE, "recipes": RECIPES, "trials": options.trials, "runs": runs})
    draw(runs, options.results / "search.png")


if __name__ == "__main__":
    main()
