"""What a sweep says while it runs: a live table on a terminal, a line per finished job elsewhere and in its log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from rich.text import Text

from nntrain.record.layout import FAINT, WARNING, Page
from nntrain.record.screen import stacked_lines
from nntrain.record.speaker import Speaker
from nntrain.record.words import clean, count, duration, numbers_text, wrapped
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.table import leader_words, live_table
from nntrain.sweep.told.tally import Tally
from nntrain.sweep.told.words import figure, metric_words

FEW = 50  # jobs: up to here each gets a line where there is no terminal
EVERY = 2.0  # seconds between lines of a larger sweep
SILENCE = 30.0  # seconds without a line where there is no terminal, and then it is said how far the sweep is
MOST_REPLANNED = 5  # lines for stacks that are none
MOST_FAILURES = 10  # lines for them, of a larger sweep


class Board(Speaker):
    """Called in this order: begin (again where a sweeper adds jobs), then running, progress and done as it goes, close.

    stream, quiet, width, live: see `Speaker`. began: when the command did, on the clock of time.perf_counter.
    tally: what is known of the sweep; log: of all that is said, and of every job that ended.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        width: int | None = None,
        live: bool | None = None,
        began: float | None = None,
    ) -> None:
        super().__init__(stream, quiet=quiet, width=width, live=live)
        self.tally = Tally()
        self._began = time.perf_counter() if began is None else began
        self._lock = threading.RLock()  # the display looks from its own thread
        self._said_at, self._failures_said = time.perf_counter(), 0
        self._plans: set[str] = set()
        self._replanned = 0

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self._began

    @property
    def took(self) -> str:
        """`in 2.4 s`; of a sweep that an earlier session began, what was done now, "" where that is nothing."""
        if not self.tally.resumed:
            return f"in {duration(self.seconds)}"
        return f"in {duration(self.seconds)} this time" if len(self.tally.outcomes) > self.tally.earlier else ""

    def begin(self, jobs: Sequence[Job], plan: Sequence[str], *, finished: Iterable[Outcome] = ()) -> None:
        """jobs: all that are known now. plan: what will happen, a sentence each. finished: what an earlier session of
        this sweep has done already."""
        with self._lock:
            self.tally.add(jobs, finished)
        new = [text for text in plan if text not in self._plans]  # a search has the same plan many times over
        self._plans.update(new)
        self.say(lambda page: [line for text in new for line in _plan_lines(text, page)])
        if self.display.wanted and not self.display.on:
            self.display.begin(self._view)

    def running(self, numbers: Iterable[int]) -> None:
        """These jobs are being trained from here on."""
        with self._lock:
            for number in numbers:
                self.tally.begin(number, 0, time.perf_counter())

    def waiting(self, numbers: Iterable[int]) -> None:
        """These jobs are to be trained later, though they may have been running."""
        with self._lock:
            for number in numbers:
                self.tally.wait(number)

    def progress(self, number: int, epoch: int, epochs: int, value: float | None) -> None:
        """epoch: how many are done, of `epochs`. value: the monitored metric's, of the last one; None of a job that is
        being trained from here on."""
        now = time.perf_counter()
        with self._lock:
            self.tally.progress(number, epoch, epochs, value, now)
            if not (self.quiet or self.display.on) and now - self._said_at >= SILENCE:
                self._say_progress(now)

    def replanned(self, numbers: Sequence[int], how: str) -> None:
        """Jobs that were to be one stack train otherwise; of many such lines only the first are said."""
        text = f"{'jobs' if len(numbers) > 1 else 'job'} {numbers_text(numbers)}: {how}"
        self._replanned += 1
        if self._replanned <= MOST_REPLANNED:
            self.note(text)
        else:
            self.logged(text)

    def done(self, outcome: Outcome) -> None:
        """A job has ended, well or not."""
        with self._lock:
            self.tally.end(outcome, time.perf_counter())
        line = self._done_line(outcome)
        if not self.quiet and not self.display.on:
            self._say_done(outcome, line)
        self.write_log([line.append(f": {why}") if (why := _why(outcome)) else line])

    def logged(self, text: str) -> None:
        """A line for the log alone, which is said elsewhere."""
        self.write_log([Text(text)])

    def _view(self) -> Text:
        """The live table; called in the display's thread."""
        with self._lock:
            height, now = self.display.console.height, time.perf_counter()
            return stacked_lines(live_table(self.tally, self.page, height, self.seconds, now))

    def _say_done(self, outcome: Outcome, line: Text) -> None:
        """In one line: why a job failed is said in full at the end, once for all that failed by the same."""
        if why := _why(outcome):
            line = line.copy().append(": " + self.page.cut(why, max(20, self.page.width - line.cell_len - 2)))
        now, few = time.perf_counter(), self.tally.count <= FEW
        if few or (outcome.status and self._failures_said < MOST_FAILURES):
            self._failures_said += bool(outcome.status)
            self.print([line])
        if few:
            self._said_at = now
        elif now - self._said_at >= EVERY or len(self.tally.outcomes) == self.tally.count:
            self._say_progress(now)

    def _done_line(self, outcome: Outcome) -> Text:
        total, job = count(self.tally.count), self.tally.jobs.get(outcome.number)
        ended = f"{count(self.tally.ended):>{len(total)}} / {total}  "
        line = Text.assemble((ended, FAINT), f"#{outcome.number}", f"  {clean(job.said)}" if job else "")
        return line.append("  ").append(ending(outcome))

    def _say_progress(self, now: float) -> None:
        tally = self.tally
        parts = [f"{count(tally.ended)} / {count(tally.count)} jobs"]
        parts += [f"{count(len(tally.running))} running"] if tally.running else []
        parts += [f"{count(len(tally.failed))} failed"] if tally.failed else []
        for monitor, leader in tally.best().items():
            parts.append(f"best {metric_words(monitor)} {figure(leader.value, monitor)} ({leader_words(leader)})")
        left = tally.seconds_left(now)
        parts += [f"{duration(left)} left"] if left is not None else []
        self._said_at = now
        self.print([Text(", ".join(parts))])


def ending(outcome: Outcome) -> Text:
    """How a job ended, in a few words."""
    if outcome.interrupted:
        return Text("interrupted")
    if outcome.status:
        return Text("failed", WARNING)
    result: Mapping[str, Any] = outcome.result
    monitor = str(result.get("monitor", "val_loss"))
    said = f"{metric_words(monitor)} {figure(result.get('best_value'), monitor)}"
    took = result.get("seconds")
    early = "  pruned" if outcome.pruned else "  out of time" if outcome.out_of_time else ""
    return Text(said + early + ("" if took is None else f"  {duration(took)}"))


def _why(outcome: Outcome) -> str:
    """A job failed; "" where it did not."""
    failed = outcome.status and not outcome.interrupted
    return clean(outcome.error or f"exit status {outcome.status}") if failed else ""


def _plan_lines(text: str, page: Page) -> list[Text]:
    """A sentence of the plan."""
    first, *rest = wrapped(clean(text), page.width - 2)
    return [Text(first), *(Text("  " + line) for line in rest)]
