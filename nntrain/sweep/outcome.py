"""How the jobs of a sweep ended: a line when each is done, then the best first; `sweep.json` has them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.text import Text

from nntrain.folder import shown
from nntrain.record.layout import Page, command, grid, heading
from nntrain.record.words import duration, number, plural

SHOWN = 20  # rows of the leaderboard on the screen; sweep.json has them all
KEPT = ("monitor", "best_value", "best_epoch", "val", "test", "seconds")  # of a run's result.json


@dataclass
class Outcome:
    """One job. varied: the words that tell it from the others. status: the exit status that it would have had alone."""

    job: int
    varied: list[str]
    run_dir: Path
    status: int = 0
    error: str | None = None
    result: dict[str, Any] = field(default_factory=dict)
    direction: str = "min"  # of the monitored metric

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts the best job first, those without a model last."""
        value = self.result.get("best_value")
        if self.error or value is None:
            return 1, 0.0
        return 0, -value if self.direction == "max" else value

    def summary(self) -> dict[str, Any]:
        """As in `sweep.json`."""
        said = {"job": self.job, "varied": self.varied, "run_dir": str(self.run_dir), "status": self.status}
        return said | {"error": self.error} | {key: self.result.get(key) for key in KEPT}

    def line(self) -> Text:
        what = f"#{self.job:<4} {' '.join(self.varied)}"
        if self.error:
            return Text(f"{what}  failed: {self.error}")
        return Text(
            f"{what}  {self.result['monitor']} {number(self.result['best_value'])}  {duration(self.result['seconds'])}"
        )


def leaderboard(ranked: Sequence[Outcome], folder: Path, page: Page) -> list[Text]:
    """The finished jobs, best first, with the command that looks at the best."""
    done = [outcome for outcome in ranked if not outcome.error]
    lines = [Text(""), heading(f"{plural(len(ranked), 'job')}, {len(ranked) - len(done)} failed", page)]
    if done:
        header = ["", "job", "varied", done[0].result["monitor"], "epoch", "time"]
        rows = [
            [
                str(place),
                str(outcome.job),
                " ".join(outcome.varied),
                number(outcome.result["best_value"]),
                str(outcome.result["best_epoch"] or "-"),
                duration(outcome.result["seconds"]),
            ]
            for place, outcome in enumerate(done[:SHOWN], 1)
        ]
        lines += grid(header, rows, "rrlrrr", page, flexible=2)
        lines += [Text(""), *command(["nntrain", "eval", shown(done[0].run_dir)], page)]
    return [*lines, Text(f"sweep    {shown(folder)}")]
