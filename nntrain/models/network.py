"""A network as the trainer sees it: an input layer that knows the data, and a body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd


class Network(nn.Module):
    """`input` turns a batch of a split's inputs (see `Split`) into what `body` takes; `body` returns [B, outputs].

    frozen: dotted names of modules that do not train: they stay in evaluation mode, so that their batch norms keep
    their statistics. from_features: whether what it is given is already what `body.head` takes (see `body.features`),
    computed once because nothing before the head changes.
    """

    def __init__(self, input: nn.Module, body: nn.Module) -> None:
        super().__init__()
        self.input = input
        self.body = body
        self.frozen: tuple[str, ...] = ()
        self._held: set[str] = set()
        self.from_features = False
        self.channels_last = bool(getattr(body, "channels_last", False))

    def enter(self, x: Tensor) -> Tensor:
        """What the body takes: standardised, in the memory layout that suits it."""
        if self.from_features:
            return x
        x = self.input(x)
        return channels_last(x) if self.channels_last and x.ndim == 4 else x

    def compute(self, x: Tensor) -> Tensor:
        """Outputs [B, outputs] for what `enter` returns."""
        return self.body.head(x) if self.from_features else self.body(x)  # type: ignore[no-any-return, operator]

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(self.enter(x))

    def hold(self, parts: Sequence[str]) -> None:
        """Let these modules and parameters, by dotted name, stand still, and train again what stood still before.
        What somebody's own class keeps from training stays as it is."""
        modules = {name for name, _ in self.named_modules()}
        self.frozen = tuple(part for part in parts if part in modules)
        for name, parameter in self.named_parameters():
            still = any(name == part or name.startswith(f"{part}.") for part in parts)
            if still and parameter.requires_grad:
                parameter.requires_grad_(False)
                self._held.add(name)
            elif not still and name in self._held:
                parameter.requires_grad_(True)
                self._held.remove(name)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    @property
    def draws_noise(self) -> bool:
        """Whether training draws random numbers in the forward pass (dropout). Somebody's own module may, unseen."""
        return any(map(_draws, self.modules()))

    @property
    def fixed_features(self) -> bool:
        """Whether the head takes the same for a sample in every epoch: the layers before it, of which there are some,
        stand still and draw nothing."""
        body = self.body
        if not callable(getattr(body, "features", None)) or not isinstance(getattr(body, "head", None), nn.Module):
            return False
        before = [p for name, p in self.named_parameters() if not name.startswith("body.head.")]
        if not before or any(p.requires_grad for p in before):
            return False
        inside = (*self.frozen, "body.head")
        return not any(
            _draws(module)
            for name, module in self.named_modules()
            if not any(name == part or name.startswith(f"{part}.") for part in inside)
        )


def channels_last(x: Tensor) -> Tensor:
    """Pictures [B, C, H, W] with a place's channels side by side in memory, which convolutions on the CPU want.

    One channel lies in both ways at once: torch takes it for the other one, and every layer after it follows, unless
    its strides say which; a training step of grey pictures then takes about 1.3 times as long.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    _, channels, height, width = x.shape
    return x.as_strided(x.shape, (height * width, 1, width, 1)) if channels == 1 else x


def _draws(module: nn.Module) -> bool:
    if type(module).__module__.partition(".")[0] not in ("nntrain", "torch"):
        return True
    if isinstance(module, _DropoutNd):
        return module.p > 0
    return _drops(module, "dropout") or _drops(module, "input_dropout")


def _drops(module: nn.Module, setting: str) -> bool:
    value = getattr(module, setting, 0.0)
    return isinstance(value, float) and value > 0
