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
    entries: Mapping[str, Entry],
    kinds: Sequence[tuple[int, Experiment]],
    folder: Path,
    session: Session,
    notes: Sequence[str] = (),
) -> list[Run]:
    """Train them by their names; the screen shows their mean, each one's own log itself.

    kinds: of those whose networks are alike how many they are and one of them, built; the config of the first has the
    name of the whole. folder: of the whole. One that fails does not stop the others. Then raises what the first failed
    by, with its name before it; Interrupted where they were stopped.
    """
    one = kinds[0][1]
    console, monitor, names = session.console, one.course.stopping.monitor, list(entries)
    headers = [(count, header(kind, folder, LoopState())) for count, kind in kinds]
    model = ", ".join(f"{count} x {said['model']}" for count, said in headers)
    parameters = sum(count * said["parameters"] for count, said in headers)
    console.start(**{**headers[0][1], "model": model, "parameters": parameters})
    for note in (*one.notes, *notes):
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
