"""The parameters of M networks of one shape, a row of one matrix each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nntrain.optim.parameters import Parameters

ROW = 64  # floats that a row is a multiple of: the vector instructions then do every number of a row alike, wherever
# the row lies among others, and a member's numbers do not depend on who is beside it


def row_width(layout: Parameters) -> int:
    """Numbers in a row: those of one network, and a gap."""
    return -(-len(layout.flat) // ROW) * ROW


class StackedParameters:
    """Those of some neighbours of a stack; `layout` is that of any member (see `Parameters`, whose names these are).

    flat: float32 [M, W], contiguous; gaps are zero. views: [M, *shape] each, the parameters of the stacked network.
    data: the same as plain tensors, which autograd does not know.
    """

    def __init__(self, layout: Parameters, flat: Tensor) -> None:
        self.flat = flat
        self.names = layout.names
        self.shapes = layout.shapes
        self.offsets = layout.offsets
        self.weights = layout.weights
        self.decayed = layout.decayed
        self.data = self.split(flat)
        self.views = [nn.Parameter(view) for view in self.data]
        self._grads = torch.zeros_like(flat)
        self._grad_views = self.split(self._grads)

    def __len__(self) -> int:
        return len(self.views)

    def split(self, vectors: Tensor) -> list[Tensor]:
        """Views [M, *shape] of other vectors [M, W] of the same layout, one per parameter."""
        spans = zip(self.offsets, self.shapes, strict=True)
        return [vectors[:, start : start + shape.numel()].view(-1, *shape) for start, shape in spans]

    def gather(self, grads: Sequence[Tensor]) -> Tensor:
        """Vectors [M, W] from one tensor [M, *shape] per parameter; gaps are zero. The next call writes over them."""
        torch._foreach_copy_(self._grad_views, list(grads))
        return self._grads
