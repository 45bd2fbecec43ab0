"""All trainable parameters as views of one flat vector: rules, penalties and averages are then a few operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

ALIGNMENT = 16  # floats; every view starts on a 64-byte boundary, which the matrix products want


class Parameters:
    """The parameters of a network, laid out weights first, then biases and norms.

    flat: float32 [P], the storage that all views share; the gaps that alignment leaves stay zero.
    views: the network's own parameters, in layout order, each a view of `flat`.
    data: the same views as plain tensors, which autograd does not know: these are what an update writes to.
    weights: how many of `views` are weights (matrices and larger, embeddings included), which weight decay applies to.
    decayed: length of the leading part of `flat` that holds them.
    rates: float32 [P], factors on the learning rate; None where all are 1.
    """

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]], rates: Mapping[str, float] | None = None) -> None:
        trainable = [(name, p) for name, p in named if p.requires_grad]
        ordered = [item for item in trainable if item[1].ndim >= 2] + [item for item in trainable if item[1].ndim < 2]
        self.names = tuple(name for name, _ in ordered)
        self.views = [p for _, p in ordered]
        self.shapes = [p.shape for p in self.views]
        self._strides = [tuple(shape[i + 1 :].numel() for i in range(len(shape))) for shape in self.shapes]
        self.weights = sum(p.ndim >= 2 for p in self.views)
        self.offsets: list[int] = []
        end = 0
        for p in self.views:
            self.offsets.append(end)
            end += -(-p.numel() // ALIGNMENT) * ALIGNMENT
        self.decayed = self.offsets[self.weights] if self.weights < len(self.views) else end
        device = self.views[0].device if self.views else torch.device("cpu")
        self.flat = torch.zeros(end, device=device)
        self.data = self.split(self.flat)
        for p, view in zip(self.views, self.data, strict=True):
            view.copy_(p.data)
            p.data = view
        self.rates: Tensor | None = None
        if rates:
            self.rates = torch.ones_like(self.flat)
            for name, view in zip(self.names, self.split(self.rates), strict=True):
                view.fill_(rates[name])

    def __len__(self) -> int:
        return len(self.views)

    @property
    def count(self) -> int:
        """Trainable numbers, alignment gaps not counted."""
        return sum(p.numel() for p in self.views)

    def split(self, vector: Tensor) -> list[Tensor]:
        """Views of another vector (a moment, an average) of the same layout, one per parameter; of vectors [..., P],
        views [..., *shape]."""
        lead, across, begin = vector.shape[:-1], vector.stride()[:-1], vector.storage_offset()
        spans = zip(self.offsets, self.shapes, self._strides, strict=True)
        return [vector.as_strided(lead + shape, across + stride, begin + at) for at, shape, stride in spans]

    def rebind(self, flat: Tensor) -> None:
        """Let another vector [P] that holds the same be the storage."""
        self.flat = flat
        self.data = self.split(flat)
        for p, view in zip(self.views, self.data, strict=True):
            p.data = view

    def gather(self, tensors: Sequence[Tensor]) -> Tensor:
        """One new flat vector from one tensor per parameter, in layout order; gaps are zero."""
        flat = torch.zeros_like(self.flat)
        torch._foreach_copy_(self.split(flat), list(tensors))
        return flat
