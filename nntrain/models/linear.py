"""Linear, logistic and softmax regression: the loss decides which."""

from __future__ import annotations

from torch import Tensor, nn

from nntrain.models import members


class Linear(nn.Module):
    """One linear layer with bias: [B, inputs] or [B, C, H, W] with C * H * W = inputs -> [B, outputs]."""

    layers = ("head",)

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.head = members.Linear(inputs, outputs)

    def features(self, x: Tensor) -> Tensor:
        """What the head takes: [B, inputs], or for a stack of networks [M, B, inputs]."""
        return x.flatten(-3) if x.ndim > 3 else x

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))  # type: ignore[no-any-return]
