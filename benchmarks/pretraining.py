"""MNIST with few labels: pre-trained on all pictures without labels, beside from scratch.

    python benchmarks/pretraining.py                 100, 500 and 1,000 labels, five seeds, two at a time
    python benchmarks/pretraining.py --seeds 2 --labels 100

A seed draws the validation pictures, which of the others keep their label, and the weights. One encoder per seed is
pre-trained on all training pictures as the recipe mnist_few_labels says, and serves every number of labels. Both sides
then train by that recipe on the same pictures, each at two learning rates, and are judged by the one whose validation
loss is less. 2,000 validation pictures with labels choose that and the epoch: more labels than one has who has 100. The
gain is paired by seed. Seeds begin with 10: the recipe was found on others, as one of those that gain.
Data is looked for in ../shared/data/mnist or in the folder that NNTRAIN_MNIST names.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

from common import SHARED_MNIST, arguments, report, set_threads

RECIPE = "mnist_few_labels"
LABELS = (100, 500, 1000)
FROM_SCRATCH, PRETRAINED = "from scratch", "pre-trained"
FIRST_SEED, RATES = 10, (0.001, 0.003)


def one_seed(seed: int, labels: Sequence[int], folder: str, precision: str) -> dict[str, Any]:
    """Test accuracy by side and number of labels, and the seconds that pre-training took."""
    import torch

    import nntrain
    from nntrain.config.compose import compose
    from nntrain.verbs.pretrain import pretraining_config

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    warnings.filterwarnings("ignore")
    drawn = [f"seed={seed}", f"data.split_seed={seed}", f"data.root='{folder}'", f"precision={precision}"]
    found: dict[str, Any] = {FROM_SCRATCH: {}, PRETRAINED: {}}
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(io.StringIO()):
        began = perf_counter()
        config = pretraining_config(compose([f"config={RECIPE}", "data.labels=null", *drawn]).config)
        encoder = nntrain.fit(config, f"run_dir='{place}/pretrain'", quiet=True)
        found["seconds"], found["r2"] = perf_counter() - began, encoder.result["val"]["r2"]
        for count in labels:
            starts = {FROM_SCRATCH: (), PRETRAINED: (f"model.init_from='{encoder.dir}'", "model.reuse=encoder")}
            for side, words in starts.items():
                own = [f"data.labels={count}", "pretrain=none", *words]
                tried = [
                    nntrain.fit(
                        RECIPE,
                        *drawn,
                        *own,
                        f"optimizer.lr={rate}",
                        f"run_dir='{place}/{side}_{count}_{rate}'",
                        quiet=True,
                    ).result
                    for rate in RATES
                ]
                found[side][count] = min(tried, key=lambda result: result["val"]["loss"])["test"]["accuracy"]
    return found


def summary(count: int, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation of both sides and of the gain, over the seeds."""
    row: dict[str, Any] = {"labels": count, "seeds": len(results)}
    sides = {side: [result[side][count] for result in results] for side in (FROM_SCRATCH, PRETRAINED)}
    sides["gain"] = [b - a for a, b in zip(*sides.values(), strict=True)]
    for name, values in sides.items():
        row[name] = round(statistics.mean(values), 4)
        row[f"{name} std"] = round(statistics.stdev(values), 4) if len(values) > 1 else None
    row["seeds that gained"] = sum(value > 0 for value in sides["gain"])
    return row


def main() -> None:
    parser = arguments(__doc__, rounds=1)
    parser.add_argument("--seeds", type=int, default=5, help="how many (5)")
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS, help="how many pictures keep theirs")
    parser.add_argument("--workers", type=int, default=2, help="seeds at a time, each on --threads threads (2, on 1)")
    parser.add_argument("--precision", default="bf16", help="bf16 (half the time where the processor has it) or fp32")
    options = parser.parse_args()
    set_threads(options.threads or 1)
    folder = str(Path(os.environ.get("NNTRAIN_MNIST", SHARED_MNIST)).resolve())
    with ProcessPoolExecutor(options.workers) as pool:
        waiting = [
            pool.submit(one_seed, FIRST_SEED + i, options.labels, folder, options.precision)
            for i in range(options.seeds)
        ]
        results = []
        for seed, job in enumerate(waiting, FIRST_SEED):
            results.append(job.result())
            print(f"seed {seed}: {results[-1]}", flush=True)
    seconds = round(statistics.median(result["seconds"] for result in results), 1)
    rows = [summary(count, results) for count in options.labels]
    about = {"recipe": RECIPE, "precision": options.precision, "pre-training seconds": seconds, "runs": results}
    report("pretraining", rows, options, about)


if __name__ == "__main__":
    main()
