"""Members of a stack, and the same trainings alone, from configs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nntrain.builders import load_data
from nntrain.config.compose import compose
from nntrain.data.dataset import Dataset
from nntrain.experiment import Experiment, build_experiment
from nntrain.stack.member import Member
from nntrain.stack.trainer import StackedTrainer
from nntrain.training.course import Best, Stop
from nntrain.training.state import LoopState, Row, TrainState
from nntrain.training.trainer import Trainer

CLASSES = {"data": "synthetic", "data.dataset": "blobs", "data.classes": 3, "data.samples": 90, "data.noise": 0.4}
TWO_CLASSES = {"data": "synthetic", "data.dataset": "moons", "data.samples": 90}
VALUES = {"data": "synthetic", "data.dataset": "sinusoid", "data.samples": 90}
SMALL = {"model": "mlp", "model.widths": [6, 5], "batch_size": 16, "epochs": 3, "device": "cpu"}
Settings = Mapping[str, Any]

TIMES = ("seconds", "samples_per_second")

_loaded: dict[str, Dataset] = {}


@dataclass
class Recorder:
    """A screen and a keeper that remember."""

    done: int = 0
    warnings: list[str] = field(default_factory=list)
    models: list[Best] = field(default_factory=list)
    states: list[tuple[int, int]] = field(default_factory=list)  # step, position
    losses: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def epoch_begin(self, epoch: int, steps: int) -> None: ...
    def epoch_end(self, row: Row, best: bool) -> None:
        self.ended.append(int(row["epoch"]))

    def rows(self, history: Sequence[Row]) -> None: ...
    def note(self, text: str) -> None: ...
    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def model(self, best: Best) -> bool:
        self.models.append(best)
        return True

    def state(self, state: TrainState, loop: LoopState, losses: Tensor) -> None:
        self.states.append((loop.step, loop.position))
        self.losses.append(len(losses))


def experiment(settings: Settings) -> Experiment:
    """Of a small network, unless `settings` (words of the command line) say otherwise. Equal data is loaded once.

    rows: how many of the training samples are taken, where not all.
    """
    settings, rows = dict(settings), settings.get("rows")
    settings.pop("rows", None)
    settings = CLASSES | SMALL | settings
    numbers = {key for key, value in settings.items() if key == "seed" or isinstance(value, float)}
    chosen = [f"{key}={_word(value)}" for key, value in settings.items() if value is not None and key not in numbers]
    config = deepcopy(_composed(*chosen))
    for key in numbers:
        *path, leaf = key.split(".")
        reduce(lambda section, name: section[name], path, config)[leaf] = settings[key]
    key = repr((config["data"], config["loss"]["name"] == "poisson", config["seed"]))
    if key not in _loaded:
        _loaded[key] = load_data(config)
    built = build_experiment(config, dataset=_loaded[key])
    if rows is not None:
        train = built.dataset.train
        built.dataset.train = replace(train, inputs=train.inputs[:rows], targets=train.targets[:rows])
    return built


@cache
def _composed(*words: str) -> Any:
    return compose(words).config


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "").replace("'", "")


def member(built: Experiment) -> Member:
    recorder, data = Recorder(), built.dataset
    return Member(
        built.program,
        built.state,
        LoopState(),
        data.train,
        data.val,
        built.course,
        recorder,
        recorder,
        augment=built.augment,
    )


def alone(settings: Settings) -> Trainer:
    """Trained by the ordinary loop."""
    built, recorder = experiment(settings), Recorder()
    trainer = Trainer(
        built.program,
        built.state,
        LoopState(),
        built.dataset.train,
        built.dataset.val,
        built.course,
        recorder,
        recorder,
        Stop(),
        augment=built.augment,
    )
    trainer.fit()
    return trainer


def stacked(*settings: Settings) -> list[Member]:
    """Trained together, in the order given."""
    members = [member(experiment(one)) for one in settings]
    StackedTrainer(members, Stop()).fit(lambda member: None)
    return members


def assert_alike(member: Member, trainer: Trainer, rel: float = 1e-4) -> None:
    """The same metrics of every epoch, the same best epoch, and the same weights, buffers and optimizer state."""
    assert member.error is None
    assert len(member.loop.history) == len(trainer.loop.history)
    for mine, own in zip(member.loop.history, trainer.loop.history, strict=True):
        assert list(mine) == list(own)
        for name in set(own) - set(TIMES):
            np.testing.assert_allclose(
                mine[name], own[name], rtol=rel, atol=1e-6, err_msg=f"epoch {own['epoch']}: {name}"
            )
    loops = [
        replace(loop, history=[], seconds=0.0, best_value=None, waiting_from=None, plateau=None)
        for loop in (member.loop, trainer.loop)
    ]
    assert loops[0] == loops[1]
    mine, own = member.state.tensors(), trainer.state.tensors()
    assert list(mine) == list(own)
    for name, tensor in own.items():
        scale = max(1e-3, float(tensor.float().abs().max())) if tensor.numel() else 1.0
        np.testing.assert_allclose(mine[name], tensor, rtol=rel, atol=rel * scale, err_msg=name)
    assert list(member.best.weights) == list(trainer.best.weights)
    assert member.best.epoch == trainer.best.epoch
    for name, tensor in trainer.best.weights.items():
        torch.testing.assert_close(member.best.weights[name], tensor, rtol=10 * rel, atol=rel)


def assert_each_as_alone(*settings: Settings, rel: float = 1e-4) -> list[Member]:
    members = stacked(*settings)
    for one, own in zip(members, settings, strict=True):
        assert_alike(one, alone(own), rel)
    return members


def bits(one: Member) -> list[bytes]:
    """All that a member has learnt, as it lies in memory."""
    tensors = {**one.state.tensors(), **{f"best {name}": value for name, value in one.best.weights.items()}}
    return [tensor.detach().numpy().tobytes() for tensor in tensors.values()]


def categories(folder: Path) -> Path:
    """A table with a number, a column of few and one of many categories, and weights of its rows."""
    draw = np.random.default_rng(0)
    drawn = zip(draw.normal(size=120), draw.integers(20, size=120), strict=True)
    rows = [f"{x:.3f},{'abc'[k % 3]},m{k},{1 + k % 2},{'yes' if x + k / 20 > 0.5 else 'no'}" for x, k in drawn]
    (folder / "rows.csv").write_text("\n".join(["x,few,many,weight,y", *rows]) + "\n")
    return folder / "rows.csv"
