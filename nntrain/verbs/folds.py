"""k-fold cross-validation: a whole run per fold, then the mean and the spread of their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from rich.text import Text

from nntrain.config.stackable import alone_because
from nntrain.experiment import build_experiment
from nntrain.folder import (
    RESULT,
    new_run_folder,
    shown,
    write_config,
)
from nntrain.objective.metrics import METRICS
from nntrain.record.files import write_json
from nntrain.record.layout import Page, facts, grid, heading
from nntrain.record.lock import locked
from nntrain.record.words import number
from nntrain.training.course import Interrupted
from nntrain.verbs.pretrain import finished, fit_parts, has_parts
from nntrain.verbs.run import Run, Session
from nntrain.verbs.side_by_side import train_side_by_side
from nntrain.verbs.stacked import Entry
from nntrain.verbs.training import begun_with, train_in

Config = Mapping[str, Any]
Result = dict[str, Any]
FOLD = "fold_"


def fit_folds(config: Config, folder: Path | None, session: Session) -> Run:
    """Train every fold in `folder/fold_<i>/`, as one program where that can be; `result.json` says the mean and
    `<split>_std` the standard deviation.

    folder: of a cross-validation to go on with, whose finished folds are left as they are; None for a new one.
    """
    session = replace(session, judge=None)  # of a search, which judges the whole by its result
    count = config["data"]["folds"]
    results: dict[int, Result] = {}
    wanted: dict[int, Config] = {}
    for i in range(count):
        if folder is not None and (done := finished(folder / f"{FOLD}{i}")):
            results[i] = done
        else:
            wanted[i] = {**config, "name": f"{config['name']}, fold {i + 1} of {count}"}
    whole = _Whole(config, session, folder)
    reason = trained_alone(config)
    if reason is not None and len(wanted) > 1:
        session.console.note(f"the folds train one after another: {reason}")
    train_folds = _side_by_side if reason is None and len(wanted) > 1 else _one_by_one
    try:
        results |= train_folds(wanted, whole)
    except Interrupted:
        raise Interrupted(whole.path()) from None
    folder = whole.path()
    result = combine([results[i] for i in range(count)], folder)
    write_json(folder / RESULT, result)
    session.console.log.open(folder / "log.txt")
    session.console.tell(lambda page: _lines(result, page))
    return Run(folder, [], result)


def trained_alone(config: Config) -> str | None:
    """Why the folds cannot train as one program; None where they do."""
    return alone_because({**config, "data": {**config["data"], "folds": None}})


@dataclass
class _Whole:
    """The run of all folds. folder: None until the data of the first is known to be sound."""

    config: Config
    session: Session
    folder: Path | None

    def path(self) -> Path:
        if self.folder is None:
            self.folder = new_run_folder(self.config)
        return self.folder

    def part(self, i: int) -> Path:
        """The folder of a fold that begins now."""
        write_config(self.path(), self.config)
        if self.session.stop.signal is not None:
            raise Interrupted(self.path())
        part = self.path() / f"{FOLD}{i}"
        part.mkdir(exist_ok=True)
        return part


def _side_by_side(wanted: Mapping[int, Config], whole: _Whole) -> dict[int, Result]:
    """Folds trained as one program; the screen shows their mean. One that fails does not stop the others."""
    first = min(wanted)
    like = build_experiment({**wanted[first], "name": whole.config["name"]}, fold=first)
    entries = {f"fold {i + 1}": Entry(own, whole.part(i), whole.session, fold=i) for i, own in wanted.items()}
    whole.session.console.log.open(whole.path() / "log.txt")
    runs = train_side_by_side(entries, like, whole.path(), whole.session)
    return {i: run.result for i, run in zip(wanted, runs, strict=True)}


def _one_by_one(wanted: Mapping[int, Config], whole: _Whole) -> dict[int, Result]:
    return {i: _one(config, i, whole).result for i, config in wanted.items()}


def _one(config: Config, fold: int, whole: _Whole) -> Run:
    """One fold, from its first step, or from where it was."""
    if has_parts(config):
        return fit_parts(config, partial(whole.part, fold), whole.session, fold)
    resumed = None if whole.folder is None else begun_with(whole.folder / f"{FOLD}{fold}")
    experiment = build_experiment(config, fold=fold, resumed=resumed)
    part = whole.part(fold)
    with locked(part):
        return train_in(experiment, part, whole.session)


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
