"""What changes while a network trains, all of it: tensors in `TrainState`, numbers in `LoopState`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from nntrain.optim.optimizer import State
from nntrain.optim.parameters import Parameters

Row = dict[str, float]  # of metrics.csv


@dataclass
class TrainState:
    """The tensors that a step reads and advances in place.

    found_inf: float32 scalar; not 0 once a loss or gradient was not finite, and from then on the parameters stand
    still. skipped: float32 scalar, steps that left them so. loss_scale, growth: fp16 loss scaling, float32 and int32
    scalars. average: the running average of the parameters (EMA, SWA), laid out like `params.flat`. frozen: parameters
    that do not train, by name.
    """

    params: Parameters
    buffers: dict[str, Tensor]
    optimizer: State
    found_inf: Tensor
    skipped: Tensor
    loss_scale: Tensor | None = None
    growth: Tensor | None = None
    average: Tensor | None = None
    frozen: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def initial(
        cls, network: nn.Module, params: Parameters, optimizer: State, *, scaled: bool, averaged: bool
    ) -> TrainState:
        device = params.flat.device
        return cls(
            params,
            dict(network.named_buffers()),
            optimizer,
            found_inf=torch.zeros((), device=device),
            skipped=torch.zeros((), device=device),
            loss_scale=torch.full((), 2.0**16, device=device) if scaled else None,
            growth=torch.zeros((), dtype=torch.int32, device=device) if scaled else None,
            average=params.flat.clone() if averaged else None,
            frozen={name: p.data for name, p in network.named_parameters() if not p.requires_grad},
        )

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for saving; loading copies into the same tensors."""
        named = {"params": self.params.flat, "found_inf": self.found_inf, "skipped": self.skipped}
        named |= {f"buffers.{name}": value for name, value in self.buffers.items()}
        named |= {f"frozen.{name}": value for name, value in self.frozen.items()}
        named |= {f"optimizer.{name}": value for name, value in self.optimizer.tensors.items()}
        for name in ("loss_scale", "growth", "average"):
            value = getattr(self, name)
            if value is not None:
                named[name] = value
        return named


@dataclass
class LoopState:
    """Where the loop stands; JSON-able.

    epoch: the one under way, from 1. position: its steps done. step: updates done in all. bad_epochs: epochs since
    `waiting_from`, the last value that was better by more than early stopping's min_delta. plateau: state of a
    schedule that watches the metric, its `factor` on the learning rate. averaged_steps: how many weights are in the SWA
    mean. seconds: of finished epochs; epoch_seconds: of the one under way. history: a row per finished epoch, as in
    metrics.csv.
    """

    epoch: int = 1
    position: int = 0
    step: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    bad_epochs: int = 0
    waiting_from: float | None = None
    plateau: dict[str, Any] | None = None
    averaged_steps: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    stop_reason: str | None = None
    history: list[Row] = field(default_factory=list)

    def add_row(
        self,
        lr: float,
        train_loss: float,
        seen: Mapping[str, float],
        scores: Mapping[str, float],
        seconds: float,
        samples: int,
    ) -> Row:
        """Note what the epoch came to, whose steps are done. seen, scores: metrics of some training samples, and of the
        validation split. seconds: that it took; samples: that it trained."""
        row: Row = {"epoch": self.epoch, "step": self.step, "lr": lr, "train_loss": train_loss}
        row |= {f"train_{name}": value for name, value in seen.items() if name != "loss"}
        row |= {f"val_{name}": value for name, value in scores.items()}
        row |= {"seconds": seconds, "samples_per_second": samples / seconds}
        self.history.append(row)
        self.seconds += seconds
        return row

    @property
    def rate_factor(self) -> float:
        """What the learning rate is multiplied by; not 1 only where a schedule watches the metric."""
        return 1.0 if self.plateau is None else float(self.plateau["factor"])
