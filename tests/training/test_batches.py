"""Batches: fetched ahead from a split that lies on disk, changed sample by sample, mixed with others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from nntrain.augment.augmentation import Augmentation
from nntrain.augment.rows import Rows
from nntrain.data.dataset import Split, TableFeatures
from nntrain.training import batches
from nntrain.training.batches import epoch_order, some_of, upcoming
from nntrain.training.step import Batch, Mixed, forward
from nntrain.training.trainer import Trainer

Build = Callable[..., Trainer]


@dataclass
class Partner:
    partner: Tensor


@dataclass
class Half:
    """An augmentation that adds the epoch to every sample and mixes in the next sample, half and half."""

    mixes: bool = True

    def __call__(self, inputs: Tensor, samples: Tensor, epoch: int) -> Tensor:
        return inputs + epoch

    def mixing(self, samples: Tensor, epoch: int, count: int) -> Partner | None:
        return Partner((samples + 1) % count) if self.mixes else None

    def mix(self, inputs: Tensor, others: Tensor, mixing: Partner) -> tuple[Tensor, Tensor]:
        return (inputs + others) / 2, torch.full((len(inputs),), 0.5)


def test_a_streamed_split_trains_to_the_same_weights(trainer: Build) -> None:
    plain, streamed = trainer(), trainer()
    streamed.train = replace(streamed.train, streamed=True)
    plain.fit()
    streamed.fit()
    assert torch.equal(plain.state.params.flat, streamed.state.params.flat)
    assert [row["val_loss"] for row in plain.loop.history] == [row["val_loss"] for row in streamed.loop.history]


def test_a_streamed_split_is_fetched_by_a_thread_that_ends_with_the_epoch(trainer: Build) -> None:
    t = trainer()
    split, order = replace(t.train, streamed=True), epoch_order(t.train, t.course, 1)
    steps = upcoming(split, order, 2, None, 1)
    first = next(steps)
    assert any(thread.name.startswith("nntrain-fetch") for thread in threading.enumerate())
    assert torch.equal(first[0].inputs, split.inputs[order[2][0]])
    steps.close()  # type: ignore[attr-defined]
    assert not any(thread.name.startswith("nntrain-fetch") for thread in threading.enumerate())


def test_what_goes_wrong_while_fetching_is_raised_where_the_batch_is_wanted(trainer: Build) -> None:
    t = trainer()
    split, wrong = replace(t.train, streamed=True), [(torch.tensor([10_000]),)]
    with pytest.raises((IndexError, RuntimeError), match=r"out of (range|bounds)"):
        list(upcoming(split, wrong, 0, None, 1))


@pytest.mark.parametrize("streamed", [False, True])
def test_each_sample_is_changed_and_mixed_with_its_partner(trainer: Build, streamed: bool) -> None:
    t = trainer()
    split = replace(t.train, streamed=streamed)
    order = epoch_order(split, t.course, 3)
    for (index,), (batch,) in zip(order, upcoming(split, order, 0, Half(), 3), strict=True):
        partner = (index + 1) % len(split)
        assert torch.allclose(batch.inputs, (split.inputs[index] + split.inputs[partner]) / 2 + 3)
        assert torch.equal(batch.targets, split.targets[index])
        assert batch.mixed is not None
        assert torch.equal(batch.mixed.targets, split.targets[partner])


@pytest.mark.parametrize("augment", [Half(), Rows(features=TableFeatures(4), seed=3, mixup=0.3)], ids=["half", "rows"])
def test_a_streamed_split_is_mixed_as_one_in_memory(trainer: Build, augment: Augmentation) -> None:
    plain, streamed = trainer(accumulate=2), trainer(accumulate=2)
    streamed.train = replace(streamed.train, streamed=True)
    plain.augment = streamed.augment = augment
    plain.fit()
    streamed.fit()
    assert torch.equal(plain.state.params.flat, streamed.state.params.flat)


def test_partners_are_fetched_ahead_too(trainer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    real = batches._samples

    def seen(split: Split, index: Tensor) -> Batch:
        threads.append(threading.current_thread().name)
        return real(split, index)

    monkeypatch.setattr(batches, "_samples", seen)
    t = trainer()
    order = epoch_order(t.train, t.course, 1)
    list(upcoming(replace(t.train, streamed=True), order, 0, Half(), 1))
    assert len(threads) == 2 * len(order)
    assert all(name.startswith("nntrain-fetch") for name in threads)


@pytest.mark.parametrize(("streamed", "count"), [(False, 30), (True, 12)])
def test_few_samples_of_a_split_on_disk_are_taken_into_memory(
    trainer: Build, monkeypatch: pytest.MonkeyPatch, streamed: bool, count: int
) -> None:
    split = replace(trainer().train, streamed=streamed)
    monkeypatch.setattr(batches, "PROBE_BYTES", 12 * split.inputs[0].nbytes + 5)
    some = some_of(split, 30, 0)
    assert len(some) == len(some.targets) == count
    assert not some.streamed


def test_a_full_batch_is_augmented_too(trainer: Build) -> None:
    t = trainer(batch_size=None)
    ((batch,),) = upcoming(t.train, [()], 0, Half(mixes=False), 5)
    assert torch.equal(batch.inputs, t.train.inputs + 5)


def test_the_loss_of_a_mixed_batch_is_the_mean_of_both_targets_by_their_shares(trainer: Build) -> None:
    t = trainer()
    x, own, other = t.train.inputs[:6], t.train.targets[:6], t.train.targets[6:12]
    share, weights = torch.linspace(0, 1, 6), torch.linspace(0.5, 1.5, 6)
    each = torch.stack(
        [
            share[i] * forward(t.program, Batch(x[i : i + 1], own[i : i + 1]))
            + (1 - share[i]) * forward(t.program, Batch(x[i : i + 1], other[i : i + 1]))
            for i in range(6)
        ]
    )
    assert torch.allclose(forward(t.program, Batch(x, own, None, Mixed(other, share))), each.mean())
    assert torch.allclose(forward(t.program, Batch(x, own, weights, Mixed(other, share))), (weights * each).mean())


def test_augmentation_is_part_of_what_repeats(trainer: Build) -> None:
    whole = trainer(epochs=3)
    whole.augment = Half()
    whole.fit()
    again = trainer(epochs=3)
    again.augment = Half()
    again.fit()
    assert torch.equal(whole.state.params.flat, again.state.params.flat)
    plain = trainer(epochs=3)
    plain.fit()
    assert not torch.equal(plain.state.params.flat, whole.state.params.flat)
