"""A training inside a stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from torch import Tensor

from nntrain.training.batches import Indices, batches_of
from nntrain.training.course import Best, Course, Judge, Keeper, Screen
from nntrain.training.diagnose import NonFiniteError
from nntrain.training.state import LoopState, TrainState
from nntrain.training.step import Batch, Program

if TYPE_CHECKING:
    from nntrain.augment.augmentation import Augmentation
    from nntrain.data.dataset import Split


@dataclass(eq=False)
class Member:
    """What `Trainer` takes. loop: at the start of an epoch, not inside one. judge: may end it after any epoch.
    saved_at: when its state was saved last, or it began, on the clock of `perf_counter`.

    Afterwards `best` is the model, or `error` says why there is none: the rest is then as `Trainer` would have left it.
    """

    program: Program
    state: TrainState
    loop: LoopState
    train: Split
    val: Split
    course: Course
    screen: Screen
    keeper: Keeper
    judge: Judge | None = None
    augment: Augmentation | None = None
    best: Best = field(default_factory=Best)
    error: NonFiniteError | None = None
    saved_at: float = field(default_factory=perf_counter)

    def batches(self, indices: Indices) -> list[Batch]:
        """The batches of a step of the epoch under way, as they train alone."""
        return batches_of(self.train, indices, self.augment, self.loop.epoch)

    def save(self, losses: Tensor) -> None:
        """Write the best model, if it is new, and then the state: one on disk never speaks of a better model than there
        is. losses: of the steps done in the epoch under way."""
        self.saved_at = perf_counter()
        if self.best.save(self.keeper):
            self.keeper.state(self.state, self.loop, losses)
