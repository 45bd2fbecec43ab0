"""One training from the words of a command line or of the Python API: compose, train, and say how it ended."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from nntrain.config.compose import Composed, compose
from nntrain.errors import UserError

if TYPE_CHECKING:
    from nntrain.training.trainer import Stop
    from nntrain.verbs.fit import Run

# What a resumed run may change without becoming another run.
RESUMABLE = ("epochs", "time_limit", "early_stopping.patience", "checkpoint.every_seconds", "quiet", "device")


def launch(
    words: Sequence[str], command: Sequence[str], *, stream: TextIO | None = None, quiet: bool = False
) -> tuple[Run, int]:
    """Train as the words say, or go on with the run of `resume=`; the run, and the exit status (0, or 130 / 143 where a
    signal ended it with its state saved)."""
    resumed = [word.partition("=")[2] for word in words if word.startswith("resume=")]
    if not resumed:
        return train_composed(compose(words), command, source=_source(words), stream=stream, quiet=quiet)
    folder = run_of(Path(resumed[-1]))
    composed = _resumed_config(folder, [word for word in words if not word.startswith("resume=")])
    return train_composed(
        composed, command, source=str(folder / "config.yaml"), resumed=folder, stream=stream, quiet=quiet
    )


def train_composed(
    composed: Composed,
    command: Sequence[str],
    *,
    source: str = "",
    resumed: Path | None = None,
    stream: TextIO | None = None,
    quiet: bool = False,
    silent: bool = False,
) -> tuple[Run, int]:
    """Train a config that is known to be sound. source: what `config=` named, for the commands that are proposed.
    resumed: the run folder to go on with. silent: say nothing at all but in log.txt."""
    import torch  # after the config is known to be sound: a typo costs no second

    from nntrain.record.console import RunConsole
    from nntrain.training.trainer import Interrupted
    from nntrain.verbs.fit import Run, fit, resume

    config = composed.config
    with (
        catching_signals() as stop,
        open(os.devnull, "w") if silent else nullcontext(stream) as people,
        RunConsole(people, quiet=quiet or config["quiet"]) as console,
        torch.random.fork_rng(devices=[]),  # a caller's random numbers are none of ours to move
    ):
        try:
            if resumed is not None:
                return resume(resumed, config, console, stop, source), 0
            return fit(config, console, stop, command, source), 0
        except Interrupted as interrupted:
            return Run(interrupted.folder), 128 + (stop.signal or signal.SIGINT)


@contextmanager
def catching_signals() -> Iterator[Stop]:
    """Ctrl-C and SIGTERM end the step under way and save the state; a second one ends the process at once."""
    from nntrain.training.trainer import Stop

    stop = Stop()

    def caught(number: int, frame: FrameType | None) -> None:
        if stop.signal is not None:
            raise KeyboardInterrupt
        stop.signal = number

    if threading.current_thread() is not threading.main_thread():  # elsewhere Python installs no handlers
        yield stop
        return
    old = {number: signal.signal(number, caught) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def run_of(path: Path) -> Path:
    """The run folder that `resume=` names. UserError where it is none."""
    if not path.is_dir():
        raise UserError(f"resume: there is no folder '{path}'")
    if not (path / "config.yaml").is_file():
        inner = sorted(found.parent for found in path.glob("*/config.yaml"))
        hint = f"; did you mean '{inner[-1]}'?" if inner else ""
        raise UserError(f"resume: {path} is not a run folder (it has no config.yaml){hint}")
    return path.resolve()


def _resumed_config(folder: Path, changes: Sequence[str]) -> Composed:
    wrong = [word for word in changes if word.partition("=")[0] not in RESUMABLE]
    if wrong:
        raise UserError(
            *(
                f"{word}: a resumed run goes on as it was started; only {', '.join(RESUMABLE)} may be changed "
                f"(a new run from the same recipe: nntrain fit config={folder / 'config.yaml'} {word})"
                for word in wrong
            )
        )
    return compose([f"config='{folder / 'config.yaml'}'", *changes])


def _source(words: Sequence[str]) -> str:
    named = [word.partition("=")[2] for word in words if word.startswith("config=")]
    return named[-1] if named else "digits"
