"""What is said of a training before its first step: its name, data, model and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nntrain.data.dataset import PixelFeatures
from nntrain.experiment import Experiment
from nntrain.folder import shown
from nntrain.objective.reconstruction import Reconstruction
from nntrain.record.words import plural
from nntrain.training.state import LoopState

PICTURE_MODEL_KEYS = ("architecture", "depth", "width", "width_multiplier")  # that tell picture networks apart


def header(experiment: Experiment, folder: Path, loop: LoopState) -> dict[str, Any]:
    """The arguments of `RunConsole.start`."""
    config, dataset, course = experiment.config, experiment.dataset, experiment.course
    return {
        "name": config["name"],
        "data": config["data"].get("dataset") or config["data"].get("path") or config["data"]["name"],
        "rows": {name: len(split) for name, split in dataset.splits.items()},
        "task": _task_words(experiment),
        "model": _model_words(experiment),
        "parameters": experiment.parameters,
        "training": _training_words(experiment),
        "device": str(experiment.device),
        "folder": shown(folder),
        "epochs": course.epochs,
        "metrics": course.metrics,
        "history": loop.history,
    }


def _task_words(experiment: Experiment) -> str:
    """The kind of task, and its classes, its targets, or what is reconstructed."""
    task, objective = experiment.task, experiment.program.objective
    if isinstance(objective, Reconstruction):
        what = objective.corruption.described(objective.layout)
    elif task.is_multilabel:
        what = plural(len(task.classes), "label")
    else:
        what = f"{len(task.classes)} classes" if task.classes else ", ".join(task.targets)
    return f"{task.kind}, {what}"


def _training_words(experiment: Experiment) -> str:
    """Optimizer, learning rate, batch size, schedule, augmentation and epochs."""
    config, course = experiment.config, experiment.course
    schedule, augment = config["schedule"]["name"], config["augment"]["name"]
    parts = [
        config["optimizer"]["name"],
        f"lr {experiment.program.optimizer.lr:g}",
        "all samples" if course.step_size is None else f"batch {course.step_size}",
        *([] if schedule == "constant" else [f"{schedule} schedule"]),
        *([] if augment == "none" else [f"augmented ({augment})"]),
        f"up to {plural(course.epochs, 'epoch')}",
    ]
    return ", ".join(parts)


def _model_words(experiment: Experiment) -> str:
    """The model's name, and the widths of its layers; of a picture network its settings and the size of pictures."""
    section, network = experiment.config["model"], experiment.program.network
    weights = [p for p in network.body.parameters() if p.ndim > 1]
    if not any(p.ndim == 4 for p in weights) or network.from_features:
        matrices = [p for p in weights if p.ndim == 2]
        widths = [str(matrices[0].shape[1]), *(str(p.shape[0]) for p in matrices)] if matrices else []
        return f"{section['name']} {'-'.join(widths)}"
    said = [f"{key.replace('_', ' ')} {section[key]}" for key in PICTURE_MODEL_KEYS if key in section]
    features = experiment.dataset.features
    size = [f"{features.height} x {features.width} pictures"] if isinstance(features, PixelFeatures) else []
    return f"{section['name']} {', '.join([*said, *size])}"
