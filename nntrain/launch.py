"""One training from the words of a command line or of the Python API: compose, train, and say how it ended."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from nntrain.errors import UserError
from nntrain.signals import INTERRUPTED, handling

if TYPE_CHECKING:
    from nntrain.training.course import Judge, Stop
    from nntrain.verbs.run import Run


# Words that leave what is trained as the recipe has it.
UNTRAINED = {"config", "name", "run_dir", "quiet", "device"}

SAME_ASK = 1.0  # seconds within which a second signal asks for nothing new: GNU timeout sends each of its own twice

SEARCHES = "the search of the recipe is left alone: this is one run; nntrain fit ... -m searches"


def launch(
    words: Sequence[str],
    command: Sequence[str],
    *,
    source: str | None = None,
    stream: TextIO | None = None,
    quiet: bool = False,
) -> tuple[Run, int]:
    """Train as the words say, or go on with the run of `resume=`; the run, and the exit status (0; 128 and the number
    of the signal that ended it with its state saved).

    source: what to call the recipe in the commands that are proposed, where not as `config=` does.
    """
    from nntrain.config.compose import compose
    from nntrain.folder import check_new
    from nntrain.resumed import WORD, find_run, resumed

    if (given := resumed(words)) is None:
        source, composed = _source(words) if source is None else source, compose(words)
        if (grown := composed.config["grow"]["name"]) != "none":
            raise UserError(
                f"grow: {grown} is a sweep over many runs, which is started on the command line by nntrain fit; "
                "for one run set grow=none"
            )
        check_new(composed.config["run_dir"])
        notes = [*composed.notes, *([SEARCHES] if composed.searches else [])]
        return train_composed(composed.config, command, source=source, stream=stream, quiet=quiet, notes=notes)
    from nntrain.folder import CONFIG, shown

    folder = find_run(given)
    saved, changes = folder / CONFIG, [word for word in words if not word.startswith(WORD)]
    _check_changes(changes, shown(saved))
    composed = compose([config_word(saved), *changes])
    of = [] if (sweep := _sweep_of(folder)) is None else [_of_sweep(sweep)]
    return train_composed(
        composed.config,
        command,
        source=shown(saved),
        resumed=folder,
        stream=stream,
        quiet=quiet,
        notes=composed.notes,
        of_training=of,
    )


def _sweep_of(run: Path) -> Path | None:
    """The sweep that a run is a job of, by where it lies."""
    from nntrain.resumed import is_sweep

    run = run.resolve()
    return run.parent if run.name.isdecimal() and is_sweep(run.parent) else None


def _of_sweep(sweep: Path) -> str:
    from nntrain.folder import shown

    command = f"nntrain fit resume={shlex.quote(shown(sweep))}"
    return (
        f"this run is a job of the sweep in {shown(sweep)}, whose report does not know of it; {command} writes it anew"
    )


def train_composed(
    config: Mapping[str, Any],
    command: Sequence[str],
    *,
    source: str = "",
    resumed: Path | None = None,
    stream: TextIO | None = None,
    quiet: bool = False,
    silent: bool = False,
    judge: Judge | None = None,
    notes: Sequence[str] = (),
    of_training: Sequence[str] = (),
    again: bool = True,
) -> tuple[Run, int]:
    """Train a config that is known to be sound.

    source: what `config=` named, for the commands that are proposed; empty for the run's own config.yaml.
    resumed: the run folder to go on with. silent: say nothing at all but in log.txt. judge: of a search, which may end
    the run after any epoch. notes: to be said first. of_training: to be said where something is trained.
    again: see `catching_signals`.
    """
    # torch is imported once the config is known to be sound: a typo costs no second
    from nntrain.data.progress import watched
    from nntrain.folder import shown
    from nntrain.record.console import RunConsole
    from nntrain.record.decoding import decoding_bar
    from nntrain.training.course import Interrupted
    from nntrain.verbs.fit import fit, resume
    from nntrain.verbs.run import Run, Session

    with (
        catching_signals(again=again) as stop,
        Path(os.devnull).open("w") if silent else nullcontext(stream) as people,
        RunConsole(people, quiet=quiet or config["quiet"]) as console,
        decoding_bar(people, quiet=quiet or config["quiet"], before=partial(_end_if, stop)) as bar,
        watched(bar),
    ):
        session = Session(console, stop, command, source, judge)
        for note in notes:
            console.note(note)
        console.of_training.extend(of_training)
        try:
            return (fit(config, session) if resumed is None else resume(resumed, config, session)), 0
        except Interrupted as interrupted:
            folder: Path = interrupted.args[0]
            went = f"stopped, the state is saved; go on with: nntrain fit resume={shlex.quote(shown(folder))}"
            if not config["checkpoint"]["resumable"]:
                went = f"stopped; checkpoint.resumable=false, so there is no state to go on from in {shown(folder)}"
            return Run(folder, stopped=went), INTERRUPTED + (stop.signal or signal.SIGINT)


def _end_if(stop: Stop) -> None:
    """A signal while data is still being read: there is no state to save."""
    from nntrain.sweep.interrupted import Interrupted

    if stop.signal is not None:
        raise Interrupted(INTERRUPTED + stop.signal)


@contextmanager
def catching_signals(*, again: bool = True) -> Iterator[Stop]:
    """A signal (see `signals.ENDING`) ends the step under way and saves the state; one that follows later than SAME_ASK
    seconds ends the process at once, by its own number.

    again: False in a worker, where none that follows does, and after one they stay ignored: its parent has SIGKILL.
    """
    from nntrain.sweep.interrupted import Interrupted
    from nntrain.training.course import Stop

    stop, asked = Stop(), 0.0

    def caught(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if stop.signal is None:
            stop.signal, asked = number, monotonic()
        elif again and monotonic() - asked > SAME_ASK:
            raise Interrupted(INTERRUPTED + number)

    with handling(caught, ignored_after=lambda: not again and stop.signal is not None):
        yield stop


def config_word(path: Path | str) -> str:
    """The word that names a config file, quoted for the words' grammar."""
    escaped = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"config='{escaped}'"


def _check_changes(changes: Sequence[str], saved: str) -> None:
    from nntrain.folder import RESUMABLE

    problems = [
        f"{word}: a resumed run goes on as it was started; only {', '.join(RESUMABLE)} may be changed "
        f"(a new run from the same recipe: nntrain fit config={saved} {word})"
        for word in changes
        if word.partition("=")[0] not in RESUMABLE
    ]
    if problems:
        raise UserError(*problems)


def _source(words: Sequence[str]) -> str:
    """What `config=` names, where it says all that was trained; else the run's own config.yaml does, and this is ""."""
    from nntrain.config.words import read_words

    changed = {word.partition("=")[0] for word in words} - UNTRAINED
    return "" if changed else str(read_words(words, Path.cwd()).recipes.value)
