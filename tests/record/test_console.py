"""What a run says, read off the screen at several widths."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from nntrain.record.console import Parts, RunConsole

RUN = "runs/digits/2026-11-20_09-35-17_2725ff"
METRICS = {"loss": 0.098, "accuracy": 0.975, "balanced_accuracy": 0.9747, "f1_macro": 0.9748, "roc_auc": 0.9991}
BASELINE = {"loss": 2.3026, "accuracy": 0.1028, "balanced_accuracy": 0.1, "f1_macro": 0.0186, "roc_auc": 0.5}
RESULT = {
    "run_dir": RUN,
    "checkpoint": f"{RUN}/best.safetensors",
    "monitor": "val_loss",
    "best_epoch": 3,
    "best_value": 0.0980,
    "train": METRICS,
    "val": METRICS,
    "test": METRICS,
    "epochs_run": 5,
    "seconds": 65.2,
    "stop_reason": "no better val loss for 2 epochs",
}
COMMANDS = [["nntrain", "eval", RUN], ["nntrain", "predict", RUN, "input=FILE", "output=predictions.csv"]]


def epoch_row(epoch: int, best: int = 3) -> dict[str, float]:
    losses = {"train_loss": 2 * 0.5**epoch, "val_loss": 0.1 + 0.1 * abs(epoch - best), "val_accuracy": 0.9}
    pace = {"seconds": 0.31, "samples_per_second": 45210.3}
    return (
        {"epoch": epoch, "step": 10 * epoch, "lr": 0.001, "train_accuracy": 0.95}
        | losses
        | {"val_f1_macro": 0.8}
        | pace
    )


def start(console: RunConsole, **other: Any) -> None:
    told: dict[str, Any] = {
        "name": "digits",
        "data": "bundled digits",
        "rows": {"train": 1149, "val": 288, "test": 360},
        "task": "classification, 10 classes",
        "model": "mlp 64-128-10",
        "parameters": 17226,
        "training": "adam, lr 0.001, batch 32, up to 50 epochs",
        "device": "cpu",
        "folder": RUN,
        "epochs": 50,
        "metrics": ["accuracy", "f1_macro"],
    }
    console.start(**(told | other))


def epochs(console: RunConsole, count: int) -> None:
    for epoch in range(1, count + 1):
        console.epoch_begin(epoch, 36)
        console.done = 36
        console.epoch_end(epoch_row(epoch), best=epoch <= 3)


def finish(console: RunConsole, classes: int = 3, result: Mapping[str, Any] = RESULT) -> None:
    table = [{"class": f"c{i}", "precision": 0.9, "recall": 0.5 + i / 100, "count": 30} for i in range(classes)]
    console.finish(result, baselines={"val": BASELINE, "test": BASELINE}, per_class=table, commands=COMMANDS)


def screen(width: int | None = 100, *, quiet: bool = False, stream: io.TextIOBase | None = None, **other: Any) -> str:
    file = stream or io.StringIO()
    with RunConsole(file, width=width, quiet=quiet, live=False) as console:  # type: ignore[arg-type]
        console.warn("the loss of the validation split rises: the network starts to learn its training rows by heart")
        start(console, **other)
        epochs(console, 5)
        finish(console)
    return file.getvalue() if isinstance(file, io.StringIO) else ""


def line(text: str, beginning: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(beginning))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_longer_than_the_screen(width: int) -> None:
    assert max(map(cell_len, screen(width).splitlines())) <= width


def test_the_header_says_what_is_trained_on_what() -> None:
    text = screen()
    assert line(text, "digits ─")
    assert line(text, "data") == "data      bundled digits: 1,797 rows (1,149 train, 288 val, 360 test)"
    assert line(text, "model") == "model     mlp 64-128-10, 17,226 parameters"
    assert line(text, "run") == f"run       {RUN}"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_epoch_is_one_aligned_line_and_the_best_ones_are_marked(width: int) -> None:
    lines = screen(width).splitlines()
    header = next(i for i, text in enumerate(lines) if text.startswith("epoch"))
    rows = lines[header + 1 : header + 6]
    assert [row.split()[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row.endswith("★") for row in rows] == [True, True, True, False, False]
    assert len({len(row.removesuffix("  ★")) for row in rows} | {len(lines[header])}) == 1
    for part in ("accuracy", "lr", "samples/s"):
        assert part in lines[header]
    for figure in ("1.0000", "0.3000", "0.9000", "0.001", "45,210"):
        assert figure in rows[0]


def test_wide_screens_show_more_metrics_and_the_time() -> None:
    header = line(screen(120), "epoch")
    assert header.split("  ")[-1].strip() == "time"
    assert "val f1 macro" in header
    assert "f1 macro" not in line(screen(60), "epoch")


def test_a_long_metric_name_is_cut_on_a_narrow_screen() -> None:
    assert "balan" in line(screen(60, metrics=["balanced_accuracy"]), "epoch")


def test_the_result_stands_beside_the_trivial_baseline() -> None:
    text = screen()
    assert line(text, "accuracy").split() == ["accuracy", "0.9750", "0.1028", "0.9750", "0.1028"]
    assert line(text, "best ") == "best     epoch 3, val loss 0.0980"
    assert line(text, "trained") == "trained  5 epochs in 1 min 05 s; no better val loss for 2 epochs"
    assert f"model    {RUN}/best.safetensors" in text
    assert line(text, "c1").split() == ["c1", "0.9000", "0.5100", "30"]


def test_the_losses_are_drawn_with_the_best_epoch() -> None:
    text = screen()
    assert "1.0000 → 0.0625" in line(text, "train loss")
    assert "0.3000 → 0.3000" in line(text, "val loss")
    assert line(text, "★ best: epoch 3")


def test_a_low_curve_leaves_no_empty_line() -> None:
    lines = screen().splitlines()
    at = next(i for i, text in enumerate(lines) if text.startswith("val loss"))
    assert lines[at - 1].startswith("train loss")


def test_commands_to_try_can_be_copied_from_a_narrow_screen() -> None:
    lines = screen(60).splitlines()
    assert f"  nntrain eval {RUN}" in lines
    at = lines.index(f"  nntrain predict {RUN} \\")
    assert lines[at + 1] == "      input=FILE output=predictions.csv"


def test_of_many_classes_the_hardest_are_shown() -> None:
    stream = io.StringIO()
    console = RunConsole(stream, width=80, live=False)
    start(console)
    finish(console, classes=30)
    text = stream.getvalue()
    assert "20 hardest of 30 classes" in text
    assert "c19 " in text
    assert "c20 " not in text


def test_quiet_says_the_result_and_nothing_else() -> None:
    text = screen(quiet=True)
    assert text.startswith("result ─")
    assert "accuracy" in text
    assert "best.safetensors" in text
    for absent in ("epoch  ", "warning", "nntrain eval", "precision", "bundled"):
        assert absent not in text


def test_quiet_still_logs_everything(tmp_path: Path) -> None:
    console = RunConsole(io.StringIO(), quiet=True)
    console.note("said before the folder existed")
    console.log.open(tmp_path / "log.txt")
    start(console)
    epochs(console, 2)
    finish(console)
    text = (tmp_path / "log.txt").read_text(encoding="utf-8")
    for part in ("said before", "bundled digits", "★", "precision", "nntrain eval"):
        assert part in text


def test_a_log_that_cannot_be_written_does_not_end_the_run(tmp_path: Path) -> None:
    stream = io.StringIO()
    console = RunConsole(stream, width=100, live=False)
    console.log.open(tmp_path)  # a folder: every write is refused
    start(console)
    epochs(console, 2)
    said = " ".join(stream.getvalue().split())  # where the line breaks depends on how long the folder's name is
    assert said.count("the log ends here") == 1
    assert "    2  " in stream.getvalue()


def test_a_pipe_gets_plain_text_without_a_terminal_code() -> None:
    stream = io.StringIO()
    console = RunConsole(stream)
    start(console)
    epochs(console, 2)
    console.close()
    assert "\x1b" not in stream.getvalue()


def test_continuous_integration_gets_plain_lines_even_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("CI", "true")
    stream = Terminal()
    console = RunConsole(stream)
    start(console)
    epochs(console, 2)
    console.close()
    assert "\x1b[2K" not in stream.getvalue()  # a live display erases its lines


def test_a_screen_that_knows_only_ascii() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    screen(80, stream=stream, name="größe")
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert line(text, "gr??e -")
    assert line(text, "1 ").endswith("*")
    assert "1.0000 -> 0.0625" in text


def test_names_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in screen(name="evil\x1b[2J\nname")
    assert line(screen(name="evil\x1b[2J\nname"), "evil [2J name")


def test_names_are_no_markup() -> None:
    assert line(screen(name="[bold]x[/bold]"), "[bold]x[/bold]")


def test_the_live_view_has_epochs_bars_and_time_left() -> None:
    console = RunConsole(io.StringIO(), width=80, live=True)
    start(console, epochs=20)
    epochs(console, 12)
    console.epoch_begin(13, 1450)
    console.done = 725
    view = console._view().plain.splitlines()
    assert [text.split()[0] for text in view[1:10]] == ["3", "5", "6", "7", "8", "9", "10", "11", "12"]
    assert [text.endswith("★") for text in view[1:10]] == [True] + [False] * 8
    assert line(console._view().plain, "epoch     13 / 20").rstrip().endswith("left")
    assert " 50%" in line(console._view().plain, "batch    725 / 1,450")
    assert max(map(cell_len, view)) <= 80
    console.close()


def test_the_live_view_of_parts_that_do_not_all_train_at_the_same_time() -> None:
    console = RunConsole(io.StringIO(), width=80, live=True)
    start(console, epochs=20)
    console.parts = Parts(of=5, ended=2, running=1, before=0)
    console.epoch_begin(11, 0)
    view = console._view().plain
    assert " 50%  " in line(view, "parts   2 / 5")  # 2 and a half
    assert line(view, "parts   2 / 5").rstrip().endswith("left")
    assert line(view, "epoch  11 / 20").rstrip().endswith(" 50%")
    console.parts = Parts(of=5, ended=0, running=5, before=0)
    assert "parts" not in console._view().plain
    console.close()


def test_the_live_view_fits_a_narrow_screen() -> None:
    console = RunConsole(io.StringIO(), width=60, live=True)
    start(console, epochs=1_000)
    epochs(console, 2)
    console.epoch_begin(3, 100_000)
    console.done = 10
    assert max(map(cell_len, console._view().plain.splitlines())) <= 60
    console.close()


def test_notes_before_the_first_epoch_stand_above_the_table() -> None:
    stream = io.StringIO()
    console = RunConsole(stream, width=80, live=False)
    start(console)
    console.note("12 rows without a target were left out")
    epochs(console, 1)
    lines = stream.getvalue().splitlines()
    at = lines.index("note  12 rows without a target were left out")
    assert lines[at + 1] == ""
    assert lines[at + 2].startswith("epoch  train loss")


def test_what_the_live_display_showed_last_stays() -> None:
    stream = io.StringIO()
    with RunConsole(stream, width=100, live=True) as console:
        start(console)
        epochs(console, 12)
    shown = stream.getvalue()[stream.getvalue().rindex("epoch ") :].splitlines()
    assert [text.split()[0] for text in shown[1:]] == ["3", "5", "6", "7", "8", "9", "10", "11", "12"]


def test_an_error_ends_the_live_display() -> None:
    console = RunConsole(io.StringIO(), width=80, live=True)
    start(console)
    console.epoch_begin(1, 10)
    assert console.display.on
    with pytest.raises(KeyboardInterrupt), console:
        raise KeyboardInterrupt
    assert not console.display.on


def test_looking_at_the_display_takes_less_than_two_milliseconds() -> None:
    console = RunConsole(io.StringIO(), width=100, live=True)
    start(console)
    epochs(console, 12)
    best = math.inf
    for _ in range(20):
        before = time.thread_time()
        console._view()
        best = min(best, time.thread_time() - before)
    console.close()
    assert best < 2e-3


def test_a_resumed_run_draws_its_losses_from_the_first_epoch_on() -> None:
    stream = io.StringIO()
    console = RunConsole(stream, width=100, live=False)
    start(console, history=[epoch_row(epoch) for epoch in (1, 2, 3)])
    console.epoch_begin(4, 36)
    console.epoch_end(epoch_row(4), best=False)
    finish(console)
    assert "1.0000 → 0.1250" in stream.getvalue()
    assert "★ best: epoch 3" in stream.getvalue()


def test_each_fold_has_its_own_table() -> None:
    console = RunConsole(io.StringIO(), width=100, live=True)
    for _ in range(2):
        start(console)
        epochs(console, 12)
    assert len(console._view().plain.splitlines()) == 1 + 9 + 3
    console.close()


def test_a_run_without_test_split_or_best_epoch() -> None:
    stream = io.StringIO()
    console = RunConsole(stream, width=80, live=False)
    start(console, rows={"train": 1, "val": 1})
    console.finish(RESULT | {"test": None, "best_epoch": None, "best_value": None, "epochs_run": 1})
    text = stream.getvalue()
    assert line(text, "accuracy").split() == ["accuracy", "0.9750"]
    assert "test" not in text.split("result")[1]
    assert "best " not in text.split("result")[1]


def test_losses_that_are_not_finite_are_left_blank() -> None:
    stream = io.StringIO()
    console = RunConsole(stream, width=80, live=False)
    start(console)
    for epoch, loss in ((1, 1.0), (2, math.nan), (3, 0.5)):
        console.epoch_begin(epoch, 1)
        console.epoch_end(epoch_row(epoch) | {"train_loss": loss, "val_loss": None}, best=False)
    finish(console)
    assert "1.0000 → 0.5000" in line(stream.getvalue(), "train loss")


def test_the_console_does_not_import_torch() -> None:
    code = "import sys, nntrain.record.console, nntrain.record.check; print({'torch', 'numpy'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "set()"


def test_the_training_metric_has_a_column_where_it_fits() -> None:
    assert "train accuracy" in line(screen(120), "epoch")
    assert "train accuracy" not in line(screen(60), "epoch")


@pytest.mark.parametrize("live", [False, True])
def test_the_epochs_of_another_training_stand_in_a_table_of_their_own(live: bool) -> None:
    stream = io.StringIO()
    console = RunConsole(stream, width=100, live=live)
    start(console)
    for title in ("", "fold_1"):
        if title:
            console.part(title)
        epochs(console, 2)
    console.close()
    before, _, after = stream.getvalue().partition("fold_1\n")
    assert "train loss" in before
    assert before.endswith("\n\n")
    last = after[after.rindex("train loss") :].splitlines()
    assert [line.split()[0] for line in last[1:] if line.split()] == ["1", "2"]
