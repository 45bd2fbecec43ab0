"""How many trainings go into one stack: as many as fit in memory and, tried here, take the least time each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from time import perf_counter, thread_time
from typing import Any

import torch
from torch import Tensor

from nntrain.cores import cores, sharing
from nntrain.optim.optimizer import Hyper
from nntrain.seeding import derive
from nntrain.stack.member import Member
from nntrain.stack.sizes import MOST, MOST_ON_GPU, by_size, cut
from nntrain.stack.stack import Part
from nntrain.stack.trainer import StackedTrainer
from nntrain.training.batches import epoch_order
from nntrain.training.course import Interrupted, Stop
from nntrain.training.features import free_bytes
from nntrain.training.state import TrainState
from nntrain.training.step import Program, train_step

COPIES = 4  # of its state that a training takes: its own, its row in the stack, gradients, the best so far. Samples of
# its own are as many times there, or nearly: in its split, in the stack, and in part as the network takes them
STEPS, SECONDS = 3, 0.002  # of each size that are timed, at least
SHARE = 0.05  # of the steps of a training that a trial may cost
CLEAR = 0.9  # a smaller stack must be faster by so much; after one that is as much slower none smaller is tried

Known = MutableMapping[Any, tuple[int, int]]  # by `kind_of` the members: the size that was fastest, of how many
Say = Callable[[Sequence[Member], str], None]  # how these are trained, where it is otherwise than was planned


def room(program: Program, state: TrainState, samples: int, step: int) -> int:
    """How many trainings like this there is memory for at a time, if every worker of the sweep takes as many, or where
    their number is not known, as many processes as there are cores for; from 1 to MOST.

    samples: bytes of those that are its own, and no other training's. step: see `kept_by_step`.
    """
    on_cpu = program.device.type == "cpu"
    workers = sharing() or (max(1, cores() // torch.get_num_threads()) if on_cpu else 1)
    needed = COPIES * (samples + sum(tensor.nbytes for tensor in state.tensors().values())) + 2 * step
    return max(1, min(MOST if on_cpu else MOST_ON_GPU, free_bytes(program.device) // (workers * needed)))


def kept_by_step(program: Program, inputs: Tensor) -> int:
    """Bytes that the forward pass of a batch keeps for the way back, which has gradients of about as many: of networks
    for pictures far more than their parameters. Statistics of batch norms move."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), program.autocast(program.device):
        _ = program.network.train()(inputs)
    return sum(kept.values())


def train(
    members: Sequence[Member],
    stop: Stop,
    left: Callable[[Member], None],
    alone: Callable[[Member], None],
    known: Known,
    say: Say,
) -> None:
    """Train members that agree (see `agree.why_not`), in stacks of the size that is fastest, one after another; where
    one does not fit in memory, in its halves.

    left: see `StackedTrainer.fit`. alone: called with each member that is to be trained by itself, untouched, because a
    stack would be slower. known: from trials before; a new one adds to it. say: called where that is to be
    several stacks, or none. Raises Interrupted where asked to stop; members that were not begun are as they were.
    """
    if stop.signal is not None:
        raise Interrupted
    count, trainer, fits = len(members), None, True
    if count == 1:
        alone(members[0])
        return
    kind = kind_of(members[0])
    size, of = known.get(kind, (0, 0))
    try:
        if size >= count:
            trainer = StackedTrainer(members, stop)
        elif size == of:  # nothing is known of so many
            trainer = StackedTrainer(members, stop)
            size, _ = known[kind] = fastest(trainer), count
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        fits, size = False, -(-count // 2)
    if trainer is not None and size >= count:
        trainer.fit(left)
        return
    if trainer is not None:
        trainer.stack.keep([])  # each has tensors of its own again, and those of the stack are given back
        trainer = None
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    parts, why = cut(members, -(-count // size)), "would be slower here" if fits else "does not fit in memory"
    for those, how in by_size(parts):
        say(those, f"trained {how}: a stack of {count} {why}")
    for part in parts:
        train(part, stop, left, alone, known, say)


def kind_of(member: Member) -> Any:
    """What the time of a step depends on, of members of the same group of a sweep."""
    shapes, course = member.state.params.shapes, member.course
    return tuple(shapes), course.batch_size, course.accumulate, type(member.program.optimizer)


def is_out_of_memory(error: BaseException) -> bool:
    """Of a device, or of this machine, which torch tells by its words alone."""
    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in said


def fastest(trainer: StackedTrainer) -> int:
    """How many of its members are to be one stack: the size whose steps take least time a member, 1 for one by one.

    Tried are all, their halves, quarters and so on, as long as these are not clearly slower, and one alone. That takes
    less than twice the steps of all. Where those are too large a share of the training, it is all, untried; and where
    torch is to be deterministic, as a clock is not. On a GPU an epoch's evaluation is tried too, for its memory.
    Afterwards everything is what it was, to the bit.
    """
    count = len(trainer.members)
    with untouched(trainer):
        trainer.arrange()
        if trainer.members[0].program.device.type == "cuda":
            for evaluation in (trainer.validation.val, trainer.validation.probe):
                trainer.validation.scores(evaluation, 0, count)
    tries = min(STEPS, int(SHARE * steps_left(trainer) / 2) - 1)
    if tries < 1 or torch.are_deterministic_algorithms_enabled():
        return count
    best = size = count
    least = seconds_each(trainer, count, tries)
    while (size := -(-size // 2)) > 1:
        took = seconds_each(trainer, size, tries)
        if took < CLEAR * least:
            best, least = size, took
        elif CLEAR * took > least:
            break
    return best if least <= seconds_each(trainer, 1, tries) else 1


def steps_left(trainer: StackedTrainer) -> float:
    """Of a member, on average, if none stops early."""
    members, orders = trainer.members, trainer.orders
    left = [(m.course.epochs - len(m.loop.history)) * orders.steps(row) for row, m in enumerate(members)]
    return sum(left) / len(left)


def seconds_each(trainer: StackedTrainer, size: int, tries: int) -> float:
    """Of a step, for each of the first `size` members: as a stack, or one by itself."""
    step = step_together(trainer, size) if size > 1 else step_alone(trainer.members[0])
    positions = min(trainer.orders.steps(row) for row in range(size))
    with untouched(trainer):
        return shortest(lambda i: step(i % positions), tries, clock_of(trainer.members[0].program.device)) / size


def shortest(step: Callable[[int], None], tries: int, clock: Callable[[], float]) -> float:
    """The time of the fastest of some steps after the first: `tries`, and more, up to 20, where these are soon over, as
    a processor is slow at first."""
    found: list[float] = []
    for i in range(21):
        began = clock()
        step(i)
        found.append(clock() - began)
        if i >= tries and sum(found[1:]) >= SECONDS:
            break
    return min(found[1:])


def clock_of(device: torch.device) -> Callable[[], float]:
    """Seconds of what is computed; where one thread does it, without those in which the system ran others."""

    def after_all() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return perf_counter()

    return thread_time if device.type == "cpu" and torch.get_num_threads() == 1 else after_all


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


def step_together(trainer: StackedTrainer, size: int) -> Callable[[int], None]:
    """The step at a position of the epoch, of the first members as one."""
    stack = trainer.stack
    part = stack.part if size == len(stack.members) else cache(partial(Part, stack))  # smaller ones are not kept

    def step(position: int) -> None:
        for start, stop, places in trainer.orders.at(position):
            if start < size:
                stop = min(stop, size)
                trainer.advance(part(start, stop), places[: stop - start], position)

    return step


def step_alone(member: Member) -> Callable[[int], None]:
    """The step at a position of the epoch, as it is alone."""
    course, loop = member.course, member.loop
    order = epoch_order(member.train, course, loop.epoch)

    def step(position: int) -> None:
        lr, momentum = course.rates(loop.step + 1)
        seed = derive(course.seed, "noise", loop.epoch, position) if member.program.random else 0
        h, batches = Hyper(loop.step + 1, lr, momentum), member.batches(order[position])
        with suppress(FloatingPointError):
            train_step(member.program, member.state, batches, h, seed)

    return step
