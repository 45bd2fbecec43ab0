"""Trainings as members of stacks: which of them go together, how each goes in and comes out."""

from __future__ import annotations

from collections.abc import Mapping

from nntrain.stack.agree import why_not
from nntrain.stack.member import Member
from nntrain.verbs.run import Run
from nntrain.verbs.training import Training


def member_of(training: Training) -> Member:
    """The same objects, so that the training stands where its member does."""
    alone = training.alone
    return Member(
        alone.program,
        alone.state,
        alone.loop,
        alone.train,
        alone.val,
        alone.course,
        alone.screen,
        alone.keeper,
        alone.judge,
        alone.augment,
        alone.best,
        saved_at=alone.saved_at,
    )


def groups(trainings: Mapping[int, Training]) -> list[dict[int, Training]]:
    """Those that can be one stack beside each other; what cannot be part of any is a group by itself."""
    if not trainings:
        return []
    if why_not([member_of(training) for training in trainings.values()]) is None:
        return [dict(trainings)]
    found: list[dict[int, Training]] = []
    for place, training in trainings.items():
        member = member_of(training)
        for group in found:
            first = next(iter(group.values()))
            if why_not([member_of(first), member]) is None:
                group[place] = training
                break
        else:
            found.append({place: training})
    return found


def leave(training: Training, member: Member) -> Run:
    """The result of a member that has left its stack. Raises NonFiniteError where that is why."""
    if member.error is not None:
        raise training.not_finite(member.error)
    return training.finish(member.best)
