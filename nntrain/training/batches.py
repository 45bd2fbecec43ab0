"""The batches of an epoch: an order derived from (seed, epoch) alone, and samples taken by index on the device.

Legend: B samples in a batch, N in the training split.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from nntrain.seeding import generator
from nntrain.training.course import Course
from nntrain.training.step import Batch, Mixed

if TYPE_CHECKING:
    from nntrain.augment.augmentation import Augmentation
    from nntrain.data.dataset import Split

T = TypeVar("T")
Indices = tuple[Tensor, ...]  # of the batches of one step; empty: the split as it is
PROBE_BYTES = 2**28  # of inputs that `some_of` takes into memory from a split that lies on disk
AHEAD = 4  # steps whose samples are fetched before they are wanted, where fetching may wait for a disk


def epoch_order(split: Split, course: Course, epoch: int) -> list[Indices]:
    """For each step of the epoch the indices of its batches, on the device of the inputs."""
    if course.batch_size is None:
        return [()]
    order = shuffled(split, course, epoch).to(split.inputs.device)
    if course.accumulate == 1:
        return [(part,) for part in torch.split(order, course.batch_size)]
    return [torch.split(part, course.batch_size) for part in torch.split(order, course.batch_size * course.accumulate)]


def shuffled(split: Split, course: Course, epoch: int) -> Tensor:
    """The numbers of all samples in the order of an epoch, int64 [N], on the CPU."""
    return torch.randperm(len(split), generator=generator(course.seed, "order", epoch))


def step_sizes(split: Split, order: list[Indices]) -> list[int]:
    """How many samples each step takes."""
    return [sum(map(len, indices)) if indices else len(split) for indices in order]


def some_of(split: Split, count: int, seed: int) -> Split:
    """`count` samples drawn without replacement, derived from the seed alone; all of them where there are no more. Of a
    split that lies on disk, no more than `PROBE_BYTES` of them."""
    if split.streamed:
        count = min(count, max(1, PROBE_BYTES // split.inputs[:1].nbytes))
    drawn = drawn_of(split, count, seed)
    if drawn is None:
        return replace(split)
    batch = _samples(split, drawn)
    return replace(split, inputs=batch.inputs, targets=batch.targets, weights=batch.weights, streamed=False)


def drawn_of(split: Split, count: int, seed: int) -> Tensor | None:
    """Which samples these are, int64 [count]; None for all."""
    if count >= len(split):
        return None
    return torch.randperm(len(split), generator=generator(seed, "probe"))[:count].to(split.inputs.device)


def upcoming(
    split: Split, order: list[Indices], start: int, augment: Augmentation | None, epoch: int
) -> Iterator[list[Batch]]:
    """The batches of each step of `order` from position `start` on, as they train."""
    if not split.streamed:
        for indices in order[start:]:
            yield batches_of(split, indices, augment, epoch)
        return
    steps = (partial(_with_partners, split, indices, augment, epoch) for indices in order[start:])
    for indices, (batches, partners) in zip(order[start:], _fetched_ahead(steps), strict=True):
        yield batches if augment is None else augmented(split, indices, batches, augment, epoch, partners)


def batches_of(split: Split, indices: Indices, augment: Augmentation | None, epoch: int) -> list[Batch]:
    """The batches of one step of an epoch, as they train."""
    batches = take(split, indices)
    return batches if augment is None else augmented(split, indices, batches, augment, epoch)


def take(split: Split, indices: Indices) -> list[Batch]:
    """The batches of one step, as they are in the split."""
    if not indices:
        return [Batch(split.inputs.to(split.device), split.targets, split.weights)]
    return [_samples(split, index) for index in indices]


def augmented(
    split: Split,
    indices: Indices,
    batches: list[Batch],
    augment: Augmentation,
    epoch: int,
    partners: Sequence[Batch | None] | None = None,
) -> list[Batch]:
    """The batches of one step, each sample changed as `augment` draws it in this epoch. partners: what is mixed into
    them, as it is in the split, where it was fetched already."""
    indices = indices or (_all(split),)
    return [
        _augmented(split, index, batch, augment, epoch, partner)
        for index, batch, partner in zip(indices, batches, partners or [None] * len(batches), strict=True)
    ]


def _all(split: Split) -> Tensor:
    return torch.arange(len(split), device=split.inputs.device)


def _with_partners(
    split: Split, indices: Indices, augment: Augmentation | None, epoch: int
) -> tuple[list[Batch], list[Batch | None]]:
    """The batches of one step, and what is mixed into them, as it is in the split. Who is mixed with whom is drawn
    where the inputs are: asking the device would wait for it."""
    partners: list[Batch | None] = []
    for index in indices or (_all(split),):
        mixing = None if augment is None else augment.mixing(index, epoch, len(split))
        partners.append(None if mixing is None else _samples(split, mixing.partner))
    return take(split, indices), partners


def _augmented(
    split: Split, index: Tensor, batch: Batch, augment: Augmentation, epoch: int, partner: Batch | None = None
) -> Batch:
    samples = index.to(batch.inputs.device)
    inputs = augment(batch.inputs, samples, epoch)
    mixing = augment.mixing(samples, epoch, len(split))
    if mixing is None:
        return replace(batch, inputs=inputs)
    other = _samples(split, mixing.partner.to(split.inputs.device)) if partner is None else partner
    others = augment(other.inputs, mixing.partner, epoch)
    inputs, share = augment.mix(inputs, others, mixing)
    return replace(batch, inputs=inputs, mixed=Mixed(other.targets, share))


def _samples(split: Split, index: Tensor) -> Batch:
    device, weights = split.device, split.weights
    there = index.to(device)
    return Batch(
        (_read(split.inputs, index) if split.streamed else split.inputs.index_select(0, index)).to(device),
        split.targets.index_select(0, there),
        None if weights is None else weights.index_select(0, there),
    )


def _read(inputs: Tensor, index: Tensor) -> Tensor:
    """Rows of a memory-mapped tensor by one thread alone: torch would take several, which wait for work by spinning and
    so hold up the step that is computed meanwhile."""
    return torch.from_numpy(inputs.numpy()[index.numpy()])


def _fetched_ahead(calls: Iterable[Callable[[], T]]) -> Iterator[T]:
    """The results of `calls` in order, computed up to `AHEAD` of them ahead by a thread."""
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(1, "nntrain-fetch") as thread:
        try:
            for call in calls:
                waiting.append(thread.submit(call))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
