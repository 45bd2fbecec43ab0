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
        """Whether training draws random numbers in the forward pass (dropout). Somebody's own module may, unseen."""
        return any(map(_draws, self.modules()))


def _draws(module: nn.Module) -> bool:
    if type(module).__module__.partition(".")[0] not in ("nntrain", "torch"):
        return True
    if isinstance(module, _DropoutNd):
        return module.p > 0
    return _drops(module, "dropout") or _drops(module, "input_dropout")


def _drops(module: nn.Module, setting: str) -> bool:
    value = getattr(module, setting, 0.0)
    return isinstance(value, float) and value > 0
