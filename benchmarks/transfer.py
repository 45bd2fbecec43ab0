"""What a network gains by beginning with another's weights, and what features computed once save.

    python benchmarks/transfer.py                  both; the network to begin with is trained first
    python benchmarks/transfer.py --source RUN     begins with a run of cifar8 that is there already

Bars: with a frozen backbone an epoch is at least 20 times faster than one that runs the backbone, with the same scores;
100 pictures of cats and 100 of dogs, beginning with a ResNet that was trained on CIFAR-10's other eight classes, give a
better accuracy than the same from scratch. Each round draws its own pictures (data.split_seed) and weights (seed), the
same for all contestants; the gain is paired by round. In every round each contestant trains at three learning rates and
is judged by the one whose validation loss is least; 200 labelled pictures more serve that choice and the epoch's.
Rounds begin with seed 10: the recipe was found on others.

CIFAR-10 is read from the archive of JPEG files that NNTRAIN_CIFAR10 names, or that is beside the repository.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import ROOT, arguments, report, set_threads

ARCHIVE = ROOT.parent / "shared" / "data" / "cifar10" / "cifar10-jpeg.tar.gz"
SCRATCH = ("model.init_from=null", "model.freeze=none", "model.unfreeze_at=null", "model.lr_decay=1")
FASTER, EPOCHS = 20, 6
FIRST_SEED, RATES = 10, (0.001, 0.003, 0.01)


def fit(recipe: str, *words: str) -> Any:
    """A run of ours; its folder is the caller's, by `run_dir`."""
    import nntrain

    with contextlib.redirect_stdout(io.StringIO()):
        return nntrain.fit(recipe, *words, quiet=True)


def seconds_per_epoch(run: Any) -> float:
    """The median without the first, in which memory is laid out."""
    return statistics.median(row["seconds"] for row in run.metrics[1:])


def cached(folder: Path, source: str, data: list[str], rounds: int) -> dict[str, Any]:
    """Epochs of the head alone, on features computed once and behind the backbone, by turns."""
    from nntrain.verbs import training

    words = [*data, f"model.init_from='{source}'", "freeze=backbone", "augment=none", f"epochs={EPOCHS}"]
    found: dict[bool, list[float]] = {True: [], False: []}
    scores: dict[bool, dict[str, float]] = {}
    for i in range(rounds):
        for once in (True, False):
            training.CACHES_FEATURES = once
            run = fit("dog_or_cat_transfer", *words, f"run_dir='{folder / f'{once}_{i}'}'")
            found[once].append(seconds_per_epoch(run))
            scores[once] = run.result["test"]
    training.CACHES_FEATURES = True
    times = statistics.median(slow / fast for slow, fast in zip(found[False], found[True], strict=True))
    return {
        "what": "epoch of the head alone",
        "n": rounds,
        "ms, features once": 1000 * statistics.median(found[True]),
        "ms, backbone run": 1000 * statistics.median(found[False]),
        "times": times,
        "largest difference": max(abs(scores[True][name] - scores[False][name]) for name in scores[True]),
        "bar": times >= FASTER,
    }


def gain(folder: Path, source: str, data: list[str], rounds: int) -> list[dict[str, Any]]:
    """Accuracy on the test split from the source's weights, by all layers and by the head alone, and from scratch."""
    begins = f"model.init_from='{source}'"
    contestants = {
        "from scratch": SCRATCH,
        "all layers": (begins,),
        "head alone": (begins, "freeze=backbone", "augment=none"),
    }
    scores: dict[str, list[float]] = {name: [] for name in contestants}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for seed in range(FIRST_SEED, FIRST_SEED + rounds):
        for name, words in contestants.items():
            tried = []
            for rate in RATES:
                drawn = [f"seed={seed}", f"data.split_seed={seed}", f"optimizer.lr={rate}"]
                to = f"run_dir='{folder / f'{name}_{seed}_{rate}'}'"
                tried.append(fit("dog_or_cat_transfer", *data, *words, *drawn, to).result)
            result = min(tried, key=lambda result: result["val"]["loss"])
            scores[name].append(result["test"]["accuracy"])
            seconds[name].append(result["seconds"])
        print(f"\rround {seed - FIRST_SEED + 1} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    rows = []
    for name, found in scores.items():
        gains = [ours - theirs for ours, theirs in zip(found, scores["from scratch"], strict=True)]
        row = {"what": f"dog or cat, {name}", "n": rounds, "accuracy": statistics.mean(found), "std": spread(found)}
        row["seconds"] = statistics.median(seconds[name])
        if name != "from scratch":
            row |= {"gain": statistics.mean(gains), "gain's std": spread(gains), "bar": statistics.mean(gains) > 0}
        rows.append(row)
    return rows


def spread(values: list[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def main() -> None:
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--source", type=Path, default=None, help="a run of cifar8 (one is trained)")
    parser.add_argument("--only", choices=("speed", "gain"), default=None, help="one of the two")
    parser.add_argument("words", nargs="*", help="settings for all runs, such as epochs=2")
    options = parser.parse_args()
    set_threads(options.threads)
    archive = Path(os.environ.get("NNTRAIN_CIFAR10", ARCHIVE)).resolve()
    data = [f"data.path='{archive}'", "device=cpu"]
    rows: list[dict[str, Any]] = []
    about: dict[str, Any] = {"data": archive.name}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.source is None:
            run = fit("cifar8", *data, *options.words, f"run_dir='{folder / 'cifar8'}'")
            about |= {"source's accuracy": run.result["test"]["accuracy"], "source's seconds": run.result["seconds"]}
        source = str(options.source.resolve() if options.source else folder / "cifar8")
        if options.only != "gain":
            rows.append(cached(folder, source, data, options.rounds))
        if options.only != "speed":
            rows += gain(folder, source, [*data, *options.words], options.rounds)
    report("transfer", rows, options, about)


if __name__ == "__main__":
    main()
