"""`nntrain fit`: train, keep the best model, evaluate it once, and leave a run folder that says it all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from nntrain.errors import UserError
from nntrain.experiment import Experiment, build_experiment
from nntrain.objective.metrics import baseline_metrics, confusion, metric_names, per_class
from nntrain.record.console import RunConsole
from nntrain.record.files import WriteError, write_atomic, write_json
from nntrain.record.metrics_log import MetricsLog
from nntrain.record.run_folder import create_run_folder, environment
from nntrain.training.checkpoint import BEST, LAST, load_model, load_state, save_model, save_state
from nntrain.training.diagnose import NonFinite
from nntrain.training.evaluate import evaluate, outputs_of
from nntrain.training.state import LoopState, TrainState
from nntrain.training.trainer import Interrupted, Stop, Trainer
from nntrain.verbs.model_file import about_model


@dataclass
class Run:
    """A finished (or interrupted) run: its folder, a row of metrics per epoch, `result.json`, and the best model's file."""

    dir: Path
    metrics: list[dict[str, float]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def best(self) -> Path:
        return self.dir / BEST


@dataclass
class Keeper:
    """Writes what the loop hands over into the run folder. Where the disk refuses, it says so, and the run goes on."""

    folder: Path
    experiment: Experiment
    console: RunConsole
    log: MetricsLog
    resumable: bool
    unsaved: str | None = None

    def model(self, weights: dict[str, Tensor], loop: LoopState) -> None:
        scores = (
            {k.removeprefix("val_"): v for k, v in loop.history[-1].items() if k.startswith("val_")}
            if loop.history
            else {}
        )
        about = about_model(self.experiment, {"best_epoch": loop.best_epoch, "val": scores})
        self._write(lambda: save_model(self.folder / BEST, weights, about))

    def state(self, state: TrainState, loop: LoopState, losses: Tensor) -> None:
        if self.resumable:
            self._write(lambda: save_state(self.folder, state, loop, losses))

    def row(self, row: Mapping[str, float]) -> None:
        self._write(lambda: self.log.append(row))

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
            self.unsaved = None
        except WriteError as error:
            if self.unsaved is None:
                self.console.warn(f"{error}; training goes on")
            self.unsaved = str(error)


def fit(config: Mapping[str, Any], console: RunConsole, stop: Stop, command: Sequence[str], source: str) -> Run:
    """Train as `config` says, in a new run folder. source: what `config=` named, for the commands that are proposed.

    Raises Interrupted with the state saved, NonFinite with the last good model kept, UserError before anything is written.
    """
    if config["data"].get("folds"):
        return fit_folds(config, new_run_folder(config), console, stop, command, source)
    experiment = build_experiment(config)
    folder = new_run_folder(config)
    write_setup(folder, experiment, command)
    return _train(experiment, folder, LoopState(), [], console, stop, source)


def resume(folder: Path, config: Mapping[str, Any], console: RunConsole, stop: Stop, source: str) -> Run:
    """Go on exactly where the run in `folder` was. UserError where the data is not what it was trained on."""
    if config["data"].get("folds"):
        return fit_folds(config, folder, console, stop, [], source)
    experiment = build_experiment(config)
    return _resume_one(experiment, folder, console, stop, source)


def fit_folds(
    config: Mapping[str, Any], folder: Path, console: RunConsole, stop: Stop, command: Sequence[str], source: str
) -> Run:
    """k-fold cross-validation: a whole run per fold in `folder/fold_<i>/`, and their mean and spread in `result.json`.

    Folds that are finished are left, so that a stopped cross-validation goes on where it was.
    """
    write_config(folder, config)
    results: list[dict[str, Any]] = []
    for i in range(config["data"]["folds"]):
        part, last = folder / f"fold_{i}", i == config["data"]["folds"] - 1
        if (part / "result.json").is_file():
            results.append(json.loads((part / "result.json").read_text(encoding="utf-8")))
            continue
        named = {**config, "name": f"{config['name']}, fold {i + 1} of {config['data']['folds']}"}
        experiment = build_experiment(named, fold=i)
        if (part / LAST).is_file():
            run = _resume_one(experiment, part, console, stop, source)
        else:
            part.mkdir(exist_ok=True)
            write_setup(part, experiment, command)
            run = _train(experiment, part, LoopState(), [], console, stop, source)
        results.append(run.result)
        assert last or not stop.signal
    result = combine(results, folder)
    write_json(folder / "result.json", result)
    return Run(folder, [], result)


def combine(results: Sequence[Mapping[str, Any]], folder: Path) -> dict[str, Any]:
    """Mean over the folds of every metric, and beside it `<split>_std`, the standard deviation (n - 1)."""
    best = min(range(len(results)), key=lambda i: results[i]["val"]["loss"])
    combined = {**results[best], "run_dir": str(folder), "folds": len(results), "best_epoch": None, "best_value": None}
    for split in ("train", "val", "test"):
        scores = [result[split] for result in results]
        if scores[0] is not None:
            combined[split] = {name: mean(score[name] for score in scores) for name in scores[0]}
            combined[f"{split}_std"] = {name: stdev(score[name] for score in scores) for name in scores[0]}
    combined["best_value"] = mean(result["best_value"] for result in results)
    combined["epochs_run"] = sum(result["epochs_run"] for result in results)
    combined["seconds"] = sum(result["seconds"] for result in results)
    return combined


def _resume_one(experiment: Experiment, folder: Path, console: RunConsole, stop: Stop, source: str) -> Run:
    known = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["data_fingerprint"]
    if known != experiment.dataset.fingerprint:
        raise UserError(
            f"resume: the data has changed since {folder} was started; start a new run with nntrain fit config={source}"
        )
    loop, losses = load_state(folder, experiment.state)
    if loop.stop_reason is not None and loop.epoch <= experiment.course.epochs and "epochs done" in loop.stop_reason:
        loop.stop_reason = None  # more epochs were asked for
    return _train(experiment, folder, loop, list(losses.to(experiment.device).unbind()), console, stop, source)


def _train(
    experiment: Experiment,
    folder: Path,
    loop: LoopState,
    losses: list[Tensor],
    console: RunConsole,
    stop: Stop,
    source: str,
) -> Run:
    config = experiment.config
    console.log.open(folder / "log.txt")
    console.start(**_header(experiment, folder, loop))
    for note in experiment.notes:
        console.note(note)
    log = MetricsLog(folder / "metrics.csv")
    if loop.history or log.columns:
        log.rewrite(loop.history)
    keeper = Keeper(folder, experiment, console, log, config["checkpoint"]["resumable"])
    trainer = Trainer(
        experiment.program,
        experiment.state,
        loop,
        experiment.dataset.train,
        experiment.dataset.val,
        experiment.course,
        console,
        keeper,
        stop,
        losses,
    )
    try:
        trainer.fit()
    except NonFinite as error:
        kept = (
            f"the best model so far (epoch {loop.best_epoch}) is kept in {folder / BEST}"
            if loop.best_epoch
            else ("no epoch was completed, so there is no model to keep")
        )
        loop.stop_reason = "a loss or gradient was not finite"
        write_json(folder / "result.json", _result(experiment, folder, loop, {}))
        raise NonFinite(f"{error}; {kept}") from None
    except Interrupted as interrupted:
        interrupted.folder = folder
        raise
    return _finish(experiment, folder, trainer, keeper, source)


def _finish(experiment: Experiment, folder: Path, trainer: Trainer, keeper: Keeper, source: str) -> Run:
    """Restore the best weights, evaluate every split once, and write the result, the model and the plots."""
    loop, program, dataset, console = trainer.loop, experiment.program, experiment.dataset, keeper.console
    weights = trainer.best.weights
    if not weights and (folder / BEST).is_file():  # the best epoch was before this session
        weights, _ = load_model(folder / BEST)
    if weights:
        program.network.load_state_dict({name: value.to(experiment.device) for name, value in weights.items()})
    else:
        console.warn(
            f"val_{experiment.course.stopping.monitor} was never a number; the weights of the last epoch are kept"
        )
        weights = program.network.state_dict()
    names = metric_names(dataset.task)
    splits = {"train": dataset.train, "val": dataset.val} | ({} if dataset.test is None else {"test": dataset.test})
    scores = {name: evaluate(program, split, names) for name, split in splits.items()}
    result = _result(experiment, folder, loop, scores)
    save_model(folder / BEST, weights, about_model(experiment, {"best_epoch": loop.best_epoch, **scores}))
    write_json(folder / "result.json", result)

    last = "val" if dataset.test is None else "test"
    objective, split = program.objective, splits[last]
    predictions, targets = objective.predictions(outputs_of(program, split.inputs)), objective.own_unit(split.targets)
    train_targets = objective.own_unit(dataset.train.targets)
    baselines = {
        name: {
            k: float(v)
            for k, v in baseline_metrics(dataset.task, train_targets, objective.own_unit(part.targets)).items()
        }
        for name, part in splits.items()
        if name != "train"
    }
    table: list[dict[str, Any]] = []
    if dataset.task.is_classification:
        found = per_class(predictions, targets, len(dataset.task.classes))
        columns = {"precision": "precision", "recall": "recall", "count": "support"}
        table = [
            {"class": name} | {shown: float(found[key][i]) for shown, key in columns.items()}
            for i, name in enumerate(dataset.task.classes)
        ]
    _plot(experiment, folder, loop, predictions.cpu(), targets.cpu())
    console.finish(result, baselines=baselines, per_class=table, commands=_next_commands(experiment, folder, source))
    return Run(folder, loop.history, result)


def _result(
    experiment: Experiment, folder: Path, loop: LoopState, scores: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    return {
        "run_dir": str(folder),
        "checkpoint": str(folder / BEST),
        "task": experiment.task.kind,
        "monitor": f"val_{experiment.course.stopping.monitor}",
        "best_epoch": loop.best_epoch or None,
        "best_value": loop.best_value,
        **{name: scores.get(name) for name in ("train", "val", "test")},
        "parameters": sum(p.numel() for p in experiment.program.network.parameters()),
        "epochs_run": len(loop.history),
        "seconds": loop.seconds,
        "stop_reason": loop.stop_reason,
    }


def _plot(experiment: Experiment, folder: Path, loop: LoopState, predictions: Tensor, targets: Tensor) -> None:
    from nntrain.record import plots

    to, course, task = folder / "plots", experiment.course, experiment.task
    plots.learning_curves(loop.history, course.stopping.monitor, loop.best_epoch or None, to / "learning_curves.png")
    if course.watch is not None:
        steps, rates = [int(row["step"]) for row in loop.history], [row["lr"] for row in loop.history]
    else:
        stride = max(1, loop.step // 2000)
        steps = list(range(1, loop.step + 1, stride))
        rates = [course.rates(step)[0] for step in steps]
    plots.learning_rate(steps, rates, to / "learning_rate.png")
    if task.is_classification:
        counts = confusion(predictions, targets, len(task.classes))
        plots.confusion_matrix(counts.numpy(), task.classes, to / "confusion_matrix.png")
        return
    for i, name in enumerate(task.targets):
        suffix = f"_{i}" if len(task.targets) > 1 else ""
        path = to / f"predicted_against_true{suffix}.png"
        plots.predicted_against_true(targets[:, i].numpy(), predictions[:, i].numpy(), name, "", path)


def _header(experiment: Experiment, folder: Path, loop: LoopState) -> dict[str, Any]:
    config, dataset, course = experiment.config, experiment.dataset, experiment.course
    task = dataset.task
    sizes = {"train": len(dataset.train), "val": len(dataset.val)} | (
        {} if dataset.test is None else {"test": len(dataset.test)}
    )
    kind = f"{len(task.classes)} classes" if task.is_classification else ", ".join(task.targets)
    optimizer = config["optimizer"]
    batch = "all samples" if course.batch_size is None else f"batch {course.batch_size * course.accumulate}"
    schedule = config["schedule"]["name"]
    steps = "" if schedule == "constant" else f", {schedule} schedule"
    matrices = [p for p in experiment.program.network.body.parameters() if p.ndim == 2]
    widths = [str(matrices[0].shape[1]), *(str(p.shape[0]) for p in matrices)] if matrices else []
    return {
        "name": config["name"],
        "data": config["data"].get("dataset") or config["data"].get("path") or config["data"]["name"],
        "rows": sizes,
        "task": f"{task.kind}, {kind}",
        "model": f"{config['model']['name']} {'-'.join(widths)}",
        "parameters": experiment.state.params.count,
        "training": f"{optimizer['name']}, lr {optimizer['lr']:g}, {batch}{steps}, up to {course.epochs} epochs",
        "device": str(experiment.device),
        "folder": folder,
        "epochs": course.epochs,
        "metrics": course.metrics,
        "history": loop.history,
    }


def _next_commands(experiment: Experiment, folder: Path, source: str) -> list[list[str]]:
    raw = experiment.config["data"].get("path") or "FILE"
    rate = experiment.config["optimizer"]["lr"]
    return [
        ["nntrain", "eval", str(folder)],
        ["nntrain", "predict", str(folder), f"input={raw}", "output=predictions.csv"],
        ["nntrain", "fit", f"config={source}", f"optimizer.lr={rate / 3:.2g}"],
    ]


def new_run_folder(config: Mapping[str, Any]) -> Path:
    """`run_dir`, where given and not yet a run, or a fresh folder below `runs/`."""
    if config["run_dir"] is None:
        return create_run_folder(Path.cwd() / "runs", config["name"])
    folder = Path(config["run_dir"])
    if folder.exists() and (not folder.is_dir() or any((folder / name).exists() for name in ("config.yaml", BEST))):
        raise UserError(
            f"run_dir: {folder} already holds a run; choose another folder, or go on with: nntrain fit resume={folder}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"run_dir: cannot make {folder} ({error.strerror})") from None
    return folder


def write_setup(folder: Path, experiment: Experiment, command: Sequence[str]) -> None:
    """`config.yaml` and `environment.json`, before the first step."""
    write_config(folder, experiment.config)
    config = experiment.config
    about = environment(config["seed"], str(experiment.device), experiment.dataset.fingerprint, command)
    write_json(folder / "environment.json", about)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """The resolved recipe; `nntrain fit config=` this file repeats the run, in a folder of its own."""
    import yaml

    text = yaml.safe_dump(
        {**config, "run_dir": None}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120
    )
    said = f"# The resolved recipe of this run; repeat it with: nntrain fit config={folder / 'config.yaml'}\n"
    write_atomic(folder / "config.yaml", said + text)
