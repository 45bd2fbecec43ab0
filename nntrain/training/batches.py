"""The batches of an epoch: an order derived from (seed, epoch) alone, and samples taken by index on the device."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.seeding import generator
from nntrain.training.course import Course
from nntrain.training.step import Batch

if TYPE_CHECKING:
    from nntrain.data.dataset import Split

Indices = tuple[Tensor, ...]  # of the batches of one step; empty: the split as it is


def epoch_order(split: Split, course: Course, epoch: int) -> list[Indices]:
    """For each step of the epoch the indices of its batches, on the device."""
    if course.batch_size is None:
        return [()]
    order = torch.randperm(len(split), generator=generator(course.seed, "order", epoch)).to(split.inputs.device)
    if course.accumulate == 1:
        return [(part,) for part in torch.split(order, course.batch_size)]
    return [torch.split(part, course.batch_size) for part in torch.split(order, course.batch_size * course.accumulate)]


def step_sizes(split: Split, order: list[Indices]) -> list[int]:
    """How many samples each step takes."""
    return [sum(map(len, indices)) if indices else len(split) for indices in order]


def some_of(split: Split, count: int, seed: int) -> Split:
    """`count` samples drawn without replacement, derived from the seed alone; all of them where there are no more."""
    if count >= len(split):
        return replace(split)
    drawn = torch.randperm(len(split), generator=generator(seed, "probe"))[:count].to(split.inputs.device)
    weights = None if split.weights is None else split.weights[drawn]
    return replace(split, inputs=split.inputs[drawn], targets=split.targets[drawn], weights=weights)


def take(split: Split, indices: Indices) -> list[Batch]:
    """The batches of one step."""
    if not indices:
        return [Batch(split.inputs, split.targets, split.weights)]
    weights = split.weights
    return [
        Batch(
            split.inputs.index_select(0, index),
            split.targets.index_select(0, index),
            None if weights is None else weights.index_select(0, index),
        )
        for index in indices
    ]
