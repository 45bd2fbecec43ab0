"""Trainings that are parts of one run, as one program: folds, members of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nntrain.errors import UserError
from nntrain.experiment import Experiment
from nntrain.objective.metrics import METRICS
from nntrain.record.side_by_side import SideBySide
from nntrain.training.course import Interrupted
from nntrain.training.state import LoopState
from nntrain.verbs.header import header
from nntrain.verbs.run import Run, Session
from nntrain.verbs.stacked import Entry, fit_stacked


def train_side_by_side(
    entries: Mapping[str, Entry], one: Experiment, folder: Path, session: Session, parameters: int | None = None
) -> list[Run]:
    """Train them by their names; the screen shows their mean, each one's own log itself.

    one: like any of them, built; its config has the name of the whole. folder: of the whole. parameters: to be said, by
    default those of one network. One that fails does not stop the others. Then raises what the first failed by, with
    its name before it; Interrupted where they were stopped.
    """
    console, monitor, names = session.console, one.course.stopping.monitor, list(entries)
    said = header(one, folder, LoopState())
    said["model"] = f"{len(entries)} x {said['model']}"
    console.start(**said if parameters is None else {**said, "parameters": parameters})
    for note in one.notes:
        console.note(note)
    screen = SideBySide(console, f"val_{monitor}", METRICS[monitor].direction == "min", len(entries))
    found: dict[int, Run | Exception] = {}

    def ended(place: int, how: Run | Exception) -> None:
        found[place] = how
        screen.left(names[place])

    def say(places: Sequence[int], how: str) -> None:
        screen.apart([names[place] for place in places], len(names), how)

    silent = [replace(entry, session=replace(session, console=screen.screen(name))) for name, entry in entries.items()]
    fit_stacked(silent, session.stop, ended, say)
    for place, how in sorted(found.items()):
        if isinstance(how, UserError):
            raise named(names[place], how)
        if isinstance(how, Exception) and not isinstance(how, Interrupted):
            raise how
    if session.stop.signal is not None:
        raise Interrupted(folder)
    return [how for _, how in sorted(found.items()) if isinstance(how, Run)]


def named(name: str, error: UserError) -> UserError:
    """The same error, saying whose it is."""
    return type(error)(*(f"{name}: {problem}" for problem in error.problems))
