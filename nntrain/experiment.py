"""From a config to all that a training needs, built and put together; the parts are built in `builders.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nntrain.augment.augmentation import Augmentation
from nntrain.builders import (
    build_augment,
    build_course,
    build_network,
    build_objective,
    build_program,
    layout_of,
    load_data,
)
from nntrain.checks import (
    check_batches,
    check_optimizer,
    check_precision,
    check_pretraining,
    find_device,
    without_effect,
)
from nntrain.components import build
from nntrain.data.dataset import Dataset
from nntrain.models import autoencoder, transfer
from nntrain.models.initializers import initialize
from nntrain.models.table import INITIALIZERS
from nntrain.objective.objective import Objective
from nntrain.objective.reconstruction import Reconstruction
from nntrain.optim.optimizer import Optimizer
from nntrain.optim.parameters import Parameters
from nntrain.optim.table import OPTIMIZERS
from nntrain.source_weights import Beginning, begin
from nntrain.task import Task
from nntrain.training.course import Course
from nntrain.training.state import TrainState
from nntrain.training.step import Program

Config = Mapping[str, Any]


@dataclass
class Experiment:
    """Everything that a training needs, built. Splits and network are on the device."""

    config: Config
    device: torch.device
    dataset: Dataset
    program: Program
    state: TrainState
    course: Course
    augment: Augmentation | None
    notes: tuple[str, ...]
    fold: int | None = None
    layer: int | None = None
    part: bool = False  # of a run that goes on afterwards
    beginning: Beginning = field(default_factory=Beginning)

    @property
    def whole(self) -> bool:
        """Whether it is a run of its own: no fold, and nothing that another training goes on from."""
        return self.fold is None and not self.part

    @property
    def task(self) -> Task:
        return self.dataset.task

    @property
    def parameters(self) -> int:
        """How many numbers the network is made of, whether they train or not."""
        return sum(p.numel() for p in self.program.network.parameters())

    @property
    def fixed_features(self) -> bool:
        """Whether what the head takes is the same for a sample in every epoch."""
        still = self.augment is None and not self.program.input_noise and self.course.thawing is None
        return still and self.program.network.fixed_features and isinstance(self.program.objective, Objective)


def build_experiment(
    config: Config,
    fold: int | None = None,
    *,
    dataset: Dataset | None = None,
    start: Mapping[str, Tensor] | None = None,
    pretrained: Path | None = None,
    layer: int | None = None,
    resumed: Mapping[str, Any] | None = None,
) -> Experiment:
    """Raises UserError where the config does not fit the data or the machine. Nothing is written.

    dataset: what `load_data` returned, where it is known already. start: weights by name that a training before this
    one left. pretrained: the model file that its encoder is to be taken from. layer: of an autoencoder, the only one
    that is to train (see `verbs.pretrain`). resumed: of a run that goes on, what it noted of `model.init_from`, which
    is not opened again.
    """
    device = find_device(config["device"])
    check_precision(config, device)
    check_pretraining(config)
    dataset = load_data(config, fold=fold) if dataset is None else replace(dataset)
    objective = build_objective(config, dataset, layer)
    network, notes = build_network(config, dataset.features, objective.outputs), []
    notes += initialize(network, build("init", INITIALIZERS, config["init"]), config["seed"])
    from_encoder = {} if pretrained is None else {"init_from": str(pretrained), "reuse": "encoder"}
    beginning = begin(network, dataset, {**config["model"], **from_encoder}, resumed)
    notes += beginning.notes
    if isinstance(objective, Reconstruction) and "mean" in beginning.record:  # as the source standardises pictures
        objective.layout = layout_of(dataset)
    if start is not None:
        transfer.take(network, start)
    if layer is not None:
        autoencoder.train_layer(network, layer)
    network.to(device)
    dataset.train, dataset.val = dataset.train.to(device), dataset.val.to(device)
    dataset.test = None if dataset.test is None else dataset.test.to(device)
    given = len(dataset.train)
    augment = build_augment(config, dataset, objective)
    notes += [] if augment is None else augment.notes
    if len(dataset.train) > given:
        notes.append(f"augment.expand: {len(dataset.train):,} training samples were made of {given:,}, once")
    check_batches(config, network, dataset.train)

    optimizer: Optimizer = build("optimizer", OPTIMIZERS, config["optimizer"])
    params = Parameters(network.named_parameters(), beginning.rates)
    check_optimizer(config, optimizer, beginning)
    notes += without_effect(config, network, optimizer, beginning)
    program = build_program(config, network, objective.to(device), optimizer, device)
    course = build_course(config, optimizer, dataset, objective, beginning)
    state = TrainState.initial(
        network,
        params,
        optimizer.initial_state(params),
        scaled=config["precision"] == "fp16",
        averaged=program.ema > 0 or course.swa_start is not None,
    )
    said = (*dataset.notes, *notes)
    return Experiment(config, device, dataset, program, state, course, augment, said, fold, layer, beginning=beginning)
