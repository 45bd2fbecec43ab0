"""Training from a memory-mapped file beside training from memory, on the same pictures.

    python benchmarks/streaming.py
    python benchmarks/streaming.py --rounds 1 epochs=2 data.labels=5000      a quick look

Bar: an epoch from the file takes at most 1.1 times as long. The file was just written, so the system has it in its
own memory as far as that reaches, as it has whatever is not much larger than memory; a disk is not measured here. Both
train a small convolutional network, for which reading weighs more than for a large one, to the same weights.
CIFAR-10 is read from the archive of JPEG files that NNTRAIN_CIFAR10 names, or that is beside the repository.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from common import ROOT, arguments, interleaved, ratio, report, set_threads

ARCHIVE = ROOT.parent / "shared" / "data" / "cifar10" / "cifar10-jpeg.tar.gz"
LIMITS = {"in memory": "null", "from the file": "0.001"}  # GiB
BAR = 1.1


def seconds_per_epoch(limit: str, words: list[str]) -> tuple[float, float]:
    """The median epoch after the first, and the last validation loss."""
    import nntrain

    path = Path(os.environ.get("NNTRAIN_CIFAR10", ARCHIVE)).resolve()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        own = [f"data.path='{path}'", f"data.memory_limit={limit}", "model.width=16", "model.convs=1", "precision=fp32"]
        run = nntrain.fit("cifar10", *own, "epochs=3", *words, f"run_dir='{folder}/run'", quiet=True)
    return median(row["seconds"] for row in run.metrics[1:]), run.metrics[-1]["val_loss"]


def main() -> None:
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("words", nargs="*", help="settings for all runs, such as epochs=2")
    options = parser.parse_args()
    set_threads(options.threads)
    contestants = {name: lambda limit=limit: seconds_per_epoch(limit, options.words) for name, limit in LIMITS.items()}
    found = interleaved(contestants, options.rounds)
    times = {name: [seconds for seconds, _ in ran] for name, ran in found.items()}
    times_as_long = ratio(times["from the file"], times["in memory"])
    rows: list[dict[str, Any]] = [{"pictures": name, "s per epoch": median(values)} for name, values in times.items()]
    rows[1] |= {"times as long": times_as_long, "bar": times_as_long <= BAR}
    same = len({loss for ran in found.values() for _, loss in ran}) == 1
    report("streaming", rows, options, {"the same losses": same})


if __name__ == "__main__":
    main()
