"""The members' metrics on splits of theirs, from one forward pass: dropout off, statistics fixed, no gradient.

Legend: M members, N samples of a split, K outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.objective.averages import real
from nntrain.objective.metrics import compute
from nntrain.stack.batches import Samples, StackedBatch
from nntrain.stack.stack import Part

if TYPE_CHECKING:
    from nntrain.data.dataset import Split

BATCH = {"cpu": 64}  # samples of a member at a time, so that what all members compute stays in the cache
LARGE_BATCH = 512  # the same on other devices. No matter how many members: other sizes round otherwise


class Evaluation:
    """A split of each member, or some samples of it.

    chosen: int64 [N] for each member, or None for all its samples in order.
    """

    def __init__(self, splits: Sequence[Split], chosen: Sequence[Tensor | None]) -> None:
        self.samples = Samples(splits)
        self.whole = self.samples.shared and all(choice is None for choice in chosen)
        self.places = [
            (torch.arange(len(split), device=split.inputs.device) if choice is None else choice) + first
            for split, choice, first in zip(splits, chosen, self.samples.first, strict=True)
        ]

    def keep(self, rows: Sequence[int]) -> None:
        self.places = [self.places[row] for row in rows]

    def scores(self, part: Part) -> list[dict[str, float]]:
        """`loss` and the metrics that each member of a part follows, whose samples are equally many; one sync."""
        parts = list(self._batches(part))
        outputs = torch.cat([some.mT for some in _outputs(part, parts)], 2).mT.float()  # as the network lays them out
        targets = torch.cat([batch.targets for batch in parts], 1)
        weights = [batch.weights for batch in parts if batch.weights is not None]
        whole = StackedBatch(outputs, targets, torch.cat(weights, 1) if weights else None, self.count(part.start))
        return scores_of(part, outputs, whole)  # only the last batch is filled up

    def count(self, row: int) -> int:
        """Samples of a member."""
        return len(self.places[row])

    def _batches(self, part: Part) -> list[StackedBatch]:
        size, count = BATCH.get(part.program.device.type, LARGE_BATCH), self.count(part.start)
        if self.whole:
            ends = [(start, min(start + size, count)) for start in range(0, count, size)]
            return [self.samples.same(part.stop - part.start, start, end) for start, end in ends]
        places = torch.stack(self.places[part.start : part.stop])
        return [self.samples.take(some) for some in torch.split(places, size, 1)]


@torch.no_grad()
def _outputs(part: Part, batches: Sequence[StackedBatch]) -> list[Tensor]:
    network = part.network.eval()
    with part.program.autocast(part.program.device):
        outputs = []
        for batch in batches:
            part.rows.count = batch.rows
            outputs.append(network(batch.inputs))
    network.train()
    return outputs


@torch.no_grad()
def scores_of(part: Part, outputs: Tensor, whole: StackedBatch) -> list[dict[str, float]]:
    """Of outputs float32 [M, N, K] for a whole split."""
    objective, task = part.objective, part.program.objective.task
    wanted = [member.course.metrics for member in part.members]
    found = {"loss": objective.evaluation_losses(outputs, whole)}
    predictions = objective.predictions(outputs)[:, : whole.rows]
    own = objective.own_unit(whole.targets)[:, : whole.rows]
    for name in dict.fromkeys(name for names in wanted for name in names):
        if name in TOGETHER and not task.is_multilabel:
            found[name] = TOGETHER[name](predictions, own)
        elif name != "loss":
            unwanted = torch.zeros((), dtype=real(predictions), device=predictions.device)
            each = zip(predictions.unbind(), own.unbind(), wanted, strict=True)
            values = [compute([name], task, p, t)[name] if name in names else unwanted for p, t, names in each]
            found[name] = torch.stack(values)
    table = torch.stack([values.to(real(values)) for values in found.values()], 1).tolist()
    rows = [dict(zip(found, row, strict=True)) for row in table]
    return [{name: row[name] for name in ("loss", *names)} for row, names in zip(rows, wanted, strict=True)]


# The metrics of `objective/metrics.py` that are shown most, over a leading axis: predictions [M, N, K], targets [M, N]
# or [M, N, T] -> [M].


def _accuracy(predictions: Tensor, targets: Tensor) -> Tensor:
    return (predictions.mT.max(1).indices == targets).to(real(predictions)).mean(1)


def _log_loss(predictions: Tensor, targets: Tensor) -> Tensor:
    step = torch.finfo(predictions.dtype).eps
    p = predictions.gather(2, targets.unsqueeze(2)).squeeze(2).clamp(step, 1 - step)
    return -p.to(real(p)).log().mean(1)


def _rmse(predictions: Tensor, targets: Tensor) -> Tensor:
    return ((predictions - targets).to(real(targets)) ** 2).mean(1).sqrt().mean(1)


def _mae(predictions: Tensor, targets: Tensor) -> Tensor:
    return (predictions - targets).to(real(targets)).abs().mean(1).mean(1)


TOGETHER: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "accuracy": _accuracy,
    "log_loss": _log_loss,
    "rmse": _rmse,
    "mae": _mae,
}
