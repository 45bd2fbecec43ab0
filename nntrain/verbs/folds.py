"""k-fold cross-validation: a whole run per fold, then the mean and the spread of their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from rich.text import Text

from nntrain.experiment import build_experiment
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

Config = Mapping[str, Any]
Result = dict[str, Any]


def fit_folds(config: Config, folder: Path | None, session: Session) -> Run:
    """Train every fold in `folder/fold_<i>/`; `result.json` says the mean and `<split>_std` the standard deviation.

    folder: of a cross-validation to go on with, whose finished folds are left as they are; None for a new one.
    """
    count = config["data"]["folds"]
    results: list[Result] = []

    def begun(i: int) -> Path:
        """The folder of a fold, made now that its data is known to be sound."""
        nonlocal folder
        if folder is None:
            folder = new_run_folder(config)
        write_config(folder, config)
        if session.stop.signal is not None:
            raise Interrupted(folder)
        part = folder / f"fold_{i}"
        part.mkdir(exist_ok=True)
        return part

    for i in range(count):
        part = None if folder is None else folder / f"fold_{i}"
        if part is not None and (done := finished(part)):
            results.append(done)
            continue
        named = {**config, "name": f"{config['name']}, fold {i + 1} of {count}"}
        resumed = None if part is None or not (part / LAST).is_file() else beginning_of(part)
        try:
            results.append(_one(named, i, partial(begun, i), resumed, session).result)
        except Interrupted:
            raise Interrupted(folder) from None
    assert folder is not None
    result = combine(results, folder)
    write_json(folder / RESULT, result)
    session.console.log.open(folder / "log.txt")
    session.console.tell(lambda page: _lines(result, page))
    return Run(folder, [], result)


def _one(
    config: Config, fold: int, begun: Callable[[], Path], resumed: Mapping[str, Any] | None, session: Session
) -> Run:
    """One fold, from its first step, or from where it was. begun: makes its folder; resumed: see `build_experiment`."""
    if has_parts(config):
        return fit_parts(config, begun, session, fold)
    experiment = build_experiment(config, fold=fold, resumed=resumed)
    part = begun()
    with locked(part):
        if resumed is not None:
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
    return combined | means(results)


def means(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Of every split that the results have, the mean of each metric, and as `<split>_std` the standard deviation
    (n - 1)."""
    found = {}
    for split in ("train", "val", "test"):
        scores = [result[split] for result in results]
        if scores[0] is not None:
            found[split] = {name: _over(scores, name, mean) for name in scores[0]}
            found[f"{split}_std"] = {name: _over(scores, name, stdev) for name in scores[0]}
    return found


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
