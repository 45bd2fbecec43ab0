"""k-fold cross-validation: a whole run per fold, then the mean and the spread of their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from rich.text import Text

from nntrain.experiment import Experiment, build_experiment
from nntrain.folder import (
    RESULT,
    beginning_of,
    new_run_folder,
    shown,
    write_config,
    write_setup,
)
from nntrain.objective.metrics import METRICS
from nntrain.record.files import write_json
from nntrain.record.layout import Page, facts, grid, heading
from nntrain.record.lock import locked
from nntrain.record.words import number
from nntrain.training.checkpoint import LAST
from nntrain.training.course import Interrupted
from nntrain.verbs.pretrain import finished, fit_parts, has_parts
from nntrain.verbs.run import Run, Session
from nntrain.verbs.training import resume_training, train

Result = dict[str, Any]


def fit_folds(config: Mapping[str, Any], folder: Path | None, session: Session) -> Run:
    """Train every fold in `folder/fold_<i>/`; `result.json` says the mean and `<split>_std` the standard deviation.

    folder: of a cross-validation to go on with, whose finished folds are left as they are; None for a new one.
    """
    count = config["data"]["folds"]
    results: list[Result] = []
    for i in range(count):
        if folder is not None and (done := finished(folder / f"fold_{i}")):
            results.append(done)
            continue
        named = {**config, "name": f"{config['name']}, fold {i + 1} of {count}"}
        resumed = None if folder is None or not (folder / f"fold_{i}" / LAST).is_file() else folder / f"fold_{i}"
        experiment = build_experiment(named, fold=i, resumed=None if resumed is None else beginning_of(resumed))
        if folder is None:  # now that the data is known to be sound
            folder = new_run_folder(config)
        write_config(folder, config)
        if session.stop.signal is not None:
            raise Interrupted(folder)
        try:
            results.append(_one(experiment, folder / f"fold_{i}", session).result)
        except Interrupted:
            raise Interrupted(folder) from None
    assert folder is not None
    result = combine(results, folder)
    write_json(folder / RESULT, result)
    session.console.log.open(folder / "log.txt")
    session.console.tell(lambda page: _lines(result, page))
    return Run(folder, [], result)


def _one(experiment: Experiment, part: Path, session: Session) -> Run:
    part.mkdir(exist_ok=True)
    if has_parts(experiment.config):
        return fit_parts(experiment.config, part, session, experiment.fold)
    with locked(part):
        if (part / LAST).is_file():
            return resume_training(experiment, part, session)
        write_setup(part, experiment, session.command)
        return train(experiment, part, session)


def combine(results: Sequence[Mapping[str, Any]], folder: Path) -> Result:
    """Mean over the folds of every metric, and beside it `<split>_std`, the standard deviation (n - 1).

    `checkpoint` is the model of the fold with the best value of the monitored metric.
    """
    sign = -1 if METRICS[results[0]["monitor"].removeprefix("val_")].direction == "max" else 1
    values = [result["best_value"] for result in results]
    known = [value for value in values if value is not None]
    best = min(range(len(results)), key=lambda i: (values[i] is None, sign * (values[i] or 0.0)))
    combined: Result = {**results[best], "run_dir": str(folder), "best_epoch": None}
    combined["best_value"] = mean(known) if known else None
    combined["epochs_run"] = sum(result["epochs_run"] for result in results)
    combined["seconds"] = sum(result["seconds"] for result in results)
    combined["stop_reason"] = f"all {len(results)} folds done"
    combined["folds"] = len(results)
    for split in ("train", "val", "test"):
        scores = [result[split] for result in results]
        if scores[0] is not None:
            combined[split] = {name: _over(scores, name, mean) for name in scores[0]}
            combined[f"{split}_std"] = {name: _over(scores, name, stdev) for name in scores[0]}
    return combined


def _lines(result: Result, page: Page) -> list[Text]:
    """Mean and standard deviation of each metric, a column per split."""
    splits = [split for split in ("val", "test") if result.get(split)]
    sign = "+-" if page.ascii_only else "±"
    rows = [
        [
            name.replace("_", " "),
            *(f"{number(result[s][name])} {sign} {number(result[f'{s}_std'][name])}" for s in splits),
        ]
        for name in result["val"]
    ]
    table = grid(["", *splits], rows, "l" + "r" * len(splits), page, gap=3)
    said = [("model", shown(result["checkpoint"])), ("run", shown(result["run_dir"]))]
    return [Text(""), heading(f"mean over {result['folds']} folds", page), *table, Text(""), *facts(said, page)]


def _over(scores: Sequence[Mapping[str, float | None]], name: str, statistic: Any) -> float | None:
    """Of the folds whose metric is a number: all of them, or None."""
    values = [score[name] for score in scores]
    return None if any(value is None or value != value for value in values) else float(statistic(values))
