"""Searches whose jobs train nothing: what one comes to is a function of its settings, told at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from math import log10
from pathlib import Path
from typing import Any

from nntrain.cli import main
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome, finished

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\nepochs: 9\n"
LR = '  optimizer.lr: "tag(log, interval(1e-4, 1))"\n'


def slope(config: dict[str, Any], epoch: int) -> float:
    """Least for a learning rate of 0.01; the fewer epochs, the worse."""
    return float((log10(config["optimizer"]["lr"]) + 2) ** 2 + 1 / epoch)


@dataclass
class Lab:
    """Stands in for training. curve: from a config and an epoch to the validation loss. breaks: for which jobs it
    fails, by number. trained: numbers, in their order. kept, spent: the trials and the seconds, which it stores too."""

    curve: Callable[[dict[str, Any], int], float] = slope
    breaks: Callable[[int], bool] = lambda number: False
    trained: list[int] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    spent: float = 0.0

    def add(self, trial: Any) -> None:
        self.kept.append(trial)

    def trials(self) -> list[Any]:
        return self.kept

    def train_alone(self, job: Job, command: Any, judge: Any = None, again: bool = True) -> Outcome:
        self.trained.append(job.number)
        if self.breaks(job.number):
            return Outcome(job.number, 2, f"job {job.number} is broken")
        config, reason, values = dict(job.config), None, []
        while reason is None:
            values.append(self.curve(config, len(values) + 1))
            reason = judge(len(values), values[-1]) if judge else None
            if len(values) == config["epochs"]:
                reason = "all epochs done"
        result = {
            "monitor": "val_loss",
            "best_value": min(values),
            "best_epoch": len(values),
            "val": {"loss": min(values), "accuracy": 1 / (1 + min(values))},
            "test": None,
            "parameters": 10 * config["model"]["widths"][0],
            "epochs_run": len(values),
            "seconds": 0.1,
            "stop_reason": reason,
        }
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "result.json").write_text(json.dumps(result))
        return finished(job.number, result)


def search(*words: str) -> int:
    """The exit status of a search in the folder `out`."""
    return main(["fit", "config=mine.yaml", "run_dir=out", "-m", "hydra/launcher=basic", *words])


def resume(*words: str) -> int:
    return main(["fit", "resume=out", "hydra/launcher=basic", *words])


def jobs() -> dict[int, dict[str, str]]:
    """The words of every job of `out`, by its number."""
    lines = [json.loads(line) for line in Path("out/jobs.jsonl").read_text().splitlines()[1:]]
    return {line["job"]: dict(word.split("=", 1) for word in line["words"]) for line in lines}


def results() -> dict[int, dict[str, Any]]:
    found = {int(path.parent.name): path for path in Path("out").glob("*/result.json")}
    return {number: json.loads(path.read_text()) for number, path in sorted(found.items())}
