"""A run as its caller sees it, and what a run in progress talks to."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nntrain.record.console import RunConsole
from nntrain.record.words import number, plural
from nntrain.training.checkpoint import BEST
from nntrain.training.course import Judge, Stop

SPLITS = ("train", "val", "test")


@dataclass
class Run:
    """A finished (or interrupted) run.

    dir: its folder. metrics: a row per epoch, as in metrics.csv. result: what result.json holds; empty where it was
    interrupted, and `stopped` then says so and how to go on.
    """

    dir: Path
    metrics: list[dict[str, float]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    stopped: str = ""

    @property
    def best(self) -> Path:
        """The best model's file; of a cross-validation that of the fold in the middle, see `verbs.folds.combine`."""
        return Path(self.result["checkpoint"]) if self.result else self.dir / BEST

    def __repr__(self) -> str:
        said = [
            f"Run {self.dir}",
            self.stopped or f"{plural(self.result['epochs_run'], 'epoch')}; {self.result['stop_reason']}",
        ]
        if self.result.get("best_epoch"):
            said.append(
                f"best: epoch {self.result['best_epoch']}, {self.result['monitor']} {self.result['best_value']:g}"
            )
        if self.result.get("folds"):
            said.append(f"model: {self._of_fold()}")
        for split, scores in self._scores():
            said.append(f"{split}: " + ", ".join(f"{name} {number(value)}" for name, value in scores.items()))
        return "\n".join(said)

    def _repr_html_(self) -> str:
        """The scores as a table, for notebooks."""
        scores = dict(self._scores())
        names = list(dict.fromkeys(name for split in scores.values() for name in split))
        rows = [
            f"<tr><th>{name}</th>{''.join(f'<td>{number(split.get(name))}</td>' for split in scores.values())}</tr>"
            for name in names
        ]
        head = "".join(f"<th>{split}</th>" for split in scores)
        title = html.escape(self.stopped or f"{self.dir}: {self.result['stop_reason']}")
        title += f"; model: {self._of_fold()}" if self.result.get("folds") else ""
        return f"<p>{title}</p><table><tr><th></th>{head}</tr>{''.join(rows)}</table>"

    def _of_fold(self) -> str:
        folds = self.result["folds"]
        return (
            f"that of {self.best.parent.name}, one of {folds} folds, trained on {folds - 1}/{folds} of the rows that "
            "are not test; the scores are means over all"
        )

    def _scores(self) -> list[tuple[str, dict[str, float]]]:
        return [(split, self.result[split]) for split in SPLITS if self.result.get(split)]


@dataclass(frozen=True)
class Session:
    """console: where it is said. stop: set to end the run. command: the command line, for environment.json. source:
    what `config=` named, for the commands that are proposed; empty for the run's own config.yaml. judge: of a search,
    which may end the run after any epoch."""

    console: RunConsole
    stop: Stop
    command: Sequence[str] = ()
    source: str = ""
    judge: Judge | None = None
