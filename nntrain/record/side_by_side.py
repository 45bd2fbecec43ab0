"""The screen of runs that train side by side: a line per epoch with the mean over those that are still training. Where
not all train together, those that do have a table of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from nntrain.record.console import Parts, RunConsole


class SideBySide:
    """console: of all of them, whose header is said. monitor: the column of their rows that says which epoch is best;
    low: whether its lowest value is. of: how many they are."""

    def __init__(self, console: RunConsole, monitor: str, low: bool, of: int) -> None:
        self.console = console
        self.monitor = monitor
        self.sign = 1 if low else -1
        self._at: dict[str, int] = {}  # the last epoch of each that still trains
        self._before: dict[str, int] = {}  # the epochs of each that began that were done in earlier sessions
        self._of, self._ended, self._in_parts = of, 0, False
        self._waiting: tuple[int, int] | None = None  # epoch and steps of a table that is not begun yet
        self._rows: dict[int, dict[str, Mapping[str, Any]]] = {}  # by epoch and name
        self._begun = 0
        self._best = math.inf

    def screen(self, name: str) -> RunConsole:
        """The display of one of them, which itself only writes its log. name: before its warnings."""
        return _One(self, name)

    def begin(self, name: str, epoch: int, steps: int) -> None:
        if new := not self._at:
            self._begun, self._best = 0, math.inf
        self._at[name] = epoch - 1
        self._before.setdefault(name, epoch - 1)
        self._tell_parts()
        if epoch > self._begun:
            self._begun = epoch
            if new or self._waiting is not None:
                self._waiting = epoch, steps
            else:
                self.console.epoch_begin(epoch, steps)

    def begin_table(self) -> None:
        """Of all that have begun, once the first of them takes a step: no other is in it."""
        if self._waiting is None:
            return
        (epoch, steps), self._waiting = self._waiting, None
        if self._in_parts and len(self._at) < self._of:
            self.console.part(", ".join(self._at) if len(self._at) == 1 else f"mean of {', '.join(self._at)}")
        self.console.epoch_begin(epoch, steps)

    def end(self, name: str, row: Mapping[str, Any]) -> None:
        self.begin_table()
        self._at[name] = int(row["epoch"])
        self._rows.setdefault(self._at[name], {})[name] = row
        self._show()

    def apart(self, names: Sequence[str], of: int, how: str) -> None:
        """Not all `of` them train together. how: what is done instead, and why."""
        self._in_parts = True
        self._at.clear()  # of epochs that some ended by themselves before
        who = f"all {of}" if len(names) == of else ", ".join(names)
        self.console.note(f"{who}: {how}")

    def left(self, name: str) -> None:
        """It trains no more, whatever the reason."""
        self._at.pop(name, None)
        self._ended, self._in_parts = self._ended + 1, self._in_parts or not self._at
        self._tell_parts()
        self._show()

    def _tell_parts(self) -> None:
        self.console.parts = Parts(self._of, self._ended, len(self._at), sum(self._before.values()))

    def _show(self) -> None:
        """The epochs that all have ended which still train."""
        ended = min(self._at.values(), default=self._begun)
        for epoch in sorted(epoch for epoch in self._rows if epoch <= ended):
            rows = self._rows.pop(epoch)
            row = mean_row(list(rows.values()))
            value = self.sign * row[self.monitor]
            self.console.epoch_end(row, value < self._best)
            self._best = value if value < self._best else self._best


class _One(RunConsole):
    def __init__(self, all_of_them: SideBySide, name: str) -> None:
        self.all_of_them = all_of_them
        self.name = name
        super().__init__(silent=True)

    @property
    def done(self) -> int:
        """The steps of those that train together are the same."""
        return self.all_of_them.console.done

    @done.setter
    def done(self, steps: int) -> None:
        if steps:
            self.all_of_them.begin_table()
        self.all_of_them.console.done = steps

    def epoch_begin(self, epoch: int, steps: int) -> None:
        super().epoch_begin(epoch, steps)
        self.all_of_them.begin(self.name, epoch, steps)

    def epoch_end(self, row: Mapping[str, Any], best: bool) -> None:
        super().epoch_end(row, best)
        self.all_of_them.end(self.name, row)

    def warn(self, text: str) -> None:
        super().warn(text)
        self.all_of_them.console.warn(f"{self.name}: {text}")


def mean_row(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of rows of `metrics.csv` of the same epoch the mean of each column, and how many they are as `members`; but the
    furthest `step`, and the `seconds` of all."""
    values = {name: [math.nan if row[name] is None else row[name] for row in rows] for name in rows[0]}
    row: dict[str, float] = {name: fmean(numbers) for name, numbers in values.items()}
    row |= {"epoch": rows[0]["epoch"], "step": max(values["step"]), "seconds": sum(values["seconds"])}
    return {**row, "members": len(rows)}
