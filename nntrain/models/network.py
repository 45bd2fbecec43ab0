"""A network as the trainer sees it: an input layer that knows the data, and a body."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd


class Network(nn.Module):
    """`input` turns a batch of a split's inputs (see `Split`) into what `body` takes; `body` returns [B, outputs]."""

    def __init__(self, input: nn.Module, body: nn.Module) -> None:
        super().__init__()
        self.input = input
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.input(x))  # type: ignore[no-any-return]

    @property
    def draws_noise(self) -> bool:
        """Whether training draws random numbers in the forward pass (dropout)."""
        return any(
            module.p > 0
            if isinstance(module, _DropoutNd)
            else _drops(module, "dropout") or _drops(module, "input_dropout")
            for module in self.modules()
        )


def _drops(module: nn.Module, setting: str) -> bool:
    value = getattr(module, setting, 0.0)
    return isinstance(value, float) and value > 0
