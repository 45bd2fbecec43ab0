"""Built objects without a config: a network, its program and state, and a trainer for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.data.dataset import Split
from nntrain.models.network import Network
from nntrain.objective.objective import Objective
from nntrain.objective.table import LOSSES
from nntrain.optim.optimizer import Optimizer
from nntrain.optim.parameters import Parameters
from nntrain.optim.sgd import SGD
from nntrain.task import Task
from nntrain.training.course import Best, Course, Stop
from nntrain.training.state import LoopState, Row, TrainState
from nntrain.training.step import Program
from nntrain.training.stopping import Stopping
from nntrain.training.trainer import Trainer


@dataclass
class Recorder:
    """A screen and a keeper that remember."""

    done: int = 0
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    models: list[Best] = field(default_factory=list)
    states: list[int] = field(default_factory=list)

    def epoch_begin(self, epoch: int, steps: int) -> None: ...
    def epoch_end(self, row: Row, best: bool) -> None: ...
    def rows(self, history: Any) -> None: ...
    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def model(self, best: Best) -> bool:
        self.models.append(best)
        return True

    def state(self, state: TrainState, loop: LoopState, losses: Tensor) -> None:
        self.states.append(loop.step)


def build_trainer(
    body: nn.Module | None = None,
    optimizer: Optimizer | None = None,
    *,
    lr: float = 0.1,
    samples: int = 50,
    batch_size: int | None = 8,
    epochs: int = 2,
    scaled: bool = False,
    inputs: Tensor | None = None,
    **settings: Any,
) -> Trainer:
    """Three classes of points [samples, 4]; settings of `Program`, `Course` and `Stopping` by name."""
    draw = torch.Generator().manual_seed(1)
    if body is None:
        body = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    with torch.no_grad():
        for layer in body.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=draw) * 0.5)
                layer.bias.zero_()
    points = torch.randn(samples, 4, generator=draw) if inputs is None else inputs
    labels = torch.randint(0, 3, (samples,), generator=draw)
    network, rule = Network(nn.Identity(), body), optimizer or SGD(lr)
    network.hold(settings.pop("frozen", []))
    params = Parameters(network.named_parameters())
    task = Task("classification", ("y",), ("a", "b", "c"))
    chosen = {name: settings.pop(name) for name in list(settings) if name in Program.__dataclass_fields__}
    program = Program(network, Objective(task, LOSSES["auto"]()), rule, **{"random": False, **chosen})
    average = bool(program.ema) or settings.get("swa_start") is not None
    state = TrainState.initial(network, params, rule.initial_state(params), scaled=scaled, averaged=average)
    stopping = {name: settings.pop(name) for name in list(settings) if name in Stopping.__dataclass_fields__}
    course: dict[str, Any] = {"seed": 0, "accumulate": 1, "rates": lambda step: (lr, None), "metrics": ("accuracy",)}
    course |= {"epochs": epochs, "batch_size": batch_size, "every_seconds": 1e9, **settings}
    course["stopping"] = Stopping(**{"monitor": "loss", "direction": "min", **stopping})
    split, recorder = Split(points, labels), Recorder()
    return Trainer(program, state, LoopState(), split, split, Course(**course), recorder, recorder, Stop())


@pytest.fixture
def trainer() -> Callable[..., Trainer]:
    return build_trainer
