"""What a sweep leaves in its folder when it ends, and what it says last."""

from __future__ import annotations

from typing import Any, TextIO

from rich.text import Text

from nntrain.record.layout import Page
from nntrain.record.screen import show
from nntrain.sweep.best import drop_best, link_best
from nntrain.sweep.leaderboard import closing_facts, leaderboard, write_csv
from nntrain.sweep.sweep import Sweep


def report(sweep: Sweep, stream: TextIO) -> dict[str, Any]:
    """`sweep.json`, `sweep.csv`, the best model, the plots; then the leaderboard. What `sweep.json` holds."""
    result = sweep.write()
    write_csv(sweep.folder, sweep.jobs, sweep.outcomes)
    best = None
    if result["best"] is None:
        drop_best(sweep.folder)
    else:
        best = link_best(sweep.folder, sweep.folder / str(result["best"]))

    def lines(page: Page) -> list[Text]:
        table = leaderboard(sweep.jobs, sweep.outcomes, page, seconds=sweep.board.seconds)
        return [*table, *closing_facts(sweep.folder, best, page)]

    show(lines, stream)
    return result
