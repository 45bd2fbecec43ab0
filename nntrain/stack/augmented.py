"""Changes to the training samples of a stack: of many members by one call, each sample's as in its training alone.

Legend: M members, B samples of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from nntrain.augment.augmentation import Augmentation
from nntrain.augment.draws import Draws, start_of
from nntrain.stack.batches import Samples, StackedBatch, joined, neighbours
from nntrain.stack.member import Member
from nntrain.training.step import Mixed

VALUES = 2**17  # pixels or numbers that are changed at a time on the CPU, so that they stay in the cache;
FEWEST = 4  # but never those of fewer members: a call has its price too


class StackedAugment:
    """The augmentations of M members; those with the same settings are neighbours, or are called one by one."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self.each = [member.augment for member in members if member.augment is not None]
        self.alike = list(neighbours([settings_of(augment) for augment in self.each]))
        self._epochs: list[int] = []
        self._own = torch.empty(0)  # of these epochs

    def take(self, samples: Samples, places: Tensor, first: Sequence[int]) -> StackedBatch:
        """Samples by their places [M, B], each changed as its member's epoch draws it. first: where the samples of each
        member begin."""
        whole, own = samples.filled(places), self._numbers(first, places.device)
        blocks = self._blocks(whole.shape[1] * samples.inputs[0].numel(), places.device)
        found = [_changed(self.each[a], samples, whole[a:b], own[a:b]) for a, b in blocks]
        return replace(joined(found), rows=places.shape[1])

    def _numbers(self, first: Sequence[int], device: torch.device) -> Tensor:
        """int64 [M, 3] of each member what its draws count from, the place of its first sample, and how many it has."""
        epochs = [member.loop.epoch for member in self.members]
        if epochs != self._epochs:
            starts = [start_of(augment.seed, epoch) for augment, epoch in zip(self.each, epochs, strict=True)]
            counts = [len(member.train) for member in self.members]
            self._epochs, self._own = epochs, torch.tensor([starts, list(first), counts]).T.to(device)
        return self._own

    def _blocks(self, values: int, device: torch.device) -> Iterator[tuple[int, int]]:
        """Neighbours of the same settings, as many as are changed at a time. values: of one member's batch."""
        most = max(FEWEST, VALUES // values) if device.type == "cpu" else len(self.members)
        for start, stop in self.alike:
            for first in range(start, stop, most):
                yield first, min(first + most, stop)


def _changed(augment: Augmentation, samples: Samples, places: Tensor, own: Tensor) -> StackedBatch:
    """The batch at these places [M, B]. own: of its members, see `_numbers`."""
    starts, first, counts = (column.unsqueeze(1).expand_as(places) for column in own.unbind(1))
    draws = Draws(starts.reshape(-1), (places - first).reshape(-1))
    batch = samples.take(places)
    shape, inputs = batch.inputs.shape, augment.changed(batch.inputs.flatten(0, 1), draws)
    if augment.mixes:
        mixing = augment.mixing_by(draws, counts.reshape(-1))
        other = samples.take(mixing.partner.view_as(places) + first)
        others = augment.changed(other.inputs.flatten(0, 1), Draws(starts.reshape(-1), mixing.partner))
        inputs, share = augment.mix(inputs, others, mixing)
        batch.mixed = Mixed(other.targets, share.view_as(places))
    batch.inputs = inputs.view(shape)
    return batch


def settings_of(augment: Augmentation) -> str:
    """What tells augmentations apart, but for their seeds: equal where it is."""
    return repr((type(augment), {key: value for key, value in vars(augment).items() if key not in ("seed", "notes")}))
