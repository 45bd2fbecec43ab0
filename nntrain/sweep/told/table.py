"""The live table of a sweep: how far it is, the best so far, who failed, and what is being trained."""

from __future__ import annotations

from rich.text import Text

from nntrain.record.layout import FAINT, GOOD, LABEL, WARNING, Page
from nntrain.record.screen import bar
from nntrain.record.words import clean, count, duration, number
from nntrain.sweep.told.tally import Leader, Tally
from nntrain.sweep.told.words import figure, metric_words

BAR, SMALL_BAR, TINY_BAR = 32, 16, 8
LAST_FAILED = 3  # with their reasons
NARROW = 80  # cells
LABELS = 9  # cells


def live_table(tally: Tally, page: Page, height: int, seconds: float, now: float) -> list[Text]:
    """As many lines as fit a screen of such a height. seconds: since the sweep began; now: on the clock of `tally`."""
    lines = [Text(""), _jobs_line(tally, page, seconds, now), _counts_line(tally)]
    lines += [*_best_lines(tally, page), *_failed_lines(tally, page)]
    room = height - len(lines) - 3
    return lines + _running_lines(tally, page, max(0, min(room, height // 2)))


def leader_words(leader: Leader) -> str:
    """`#3  optimizer.lr=0.1`, and whether it still runs."""
    return f"#{leader.job.number}{' (running)' * leader.running}  {clean(leader.job.said)}"


def _jobs_line(tally: Tally, page: Page, seconds: float, now: float) -> Text:
    width = len(count(tally.count))
    cells = max(8, min(BAR, page.width - 46 - 2 * width))
    share = min(1.0, tally.pace.share(tally.more))
    line = Text.assemble(("jobs     ", LABEL), f"{count(tally.ended):>{width}} / {count(tally.count)}  ")
    line.append(bar(share, cells, page)).append(f" {share:4.0%}")
    left = tally.seconds_left(now)
    return line.append(f"  {duration(seconds)}" + ("" if left is None else f", {duration(left)} left"), FAINT)


def _counts_line(tally: Tally) -> Text:
    line = Text.assemble(("running  ", LABEL), count(len(tally.running)))
    line.append(f"   {count(tally.to_come)} to come" if tally.to_come else "")
    if tally.failed:
        line.append("   ").append(f"{count(len(tally.failed))} failed", WARNING)
    return line.append(f"   {count(tally.pruned)} pruned" if tally.pruned else "")


def _best_lines(tally: Tally, page: Page) -> list[Text]:
    lines: list[Text] = []
    for monitor, leader in tally.best().items():
        said = f"{metric_words(monitor)} {figure(leader.value, monitor)}"
        told = page.cut(leader_words(leader), page.width - LABELS - 2 - len(said))
        lines.append(Text.assemble((_label("best", lines), LABEL), (said, GOOD), "  ", told))
    return lines


def _failed_lines(tally: Tally, page: Page) -> list[Text]:
    """The last ones, with their reasons."""
    lines: list[Text] = []
    for outcome in tally.failed[-LAST_FAILED:]:
        told = page.cut(f"#{outcome.number}  {clean(outcome.error or '')}", page.width - LABELS)
        lines.append(Text.assemble((_label("failed", lines), LABEL), told))
    return lines


def _label(label: str, above: list[Text]) -> str:
    return (" " * LABELS) if above else label.ljust(LABELS)


def _running_lines(tally: Tally, page: Page, room: int) -> list[Text]:
    """A bar for each running job, at most `room` lines; of more those that lead, in the order of their numbers so that
    none moves past another, and how far the others are."""
    if not tally.running or room < 2:
        return []
    numbers = tally.leading()
    shown = numbers if len(numbers) < room else numbers[: room - 2]
    leaders = {leader.job.number for leader in tally.best().values()}
    lines = [Text(""), *(_job_line(n, tally, page, leads=n in leaders) for n in sorted(shown))]
    if rest := numbers[len(shown) :]:
        epochs = [tally.pace.at.get(n, 0) for n in rest]
        span = str(min(epochs)) if min(epochs) == max(epochs) else f"{min(epochs)} to {max(epochs)}"
        lines.append(Text(f"  and {count(len(rest))} more, epoch {span}", FAINT))
    return lines


def _job_line(n: int, tally: Tally, page: Page, *, leads: bool) -> Text:
    at, epochs, value = tally.pace.at.get(n, 0), tally.pace.epochs[n], tally.running[n]
    width = len(count(epochs))
    varied = tally.jobs[n].varied if n in tally.jobs else {}
    what = f"  #{n}".ljust(7) + clean(" ".join(f"{tally.names[key]}={value}" for key, value in varied.items()))
    rest = Text("  ").append(bar(at / epochs, SMALL_BAR if page.width >= NARROW else TINY_BAR, page))
    rest.append(f" {count(at):>{width}} / {count(epochs)}")
    rest.append(f"  {number(value):>8}" if value is not None else " " * 10)
    room = max(8, min(48, page.width - rest.cell_len))
    return Text(page.cut(what, room).ljust(room), GOOD if leads else "").append(rest)
