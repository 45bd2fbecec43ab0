"""What a sweep says while it runs: a live table on a terminal, a line per finished job elsewhere and in its log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TextIO

from rich.live import Live
from rich.text import Text

from nntrain.record.files import WriteError
from nntrain.record.layout import FAINT, GOOD, LABEL, WARNING, Page, heading
from nntrain.record.log import Log
from nntrain.record.screen import PLAIN_WIDTH, open_screen, print_lines
from nntrain.record.words import clean, count, duration, number, wrapped
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.pace import Pace
from nntrain.sweep.told.ranking import has_model, lower_is_better, short_names

REFRESHES = 5  # per second, in rich's own thread
BAR, SMALL_BAR, TINY_BAR = 32, 16, 8
LAST_FAILED = 3  # with their reasons, in the live table
NARROW = 80  # cells
FEW = 50  # jobs: up to here each gets a line where there is no terminal
EVERY = 2.0  # seconds between lines of a larger sweep
MOST_FAILURES = 10  # lines for them, of a larger sweep


class Board:
    """Called in this order: begin (again where a sweeper adds jobs), then running, progress and done as it goes, close.

    stream: where people read, standard output by default. quiet: nothing is said but in the log. live: by default where
    the stream is a terminal and no CI runs us. total: of jobs, where more are to come than `begin` has been told of.
    log: of all that is said, and of every job that ended.
    """

    def __init__(
        self, stream: TextIO | None = None, *, quiet: bool = False, width: int | None = None, live: bool | None = None
    ) -> None:
        self.quiet = quiet
        self.total: int | None = None
        self.log = Log()
        self._console, self._page = open_screen(stream, width)
        self._log_page = Page(PLAIN_WIDTH)
        if live is None:
            live = self._console.is_terminal and not self._console.is_dumb_terminal and "CI" not in os.environ
        self._wants_live = live and not quiet
        self._redirects = self._console.file is sys.stdout
        self._live: Live | None = None
        self._lock = threading.RLock()  # the display looks from its own thread
        self._jobs: dict[int, Job] = {}
        self._names: dict[str, str] = {}  # of what is varied, short
        self._running: dict[int, float | None] = {}  # number: last value
        self._outcomes: dict[int, Outcome] = {}
        self._best: dict[str, tuple[float, Job, Outcome]] = {}  # by metric: of recipes each may have its own
        self._pace = Pace()
        self._began: float | None = None
        self._said, self._failures_said = 0.0, 0
        self._plans: set[str] = set()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return 0.0 if self._began is None else time.perf_counter() - self._began

    def begin(self, jobs: Sequence[Job], plan: Sequence[str], *, finished: Iterable[Outcome] = ()) -> None:
        """jobs: all that are known now. plan: what will happen, a sentence each. finished: what an earlier session of
        this sweep has done already."""
        self._began = self._began or time.perf_counter()
        with self._lock:
            for job in jobs:
                self._jobs[job.number] = job
                self._pace.epochs[job.number] = max(1, int(job.config.get("epochs") or 1))
            self._names = short_names(list(dict.fromkeys(key for job in self._jobs.values() for key in job.varied)))
            for outcome in finished:
                if outcome.number not in self._outcomes:
                    self._note(outcome)
                    self._pace.earlier += self._pace.ran[outcome.number]
        new = [text for text in plan if text not in self._plans]  # a search has the same plan many times over
        self._plans.update(new)
        self._say(lambda page: [line for text in new for line in _plan_lines(text, page)])
        if self._wants_live and self._live is None:
            self._start_live()

    def running(self, numbers: Iterable[int]) -> None:
        """These jobs have been started."""
        with self._lock:
            self._running |= dict.fromkeys(numbers)
            if self._pace.began is None and self._running:
                self._pace.began = time.perf_counter()

    def progress(self, number: int, epoch: int, epochs: int, value: float | None) -> None:
        """epoch: how many are done, of `epochs`. value: the monitored metric's, of the last one."""
        with self._lock:
            if number not in self._outcomes:
                self.running(() if number in self._running else (number,))
                self._running[number] = value
                self._pace.epochs[number] = max(1, epochs)
                self._pace.at[number] = epoch
                self._pace.news = time.perf_counter()

    def done(self, outcome: Outcome) -> None:
        """A job has ended, well or not."""
        with self._lock:
            self._note(outcome)
            self._pace.news = time.perf_counter()
        ended, total = len(self._outcomes), max(self.total or 0, len(self._jobs))
        if not self.quiet and self._live is None:
            self._say_done(outcome, ended, total)
        self._write_log([self._done_line(outcome, ended, total)])

    def note(self, text: str) -> None:
        """A sentence above the table."""
        self._say(lambda page: _note_lines(text, page))

    def tell(self, lines: Callable[[Page], list[Text]]) -> None:
        """Lines that are said even when quiet, once the table has ended."""
        self._print(lines(self._page))
        self._write_log(lines(self._log_page))

    def logged(self, text: str) -> None:
        """A line for the log alone, which is said elsewhere."""
        self._write_log([Text(text)])

    def close(self) -> None:
        """End the live table and leave nothing of it; who has failed is said once more by the leaderboard."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_live(self) -> None:
        self._live = Live(
            console=self._console,
            get_renderable=self._view,
            refresh_per_second=REFRESHES,
            transient=True,
            redirect_stdout=self._redirects,
            redirect_stderr=self._redirects,
            vertical_overflow="crop",
        )
        self._live.start()

    def _note(self, outcome: Outcome) -> None:
        n = outcome.number
        again = self._outcomes.get(n)
        self._outcomes[n] = outcome
        self._running.pop(n, None)
        self._pace.at.pop(n, None)
        asked = self._pace.epochs.setdefault(n, 1)
        self._pace.ran[n] = asked if outcome.status else min(asked, int(outcome.result.get("epochs_run") or asked))
        job = self._jobs.get(n)
        if again is not None or job is None or not has_model(outcome):
            return
        monitor, value = str(outcome.result["monitor"]), float(outcome.result["best_value"])
        best = self._best.get(monitor)
        sign = 1 if lower_is_better(monitor) else -1
        if best is None or (outcome.pruned, sign * value) < (best[2].pruned, sign * best[0]):  # as they are ranked
            self._best[monitor] = value, job, outcome

    # the live table

    def _view(self) -> Text:
        """Called in the display's thread, REFRESHES times a second."""
        with self._lock:
            lines = [Text(""), self._bar_line(time.perf_counter()), self._counts_line()]
            lines += [*self._best_lines(), *self._failed_lines()]
            room = self._console.height - len(lines) - 3
            lines += self._running_lines(max(0, min(room, self._console.height // 2)))
        return Text("\n", no_wrap=True, overflow="crop").join(lines)

    def _bar_line(self, now: float) -> Text:
        total, ended = max(self.total or 0, len(self._jobs)), len(self._outcomes)
        share = self._pace.share() * len(self._jobs) / total if total else 0.0
        width = len(count(total))
        bar = max(8, min(BAR, self._page.width - 34 - 2 * width))
        line = Text.assemble(("jobs     ", LABEL), f"{count(ended):>{width}} / {count(total)}  ")
        line.append(self._bar(share, bar)).append(f" {min(share, 1.0):4.0%}")
        if total == len(self._jobs) and (left := self._pace.seconds_left(now)) is not None:
            line.append(f"  {duration(left)} left", FAINT)
        return line

    def _counts_line(self) -> Text:
        failed = sum(1 for outcome in self._outcomes.values() if outcome.status and not outcome.interrupted)
        pruned = sum(1 for outcome in self._outcomes.values() if outcome.pruned)
        line = Text.assemble(("running  ", LABEL), count(len(self._running)))
        if failed:
            line.append("   ").append(f"{count(failed)} failed", WARNING)
        if pruned:
            line.append(f"   {count(pruned)} pruned")
        line.append(f"   {duration(self.seconds)}", FAINT)
        return line

    def _best_lines(self) -> list[Text]:
        lines = []
        for i, (monitor, (value, job, _)) in enumerate(self._best.items()):
            said = f"{_metric(monitor)} {number(value)}"
            told = self._page.cut(f"#{job.number}  {clean(job.said)}", self._page.width - 11 - len(said))
            lines.append(Text.assemble(("best     " if i == 0 else " " * 9, LABEL), (said, GOOD), "  ", told))
        return lines

    def _failed_lines(self) -> list[Text]:
        """The last ones, with their reasons."""
        failed = [outcome for outcome in self._outcomes.values() if outcome.status and not outcome.interrupted]
        return [
            Text.assemble(
                ("failed   " if i == 0 else " " * 9, LABEL),
                self._page.cut(f"#{outcome.number}  {clean(outcome.error or '')}", self._page.width - 9),
            )
            for i, outcome in enumerate(failed[-LAST_FAILED:])
        ]

    def _running_lines(self, room: int) -> list[Text]:
        """A bar for each running job, at most `room` lines; of more the first, and how far the others are."""
        if not self._running or room < 2:
            return []
        numbers = sorted(self._running)
        shown = numbers if len(numbers) < room else numbers[: room - 2]
        lines = [Text(""), *map(self._job_line, shown)]
        if rest := numbers[len(shown) :]:
            epochs = [self._pace.at.get(n, 0) for n in rest]
            span = str(min(epochs)) if min(epochs) == max(epochs) else f"{min(epochs)} to {max(epochs)}"
            lines.append(Text(f"  and {count(len(rest))} more, epoch {span}", FAINT))
        return lines

    def _job_line(self, n: int) -> Text:
        at, epochs, value = self._pace.at.get(n, 0), self._pace.epochs[n], self._running[n]
        width = len(count(epochs))
        names, varied = self._names, self._jobs[n].varied if n in self._jobs else {}
        what = f"  #{n}".ljust(7) + clean(" ".join(f"{names[key]}={value}" for key, value in varied.items()))
        rest = Text.assemble(
            "  ",
            self._bar(at / epochs, SMALL_BAR if self._page.width >= NARROW else TINY_BAR),
            f" {count(at):>{width}} / {count(epochs)}",
        )
        rest.append(f"  {number(value):>8}" if value is not None else " " * 10)
        room = max(8, min(48, self._page.width - rest.cell_len))
        return Text(self._page.cut(what, room).ljust(room)).append(rest)

    def _bar(self, share: float, bar: int) -> Text:
        full, rest = ("#", "-") if self._page.ascii_only else ("━", "─")
        filled = min(bar, int(share * bar))
        return Text.assemble((full * filled, GOOD), (rest * (bar - filled), FAINT))

    # plain lines

    def _say_done(self, outcome: Outcome, ended: int, total: int) -> None:
        now = time.perf_counter()
        if total <= FEW:
            self._print([self._done_line(outcome, ended, total)])
            return
        if outcome.status and self._failures_said < MOST_FAILURES:
            self._failures_said += 1
            self._print([self._done_line(outcome, ended, total)])
        if now - self._said >= EVERY or ended == total:
            self._said = now
            self._print([self._progress_line(ended, total, now)])

    def _done_line(self, outcome: Outcome, ended: int, total: int) -> Text:
        width, job = len(count(total)), self._jobs.get(outcome.number)
        line = Text.assemble((f"{count(ended):>{width}} / {count(total)}  ", FAINT), f"#{outcome.number}")
        line.append(f"  {clean(job.said)}" if job else "")
        return line.append("  ").append(ending(outcome))

    def _progress_line(self, ended: int, total: int, now: float) -> Text:
        failed = sum(1 for outcome in self._outcomes.values() if outcome.status and not outcome.interrupted)
        parts = [f"{count(ended)} / {count(total)} jobs"]
        parts += [f"{count(failed)} failed"] if failed else []
        for monitor, (value, job, _) in self._best.items():
            parts.append(f"best {_metric(monitor)} {number(value)} (#{job.number}  {clean(job.said)})")
        left = self._pace.seconds_left(now) if total == len(self._jobs) else None
        parts += [f"{duration(left)} left"] if left is not None else []
        return Text(", ".join(parts))

    def _say(self, lines: Callable[[Page], list[Text]]) -> None:
        """On the screen, unless quiet, and in the log, each laid out for its own width."""
        if not self.quiet:
            self._print(lines(self._page))
        self._write_log(lines(self._log_page))

    def _print(self, lines: Sequence[Text]) -> None:
        print_lines(self._console, lines)

    def _write_log(self, lines: Sequence[Text]) -> None:
        try:
            if lines:
                self.log.write("\n".join(line.plain for line in lines))
        except WriteError as error:
            self.log = Log()  # the sweep is worth more than its log: say so and go on
            self.note(f"{error}; the log ends here")


def ending(outcome: Outcome) -> Text:
    """How a job ended, in a few words."""
    if outcome.interrupted:
        return Text("interrupted")
    if outcome.status:
        return Text.assemble(("failed", WARNING), f": {clean(outcome.error or f'exit status {outcome.status}')}")
    result: Mapping[str, Any] = outcome.result
    said = f"{_metric(str(result.get('monitor', 'val_loss')))} {number(result.get('best_value'))}"
    took = result.get("seconds")
    return Text(said + ("  pruned" if outcome.pruned else "") + ("" if took is None else f"  {duration(took)}"))


def _metric(monitor: str) -> str:
    return monitor.replace("_", " ")


def _note_lines(text: str, page: Page) -> list[Text]:
    first, *rest = wrapped(clean(text), page.width - 6)
    return [Text.assemble(("note", FAINT), "  ", first), *(Text(" " * 6 + line) for line in rest)]


def _plan_lines(text: str, page: Page) -> list[Text]:
    """A sentence of the plan; one that starts with `# ` is a heading."""
    if text.startswith("# "):
        return [heading(text[2:], page)]
    first, *rest = wrapped(clean(text), page.width - 2)
    return [Text(first), *(Text("  " + line) for line in rest)]
