"""The training loop of a stack: `training/trainer.py` for many members at once, each as it would be alone.

Legend: M members.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nntrain.optim.optimizer import Hyper
from nntrain.seeding import derive
from nntrain.stack.agree import by_kind
from nntrain.stack.batches import Orders, Samples, entered
from nntrain.stack.diagnose import look_at_gradients
from nntrain.stack.member import Member
from nntrain.stack.stack import Part, Stack
from nntrain.stack.step import average_shares, train_step
from nntrain.stack.validation import Validation
from nntrain.training.batches import epoch_order, shuffled
from nntrain.training.course import Interrupted, Stop
from nntrain.training.diagnose import NonFiniteError, locate


class StackedTrainer:
    """Trains members that agree (see `agree.py`), each from the epoch that its `loop` stands before to its end.

    Seconds are a member's share of those of the stack: its part in what all of them cost.

    As it would be alone: the same weights, batches and draws to begin with, and the same arithmetic but for the
    rounding of float32, as a batched product adds up in another order. Training enlarges that rounding: by kinks, where
    an activation such as relu falls on the other side of 0; and by optimizers that divide by a gradient's size, as Adam
    does, where a gradient is 0 in theory. Batch norm with an input column that is always the same is such a case: Adam
    scales the rounding noise of its gradient to full steps (on digits val_loss differs by 2e-4 by the second epoch).
    """

    def __init__(self, members: Sequence[Member], stop: Stop) -> None:
        assert all(member.loop.position == 0 for member in members), "a member inside an epoch is trained alone"
        members = by_kind(members)
        networks = [member.program.network for member in members]
        splits = [*(member.train for member in members), *(member.val for member in members)]
        taken = None if members[0].augment else entered(2 * networks, splits)
        self.stack = Stack(members, entered=taken is not None)
        self.stop = stop
        train, val = (taken or splits)[: len(members)], (taken or splits)[len(members) :]
        self.samples = Samples(train)
        self.validation = Validation(self.stack, train, val)
        # whether all are at the same step throughout, as they have the same number of samples
        self.in_step = len({(member.loop.step, len(member.train)) for member in members}) == 1
        self.orders: Orders
        self.losses: Tensor  # float32 [steps of the epoch, M]
        self.begun: NDArray[np.int64]  # [M], each member's steps before the epoch
        self.factors: NDArray[np.float64]  # [M], on the learning rates
        self.position = 0  # steps of the epoch that are done, of members that have so many
        self.spent = 0.0  # seconds of the epoch, of each member
        self.mark = perf_counter()
        for member in members:
            member.program.network.train()

    @property
    def members(self) -> list[Member]:
        """Those that are still training."""
        return self.stack.members

    def fit(self, left: Callable[[Member], None]) -> None:
        """`left` is called with each member as it ends: its epochs done, stopped early, pruned, out of time, or with
        its `error` set. Raises Interrupted where asked to stop; what was learnt is saved."""
        while self.members:
            self.begin_epoch()
            self.steps(left)
            if self.members:
                self.end_epoch(0, len(self.members))
                self.dismiss(left)

    def begin_epoch(self) -> None:
        self.arrange()
        for row, member in enumerate(self.members):
            member.screen.epoch_begin(member.loop.epoch, self.orders.steps(row))
        self.position, self.spent, self.mark = 0, 0.0, perf_counter()

    def arrange(self) -> None:
        """Lay out the steps of an epoch."""
        orders = [self.order(row) for row in range(len(self.members))]
        self.orders = Orders(orders, self.members[0].course.step_size, self.samples.inputs.device)
        steps = [self.orders.steps(row) for row in range(len(self.members))]
        self.losses = torch.zeros(max(steps), len(self.members), device=self.samples.targets.device)
        self.begun = np.array([member.loop.step for member in self.members])
        self.factors = np.array([member.loop.rate_factor for member in self.members])

    def order(self, row: int) -> Tensor:
        """The places in `samples` of a member's samples, as its epoch takes them."""
        split, course, first = self.members[row].train, self.members[row].course, self.samples.first[row]
        if course.batch_size is None:
            return torch.arange(first, first + len(split))
        return shuffled(split, course, self.members[row].loop.epoch) + first

    def steps(self, left: Callable[[Member], None]) -> None:
        """The steps of one epoch; of a member that ends within it, the end."""
        limits, due = self.time_limits(), self.next_save()
        for position in range(len(self.losses)):
            for start, stop, places in self.orders.at(position):
                self.step(self.stack.part(start, stop), places, position)
            self.position = self.members[0].screen.done = position + 1
            self.tick()
            if self.stop.signal is not None:
                self.save(self.members)
                raise Interrupted
            if self.mark > due:
                self.save([m for m in self.members if 0 < m.course.every_seconds < self.mark - m.saved_at])
                due = self.next_save()
            if self.spent > min(limits):
                for row, limit in enumerate(limits):
                    if self.spent > limit and self.members[row].error is None:
                        self.end_epoch(row, row + 1)
            if self.dismiss(left):
                limits = self.time_limits()
            if not self.members:
                return
        self.check_device()
        self.dismiss(left)

    def step(self, part: Part, places: Tensor, position: int) -> None:
        """The next step of some neighbours; those whose loss or gradient is not finite fail and stand still."""
        for row in self.advance(part, places, position):
            self.fail(part.start + row, position)

    def advance(self, part: Part, places: Tensor, position: int) -> list[int]:
        """The step, and which of the neighbours could not take it."""
        members, rows, first = part.members, slice(part.start, part.stop), part.members[0]
        size = places.shape[1] if first.course.batch_size is None else first.course.batch_size
        batches = [part.take(self.samples, some) for some in torch.split(places, size, 1)]
        seeds = [derive(m.course.seed, "noise", m.loop.epoch, position) for m in members] if part.random else []
        steps = self.begun[rows] + position + 1
        shares = average_shares(members, steps)
        losses, bad = train_step(part, batches, self.hyper(part, position), seeds, shares)
        self.losses[position, rows] = losses
        return bad

    def hyper(self, part: Part, position: int) -> Hyper:
        """Steps, rates and momenta of a part. Members that go in step have one number for their step, all along: an
        array of equal ones rounds otherwise."""
        steps: Any = self.begun + position + 1
        steps = int(steps[0]) if self.in_step else steps
        lr, momentum = self.stack.rates(steps)
        rows, lr = slice(part.start, part.stop), lr * self.factors
        if isinstance(momentum, np.ndarray):
            momentum = momentum[rows]
        h: Any = (steps if self.in_step else steps[rows], lr[rows], momentum)
        return Hyper(*h)

    def end_epoch(self, start: int, stop: int) -> None:
        """What follows the last step of some neighbours' epoch; sets their `stop_reason` where no other follows."""
        members = self.members[start:stop]
        for place in range(start, stop):
            self.settle(place)
        train_losses = self.train_losses(start, stop)
        scores, better, seen = self.validation(start, stop)
        look_at_gradients(self.stack, self.samples, start, stop)
        self.tick()
        for i, member in enumerate(members):
            loop, course, sizes = member.loop, member.course, self.orders.sizes(start + i)[: member.loop.position]
            lr = course.rates(loop.step)[0] * loop.rate_factor
            row = loop.add_row(lr, train_losses[i], seen[i], scores[i], self.spent, sum(sizes))
            member.keeper.rows(loop.history)
            member.screen.epoch_end(row, better[i])
            course.next_epoch(loop, scores[i][course.stopping.monitor], member.judge)
            if loop.stop_reason is not None or perf_counter() - member.saved_at > course.every_seconds:
                member.save(torch.zeros(0))

    def train_losses(self, start: int, stop: int) -> list[float]:
        """Each member's mean training loss per sample, its steps having different sizes."""
        rows, found = range(start, stop), self.losses[: self.position].double().cpu()
        sizes = [torch.tensor(self.orders.sizes(row)[: self.position], dtype=torch.float64) for row in rows]
        return [float(found[: len(n), row] @ n / n.sum()) for row, n in zip(rows, sizes, strict=True)]

    def tick(self) -> None:
        now = perf_counter()
        self.spent += (now - self.mark) / len(self.members)
        self.mark = now

    def time_limits(self) -> list[float]:
        """Seconds that each member may still spend on this epoch."""
        limits = [(member.course.time_limit, member.loop.seconds) for member in self.members]
        return [math.inf if limit is None else limit - seconds for limit, seconds in limits]

    def next_save(self) -> float:
        """When the state of a member is to be saved next, on the clock of `mark`."""
        saved = [m.saved_at + m.course.every_seconds for m in self.members if m.course.every_seconds > 0]
        return min(saved, default=math.inf)

    def settle(self, row: int) -> None:
        """Write into a member's loop how far it is in its epoch, which `position` says for all."""
        member = self.members[row]
        loop, start = member.loop, member.course.swa_start
        loop.position = member.screen.done = min(self.position, self.orders.steps(row))
        loop.step = int(self.begun[row]) + loop.position
        loop.epoch_seconds = self.spent
        if start is not None:
            loop.averaged_steps = max(0, loop.step - start + 1)

    def save(self, members: Sequence[Member]) -> None:
        for row, member in enumerate(self.members):
            if member in members and member.error is None:
                self.settle(row)
                member.save(self.losses[: member.loop.position, row].cpu())

    def check_device(self) -> None:
        """Ask, once an epoch, whether a member's step was not finite; its parameters stood still from that one on."""
        if self.members[0].program.asks:
            return
        found = self.stack.tensors["found_inf"].tolist()
        skipped = self.stack.tensors["skipped"].tolist()
        for row, bad in enumerate(found):
            if bad:
                self.fail(row, self.orders.steps(row) - int(skipped[row]))

    def fail(self, row: int, position: int) -> None:
        """End a member at a step whose loss or gradient is not finite; its parameters are those before it."""
        member = self.members[row]
        self.settle(row)
        member.best.save(member.keeper)
        batches = member.batches(epoch_order(member.train, member.course, member.loop.epoch)[position])
        noise_seed = derive(member.course.seed, "noise", member.loop.epoch, position)
        where = locate(member.program, member.state, batches, noise_seed)
        member.error = NonFiniteError(f"epoch {member.loop.epoch}, step {position + 1}: {where}")

    def dismiss(self, left: Callable[[Member], None]) -> bool:
        """Compact the stack to those that go on; whether somebody left."""
        gone = [m for m in self.members if m.error is not None or m.loop.stop_reason is not None]
        if not gone:
            return False
        rows = [row for row, member in enumerate(self.members) if member not in gone]
        self.stack.keep(rows)
        self.samples.keep(rows)
        self.validation.keep(rows)
        self.orders.keep(rows)
        self.losses, self.begun, self.factors = self.losses[:, rows], self.begun[rows], self.factors[rows]
        for member in gone:
            left(member)
        self.mark = perf_counter()
        return True
