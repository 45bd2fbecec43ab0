"""How many members a stack has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import sleep

import pytest
import torch
from stacks import experiment, member, stacked

from nntrain.cores import SHARING
from nntrain.stack import trial
from nntrain.stack.member import Member
from nntrain.stack.sizes import MOST, cut
from nntrain.stack.trainer import StackedTrainer
from nntrain.training.arithmetic import arithmetic
from nntrain.training.course import Interrupted, Stop

NOISY = {"model.dropout": 0.2, "model.norm": "batch", "optimizer.lr": 0.01}


def members(count: int) -> list[Member]:
    return [member(experiment(NOISY | {"seed": seed})) for seed in range(count)]


def bits(one: Member) -> list[bytes]:
    return [tensor.detach().numpy().tobytes() for tensor in one.state.tensors().values()]


def test_a_trial_changes_nothing() -> None:
    tried, untried = members(3), members(3)
    random = torch.get_rng_state()
    trainer = StackedTrainer(tried, Stop())
    trainer.arrange()
    assert all(trial.seconds_each(trainer, size, 2) > 0 for size in (3, 2, 1))
    assert torch.equal(random, torch.get_rng_state())
    assert [bits(one) for one in tried] == [bits(one) for one in untried]
    trainer.fit(lambda one: None)
    assert [bits(one) for one in tried] == [bits(one) for one in stacked(*(NOISY | {"seed": s} for s in range(3)))]


@pytest.mark.parametrize(
    ("took", "tries", "steps"),
    [
        ([0.1, 3.0, 2.0, 4.0, 0.5], 3, 4),
        ([9.0, 0.0006, 0.0005, 0.0004, 0.0007, 0.0001], 1, 5),  # until they are 2 ms
        ([0.1] + 30 * [0.00001], 3, 21),
    ],
)
def test_the_fastest_step_after_the_first(took: Sequence[float], tries: int, steps: int) -> None:
    now = 0.0
    taken: list[int] = []

    def step(position: int) -> None:
        nonlocal now
        now += took[position]
        taken.append(position)

    assert trial.shortest(step, tries, lambda: now) == pytest.approx(min(took[1:steps]))
    assert taken == list(range(steps))


def test_a_thread_by_itself_is_timed_by_what_it_computes() -> None:
    assert torch.get_num_threads() == 1
    clock = trial.clock_of(torch.device("cpu"))
    began = clock()
    sleep(0.01)
    assert clock() - began < 0.01


@pytest.mark.parametrize(
    ("each", "size"),
    [
        ({8: 2, 4: 3, 1: 9}, 8),  # halves are clearly slower: none smaller is tried
        ({8: 4, 4: 4, 2: 2, 1: 9}, 2),
        ({8: 4, 4: 2, 2: 3, 1: 9}, 4),
        ({8: 4, 4: 3.9, 2: 3.8, 1: 9}, 8),  # not enough for more stacks
        ({8: 4, 4: 5, 1: 3}, 1),
        ({8: 4, 4: 3, 2: 2, 1: 1.9}, 1),
        ({5: 4, 3: 3, 2: 2, 1: 9}, 2),
        ({2: 4, 1: 5}, 2),
    ],
)
def test_the_fastest_size(each: Mapping[int, float], size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left = list(each)

    def seconds(trainer: StackedTrainer, size: int, tries: int) -> float:
        assert size == left.pop(0)
        return each[size]

    monkeypatch.setattr(trial, "seconds_each", seconds)
    monkeypatch.setattr(trial, "steps_left", lambda trainer: 1000)
    assert trial.fastest(StackedTrainer(members(next(iter(each))), Stop())) == size
    assert not left


@pytest.mark.parametrize(("steps", "tries"), [(1000, 3), (120, 2), (80, 1), (79, None)])
def test_a_short_training_is_tried_little(steps: int, tries: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(trial, "seconds_each", lambda trainer, size, tries: given.append(tries) or 1.0 / size)
    monkeypatch.setattr(trial, "steps_left", lambda trainer: steps)
    assert trial.fastest(StackedTrainer(members(2), Stop())) == 2
    assert set(given) == ({tries} if tries else set())


def test_no_clock_decides_where_torch_is_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "seconds_each", lambda trainer, size, tries: pytest.fail("it was timed"))
    monkeypatch.setattr(trial, "steps_left", lambda trainer: 1000)
    with arithmetic(torch.device("cpu"), deterministic=True):
        assert trial.fastest(StackedTrainer(members(3), Stop())) == 3


@pytest.mark.parametrize("size", [2, 3])
def test_how_many_train_together_changes_no_bit(size: int) -> None:
    settings = [NOISY | {"seed": seed} for seed in range(6)]
    parts = [one for part in cut(settings, 6 // size) for one in stacked(*part)]
    assert [bits(one) for one in parts] == [bits(one) for one in stacked(*settings)]


def test_steps_left() -> None:
    those = [member(experiment({"epochs": epochs})) for epochs in (3, 5)]
    trainer = StackedTrainer(those, Stop())
    trainer.arrange()
    assert trial.steps_left(trainer) == 4 * trainer.orders.steps(0)
    those[1].loop.history = [{}, {}]
    assert trial.steps_left(trainer) == 3 * trainer.orders.steps(0)


def unsaid(those: Sequence[Member], how: str) -> None:
    pass


@pytest.mark.parametrize("size", [1, 2, 5])
def test_stacks_of_the_fastest_size(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    trained: list[int] = []
    fit = StackedTrainer.fit

    def counted(trainer: StackedTrainer, left: object) -> None:
        trained.append(len(trainer.members))
        fit(trainer, left)  # type: ignore[arg-type]

    monkeypatch.setattr(trial, "fastest", lambda trainer: tried.append(len(trainer.members)) or size)
    monkeypatch.setattr(StackedTrainer, "fit", counted)
    left: list[Member] = []
    alone: list[Member] = []
    said: list[str] = []
    known: trial.Known = {}
    first, others = members(5), members(4)

    def say(those: Sequence[Member], how: str) -> None:
        said.append(f"{len(those)} {how}")

    trial.train(first, Stop(), left.append, alone.append, known, say)
    assert tried == [5]
    assert trained == {1: [], 2: [2, 2], 5: [5]}[size]
    why = "a stack of 5 would be slower here"
    words = {
        1: [f"5 trained each by itself: {why}"],
        2: [f"1 trained by itself: {why}", f"4 trained in stacks of 2: {why}"],
    }
    assert said == words.get(size, [])
    trial.train(others, Stop(), left.append, alone.append, known, say)
    assert tried == [5]  # what is known is not tried again
    assert trained == {1: [], 2: [2, 2, 2, 2], 5: [5, 4]}[size]
    assert set(left) | set(alone) == {*first, *others}
    together = [bits(one) for one in stacked(*(NOISY | {"seed": seed} for seed in range(5)))]
    untouched = [bits(one) for one in members(5)]
    for i, one in enumerate(first):
        assert bits(one) == (together if one in left else untouched)[i]
        assert one in left or one.state.params.flat.untyped_storage().nbytes() == one.state.params.flat.nbytes


def test_what_was_fastest_of_few_says_nothing_of_more(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    monkeypatch.setattr(trial, "fastest", lambda trainer: tried.append(len(trainer.members)) or len(trainer.members))
    known: trial.Known = {}
    for count in (2, 3, 3, 2):
        trial.train(members(count), Stop(), lambda one: None, lambda one: None, known, unsaid)
    assert tried == [2, 3]


def test_after_a_signal_no_other_stack_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "fastest", lambda trainer: 2)
    stop, those, ended = Stop(), members(4), list[Member]()

    def left(one: Member) -> None:
        ended.append(one)
        stop.signal = 15 if len(ended) == 2 else None

    with pytest.raises(Interrupted):
        trial.train(those, stop, left, left, {}, unsaid)
    assert {id(one) for one in ended} == {id(one) for one in those[:2]}
    assert [bits(one) for one in those[2:]] == [bits(one) for one in members(4)[2:]]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")], ids=str)
def test_what_does_not_fit_in_memory_is_halved(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def fits_two(trainer: StackedTrainer) -> int:
        tried.append(len(trainer.members))
        if len(trainer.members) > 2:
            raise error
        return 2

    monkeypatch.setattr(trial, "fastest", fits_two)
    left: list[Member] = []
    alone: list[Member] = []
    said: list[tuple[int, str]] = []
    trial.train(members(6), Stop(), left.append, alone.append, {}, lambda those, how: said.append((len(those), how)))
    assert tried == [6, 3, 2, 3]
    assert (len(left), len(alone)) == (4, 2)
    assert said[0] == (6, "trained in stacks of 3: a stack of 6 does not fit in memory")


def test_other_errors_are_none_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(trainer: StackedTrainer) -> int:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(trial, "fastest", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        trial.train(members(2), Stop(), lambda one: None, lambda one: None, {}, unsaid)


def test_room_is_shared_with_the_other_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    one = member(experiment({}))
    needed = trial.COPIES * sum(tensor.nbytes for tensor in one.state.tensors().values())
    monkeypatch.setattr(trial, "cores", lambda: 4 * torch.get_num_threads())
    monkeypatch.setenv(SHARING, "2")
    for free, room in ((1000 * needed, MOST), (20 * needed, 10), (needed, 1)):
        monkeypatch.setattr(trial, "free_bytes", lambda device, free=free: free)
        assert trial.room(one.program, one.state, 0, 0) == room
    monkeypatch.setattr(trial, "free_bytes", lambda device: 20 * needed)
    assert trial.room(one.program, one.state, 4 * needed // trial.COPIES, 0) == 2
    assert trial.room(one.program, one.state, 0, 2 * needed) == 2
    monkeypatch.delenv(SHARING)  # by a launcher that does not say it
    assert trial.room(one.program, one.state, 0, 0) == 5


def test_what_a_step_keeps() -> None:
    """The outputs of both hidden layers, the batch and the parameters, in float32."""
    one = member(experiment({"model.widths": [600, 500], "model.activation": "relu", "model.dropout": 0}))
    outputs = trial.kept_by_step(one.program, one.train.inputs[:16]) - one.state.params.flat.nbytes
    assert outputs == pytest.approx(4 * 16 * (2 + 600 + 500), rel=0.05)


def test_parts_of_about_the_same_size() -> None:
    assert cut("abcdefg", 3) == [["a", "b"], ["c", "d", "e"], ["f", "g"]]
    assert cut("ab", 1) == [["a", "b"]]
