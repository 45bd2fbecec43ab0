"""Sweeps as they stand at their end, made up: what the board, the leaderboard and the plots are tried on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome

CONFIG: dict[str, Any] = {
    "epochs": 20,
    "data": {"name": "bundled", "dataset": "digits", "split_seed": 0},
    "loss": {"name": "auto"},
    "objective": {"name": "supervised"},
}
Value = Callable[[Mapping[str, str]], float]


def jobs_of(space: Mapping[str, Sequence[Any]], folder: Path = Path("out"), **config: Any) -> list[Job]:
    """A job per combination; config: sections in place of those of CONFIG."""
    combinations = [dict(zip(space, map(str, values), strict=True)) for values in product(*space.values())]
    return [
        Job(i, tuple(f"{key}={value}" for key, value in varied.items()), varied, folder / str(i), CONFIG | config)
        for i, varied in enumerate(combinations)
    ]


def result(value: float | None, monitor: str = "val_loss", **other: Any) -> dict[str, Any]:
    scores = {"loss": 0.5, "accuracy": 0.9} | ({} if value is None else {monitor.removeprefix("val_"): value})
    said = {"monitor": monitor, "best_epoch": 12, "best_value": value, "val": scores, "test": scores}
    return said | {"epochs_run": 20, "seconds": 1.25, "stop_reason": "all 20 epochs done"} | other


def ended(jobs: Sequence[Job], value: Value, monitor: str = "val_loss") -> dict[int, Outcome]:
    """All done, with the value that `value` makes of what was varied."""
    return {job.number: Outcome(job.number, result=result(value(job.varied), monitor)) for job in jobs}


def write_curves(jobs: Sequence[Job], outcomes: Mapping[int, Outcome], epochs: int = 20) -> None:
    """A `metrics.csv` for every job, falling to its best value."""
    for job in jobs:
        best = float(outcomes[job.number].result["best_value"])
        rows = [f"{e},{best * (1 + 4 * math.exp(-6 * e / epochs)):.6f}" for e in range(1, epochs + 1)]
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "metrics.csv").write_text("epoch,val_loss\n" + "\n".join(rows) + "\n")


def loss_of(varied: Mapping[str, str]) -> float:
    """A bowl over the learning rate, a step for the optimizer, some scatter over the seeds."""
    rate = float(varied.get("optimizer.lr", "0.01"))
    seed = int(varied.get("seed", "0"))
    scatter = math.sin(12.9898 * seed + 78.233 * math.log10(rate)) * 0.004
    return (
        0.1 + 0.08 * (math.log10(rate) + 2.1) ** 2 + 0.01 * (varied.get("optimizer") == "sgd") + scatter + 0.002 * seed
    )


CLOSE = {  # by seed: a best setting, one that cannot be told from it, one that is worse
    "1e-2": (0.104, 0.110, 0.105, 0.109),
    "1.1e-2": (0.106, 0.109, 0.108, 0.107),
    "1e-3": (0.160, 0.163, 0.166, 0.161),
}
CLOSE_SPACE = {"optimizer.lr": ["1e-3", "1e-2", "1.1e-2"], "seed": [0, 1, 2, 3]}


def close(varied: Mapping[str, str]) -> float:
    return CLOSE[varied["optimizer.lr"]][int(varied["seed"])]


def composed(space: Mapping[str, Sequence[Any]], folder: Path = Path("out"), **config: Any) -> list[Job]:
    """As `jobs_of`, with the values of the space in the configs."""
    jobs = []
    for job, values in zip(jobs_of(space, folder, **config), product(*space.values()), strict=True):
        filled: dict[str, Any] = {**job.config}
        for key, value in zip(space, values, strict=True):
            section, _, name = key.partition(".")
            filled[section] = {**filled.get(section, {}), name: value} if name else value
        jobs.append(Job(job.number, job.words, job.varied, job.folder, filled))
    return jobs
