"""Ctrl-C, SIGTERM and SIGKILL, as a real process meets them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, outcome

from nntrain.cli import main
from nntrain.training import trainer
from nntrain.verbs.run import Run

COMMAND = [sys.executable, "-c", "import sys; from nntrain.cli import main; sys.exit(main())"]
SETTINGS = ["early_stopping=none", "model.dropout=0.2", "device=cpu"]
WORDS = ["config=tiny.yaml", "run_dir=run", "epochs=100000", *SETTINGS]  # more than there is time for


def listening() -> None:
    """As in a terminal, where Ctrl-C is not ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def signalled(folder: Path, words: list[str], number: int) -> subprocess.CompletedProcess[str]:
    """Send a signal as soon as some epochs are done."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=listening,
    )
    rows = folder / "run" / "metrics.csv"
    until = time.monotonic() + 60
    while not (rows.exists() and len(rows.read_bytes().splitlines()) > 3) and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def goes_on(lab: Lab, run: Path) -> None:
    """It ends some epochs later as one that was never ended."""
    rows = len((run / "metrics.csv").read_text().splitlines())
    more = f"epochs={rows + 3}"
    assert outcome(lab.resume(run, more)) == outcome(lab.fit(*SETTINGS, more))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_end_it_saves_and_says_how_to_go_on(lab: Lab, number: int, status: int) -> None:
    ended = signalled(lab.folder, ["fit", *WORDS, "checkpoint.every_seconds=1000"], number)
    assert ended.returncode == status, ended.stderr
    assert ended.stderr == "nntrain: stopped, the state is saved; go on with: nntrain fit resume=run\n"
    command = ended.stderr.rpartition("go on with: ")[2]
    assert not (lab.folder / "run" / "result.json").exists()
    goes_on(lab, lab.folder / shlex.split(command)[-1].removeprefix("resume="))


@pytest.mark.slow
def test_killed_it_goes_on_from_the_last_epoch_on_disk(lab: Lab) -> None:
    ended = signalled(lab.folder, ["fit", *WORDS, "checkpoint.every_seconds=0"], signal.SIGKILL)
    assert ended.returncode == -signal.SIGKILL
    goes_on(lab, lab.folder / "run")


def test_without_a_state_it_does_not_say_that_there_is_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = trainer.train_step

    def interrupted(*given: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return step(*given)

    monkeypatch.setattr(trainer, "train_step", interrupted)
    assert main(["fit", *WORDS, "checkpoint.resumable=false", "--json"]) == 130
    out, err = capsys.readouterr()
    assert json.loads(out)["run_dir"] == str(lab.folder / "run")
    assert "checkpoint.resumable=false, so there is no state to go on from in run" in err


@pytest.mark.slow
def test_the_verb_in_its_own_process(lab: Lab) -> None:
    done = subprocess.run(
        [*COMMAND, "fit", *WORDS[:2], "epochs=2", "--json"], cwd=lab.folder, text=True, capture_output=True, check=True
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert result == json.loads((lab.folder / "run" / "result.json").read_text())
    assert done.stdout.count("\n") == 1
    assert "val loss" in done.stderr
    assert "nntrain eval run" in done.stderr
    assert Run(lab.folder / "run", [], result).best.exists()
    for picture in ("learning_curves", "learning_rate", "confusion_matrix"):
        assert (lab.folder / "run" / "plots" / f"{picture}.png").stat().st_size > 1000
