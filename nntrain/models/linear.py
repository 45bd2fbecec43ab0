"""Linear, logistic and softmax regression: the loss decides which."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Linear(nn.Linear):
    """One linear layer with bias: [B, inputs] or [B, C, H, W] with C * H * W = inputs -> [B, outputs]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.flatten(1) if x.ndim > 2 else x, self.weight, self.bias)
