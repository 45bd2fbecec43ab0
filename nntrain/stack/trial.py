"""How many trainings go into one stack: as many as fit and are faster so than one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import perf_counter

import torch

from nntrain.optim.optimizer import Hyper
from nntrain.seeding import derive
from nntrain.stack.member import Member
from nntrain.stack.sizes import LEAST, MOST, MOST_ON_GPU
from nntrain.stack.trainer import StackedTrainer
from nntrain.training.batches import epoch_order, take
from nntrain.training.course import Stop
from nntrain.training.state import TrainState
from nntrain.training.step import Program, train_step

CACHE_BYTES = 2**22  # of parameters, gradients and the optimizer's state of a stack on the CPU: a step goes over all of
# them, and from memory they come at half the speed of the cache
STEPS = 3  # that are timed, after one that is not


def cache_size(program: Program, state: TrainState) -> int:
    """How many trainings like this are fastest as one stack, by the memory that a step goes over."""
    if program.device.type != "cpu":
        return MOST_ON_GPU
    tensors = [state.params.flat, state.params.flat, *state.optimizer.tensors.values()]
    return max(LEAST, min(MOST, CACHE_BYTES // max(1, sum(tensor.nbytes for tensor in tensors))))


def train(
    members: Sequence[Member], stop: Stop, left: Callable[[Member], None], alone: Callable[[Member], None]
) -> None:
    """Train members that agree (see `agree.why_not`), in stacks that fit in memory: where one does not, its halves.

    left: see `StackedTrainer.fit`. alone: called with each member that is to be trained by itself, untouched, because a
    stack would be slower. Raises Interrupted where asked to stop; members that were not begun are as they were.
    """
    if len(members) == 1:
        alone(members[0])
        return
    trainer, wins, fits = None, False, True
    try:
        trainer = StackedTrainer(members, stop)
        wins = faster(trainer)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        fits = False
    if trainer is not None and wins:
        trainer.fit(left)
        return
    if trainer is not None:
        trainer.stack.keep([])  # each has tensors of its own again, and those of the stack are given back
        trainer = None
    if fits:
        for member in members:
            member.screen.note(f"trained by itself: a stack of {len(members)} would be slower here")
            alone(member)
        return
    for member in members:
        member.screen.note(f"a stack of {len(members)} does not fit in memory; its halves train one after the other")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    half = len(members) // 2
    train(members[:half], stop, left, alone)
    train(members[half:], stop, left, alone)


def is_out_of_memory(error: BaseException) -> bool:
    """Of a device, or of this machine, which torch tells by its words alone."""
    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in said


def faster(trainer: StackedTrainer) -> bool:
    """Whether a few steps of the stack take less time than the same steps of its members one after another. An epoch's
    evaluation is tried too, for its memory. Afterwards everything is what it was, to the bit."""
    with untouched(trainer):
        trainer.arrange()
        together = _timed(trainer, lambda position: _stacked_steps(trainer, position))
        trainer.scores(trainer.val, 0, len(trainer.members))
        trainer.scores(trainer.probe, 0, len(trainer.members))
    with untouched(trainer):
        one = _timed(trainer, lambda position: _step_alone(trainer.members[0], position))
    return together < one * len(trainer.members)


@contextmanager
def untouched(trainer: StackedTrainer) -> Iterator[None]:
    """What steps change is put back: states, and torch's random generator."""
    live = [*trainer.stack.tensors.values(), *trainer.stack.optimizer.tensors.values()]
    before, device = [tensor.clone() for tensor in live], trainer.members[0].program.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            for tensor, was in zip(live, before, strict=True):
                tensor.copy_(was)


def _timed(trainer: StackedTrainer, step: Callable[[int], None]) -> float:
    """Seconds of a step: the least of a few."""
    cuda, steps = trainer.samples.targets.device.type == "cuda", len(trainer.losses)
    found = []
    for i in range(1 + STEPS):
        began = perf_counter()
        step(i % steps)
        if cuda:
            torch.cuda.synchronize()
        found.append(perf_counter() - began)
    return min(found[1:])


def _stacked_steps(trainer: StackedTrainer, position: int) -> None:
    for start, stop, places in trainer.orders.at(position):
        trainer.advance(trainer.stack.part(start, stop), places, position)


def _step_alone(member: Member, position: int) -> None:
    course, loop = member.course, member.loop
    order = epoch_order(member.train, course, loop.epoch)
    lr, momentum = course.rates(loop.step + 1)
    seed = derive(course.seed, "noise", loop.epoch, position) if member.program.random else 0
    h, batches = Hyper(loop.step + 1, lr, momentum), take(member.train, order[position])
    with suppress(FloatingPointError):
        train_step(member.program, member.state, batches, h, seed)
