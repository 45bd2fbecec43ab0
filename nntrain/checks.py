"""What a config may not ask of the data, the network or the machine: one message each, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from nntrain.data.dataset import Split
from nntrain.errors import UserError
from nntrain.models.mlp import MLP
from nntrain.models.network import Network
from nntrain.models.norms import BatchNorm
from nntrain.objective.loss import Loss
from nntrain.objective.metrics import metric_names
from nntrain.objective.objective import Objective
from nntrain.objective.reconstruction import Reconstruction
from nntrain.optim.adam_variants import NAdam
from nntrain.optim.asgd import ASGD
from nntrain.optim.optimizer import Optimizer
from nntrain.optim.rprop import Rprop
from nntrain.source_weights import Beginning
from nntrain.task import Task

Config = Mapping[str, Any]


def check_pretraining(config: Config) -> None:
    """UserError for settings beside `pretrain` that would undo it."""
    name, objective = config.get("pretrain", {"name": "none"})["name"], config.get("objective", {}).get("name")
    if name == "none":
        return
    if objective != "supervised":
        raise UserError(
            f"pretrain: {name} comes before targets are learnt, and objective {objective} learns none; leave one out"
        )
    if config["model"].get("init_from") is not None:
        raise UserError(
            f"pretrain: {name} stands beside model.init_from: both say what the network begins with; leave one out"
        )


def check_monitor(config: Config, task: Task) -> None:
    """UserError where early stopping watches a metric that the task does not have."""
    monitor = config["early_stopping"]["monitor"]
    if monitor != "loss" and monitor not in metric_names(task):
        allowed = ", ".join(("loss", *metric_names(task)))
        raise UserError(f"early_stopping.monitor: {monitor} is not a metric of {task.kind} (metrics: {allowed})")


def check_mixing(config: Config, objective: Objective | Reconstruction) -> None:
    """UserError where two targets in one sample have no meaning."""
    keys = [key for key in ("mixup", "cutmix") if config["augment"].get(key)]
    where = " and ".join(f"augment.{key}" for key in keys)
    if isinstance(objective, Reconstruction):
        raise UserError(f"{where}: mixes targets, and objective {config['objective']['name']} has none; set it to 0")
    if objective.task.kind != "regression" and not objective.criterion.smooths:
        raise UserError(
            f"{where}: a mixed sample belongs to two classes, which loss {objective.criterion.name} cannot take; use "
            "loss=cross_entropy, binary_cross_entropy or focal, or set it to 0"
        )


def check_link(objective: Objective | Reconstruction) -> None:
    """UserError where a loss cannot be had of a mean over networks: of somebody's own class that does not say how."""
    assert isinstance(objective, Objective)
    loss = objective.criterion
    if getattr(type(loss), "link", Loss.link) is Loss.link:
        raise UserError(
            f"ensemble: loss {type(loss).__name__} has no `link`, the inverse of its `predictions`, by which the loss "
            "of a mean prediction is computed; add that method, or set ensemble=1"
        )


def check_batches(config: Config, network: Network, train: Split) -> None:
    """UserError where the batch size does not fit the data or the network."""
    size = config["batch_size"]
    if size == "full":
        if config["gradient_accumulation"] > 1:
            raise UserError(
                f"gradient_accumulation: {config['gradient_accumulation']} has no effect with batch_size=full, which "
                "is one batch; set it to 1, or batch_size to a number"
            )
        return
    if size > len(train):
        raise UserError(
            f"batch_size: {size} is larger than the training split ({len(train)} samples); choose at most {len(train)}"
            ", or batch_size=full"
        )
    if size == 1 and any(isinstance(module, BatchNorm) for module in network.modules()):
        raise UserError(
            "batch_size: 1 leaves batch normalisation nothing to average over; use model.norm=layer, or a larger batch"
        )


def check_optimizer(config: Config, optimizer: Optimizer, beginning: Beginning) -> None:
    """UserError where an optimizer cannot run as the rest of the config asks."""
    name = config["optimizer"]["name"]
    if beginning.rates and (optimizer.needs_closure or isinstance(optimizer, ASGD)):
        keys = "lr_decay" if config["model"].get("lr_decay", 1.0) != 1 else "lr_multipliers"
        raise UserError(f"model.{keys}: optimizer {name} has one learning rate for all layers; use another optimizer")
    if beginning.stages and (optimizer.needs_closure or isinstance(optimizer, NAdam)):
        raise UserError(
            f"model.unfreeze_at: the state of optimizer {name} belongs to all parameters at once, so none can join "
            "later; use another optimizer, such as adamw"
        )
    if not optimizer.needs_closure:
        return
    if config["batch_size"] != "full":
        raise UserError(f"optimizer {name} needs the whole training split in every step: add batch_size=full")
    if config["precision"] == "fp16":
        raise UserError(f"optimizer {name} cannot scale its loss: use precision=fp32 or bf16")
    for key in ("grad_clip_norm", "grad_clip_value"):
        if config["regularization"][key] is not None:
            raise UserError(f"regularization.{key}: optimizer {name} needs gradients as they are; set it to null")


def without_effect(config: Config, network: Network, optimizer: Optimizer, beginning: Beginning) -> list[str]:
    """What a config asks for in vain, a sentence each."""
    notes, name, schedule = [], config["optimizer"]["name"], config["schedule"]
    if isinstance(network.body, MLP) and not network.body.hidden and config["model"]["dropout"]:
        notes.append("model.dropout has no effect without hidden layers; model.input_dropout drops inputs")
    if late := [stage.layer for stage in beginning.stages if stage.epoch > config["epochs"]]:
        said = f"would begin to train after the last epoch ({config['epochs']})"
        notes.append(f"model.unfreeze_at: {', '.join(late)} {said}")
    if schedule.get("cycle_momentum") and optimizer.base_momentum is None:
        notes.append(f"schedule.cycle_momentum: optimizer {name} has no momentum to move")
    if isinstance(optimizer, Rprop) and schedule["name"] != "constant":
        notes.append(f"schedule {schedule['name']} has no effect: rprop finds its own step for every weight")
    return notes


def find_device(name: str) -> torch.device:
    """The device of that name. UserError where this machine has none such."""
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:  # no such kind, or a number that no device can have
        raise UserError(f"device: {name!r} names no device (auto, cpu, cuda, cuda:0, cuda:1, ..., or mps)") from None
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
            raise UserError(
                f"device: {name} was asked for, but torch {torch.__version__} ({built}) finds no CUDA device; "
                "use device=cpu or device=auto"
            )
        if (device.index or 0) >= count:
            raise UserError(
                f"device: {name} was asked for, but there are {count} CUDA devices, cuda:0 to cuda:{count - 1}"
            )
        return torch.device("cuda", device.index or 0)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError(
            "device: mps was asked for, but this machine has no Metal device; use device=cpu or device=auto"
        )
    if device.type not in ("cpu", "mps"):
        raise UserError(f"device: nntrain does not run on {name!r} (auto, cpu, cuda, cuda:0, cuda:1, ..., or mps)")
    return device


def check_precision(config: Config, device: torch.device) -> None:
    """UserError where the device has no such number format."""
    if config["precision"] == "tf32" and device.type != "cuda":
        raise UserError(
            f"precision: tf32 is a format of CUDA devices, and this run is on {device.type}; use fp32 or bf16"
        )
