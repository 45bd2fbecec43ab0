"""From the sections of a config to the parts of a training, in the order in which `experiment.py` puts them together.

Only here does config become objects.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from nntrain.augment.pictures import Pictures
from nntrain.augment.rows import Rows
from nntrain.augment.table import AUGMENTATIONS
from nntrain.checks import check_mixing, check_monitor
from nntrain.components import build, find
from nntrain.data.dataset import Dataset, Features, PixelFeatures, Split, TableFeatures
from nntrain.data.kept import read_once
from nntrain.data.table import SOURCES
from nntrain.data.tables.source import TableSource
from nntrain.data.unlabelled import without_labels
from nntrain.errors import UserError
from nntrain.models import autoencoder, transfer
from nntrain.models.inputs import PixelInput, TableInput
from nntrain.models.network import Network
from nntrain.models.table import MODELS
from nntrain.objective.corruption import Autoencoder, Layout, Supervised
from nntrain.objective.loss import Loss
from nntrain.objective.metrics import METRICS, metric_names
from nntrain.objective.objective import Objective, class_weight_tensor
from nntrain.objective.reconstruction import Reconstruction
from nntrain.objective.table import LOSSES, OBJECTIVES
from nntrain.optim.duration import Duration
from nntrain.optim.optimizer import Optimizer
from nntrain.optim.plateau import Plateau
from nntrain.optim.schedule import Schedule
from nntrain.optim.table import SCHEDULES
from nntrain.source_weights import Beginning
from nntrain.training.course import Course
from nntrain.training.step import Program
from nntrain.training.stopping import Stopping

Config = Mapping[str, Any]
RANGE_SAMPLES = 10_000  # training pictures in which the darkest and the brightest value are looked for


def load_data(config: Config, *, standardize_target: bool | None = None, fold: int | None = None) -> Dataset:
    """The splits, on the CPU; without labels for an autoencoder. standardize_target: None: as the loss wants it."""
    standardize_target = _standardizes_target(config, standardize_target)
    unlabelled = isinstance(find_learner(config), Autoencoder)

    def read() -> Dataset:
        source = build("data", SOURCES, config["data"])
        if unlabelled and isinstance(source, TableSource):
            source.needs_target = False
        dataset: Dataset = source.load(standardize_target=standardize_target, fold=fold)
        return without_labels(dataset) if unlabelled else dataset

    return read_once(data_key(config, standardize_target=standardize_target, fold=fold), read)


def data_key(config: Config, *, standardize_target: bool | None = None, fold: int | None = None) -> str:
    """Equal for two configs where `load_data` gives them the same splits."""
    standardize_target = _standardizes_target(config, standardize_target)
    unlabelled = isinstance(find_learner(config), Autoencoder)
    return json.dumps([config["data"], unlabelled, standardize_target, fold], default=str, sort_keys=True)


def _standardizes_target(config: Config, asked: bool | None) -> bool:
    return not build("loss", LOSSES, config["loss"]).raw_targets if asked is None else asked


def find_learner(config: Config) -> Supervised | Autoencoder:
    """What is learnt: the targets, or to reconstruct the inputs. Configs in old model files have no `objective`."""
    learner: Supervised | Autoencoder = build("objective", OBJECTIVES, config.get("objective", {"name": "supervised"}))
    return learner


def build_objective(config: Config, dataset: Dataset, layer: int | None = None) -> Objective | Reconstruction:
    """What is minimised, for this data. layer: of an autoencoder, the only one to train."""
    learner = find_learner(config)
    if isinstance(learner, Autoencoder):
        return _reconstruction(config, learner, dataset, layer)
    return _objective(config, dataset)


def _reconstruction(config: Config, learner: Autoencoder, dataset: Dataset, layer: int | None) -> Reconstruction:
    """The objective of an autoencoder. UserError for settings that only make sense with targets."""
    name, loss = config["objective"]["name"], config["loss"]
    if loss["name"] != "auto" or loss.get("class_weights") is not None:
        said = "class_weights" if loss["name"] == "auto" else loss["name"]
        raise UserError(f"loss: {said} compares with targets, and objective {name} has none; leave loss out")
    if config["regularization"]["label_smoothing"]:
        raise UserError(f"regularization.label_smoothing has no meaning with objective {name}; set it to 0")
    check_monitor(config, dataset.task)
    return Reconstruction(learner, layout_of(dataset), config["seed"], layer)


def _objective(config: Config, dataset: Dataset) -> Objective:
    """The loss bound to the task, its weights taken from the training split."""
    loss: Loss = build("loss", LOSSES, config["loss"])
    weights = class_weight_tensor(loss.class_weights, dataset.task, dataset.train.targets)
    objective = Objective(dataset.task, loss, config["regularization"]["label_smoothing"], weights)
    for split in dataset.splits.values():
        objective.check_targets(split.targets)
    check_monitor(config, dataset.task)
    return objective


def layout_of(dataset: Dataset) -> Layout:
    """What there is to reconstruct, and the range of its values in the training split."""
    features, inputs = dataset.features, dataset.train.inputs
    if isinstance(features, PixelFeatures):
        some = inputs[:RANGE_SAMPLES]
        unit = tuple(std if std > 0 else 1.0 for std in features.std)
        shape = (features.channels, features.height, features.width)
        ends = [
            tuple((value - mean) / std for value, mean, std in zip(end.tolist(), features.mean, unit, strict=True))
            for end in (some.amin((0, 2, 3)), some.amax((0, 2, 3)))  # no copy
        ]
        return Layout(shape=shape, low=ends[0], high=ends[1], unit=unit)
    numbers = inputs[:, : features.numeric]
    low, high = (tuple(end.tolist()) for end in (numbers.amin(0), numbers.amax(0)))
    return Layout(features.numeric, features.cardinalities, low=low, high=high)


def build_network(config: Config, features: Features, outputs: int) -> Network:
    """The network with torch's own initial weights, on the current default device."""
    section = config["model"]
    takes_pictures = getattr(find("model", MODELS, str(section["name"])), "takes_pictures", False)
    inputs: int | tuple[int, ...]
    if isinstance(features, PixelFeatures):
        first: nn.Module = PixelInput(features.mean, features.std)
        shape = (features.channels, features.height, features.width)
        inputs = shape if takes_pictures else math.prod(shape)
    else:
        assert isinstance(features, TableFeatures)
        if takes_pictures:
            tables = [name for name, model in MODELS.items() if not getattr(model, "takes_pictures", False)]
            raise UserError(
                f"model: {section['name']} takes pictures, and the data is a table (for tables: {', '.join(tables)})"
            )
        table = TableInput(features.numeric, features.cardinalities, features.one_hot_max, features.embedding_dim)
        first, inputs = table, table.features
    own = {key: value for key, value in section.items() if key not in transfer.SETTINGS}
    body = build("model", MODELS, own, inputs=inputs, outputs=outputs)
    if isinstance(find_learner(config), Autoencoder):
        body.head = autoencoder.mirror(str(section["name"]), own, body, inputs, outputs)
    return Network(first, body)


def build_augment(config: Config, dataset: Dataset, objective: Objective | Reconstruction) -> Pictures | Rows | None:
    """The changes to each epoch's training samples, or None. With `expand` they are made here, once: the training split
    of `dataset` is replaced by one that many times as large, and None is returned."""
    if config["augment"]["name"] == "none":
        return None
    augment: Pictures | Rows = build(
        "augment", AUGMENTATIONS, config["augment"], features=dataset.features, seed=config["seed"]
    )
    if augment.mixes:
        check_mixing(config, objective)
    if augment.expand == 1:
        return augment
    train, times = dataset.train, augment.expand
    if train.streamed:
        raise UserError(
            f"augment.expand: {times} times the training pictures do not fit data.memory_limit; use expand=1, which "
            "draws anew in every epoch and takes no memory"
        )
    weights = None if train.weights is None else train.weights.repeat(times)
    targets = train.targets.repeat(times, *(1 for _ in train.targets.shape[1:]))
    dataset.train = Split(augment.expanded(train.inputs), targets, weights)
    return None


def build_program(
    config: Config,
    network: Network,
    objective: Objective | Reconstruction,
    optimizer: Optimizer,
    device: torch.device,
) -> Program:
    """What a step computes."""
    regularization = config["regularization"]
    noisy = network.draws_noise or regularization["input_noise"] > 0
    return Program(
        network,
        objective,
        optimizer,
        precision=config["precision"],
        l1=regularization["l1"],
        l2=regularization["l2"],
        max_norm=regularization["max_norm"],
        clip_norm=regularization["grad_clip_norm"],
        clip_value=regularization["grad_clip_value"],
        input_noise=regularization["input_noise"],
        ema=regularization["ema"],
        random=noisy or (isinstance(objective, Reconstruction) and objective.corruption.random),
        asks=device.type == "cpu",
    )


def build_course(
    config: Config,
    optimizer: Optimizer,
    dataset: Dataset,
    objective: Objective | Reconstruction,
    beginning: Beginning,
) -> Course:
    """How long and at what rates to train."""
    schedule: Schedule = build("schedule", SCHEDULES, config["schedule"])
    batch_size = None if config["batch_size"] == "full" else config["batch_size"]
    per_step = None if batch_size is None else batch_size * config["gradient_accumulation"]
    steps = 1 if per_step is None else -(-len(dataset.train) // per_step)
    total = steps * config["epochs"]
    stopping = build_stopping(config["early_stopping"])
    main = metric_names(objective.task)[0]
    limit = config["time_limit"]
    return Course(
        seed=config["seed"],
        epochs=config["epochs"],
        batch_size=batch_size,
        accumulate=config["gradient_accumulation"],
        rates=schedule.plan(total, steps, optimizer.lr, optimizer.base_momentum),
        stopping=stopping,
        watch=_plateau_watch(schedule, total, steps, stopping),
        metrics=(main,) if stopping.monitor in ("loss", main) else (main, stopping.monitor),
        swa_start=swa_start(config["regularization"], steps, total),
        time_limit=None if limit is None else limit * 60.0,
        every_seconds=config["checkpoint"]["every_seconds"],
        thawing=beginning.thawing(steps),
    )


def _plateau_watch(
    schedule: Schedule, total: int, steps_per_epoch: int, stopping: Stopping
) -> Callable[[dict[str, Any] | None, float], dict[str, Any]] | None:
    """`Course.watch`; None for a schedule that does not follow the monitored metric."""
    if not isinstance(schedule, Plateau):
        return None
    observe, start = schedule.observer(total, steps_per_epoch, stopping.direction), schedule.initial_state()
    return lambda state, value: observe(state or start, value)


def build_stopping(section: Mapping[str, Any]) -> Stopping:
    """Early stopping as configured; with `none` the best epoch is still chosen by the monitor."""
    settings = {key: value for key, value in section.items() if key != "name"}
    monitor = settings["monitor"]
    return Stopping(direction=METRICS[monitor].direction, **settings)


def swa_start(section: Mapping[str, Any], steps_per_epoch: int, total: int) -> int | None:
    """The first step whose weights enter the SWA mean, or None. UserError where the training ends before it."""
    epochs, percent = section["swa_start_epochs"], section["swa_start_percent"]
    if epochs is None and percent is None:
        return None
    before = Duration("swa_start", None, epochs, percent).resolve(total, steps_per_epoch, default=0)
    if before >= total:
        key = "swa_start_percent" if epochs is None else "swa_start_epochs"
        raise UserError(
            f"regularization.{key}: {section[key]} starts averaging when the training of {total} steps is over; "
            "start earlier, or train longer"
        )
    return before + 1
