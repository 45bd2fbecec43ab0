"""What a sweep says while it runs, read off the screen."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from standings import ended, jobs_of, loss_of, result

from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.board import MOST_REPLANNED, Board
from nntrain.sweep.told.tally import Tally

SPACE = {"optimizer.lr": ["1e-3", "1e-2", "1e-1"], "seed": [0, 1]}
ACCURACY = {"monitor": "accuracy"}
FAILED = Outcome(1, 2, "batch_size: 5000 is larger than the training split, which has 1149 samples")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_where_there_is_no_terminal_each_job_is_a_line() -> None:
    screen, jobs = io.StringIO(), jobs_of(SPACE)
    with Board(screen) as board:
        board.begin(jobs, ["6 jobs, 2 at a time"])
        board.running([0, 1])
        board.done(Outcome(0, result=result(0.125)))
        board.done(FAILED)
        board.done(Outcome(2, result=result(0.25), pruned=True))
        board.done(Outcome(3, 130, "interrupted; its state is saved"))
    assert screen.getvalue().splitlines() == [
        "6 jobs, 2 at a time",
        "1 / 6  #0  optimizer.lr=1e-3 seed=0  val loss 0.1250  1.2 s",
        "2 / 6  #1  optimizer.lr=1e-3 seed=1  failed: batch_size: 5000 is larger than the training split, wh…",
        "3 / 6  #2  optimizer.lr=1e-2 seed=0  val loss 0.2500  pruned  1.2 s",
        "3 / 6  #3  optimizer.lr=1e-2 seed=1  interrupted",
    ]


def test_a_job_counts_once_however_often_it_ends() -> None:
    tally, counts = Tally(), []
    for outcome in (Outcome(0, 130, "interrupted"), Outcome(0, result=result(0.5)), Outcome(0, result=result(0.5))):
        tally.end(outcome, None)
        counts.append(tally.ended)
    assert counts == [0, 1, 1]


def test_a_stack_that_is_none_is_said_and_of_many_the_first() -> None:
    screen = io.StringIO()
    with Board(screen) as board:
        board.begin(jobs_of(SPACE), [])
        board.replanned([4], "trained by itself, not in one of 6 as planned: a layer differs")
        for _ in range(2 * MOST_REPLANNED):
            board.replanned([0, 1, 2], "trained each by itself: a stack of 3 would be slower here")
    lines = screen.getvalue().splitlines()
    assert lines[0] == "note  job 4: trained by itself, not in one of 6 as planned: a layer differs"
    assert lines[1] == "note  jobs 0-2: trained each by itself: a stack of 3 would be slower here"
    assert len(lines) == MOST_REPLANNED


def test_hundreds_of_jobs_are_a_line_now_and_then() -> None:
    jobs = jobs_of({"optimizer.lr": ["1e-2"], "seed": range(300)})
    screen = io.StringIO()
    board = Board(screen)
    board.begin(jobs, [])
    board.running([0])
    board.done(FAILED)
    for outcome in ended(jobs, loss_of).values():
        board.done(outcome)
    lines = screen.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines if "jobs" in line] == ["300 / 300 jobs"]
    assert sum("failed: " in line for line in lines) == 1
    assert "best val loss 0.103" in lines[-1]


def test_a_long_silence_is_broken_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a stack, whose members all end at once."""
    now = [100.0]
    monkeypatch.setattr("nntrain.sweep.told.board.time.perf_counter", lambda: now[0])
    screen, jobs = io.StringIO(), jobs_of(SPACE)
    board = Board(screen)
    board.begin(jobs, [])
    for epoch in range(4):
        now[0] += 10.0
        for number in range(3):
            board.progress(number, epoch, 20, 0.5 / (epoch + number) if epoch else None)
    assert screen.getvalue().splitlines() == [
        "0 / 6 jobs, 3 running, best val loss 0.1667 (#2 (running)  optimizer.lr=1e-2 seed=0), 9 min 40 s left"
    ]


def test_the_best_so_far_may_still_run_but_not_have_been_pruned() -> None:
    board = Board(io.StringIO(), live=False)
    board.begin(jobs_of(SPACE), [])
    board.done(Outcome(0, result=result(0.125), pruned=True))
    for epoch, value in enumerate([0.5, 0.25, 0.75], 1):
        board.progress(3, epoch, 20, value)
    assert str(board._view()).splitlines()[3] == "best     val loss 0.2500  #3 (running)  optimizer.lr=1e-2 seed=1"
    board.tally.compared_by = "parameters"  # of a search, of which running jobs say nothing
    assert "best" not in str(board._view()).splitlines()[4]
    assert str(board._view()).splitlines()[3].startswith("best     val loss 0.1250  #0  ")


def test_members_of_a_stack_that_wait_their_turn_do_not_run() -> None:
    board = Board(io.StringIO(), live=False)
    board.begin(jobs_of(SPACE), [])
    assert str(board._view()).splitlines()[2] == "running  0   6 to come"
    for number in (0, 1):
        board.progress(number, 0, 20, None)
    assert str(board._view()).splitlines()[2] == "running  2   4 to come"
    board.waiting([0, 1])
    assert str(board._view()).splitlines()[2] == "running  0   6 to come"


def test_the_time_of_a_sweep_that_is_gone_on_with_is_that_of_this_session() -> None:
    board = Board(io.StringIO(), live=False, began=time.perf_counter() - 100)
    jobs = jobs_of(SPACE)
    assert board.took == "in 1 min 40 s"
    board.tally.resumed = True
    board.begin(jobs, [], finished=[Outcome(n, result=result(0.5)) for n in range(6)])
    assert board.took == ""  # nothing was left to do
    board.begin(jobs_of(SPACE | {"seed": range(4)}), [])
    board.done(Outcome(6, result=result(0.5)))
    assert board.took == "in 1 min 40 s this time"


def test_of_a_growing_nobody_knows_how_long_it_takes() -> None:
    """Nor of how many jobs it is."""
    now = 100.0
    board = Board(io.StringIO(), live=False)
    board.begin(jobs_of(SPACE), [])
    for epoch in range(4):
        board.tally.progress(0, epoch, 20, 0.5 if epoch else None, now + epoch)
    assert board.tally.seconds_left(now + 3) is not None
    board.tally.open = True
    assert board.tally.seconds_left(now + 3) is None


def test_the_best_so_far_ran_to_its_end_where_any_did() -> None:
    screen, jobs = io.StringIO(), jobs_of({"seed": range(100)})
    board = Board(screen)
    board.begin(jobs, [])
    for job in jobs:
        value = 0.5 + job.number / 1000
        board.done(Outcome(job.number, result=result(0.1 if job.number % 2 else value), pruned=bool(job.number % 2)))
    assert "best val loss 0.5000 (#0 " in screen.getvalue().splitlines()[-1]


def test_a_quiet_one_says_nothing() -> None:
    screen = Terminal()
    with Board(screen, quiet=True, live=True) as board:
        board.begin(jobs_of(SPACE), ["6 jobs"])
        board.done(FAILED)
        board.note("something")
    assert screen.getvalue() == ""


def view(width: int = 100, encoding: str = "utf-8", running: int = 3) -> list[str]:
    """The live table with one job done, one failed, some under way."""
    jobs = jobs_of({"optimizer.lr": ["1e-3", "1e-2"], "model.activation": ["relu", "tanh"], "seed": range(20)})
    board = Board(io.TextIOWrapper(io.BytesIO(), encoding=encoding), width=width, live=False)
    board.begin(jobs, [])
    board.running(range(running + 2))
    board.done(Outcome(0, result=result(0.125)))
    board.done(FAILED)
    for n in range(2, running + 2):
        board.progress(n, 5, 20, 0.25)
    return str(board._view()).splitlines()


def test_the_live_table() -> None:
    table = view()
    assert table[1].startswith("jobs      2 / 80  ───")
    assert table[2] == "running  3   75 to come   1 failed"
    assert table[3] == "best     val loss 0.1250  #0  optimizer.lr=1e-3 model.activation=relu seed=0"
    assert table[4] == f"failed   #1  {FAILED.error}"
    assert table[6].startswith("  #2   lr=1e-3 activation=relu seed=2")
    assert table[6].endswith("━━━━────────────  5 / 20    0.2500")


@pytest.mark.parametrize("width", [60, 80])
def test_no_line_of_it_is_longer_than_the_screen(width: int) -> None:
    assert max(map(cell_len, view(width))) <= width


def test_of_many_running_jobs_as_many_are_shown_as_fit() -> None:
    table = view(running=70)
    assert len(table) < 25
    assert table[-1].endswith(" more, epoch 5")


def test_of_many_running_jobs_those_that_lead_are_shown_in_the_order_of_their_numbers() -> None:
    board = Board(io.StringIO(), live=False)
    board.begin(jobs_of({"seed": range(60)}), [])
    for epoch, values in enumerate(([0.5] * 60, [0.5 - n / 1000 for n in range(60)], [0.9] * 60), 1):
        for n in range(60):
            board.progress(n, epoch, 20, values[n])
    table = str(board._view()).splitlines()
    assert table[3].startswith("best     val loss 0.4410  #59 (running)")
    rows = [int(line.split()[0][1:]) for line in table if line.startswith("  #")]
    assert rows == list(range(60 - len(rows), 60))
    assert table[-1] == f"  and {60 - len(rows)} more, epoch 3"


def test_running_jobs_lead_by_the_metric_that_each_has() -> None:
    jobs = [
        *jobs_of({"seed": range(3)}),
        *(replace(job, number=job.number + 3) for job in jobs_of({"seed": range(3)}, early_stopping=ACCURACY)),
    ]
    tally = Tally()
    tally.add(jobs, [])
    for n, value in {0: 0.5, 1: 0.25, 3: 0.8, 4: 0.9}.items():
        tally.progress(n, 1, 20, value, 1.0)
    tally.begin(2, 0, 1.0)
    assert tally.leading() == [1, 4, 0, 3, 2]


def test_a_terminal_without_unicode() -> None:
    assert all(line.isascii() for line in view(encoding="ascii"))
    assert "####----" in view(encoding="ascii")[6]


def test_closing_leaves_nothing_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    with Board(screen, live=True, width=80) as board:
        board.begin(jobs_of(SPACE), ["6 jobs"])
        board.running([0])
    out = screen.getvalue()
    assert out.startswith("6 jobs\n")
    assert "\x1b[?25l" in out  # the cursor was hidden
    assert "\x1b[?25h" in out  # and is back
    assert out.endswith("\x1b[2K")  # each line that was there is cleared
    board.close()
    assert screen.getvalue() == out


def test_jobs_of_an_earlier_session_are_done_and_set_no_pace() -> None:
    board = Board(io.StringIO(), live=False)
    jobs = jobs_of(SPACE)
    board.begin(jobs, [], finished=[Outcome(n, result=result(0.5)) for n in range(3)])
    assert str(board._view()).splitlines()[1].startswith("jobs     3 / 6")
    assert "left" not in str(board._view())


def test_a_plan_is_said_once_however_often_a_search_adds_jobs() -> None:
    screen, jobs = io.StringIO(), jobs_of(SPACE)
    board = Board(screen)
    for i in range(0, 6, 2):
        board.begin(jobs[i : i + 2], ["2 jobs, 2 at a time"])
    assert screen.getvalue() == "2 jobs, 2 at a time\n"


def test_each_metric_has_its_own_best() -> None:
    board = Board(io.StringIO(), live=False)
    board.begin(jobs_of(SPACE), [])
    for n, (value, monitor) in enumerate(
        [(0.5, "val_loss"), (0.8, "val_accuracy"), (0.4, "val_loss"), (0.9, "val_accuracy")]
    ):
        board.done(Outcome(n, result=result(value, monitor)))
    assert [line.split("#")[0].strip() for line in str(board._view()).splitlines()[3:5]] == [
        "best     val loss 0.4000",
        "val accuracy 0.9000",
    ]


def test_why_a_job_failed_is_cut_to_a_line_and_whole_in_the_log(tmp_path: Path) -> None:
    """It is said in full at the end, once for all that failed by the same."""
    screen = io.StringIO()
    with Board(screen, width=70) as board:
        board.begin(jobs_of(SPACE), [])
        board.log.open(tmp_path / "log.txt")
        board.done(FAILED)
    (line,) = screen.getvalue().splitlines()
    assert line == "1 / 6  #1  optimizer.lr=1e-3 seed=1  failed: batch_size: 5000 is larg…"
    assert (tmp_path / "log.txt").read_text().endswith(f"failed: {FAILED.error}\n")


@pytest.mark.parametrize("how", [{"quiet": True}, {"live": True}], ids=str)
def test_the_log_has_every_job_whatever_the_screen_shows(how: dict[str, bool], tmp_path: Path) -> None:
    with Board(Terminal(), **how) as board:
        board.begin(jobs_of(SPACE), ["6 jobs"])
        board.log.open(tmp_path / "log.txt")
        board.done(FAILED)
        board.note("nothing of note")
    assert (tmp_path / "log.txt").read_text().splitlines() == [
        "6 jobs",
        f"1 / 6  #1  optimizer.lr=1e-3 seed=1  failed: {FAILED.error}",
        "note  nothing of note",
    ]


def test_a_log_that_the_disk_refuses_ends_and_the_sweep_goes_on(tmp_path: Path) -> None:
    screen = io.StringIO()
    board = Board(screen)
    board.log.open(tmp_path / "nowhere" / "log.txt")
    board.note("first")
    board.note("second")
    said = " ".join(screen.getvalue().split())
    assert said.count("the log ends here") == 1
    assert "second" in said
