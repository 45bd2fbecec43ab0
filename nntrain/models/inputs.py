"""Input layers: from the compact tensors that lie on the device to what a network's body takes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nntrain.models.members import Embedding


class PixelInput(nn.Module):
    """Pictures uint8 [B, C, H, W] -> float32 [B, C, H, W], (pixel - mean) / std with one pair per channel, on the
    pixels' scale (0 to 255). A channel whose std is 0 is only centred. Nothing is trained or stored: the pairs are the
    data's. For a stack of networks, uint8 [M, B, C, H, W]; where its members' pairs differ, scale is [M, C, 1, 1]."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        scale = [1 / s if s > 0 else 1.0 for s in std]
        shift = torch.tensor([-m * a for m, a in zip(mean, scale, strict=True)])
        self.single = scale[0] if len(scale) == 1 else None
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", torch.tensor(scale).view(-1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(()) if len(scale) == 1 else shift.view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.scale.ndim == 4:
            return torch.addcmul(self.shift.view(len(x), 1, -1, 1, 1), x, self.scale.unsqueeze(1))
        if self.single is not None:
            return torch.add(self.shift, x, alpha=self.single)  # shift + scale * x, conversion included, in one kernel
        return torch.addcmul(self.shift, x, self.scale)


def embedding_width(cardinality: int) -> int:
    """How many numbers stand for a category of that many values: min(50, 1.6 * cardinality^0.56) (fastai's rule)."""
    return min(50, round(1.6 * math.pow(cardinality, 0.56)))


class TableInput(nn.Module):
    """Table rows float32 [B, numeric + categories] -> float32 [B, features]; for a stack of networks [M, B, ...].

    Numeric columns pass through. A category of at most `one_hot_max` values becomes its one-hot vector, a larger one a
    learned embedding of `embedding_dim` numbers (null: `embedding_width`). Codes run from 0 (never seen or missing) to
    cardinality - 1.
    """

    def __init__(
        self, numeric: int, cardinalities: Sequence[int] = (), one_hot_max: int = 16, embedding_dim: int | None = None
    ) -> None:
        super().__init__()
        small = [(numeric + i, n) for i, n in enumerate(cardinalities) if n <= one_hot_max]
        large = [(numeric + i, n) for i, n in enumerate(cardinalities) if n > one_hot_max]
        widths = [embedding_width(n) if embedding_dim is None else embedding_dim for _, n in large]
        self.numeric = numeric
        self.categories = len(cardinalities)
        self.one_hot = len(small) > 0
        self.embedded = [column for column, _ in large]
        self.embeddings = nn.ModuleList(Embedding(n, w) for (_, n), w in zip(large, widths, strict=True))
        self.features = numeric + sum(n for _, n in small) + sum(widths)
        columns = torch.tensor([column for column, n in small for _ in range(n)], dtype=torch.int64)
        levels = torch.tensor([level for _, n in small for level in range(n)], dtype=torch.float32)
        self.columns: Tensor
        self.levels: Tensor
        self.register_buffer("columns", columns, persistent=False)
        self.register_buffer("levels", levels, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.categories:
            return x
        parts = [x[..., : self.numeric]] if self.numeric else []
        if self.one_hot:
            parts.append((x.index_select(-1, self.columns) == self.levels).to(x.dtype))
        for column, embedding in zip(self.embedded, self.embeddings, strict=True):
            parts.append(embedding(x[..., column].long()))
        return torch.cat(parts, -1)
