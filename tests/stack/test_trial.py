"""How many members a stack has."""

from __future__ import annotations

import pytest
import torch
from stacks import experiment, member, stacked

from nntrain.stack import trial
from nntrain.stack.member import Member
from nntrain.stack.sizes import LEAST, MOST
from nntrain.stack.trainer import StackedTrainer
from nntrain.training.course import Stop

NOISY = {"model.dropout": 0.2, "model.norm": "batch", "optimizer.lr": 0.01}


def members(count: int) -> list[Member]:
    return [member(experiment(NOISY | {"seed": seed})) for seed in range(count)]


def bits(one: Member) -> list[bytes]:
    return [tensor.detach().numpy().tobytes() for tensor in one.state.tensors().values()]


def test_a_trial_changes_nothing() -> None:
    tried, untried = members(3), members(3)
    random = torch.get_rng_state()
    trainer = StackedTrainer(tried, Stop())
    trial.faster(trainer)
    assert torch.equal(random, torch.get_rng_state())
    assert [bits(one) for one in tried] == [bits(one) for one in untried]
    trainer.fit(lambda one: None)
    assert [bits(one) for one in tried] == [bits(one) for one in stacked(*(NOISY | {"seed": s} for s in range(3)))]


@pytest.mark.parametrize("wins", [True, False])
def test_a_stack_that_would_be_slower_is_none(wins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "faster", lambda trainer: wins)
    left: list[Member] = []
    alone: list[Member] = []
    said: list[str] = []
    those = members(3)
    for one in those:
        monkeypatch.setattr(one.screen, "note", said.append)
    trial.train(those, Stop(), left.append, alone.append)
    assert set(left if wins else alone) == set(those)
    assert said == ([] if wins else 3 * ["trained by itself: a stack of 3 would be slower here"])
    assert not (alone if wins else left)
    assert all((len(one.loop.history) == 3) == wins for one in those)
    if not wins:
        assert [bits(one) for one in those] == [bits(one) for one in members(3)]
        flats = [one.state.params.flat for one in those]
        assert all(flat.untyped_storage().nbytes() == flat.nbytes for flat in flats)  # nothing of a stack is kept


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")], ids=str)
def test_what_does_not_fit_in_memory_is_halved(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def fits_two(trainer: StackedTrainer) -> bool:
        tried.append(len(trainer.members))
        if len(trainer.members) > 2:
            raise error
        return True

    monkeypatch.setattr(trial, "faster", fits_two)
    left: list[Member] = []
    alone: list[Member] = []
    trial.train(members(5), Stop(), left.append, alone.append)
    assert tried == [5, 2, 3, 2]
    assert (len(left), len(alone)) == (4, 1)


def test_other_errors_are_none_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(trainer: StackedTrainer) -> bool:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(trial, "faster", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        trial.train(members(2), Stop(), lambda one: None, lambda one: None)


def test_size_by_what_a_step_goes_over() -> None:
    small, large = member(experiment({})), member(experiment({"model.widths": [700, 700]}))
    assert trial.cache_size(small.program, small.state) == MOST
    assert trial.cache_size(large.program, large.state) == LEAST
