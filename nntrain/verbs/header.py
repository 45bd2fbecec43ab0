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
    """What is said before the first step."""
    config, dataset, course, task = experiment.config, experiment.dataset, experiment.course, experiment.task
    objective = experiment.program.objective
    if isinstance(objective, Reconstruction):
        kind = objective.corruption.described(objective.layout)
    elif not task.classes:
        kind = ", ".join(task.targets)
    else:
        kind = plural(len(task.classes), "label") if task.is_multilabel else f"{len(task.classes)} classes"
    optimizer, lr, schedule = config["optimizer"]["name"], experiment.program.optimizer.lr, config["schedule"]["name"]
    batch = "all samples" if course.step_size is None else f"batch {course.step_size}"
    steps = "" if schedule == "constant" else f", {schedule} schedule"
    augment = config["augment"]["name"]
    changed = "" if augment == "none" else f", augmented ({augment})"
    return {
        "name": config["name"],
        "data": config["data"].get("dataset") or config["data"].get("path") or config["data"]["name"],
        "rows": {name: len(split) for name, split in dataset.splits.items()},
        "task": f"{task.kind}, {kind}",
        "model": _model_words(experiment),
        "parameters": experiment.parameters,
        "training": f"{optimizer}, lr {lr:g}, {batch}{steps}{changed}, up to {plural(course.epochs, 'epoch')}",
        "device": str(experiment.device),
        "folder": shown(folder),
        "epochs": course.epochs,
        "metrics": course.metrics,
        "history": loop.history,
    }


def _model_words(experiment: Experiment) -> str:
    """The model in a line: its name and the widths of its layers; of a picture network its settings and the size."""
    section, weights = (
        experiment.config["model"],
        [p for p in experiment.program.network.body.parameters() if p.ndim > 1],
    )
    if not any(p.ndim == 4 for p in weights) or experiment.program.network.from_features:
        matrices = [p for p in weights if p.ndim == 2]
        widths = [str(matrices[0].shape[1]), *(str(p.shape[0]) for p in matrices)] if matrices else []
        return f"{section['name']} {'-'.join(widths)}"
    said = [f"{key.replace('_', ' ')} {section[key]}" for key in PICTURE_MODEL_KEYS if key in section]
    features = experiment.dataset.features
    size = [f"{features.height} x {features.width} pictures"] if isinstance(features, PixelFeatures) else []
    return f"{section['name']} {', '.join([*said, *size])}"
