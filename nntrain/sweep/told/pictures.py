"""The pictures of a sweep, drawn by a worker: it has loaded for its runs all that this process would have to load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nntrain.record.files import WriteError
from nntrain.sweep.grow.growth import Growth
from nntrain.sweep.told.ranking import Contest
from nntrain.sweep.workers.processes import Workers


@dataclass(frozen=True)
class Pictures:
    """What a worker takes. growth: of a sweep that grows. folder: for the pictures."""

    contests: Sequence[Contest]
    growth: Growth | None
    folder: Path

    def run(self, send: Callable[[str], None]) -> None:
        """In a worker: what the disk said is sent, or nothing."""
        try:
            self.draw()
        except WriteError as error:
            send(str(error))
        else:
            send("")

    def draw(self) -> None:
        """Raises WriteError when the disk refuses."""
        if self.contests:
            from nntrain.sweep.told.plots import draw

            draw(self.contests, self.folder)
        if self.growth is not None:
            from nntrain.sweep.grow.plot import growth_curves

            growth_curves(self.growth, self.folder / "growth.png")


def draw_pictures(pictures: Pictures, workers: Workers) -> None:
    """By one of the workers, or by this process where none is there. Raises WriteError when the disk refuses."""
    said: list[str] = []
    if workers.idle:
        workers.run([pictures], said.append, lambda unit, code: [], stoppable=False)
    if not said:
        pictures.draw()
    elif said[0]:
        raise WriteError(said[0])
