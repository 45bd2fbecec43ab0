"""What a run says while it learns: a live display on a terminal, a line per epoch elsewhere, all of it in the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.text import Text

from nntrain.record.epochs import EpochTable
from nntrain.record.layout import FAINT, STRONG, Page, facts, heading
from nntrain.record.result import class_table, loss_chart, next_commands, summary
from nntrain.record.screen import bar, stacked_lines
from nntrain.record.speaker import Speaker
from nntrain.record.words import count, duration, plural

LAST_EPOCHS = 8  # lines of the table on the screen
BAR = 32


@dataclass(frozen=True)
class Parts:
    """Of a run that is `of` trainings: how many ended, and how many train now. before: the epochs, of all that began,
    that were done in earlier sessions."""

    of: int
    ended: int
    running: int
    before: int


class RunConsole(Speaker):
    """Called plainly, in this order: start, then per epoch epoch_begin and epoch_end, finish; again for a fold; close.

    done: steps done in this epoch. The loop sets it; that is all that a step costs, the display looks when it likes.
    parts: of a run that is several trainings, which a line more is about while not all of them train at the same time.
    of_training: notes that are said under the first header, and not where nothing is trained. The rest: see `Speaker`.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        silent: bool = False,
        width: int | None = None,
        live: bool | None = None,
    ) -> None:
        super().__init__(stream, quiet=quiet, silent=silent, width=width, live=live)
        self.done = 0
        self.parts: Parts | None = None
        self.of_training: list[str] = []
        self._tables: list[EpochTable] = []
        self._history: list[Mapping[str, Any]] = []
        self._lines: list[tuple[int, Text, Text]] = []  # epoch, its line, its line with the mark of the best
        self._best: tuple[int, Text, Text] | None = None
        self._epoch, self._epochs, self._steps = 0, 0, 0
        self._first_epoch, self._started = 0, 0.0
        self._title, self._in_table = "", False

    def start(
        self,
        *,
        name: str,
        data: str,
        rows: Mapping[str, int],
        task: str,
        model: str,
        parameters: int,
        training: str,
        device: str,
        folder: Path | str,
        epochs: int,
        metrics: Sequence[str],
        history: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """The header.

        rows: samples per split. task: "classification, 10 classes". model: "mlp 64-128-64-10". training: "adam, lr
        0.001, batch 32, up to 100 epochs". metrics: validation metrics worth a column, without `val_`, best first.
        history: the epochs before, on resume.
        """
        split = ", ".join(f"{count(n)} {which}" for which, n in rows.items())
        pairs = [
            ("data", f"{data}: {plural(sum(rows.values()), 'row')} ({split})"),
            ("task", task),
            ("model", f"{model}, {plural(parameters, 'parameter')}"),
            ("training", training),
            ("device", device),
            ("run", str(folder)),
        ]
        self.close()
        self._history, self._lines, self._best = list(history), [], None
        self._epoch, self._epochs, self._first_epoch = 0, epochs, 0
        self._title, self._in_table = "", False
        self._tables = [EpochTable(metrics, page) for page in (self.page, self.log_page)]
        self.say(lambda page: [heading(name, page), *facts(pairs, page)])
        while self.of_training:
            self.note(self.of_training.pop(0))

    def part(self, title: str) -> None:
        """The epochs that follow are of another training, and stand in a table of their own."""
        self.close()
        self._lines, self._best = [], None
        self._title, self._in_table = title, False

    def epoch_begin(self, epoch: int, steps: int) -> None:
        """epoch: 1, 2, ... steps: how many this epoch has; 0 where nobody counts them."""
        now = time.perf_counter()
        if not self._first_epoch:
            self._first_epoch, self._started = epoch, now
        if not self._in_table:
            self._begin_table()
        self.done = 0
        self._epoch, self._steps = epoch, steps

    def epoch_end(self, row: Mapping[str, Any], best: bool) -> None:
        """row: the epoch's row of `metrics.csv` (seconds: its own). best: the best so far by the monitored metric."""
        self._history.append(dict(row))
        if not self.display.on:
            self._say_each(lambda table: table.line(row, best))
            return
        self.write_log([self._tables[1].line(row, best)])
        line = (self._epoch, self._tables[0].line(row, False), self._tables[0].line(row, True))
        self._lines = [*self._lines[1 - LAST_EPOCHS :], line]  # a new list: the display may be reading the old one
        if best:
            self._best = line

    def finish(
        self,
        result: Mapping[str, Any],
        *,
        baselines: Mapping[str, Mapping[str, float | None]] | None = None,
        per_class: Sequence[Mapping[str, Any]] = (),
        commands: Sequence[Sequence[str]] = (),
        part: bool = False,
    ) -> None:
        """The end.

        result: what `result.json` holds. baselines: per split ("val", "test") the trivial baseline's metrics.
        per_class: rows with the keys class, precision, recall, count. commands: what to try next, each a list of words.
        part: whether the run goes on afterwards, so that this is not its result.
        """
        self.close()
        given, labels = baselines or {}, result.get("task") == "multilabel"

        def rest(page: Page) -> list[Text]:
            chart = loss_chart(self._history, result.get("best_epoch"), page)
            split, what = "test" if result.get("test") else "val", "label" if labels else "class"
            table = class_table(per_class, page, split, what) if per_class else []
            parts = [chart, summary(result, given, page), table, next_commands(commands, page)]
            return [line for part in parts if part for line in (Text(""), *part)]

        if self.quiet:
            if not (part or self.silent):
                self.print(summary(result, given, self.page))
            self.write_log(rest(self.log_page))
        else:
            self.say(rest)

    def close(self) -> None:
        """End the display, if it still runs; what it showed last stays."""
        if self.display.on:
            super().close()
            self.print(self._epoch_lines())

    def _begin_table(self) -> None:
        self._in_table = True
        self.say(lambda _: [Text(""), *([Text(self._title, STRONG)] if self._title else [])])
        if self.display.wanted:
            self.display.begin(self._view)
            self.write_log([self._tables[1].header()])
        else:
            self._say_each(EpochTable.header)

    def _epoch_lines(self) -> list[Text]:
        """The header, the best epoch where it is further up, and the last epochs."""
        lines, best = self._lines, self._best
        above = [best] if best is not None and all(epoch != best[0] for epoch, *_ in lines) else []
        shown = [marked if best is not None and epoch == best[0] else line for epoch, line, marked in [*above, *lines]]
        return [self._tables[0].header(), *shown]

    def _view(self) -> Text:
        """What the live display shows; called in its thread, REFRESHES times a second."""
        lines = self._epoch_lines()
        if self._epoch:
            done = min(self.done, self._steps)
            part = done / self._steps if self._steps else 0.0
            total = (self._epoch - 1 + part) / self._epochs if self._epochs else 0.0
            width, parts = len(f"{max(self._epochs, self._steps):,}"), self.parts
            if parts is None or parts.running == parts.of:
                whole, left = [], self._left(total, (self._first_epoch - 1) / max(1, self._epochs))
            else:
                share = (parts.ended + parts.running * total) / parts.of
                said = self._left(share, parts.before / max(1, parts.of * self._epochs))
                whole, left = [self._bar_line("parts", parts.ended, parts.of, share, said, width)], ""
            lines += [Text(""), *whole, self._bar_line("epoch", self._epoch, self._epochs, total, left, width)]
            lines += [self._bar_line("batch", done, self._steps, part, "", width)] if self._steps else []
        return stacked_lines(lines)

    def _left(self, share: float, before: float) -> str:
        """`12 s left`, by the mean pace of this process; early stopping may end it sooner. share: of all that is done;
        before: of all, in earlier sessions."""
        if not before < share < 1:
            return ""
        return f"{duration((time.perf_counter() - self._started) / (share - before) * (1 - share))} left"

    def _bar_line(self, what: str, at: int, end: int, share: float, said: str, width: int) -> Text:
        cells = max(8, min(BAR, self.page.width - 35 - 2 * width))
        line = Text(f"{what}  {at:>{width},} / {end:<{width},}  ").append(bar(share, cells, self.page))
        return line.append(f" {min(share, 1.0):4.0%}  ").append(said, FAINT)

    def _say_each(self, line: Callable[[EpochTable], Text]) -> None:
        screen, logged = self._tables
        if not self.quiet:
            self.print([line(screen)])
        self.write_log([line(logged)])
