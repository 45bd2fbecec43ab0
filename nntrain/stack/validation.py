"""What is measured of each member after an epoch, and which weights are the best so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nntrain.stack.batches import neighbours
from nntrain.stack.evaluate import Evaluation
from nntrain.stack.stack import Stack
from nntrain.training.averaging import averaged_weights, refresh_norms
from nntrain.training.batches import drawn_of
from nntrain.training.course import Best
from nntrain.training.trainer import PROBE

if TYPE_CHECKING:
    from nntrain.data.dataset import Split

Scores = list[dict[str, float]]  # one a member


class Validation:
    """The validation split of each member, and as many of its training samples; in the order of the stack's rows.

    train, val: with the same samples as the members' own, as the stack's network takes them.
    """

    def __init__(self, stack: Stack, train: Sequence[Split], val: Sequence[Split]) -> None:
        self.stack = stack
        few = [drawn_of(m.train, min(len(m.val), PROBE), m.course.seed) for m in stack.members]
        self.val = Evaluation(val, [None] * len(val))
        self.probe = Evaluation(train, few)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with the members of these rows."""
        self.val.keep(rows)
        self.probe.keep(rows)

    def __call__(self, start: int, stop: int) -> tuple[Scores, list[bool], Scores]:
        """For each member in rows start ... stop - 1: metrics of the validation split, by averaged weights where there
        are any; whether they are the best, which are then kept; and the same metrics of the training samples."""
        members = self.stack.members[start:stop]
        averages = [averaged_weights(m.program, m.state, m.loop) for m in members]
        own = None if all(a is None for a in averages) else self.stack.tensors["params"].clone()
        for member, average in zip(members, averages, strict=True):
            if average is not None:
                member.state.params.flat.copy_(average)
                refresh_norms(member.program, member.train.inputs)
        scores = self.scores(self.val, start, stop)
        better = [
            m.course.stopping.observe(m.loop, s[m.course.stopping.monitor])
            for m, s in zip(members, scores, strict=True)
        ]
        self._keep_best(start, scores, better)
        seen = self.scores(self.probe, start, stop)
        if own is not None:
            self.stack.tensors["params"].copy_(own)
        return scores, better, seen

    def scores(self, evaluation: Evaluation, start: int, stop: int) -> Scores:
        found: Scores = []
        for first, last in neighbours([evaluation.count(row) for row in range(start, stop)]):
            part = self.stack.part(start + first, start + last)
            found += evaluation.scores(part)
        return found

    def _keep_best(self, start: int, scores: Scores, better: Sequence[bool]) -> None:
        """The weights of members from `start` on whose epoch was the best so far."""
        kept = []
        for row, won in enumerate(better, start):
            member = self.stack.members[row]
            if won or not member.course.stopping.restore_best or member.loop.best_value is None:
                kept.append(row)
        for row, weights in zip(kept, self.stack.weights(kept), strict=True):
            member = self.stack.members[row]
            member.best = Best(weights, member.loop.epoch, scores[row - start], saved=False)
