"""The screen of runs that train side by side."""

from __future__ import annotations

import io

from nntrain.record.console import Parts, RunConsole
from nntrain.record.side_by_side import SideBySide, mean_row


def row(epoch: int, loss: float) -> dict[str, float]:
    return {"epoch": epoch, "step": epoch * 10, "val_loss": loss, "seconds": 1.0}


class Recorder(RunConsole):
    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.begun: list[int] = []
        self.rows: list[tuple[float, float, float, bool]] = []
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self.titles: list[str] = []

    def epoch_begin(self, epoch: int, steps: int) -> None:
        self.begun.append(epoch)

    def epoch_end(self, row: dict[str, float], best: bool) -> None:  # type: ignore[override]
        self.rows.append((row["epoch"], row["val_loss"], row["members"], best))

    def part(self, title: str) -> None:
        self.titles.append(title)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)


def started(low: bool = True) -> tuple[Recorder, SideBySide, list[RunConsole]]:
    console = Recorder()
    both = SideBySide(console, "val_loss", low, 2)
    screens = [both.screen(name) for name in ("member 1", "member 2")]
    for screen in screens:
        begin(screen)
    return console, both, screens


def begin(screen: RunConsole) -> None:
    header = {"data": "", "rows": {}, "task": "", "model": "", "parameters": 1, "training": "", "device": ""}
    screen.start(name="x", folder="", epochs=3, metrics=["rmse"], **header)  # type: ignore[arg-type]


def test_an_epoch_is_shown_once_all_that_train_have_ended_it() -> None:
    console, _, (a, b) = started()
    for epoch, losses in ((1, (4.0, 2.0)), (2, (1.0, 3.0))):
        a.epoch_begin(epoch, 10)
        b.epoch_begin(epoch, 10)
        a.epoch_end(row(epoch, losses[0]), True)
        assert len(console.rows) == epoch - 1
        b.epoch_end(row(epoch, losses[1]), True)
    assert console.begun == [1, 2]
    assert console.rows == [(1, 3.0, 2, True), (2, 2.0, 2, True)]


def test_one_that_leaves_is_not_waited_for() -> None:
    console, both, (a, b) = started(low=False)
    a.epoch_begin(1, 10)
    b.epoch_begin(1, 10)
    b.epoch_end(row(1, 5.0), True)
    both.left("member 1")
    b.epoch_begin(2, 10)
    b.epoch_end(row(2, 1.0), False)
    assert console.rows == [(1, 5.0, 1, True), (2, 1.0, 1, False)]


def test_those_that_train_one_after_another_have_rows_of_their_own() -> None:
    console, both, screens = started()
    for number, screen in enumerate(screens, 1):
        for epoch in (1, 2):
            screen.epoch_begin(epoch, 10)
            screen.epoch_end(row(epoch, 4.0 / epoch), True)
        both.left(f"member {number}")
    assert console.rows == [(1, 4.0, 1, True), (2, 2.0, 1, True)] * 2
    assert console.titles == ["member 2"]  # of the first it was not known that the other comes after it


def test_those_that_train_together_have_a_table_with_their_names() -> None:
    console = Recorder()
    three = SideBySide(console, "val_loss", True, 3)
    a, b, c = (three.screen(name) for name in ("fold_0", "fold_1", "fold_2"))
    for screen in (a, b, c):
        begin(screen)
    three.apart(["fold_2"], 3, "trained by itself: the shape of the network differs")
    for group in ((a, b), (c,)):
        for screen in group:
            screen.epoch_begin(1, 10)
        assert not console.begun, "the table waits for all that train together"
        group[0].done = 1
        assert console.begun.pop() == 1
        for screen in group:
            screen.epoch_end(row(1, 4.0), True)
            three.left(screen.name)  # type: ignore[attr-defined]
    assert console.titles == ["mean of fold_0, fold_1", "fold_2"]


def test_the_steps_of_an_epoch_are_seen_and_how_many_are_left_of_all() -> None:
    console = RunConsole(io.StringIO(), width=80, live=True)
    both = SideBySide(console, "val_loss", True, 2)
    screens = [both.screen(name) for name in ("member 1", "member 2")]
    for one in (console, *screens):
        begin(one)
    for screen in screens:
        screen.epoch_begin(2, 10)  # gone on with
    screens[0].done = 5
    assert console.parts == Parts(2, 0, 2, before=2)
    view = " ".join(console._view().plain.split())
    assert "epoch 2 / 3 ━" in view
    assert "batch 5 / 10 ━" in view
    both.left("member 1")
    assert console.parts == Parts(2, 1, 1, before=2)
    console.close()


def test_how_they_train_where_not_all_do_together() -> None:
    console, both, _ = started()
    both.apart(["member 1", "member 2"], 2, "trained each by itself: a stack would be slower")
    both.apart(["member 2"], 2, "trained by itself: a layer differs")
    assert console.notes == [
        "all 2: trained each by itself: a stack would be slower",
        "member 2: trained by itself: a layer differs",
    ]


def test_warnings_say_whose_they_are() -> None:
    console, _, (_, b) = started()
    b.warn("gradients vanish")
    assert console.warnings == ["member 2: gradients vanish"]


def test_the_mean_of_rows() -> None:
    found = mean_row([row(2, 1.0), {**row(2, 2.0), "step": 25}])
    assert found == {"epoch": 2, "step": 25, "val_loss": 1.5, "seconds": 2.0, "members": 2}
