"""The end of a run: the best model evaluated once, `result.json`, plots, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from nntrain.data.dataset import Split
from nntrain.experiment import Experiment
from nntrain.folder import CONFIG, RESULT, shown
from nntrain.model_file import about_model
from nntrain.models.transfer import take
from nntrain.objective.label_metrics import per_label
from nntrain.objective.metrics import baseline_metrics, confusion, metric_names, per_class
from nntrain.objective.reconstruction import Reconstruction
from nntrain.record.console import RunConsole
from nntrain.record.files import WriteError, together, write_json
from nntrain.task import Task
from nntrain.training.checkpoint import BEST, load_model, save_model
from nntrain.training.course import Best
from nntrain.training.diagnose import overfitting
from nntrain.training.evaluate import outputs_of, reconstruction_scores, scores_of, totals_of
from nntrain.training.state import LoopState
from nntrain.verbs.reconstructions import draw_reconstructions
from nntrain.verbs.run import Run, Session


def finish(
    experiment: Experiment,
    folder: Path,
    loop: LoopState,
    best: Best,
    session: Session,
    settle: Callable[[], None] = lambda: None,
) -> Run:
    """Restore the best weights, evaluate every split once, and write the result, the model and the plots.

    settle: writes what the training has left to be written but for its best model; with the result, which costs less
    than before it.
    """
    program, dataset, console = experiment.program, experiment.dataset, session.console
    objective = program.objective
    # where the best epoch was before this session, its weights are on disk alone
    weights = best.weights or load_model(folder / BEST)[0]
    take(program.network, weights)
    monitor = experiment.course.stopping.monitor
    if loop.best_epoch == 0:
        console.warn(f"val_{monitor} was never a number; the weights of the last epoch are kept")
    splits = dataset.splits
    names, last = metric_names(dataset.task), "val" if dataset.test is None else "test"
    if isinstance(objective, Reconstruction):
        totals = {name: totals_of(program, objective, split.inputs) for name, split in splits.items()}
        scores = {name: reconstruction_scores(total, names) for name, total in totals.items()}
        draw: Callable[[Path], None] = partial(draw_reconstructions, experiment, splits[last], totals[last], last)
        classes: list[dict[str, Any]] = []
    else:
        outputs = {name: outputs_of(program, split.inputs) for name, split in splits.items()}
        scores = {name: scores_of(program, outputs[name], split, names) for name, split in splits.items()}
        predictions = objective.predictions(outputs[last]).cpu()
        targets = objective.own_unit(splits[last].targets).cpu()
        draw = partial(draw_predictions, dataset.task, last, predictions, targets)
        classes = _class_table(experiment, predictions, targets)
    result = result_of(experiment, folder, loop, scores)
    with together():
        save_model(folder / BEST, weights, about_model(experiment, {"best_epoch": loop.best_epoch, **scores}))
        settle()
        write_json(folder / RESULT, result)

    _plot(experiment, folder, loop, draw, console)
    if said := overfitting(loop.history, _remedies(experiment.config)):
        console.note(said)
    console.finish(
        result | {"checkpoint": shown(folder / BEST)},
        baselines={name: baseline(experiment, split) for name, split in splits.items() if name != "train"},
        per_class=classes,
        commands=next_commands(experiment, folder, session.source),
        part=experiment.part,
    )
    return Run(folder, loop.history, result)


def result_of(
    experiment: Experiment, folder: Path, loop: LoopState, scores: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """What `result.json` holds."""
    return {
        "run_dir": str(folder),
        "checkpoint": str(folder / BEST),
        "task": experiment.task.kind,
        "monitor": f"val_{experiment.course.stopping.monitor}",
        "best_epoch": loop.best_epoch or None,
        "best_value": loop.best_value,
        **{name: scores.get(name) for name in ("train", "val", "test")},
        "parameters": experiment.parameters,
        "epochs_run": len(loop.history),
        "seconds": loop.seconds,
        "stop_reason": loop.stop_reason,
    }


def baseline(experiment: Experiment, split: Split) -> dict[str, float]:
    """What the trivial prediction (majority class, labels that most have, mean) scores on a split."""
    objective = experiment.program.objective
    if isinstance(objective, Reconstruction):
        return {} if objective.layer else objective.mean_prediction(experiment.dataset.train.inputs, split.inputs)
    own_unit = objective.own_unit
    train, targets = own_unit(experiment.dataset.train.targets), own_unit(split.targets)
    return {name: float(value) for name, value in baseline_metrics(experiment.task, train, targets).items()}


def _class_table(experiment: Experiment, predictions: Tensor, targets: Tensor) -> list[dict[str, Any]]:
    task = experiment.task
    if not task.classes:
        return []
    found = _class_scores(task, predictions, targets)
    columns = {"precision": "precision", "recall": "recall", "count": "support"}
    return [
        {"class": name} | {title: float(found[key][i]) for title, key in columns.items()}
        for i, name in enumerate(task.classes)
    ]


def _class_scores(task: Task, predictions: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Precision, recall and so on of each class or label."""
    if task.is_multilabel:
        return per_label(predictions, targets)
    return per_class(predictions, targets, len(task.classes))


def _plot(
    experiment: Experiment, folder: Path, loop: LoopState, draw: Callable[[Path], None], console: RunConsole
) -> None:
    """Draw `plots/`; draw: what shows the predictions. A disk that refuses a picture does not fail the run."""
    from nntrain.record import run_plots

    to, course = folder / "plots", experiment.course
    try:
        with together():
            monitor = course.stopping.monitor
            run_plots.learning_curves(loop.history, monitor, loop.best_epoch or None, to / "learning_curves.png")
            run_plots.learning_rate(*_rates(experiment, loop), to / "learning_rate.png")
            draw(to)
    except WriteError as error:
        console.warn(str(error))


def draw_predictions(task: Task, split: str, predictions: Tensor, targets: Tensor, to: Path) -> None:
    """predictions, targets: of `split`."""
    from nntrain.record import plots, run_plots

    if task.is_classification:
        counts = confusion(predictions, targets, len(task.classes)).numpy()
        run_plots.confusion_matrix(counts, task.classes, to / "confusion_matrix.png", f"confusion matrix of {split}")
        return
    if task.is_multilabel:
        scores = {key: scores.numpy() for key, scores in _class_scores(task, predictions, targets).items()}
        plots.label_scores(scores, task.classes, to / "label_scores.png", f"labels of {split}")
        return
    for i, name in enumerate(task.targets):
        suffix = f"_{i}" if len(task.targets) > 1 else ""
        path = to / f"predicted_against_true{suffix}.png"
        run_plots.predicted_against_true(targets[:, i].numpy(), predictions[:, i].numpy(), name, "", path, split)


def _rates(experiment: Experiment, loop: LoopState) -> tuple[list[int], list[float]]:
    """Steps and their learning rates, of at most 2000 steps; of epochs, where the rate followed the training."""
    if experiment.course.watch is not None:
        return [int(row["step"]) for row in loop.history], [row["lr"] for row in loop.history]
    steps = list(range(1, loop.step + 1, max(1, loop.step // 2000)))
    return steps, [experiment.course.rates(step)[0] for step in steps]


def _remedies(config: Mapping[str, Any]) -> list[str]:
    """Words against overfitting, of what the config does not have yet."""
    remedies = []
    if config["model"]["name"] == "mlp" and not np.any(config["model"]["dropout"]):
        remedies.append("model.dropout=0.2")
    if config["optimizer"]["name"] == "adam" and not config["optimizer"]["weight_decay"]:
        remedies.append("optimizer=adamw optimizer.weight_decay=0.05")
    elif config["optimizer"].get("weight_decay") == 0 and not config["regularization"]["l2"]:
        remedies.append("optimizer.weight_decay=0.001")
    return remedies


def next_commands(experiment: Experiment, folder: Path, source: str) -> list[list[str]]:
    if not experiment.whole:
        return []
    raw = experiment.config["data"].get("path") or "FILE"
    rate = experiment.program.optimizer.lr
    recipe = f"config={source or shown(folder / CONFIG)}"
    if experiment.task.is_reconstruction:
        codes = ["nntrain", "predict", shown(folder), f"input={shown(raw)}", "output=codes.csv"]
        use = ["nntrain", "fit", recipe, "objective=supervised", f"model.init_from={shown(folder)}", "reuse=encoder"]
        return [["nntrain", "eval", shown(folder)], codes, use]
    return [
        ["nntrain", "eval", shown(folder)],
        ["nntrain", "predict", shown(folder), f"input={shown(raw)}", "output=predictions.csv"],
        ["nntrain", "fit", recipe, f"optimizer.lr={rate / 3:.2g}"],
    ]
