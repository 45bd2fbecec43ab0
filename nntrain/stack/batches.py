"""The batches of a stack: samples of several splits in one tensor, taken by index, in each member's own order.

Legend: M members, B samples in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nntrain.training.step import Mixed

if TYPE_CHECKING:
    from nntrain.data.dataset import Split
    from nntrain.models.network import Network

FILL = 32  # floats of two of the widest vector registers there are
ENTERED_BYTES = 2**28  # of inputs that are kept as the networks take them, at most; pictures are four times as large


@dataclass(slots=True)
class StackedBatch:
    """As `Batch`, each tensor [M, B, ...]; of the B rows `rows` are samples, the others fill it up.

    On the CPU a batch has a multiple of FILL rows: each member's numbers then begin at the same place in a vector
    register and in a cache line wherever it stands in the stack, and what it computes is the same to the bit whoever is
    beside it. (Torch's kernels round what is left at the end of a tensor otherwise, and MKL's what is not aligned.)
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None
    rows: int
    mixed: Mixed | None = None


def joined(batches: Sequence[StackedBatch]) -> StackedBatch:
    """Those of several members after one another."""
    first = batches[0]
    if len(batches) == 1:
        return first
    weights = [batch.weights for batch in batches if batch.weights is not None]
    mixed = [batch.mixed for batch in batches if batch.mixed is not None]
    return StackedBatch(
        torch.cat([batch.inputs for batch in batches]),
        torch.cat([batch.targets for batch in batches]),
        torch.cat(weights) if weights else None,
        first.rows,
        Mixed(torch.cat([m.targets for m in mixed]), torch.cat([m.share for m in mixed])) if mixed else None,
    )


class Samples:
    """Several splits, one after another; those that are the same tensors stand there once.

    first: where each member's samples begin.
    """

    def __init__(self, splits: Sequence[Split]) -> None:
        places: dict[tuple[int, int, int], int] = {}
        distinct: list[Split] = []
        self.first: list[int] = []
        for split in splits:
            key = (id(split.inputs), id(split.targets), id(split.weights))
            if key not in places:
                places[key] = sum(map(len, distinct))
                distinct.append(split)
            self.first.append(places[key])
        self.shared = len(distinct) == 1
        self.inputs = _joined([split.inputs for split in distinct])
        self.targets = _joined([split.targets for split in distinct])
        weighted = any(split.weights is not None for split in distinct)
        weights = [torch.ones(len(s), device=s.device) if s.weights is None else s.weights for s in distinct]
        self.weights = _joined(weights) if weighted else None

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with the members of these rows; the samples of the others stay."""
        self.first = [self.first[row] for row in rows]

    def take(self, places: Tensor) -> StackedBatch:
        """Samples by their places in all splits, int64 [M, B]; filled up with the last one."""
        rows, places = places.shape[1], self.filled(places)
        flat, shape = places.reshape(-1), places.shape
        return StackedBatch(
            self.inputs.index_select(0, flat).view(*shape, *self.inputs.shape[1:]),
            self.targets.index_select(0, flat).view(*shape, *self.targets.shape[1:]),
            None if self.weights is None else self.weights.index_select(0, flat).view(shape),
            rows,
        )

    def filled(self, places: Tensor) -> Tensor:
        """Places [M, B] with the last one repeated, so that they fill a batch."""
        gap = self.gap(places.shape[1])
        return torch.cat((places, places[:, -1:].expand(-1, gap)), 1) if gap else places

    def same(self, members: int, start: int, stop: int) -> StackedBatch:
        """Samples start ... stop - 1 of the one split that all share, of which no copies are made."""
        if self.gap(stop - start):
            return self.take(torch.arange(start, stop, device=self.inputs.device).expand(members, -1))
        weights = None if self.weights is None else _alike(self.weights[start:stop], members)
        inputs, targets = _alike(self.inputs[start:stop], members), _alike(self.targets[start:stop], members)
        return StackedBatch(inputs, targets, weights, stop - start)

    def gap(self, rows: int) -> int:
        """How many rows fill a batch up."""
        return -rows % FILL if self.targets.device.type == "cpu" else 0


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))


def _alike(rows: Tensor, members: int) -> Tensor:
    return rows.unsqueeze(0).expand(members, *rows.shape)


def entered(networks: Sequence[Network], splits: Sequence[Split]) -> list[Split] | None:
    """The splits with what the networks' bodies take in place of the inputs, computed once, where that is always the
    same (no embeddings) and small; else None. Splits that were the same still are."""
    values = sum({id(split.inputs): split.inputs.numel() for split in splits}.values())
    if any(True for network in networks for _ in network.input.parameters()) or 4 * values > ENTERED_BYTES:
        return None
    made: dict[Any, Tensor] = {}
    found = []
    for network, split in zip(networks, splits, strict=True):
        constants = [buffer.cpu().numpy().tobytes() for buffer in network.input.buffers()]
        key = (id(split.inputs), *constants)
        if key not in made:
            made[key] = network.enter(split.inputs)
        found.append(replace(split, inputs=made[key]))
    return found


class Orders:
    """In which order an epoch takes the samples of each member: its steps for neighbours at once, where these have
    equally many samples.

    orders: int64 [N], one a member, places in `Samples`, on the CPU. step_size: samples of a step, None: all.
    """

    def __init__(self, orders: Sequence[Tensor], step_size: int | None, device: torch.device) -> None:
        self.orders = list(orders)
        self.step_size = step_size
        self.device = device
        self._join()

    def keep(self, rows: Sequence[int]) -> None:
        self.orders = [self.orders[row] for row in rows]
        self._join()

    def _join(self) -> None:
        """Neighbours of one length as one tensor [m, N]."""
        runs = neighbours([len(order) for order in self.orders])
        self._runs = [(start, torch.stack(self.orders[start:stop]).to(self.device)) for start, stop in runs]

    def sizes(self, row: int) -> list[int]:
        """How many samples each step of a member takes."""
        count = len(self.orders[row])
        size = self.step_size or count
        return [min(size, count - start) for start in range(0, count, size)]

    def steps(self, row: int) -> int:
        return -(-len(self.orders[row]) // (self.step_size or len(self.orders[row])))

    def at(self, position: int) -> list[tuple[int, int, Tensor]]:
        """For a step of the epoch: neighbours start ... stop - 1 and their places [m, B]. Members whose epoch has fewer
        steps are left out."""
        found: list[tuple[int, int, Tensor]] = []
        for start, order in self._runs:
            size = self.step_size or order.shape[1]
            places = order[:, position * size : (position + 1) * size]
            if places.shape[1] == 0:
                continue
            if found and found[-1][1] == start and found[-1][2].shape[1] == places.shape[1]:
                first, _, others = found.pop()
                found.append((first, start + len(order), torch.cat((others, places))))
            else:
                found.append((start, start + len(order), places))
        return found


def neighbours(kinds: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Start and end of each run of equal ones."""
    start = 0
    for i in range(1, len(kinds) + 1):
        if i == len(kinds) or kinds[i] != kinds[start]:
            yield start, i
            start = i
