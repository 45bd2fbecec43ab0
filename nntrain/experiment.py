"""From a config to everything a training needs. `builders.py` builds the parts; here they are put together."""

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
from nntrain.models.network import Network
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
    """Everything that a training needs, built. Splits and network are on the device.

    fold: which of `data.folds` it is. layer: of an autoencoder, the only one that trains (see `verbs.pretrain`). part:
    whether it is one of several trainings of a run: a member of an ensemble, a stage of pre-training. beginning: where
    the initial weights come from, and which layers are frozen.
    """

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
    part: bool = False
    beginning: Beginning = field(default_factory=Beginning)

    @property
    def whole(self) -> bool:
        """Whether it is a run of its own: neither a fold nor a part of another training."""
        return self.fold is None and not self.part

    @property
    def task(self) -> Task:
        return self.dataset.task

    @property
    def parameters(self) -> int:
        """How many parameters the network has, frozen ones among them."""
        return sum(p.numel() for p in self.program.network.parameters())

    @property
    def fixed_features(self) -> bool:
        """Whether the head is given the same features of a sample in every epoch, so that they can be cached."""
        unchanged = self.augment is None and not self.program.input_noise and self.course.thawing is None
        return unchanged and self.program.network.fixed_features and isinstance(self.program.objective, Objective)


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

    dataset: what `load_data` returned, where it is loaded already. start: weights by name that the training before this
    one left. pretrained: the model file to take the encoder from. layer: of an autoencoder, the only one to train.
    resumed: of a run that goes on, what it recorded of `model.init_from`, which is then not opened again.
    """
    device = find_device(config["device"])
    check_precision(config, device)
    check_pretraining(config)
    dataset = load_data(config, fold=fold) if dataset is None else replace(dataset)
    objective = build_objective(config, dataset, layer)
    network = build_network(config, dataset.features, objective.outputs)
    beginning, notes = _begin(config, network, dataset, pretrained, resumed)
    if isinstance(objective, Reconstruction) and "mean" in beginning.record:
        objective.layout = layout_of(dataset)  # pictures are standardised as the source of the weights does
    if start is not None:
        transfer.take(network, start)
    if layer is not None:
        autoencoder.train_layer(network, layer)
    network.to(device)
    if dataset.train.device != device:  # one that several trainings share is there already
        dataset = dataset.to(device)
    augment, said = _augment(config, dataset, objective)
    notes += said
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
    notes = [*dataset.notes, *notes]
    return Experiment(
        config, device, dataset, program, state, course, augment, tuple(notes), fold, layer, beginning=beginning
    )


def _begin(
    config: Config, network: Network, dataset: Dataset, pretrained: Path | None, resumed: Mapping[str, Any] | None
) -> tuple[Beginning, list[str]]:
    """Give the network its initial weights: random ones, then over them those of `pretrained` or `model.init_from`.
    Returns notes for the user as well; `dataset.features` may change, see `source_weights.begin`."""
    notes = initialize(network, build("init", INITIALIZERS, config["init"]), config["seed"])
    from_encoder = {} if pretrained is None else {"init_from": str(pretrained), "reuse": "encoder"}
    beginning = begin(network, dataset, {**config["model"], **from_encoder}, resumed)
    return beginning, [*notes, *beginning.notes]


def _augment(
    config: Config, dataset: Dataset, objective: Objective | Reconstruction
) -> tuple[Augmentation | None, list[str]]:
    """Changes to the training samples of every epoch, or None; and notes for the user. With `augment.expand` the
    training split of `dataset` grows instead."""
    before = len(dataset.train)
    augment = build_augment(config, dataset, objective)
    notes = [] if augment is None else [*augment.notes]
    if len(dataset.train) > before:
        notes.append(f"augment.expand: {len(dataset.train):,} training samples were made of {before:,}, once")
    return augment, notes
