"""Learning without labels: the loss between the inputs and what a network makes of them.

Legend: B samples, C channels, H height, W width, D columns of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from nntrain.objective.corruption import Autoencoder, Layout
from nntrain.seeding import derive
from nntrain.task import Task


class Net(Protocol):
    """The parts of a network that are used here, see `models.network.Network` and `models.autoencoder.Decoder`."""

    body: Any

    def enter(self, x: Tensor) -> Tensor: ...
    def compute(self, x: Tensor) -> Tensor: ...


@dataclass(slots=True)
class Seen:
    """One pass: target [B, ...] clean, given: what the encoder got, mask: which values count (None: all), outputs: what
    came out, laid out like the target or, for rows, [B, outputs]."""

    target: Tensor
    given: Tensor
    mask: Tensor | None
    outputs: Tensor


@dataclass
class Totals:
    """Sums over samples, from which the scores are made; those of parts of a split add up.

    loss, count: sum of the loss over the values that count, and their number. squares, numbers: the same of squared
    errors over pixels and numeric columns, in the unit of the metrics. first, second, weight: sums of those values and
    of their squares and their number, per pixel or column. columns, hits: per column of a table the sum of squared
    errors, of a category how often its greatest score is wrong; and of how many.
    """

    loss: Tensor
    count: Tensor
    squares: Tensor
    numbers: Tensor
    first: Tensor
    second: Tensor
    weight: Tensor
    columns: Tensor
    hits: Tensor

    def __add__(self, other: Totals) -> Totals:
        return Totals(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def scores(self) -> dict[str, Tensor]:
        """loss; rmse; r2, the share of the spread around each value's mean that is explained, over all values as one
        (nan where nothing spreads)."""
        spread = (self.second - self.first**2 / self.weight.clamp_min(1)).sum()
        return {
            "loss": self.loss / self.count.clamp_min(1),
            "rmse": (self.squares / self.numbers).sqrt(),
            "r2": torch.where(spread > 0, 1 - self.squares / torch.where(spread > 0, spread, 1.0), torch.nan),
        }


class Reconstruction:
    """What training lowers where the inputs are the target: the mean over all values (masked: over the hidden ones) of
    the squared error in standardised units, of the cross-entropy for categories.

    corruption: what is done to the inputs first. seed: validation is corrupted in one way fixed by it, so that its
    epochs compare. layer: with greedy layer-wise training the layer that is trained, from 0; None: all as a whole.
    """

    raw_targets = False
    class_weights: Tensor | None = None

    def __init__(self, corruption: Autoencoder, layout: Layout, seed: int, layer: int | None = None) -> None:
        corruption.check(layout)
        self.task = Task("reconstruction", ())
        self.corruption = corruption
        self.layout = layout
        self.seed = seed
        self.layer = layer
        self.outputs = layout.outputs

    def to(self, device: torch.device) -> Reconstruction:
        """Itself: it holds no tensors."""
        del device
        return self

    def loss(self, network: Net, inputs: Tensor, noise: float = 0.0) -> Tensor:
        """The training loss of a batch, 0-d. noise: standard deviation of Gaussian noise on what the encoder is
        given. Draws from torch's own generator."""
        seen = self.look(network, inputs, noise=noise)
        errors = self.errors(seen)
        if seen.mask is None:
            return errors.mean()
        return (errors * seen.mask).sum() / seen.mask.expand_as(errors).sum().clamp_min(1)

    def look(self, network: Net, inputs: Tensor, g: Generator | None = None, noise: float = 0.0) -> Seen:
        """One pass over a batch, inputs as in the split. g: see `Autoencoder`."""
        pictures = self.layout.shape is not None
        target = network.enter(inputs) if pictures else inputs
        if self.layer:  # not the first: it reconstructs what the layers below make of the inputs
            with torch.no_grad():
                target = network.body.head.below(
                    network.body, target if pictures else network.enter(target), self.layer
                )
            given, mask = self.corruption.hidden(target, g)
        else:
            given, mask = self.corruption(target, self.layout, g)
        entered = given if pictures or self.layer else network.enter(given)
        if noise:
            entered = entered + noise * torch.randn_like(entered)
        if self.layer is None:
            outputs = network.compute(entered)
        else:
            outputs = network.body.head.pair(network.body, entered, self.layer)
        outputs = outputs.float()  # under autocast; a loss needs the full mantissa
        if outputs.ndim != target.ndim:
            outputs = outputs.view(target.shape)
        return Seen(target, given, mask, outputs)

    def errors(self, seen: Seen) -> Tensor:
        """The loss of every value, laid out like the target."""
        if not self._categories:
            return (seen.outputs - seen.target) ** 2
        n, codes = self.layout.numeric, seen.target[:, self.layout.numeric :].long()
        parts = self.scores_of_categories(seen.outputs)
        entropies = [F.cross_entropy(part, codes[:, i], reduction="none") for i, part in enumerate(parts)]
        return torch.cat(((seen.outputs[:, :n] - seen.target[:, :n]) ** 2, torch.stack(entropies, 1)), 1)

    @property
    def _categories(self) -> bool:
        return bool(self.layout.cardinalities) and not self.layer

    def scores_of_categories(self, outputs: Tensor) -> tuple[Tensor, ...]:
        """[B, outputs] -> per category the scores of its values, [B, cardinality]."""
        return tuple(torch.split(outputs[:, self.layout.numeric :], list(self.layout.cardinalities), 1))

    def values(self, outputs: Tensor) -> Tensor:
        """Outputs -> what they stand for, laid out like the inputs: pixels and numbers as they are, the category of the
        greatest score."""
        if not self._categories:
            return outputs
        codes = [part.argmax(1, keepdim=True).to(outputs.dtype) for part in self.scores_of_categories(outputs)]
        return torch.cat((outputs[:, : self.layout.numeric], *codes), 1)

    def fixed(self, device: torch.device) -> Generator:
        """The source of the one corruption that validation has."""
        return torch.Generator(device).manual_seed(derive(self.seed, "validation corruption"))

    def totals(self, network: Net, inputs: Tensor, g: Generator) -> Totals:
        """The sums of one batch, inputs as in the split."""
        seen = self.look(network, inputs, g)
        errors = self.errors(seen)
        mask = torch.ones_like(errors) if seen.mask is None else seen.mask.expand_as(errors)
        n = self.layout.numeric if self._categories else errors.shape[1]
        unit = self._unit(errors)
        counted, x = mask[:, :n], seen.target[:, :n] * unit
        found, exact = errors * mask, _exact(errors)
        if self._categories:
            wrong = (self.values(seen.outputs)[:, n:] != seen.target[:, n:]) * mask[:, n:]
            columns = torch.cat((found[:, :n], wrong), 1)
        else:
            columns = found
        told = 0 if self.layout.shape is not None or self.layer else errors.shape[1]  # of a table, column by column
        return Totals(
            loss=found.sum(dtype=exact),
            count=mask.sum(dtype=exact),
            squares=(found[:, :n] * unit**2).sum(dtype=exact),
            numbers=counted.sum(dtype=exact),
            first=(x * counted).sum(0, dtype=exact),
            second=(x**2 * counted).sum(0, dtype=exact),
            weight=counted.sum(0, dtype=exact),
            columns=columns[:, :told].sum(0, dtype=exact),
            hits=mask[:, :told].sum(0, dtype=exact),
        )

    def _unit(self, like: Tensor) -> Tensor:
        """What the metrics' unit is in standardised units: grey levels of pictures, themselves of all else."""
        if self.layout.shape is None or self.layer:
            return like.new_ones(())
        return like.new_tensor(self.layout.unit).view(-1, 1, 1)

    def mean_prediction(self, train: Tensor, inputs: Tensor) -> dict[str, float]:
        """What the mean of the training inputs scores as everyone's reconstruction: rmse and r2. Both as in a split,
        pictures raw; nothing is masked."""
        n = inputs.shape[1] if self.layout.shape is not None else self.layout.numeric
        if n == 0:
            return {"rmse": float("nan"), "r2": float("nan")}
        exact = _exact(inputs)
        center = torch.stack([part[:, :n].sum(0, dtype=exact) for part in torch.split(train, 4096)]).sum(0) / len(train)
        count, squares, first, second = 0, *(torch.zeros_like(center) for _ in range(3))
        for part in torch.split(inputs, 4096):
            x = part[:, :n].to(exact)
            count += len(x)
            squares += ((x - center) ** 2).sum(0)
            first += x.sum(0)
            second += (x**2).sum(0)
        spread = float((second - first**2 / count).sum())
        error = float(squares.sum())
        rmse = (error / (count * center.numel())) ** 0.5
        return {"rmse": rmse, "r2": 1 - error / spread if spread > 0 else float("nan")}


def _exact(like: Tensor) -> torch.dtype:
    """The number format for sums over a whole split; mps has no float64."""
    return torch.float32 if like.device.type == "mps" else torch.float64
