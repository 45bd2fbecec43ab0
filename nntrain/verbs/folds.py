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
    CONFIG,
    FOLD,
    RESULT,
    new_run_folder,
    shown,
    write_config,
)
from nntrain.objective.metrics import METRICS
from nntrain.record.files import WriteError, together, write_json
from nntrain.record.layout import Page, facts, grid, heading
from nntrain.record.lock import locked
from nntrain.record.metrics_log import read_metrics
from nntrain.record.result import next_commands
from nntrain.record.words import duration, number, plural
from nntrain.training.course import Interrupted
from nntrain.training.diagnose import NonFiniteError
from nntrain.verbs.fold_data import alike, data_of, differences
from nntrain.verbs.pretrain import finished, fit_parts, has_parts
from nntrain.verbs.run import Run, Session
from nntrain.verbs.side_by_side import named, train_side_by_side
from nntrain.verbs.stacked import Entry
from nntrain.verbs.training import begun_with, train_in

Config = Mapping[str, Any]
Result = dict[str, Any]
MOST_ROWS = 20  # folds in the table of the screen
FEW_FOR_VALIDATION = 0.1  # of the rows, in the command that is proposed for one model of nearly all


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
            wanted[i] = {**config, "name": f"{config['name']}, {FOLD}{i} of {count}"}
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
    parts = [results[i] for i in range(count)]
    result = combine(parts, folder)
    write_json(folder / RESULT, result)
    console = session.console
    console.log.open(folder / "log.txt")
    try:
        _plot(parts, folder)
    except WriteError as error:
        console.warn(str(error))
    commands = [] if console.quiet else _commands(config, folder)
    console.tell(lambda page: _lines(result, parts, commands, page))
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
    data = data_of(wanted)
    groups = alike(data)
    kinds = [(len(group), build_experiment(whole.config, group[0], dataset=data[group[0]])) for group in groups]
    entries = {
        f"{FOLD}{i}": Entry(own, whole.part(i), whole.session, fold=i, dataset=data[i]) for i, own in wanted.items()
    }
    whole.session.console.log.open(whole.path() / "log.txt")
    runs = train_side_by_side(entries, kinds, whole.path(), whole.session, list(differences(data, groups)))
    return {i: run.result for i, run in zip(wanted, runs, strict=True)}


def _one_by_one(wanted: Mapping[int, Config], whole: _Whole) -> dict[int, Result]:
    results = {}
    for i, config in wanted.items():
        try:
            results[i] = _one(config, i, whole).result
        except NonFiniteError as error:
            raise named(f"{FOLD}{i}", error) from None
    return results


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

    `checkpoint` is the model of the fold whose monitored value is the middle one of all: each fold is validated on
    other rows, so the best value is that of the easiest rows rather than of the best model.
    """
    sign = -1 if METRICS[results[0]["monitor"].removeprefix("val_")].direction == "max" else 1
    values = [result["best_value"] for result in results]
    known = [value for value in values if value is not None]
    ranked = sorted(range(len(results)), key=lambda i: (values[i] is None, sign * (values[i] or 0.0)))
    middle = ranked[max(len(known) - 1, 0) // 2]
    combined: Result = {**results[middle], "run_dir": str(folder), "best_epoch": None}
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


def _commands(config: Config, folder: Path) -> list[list[str]]:
    """How to train one model of nearly all rows, and several."""
    one = ["nntrain", "fit", f"config={shown(folder / CONFIG)}", "data.folds=null"]
    val = config["data"].get("val")
    fewer = [f"data.val={FEW_FOR_VALIDATION}"] if isinstance(val, float) and val > FEW_FOR_VALIDATION else []
    several = [[*one, "ensemble=5"]] if config["objective"]["name"] == "supervised" else []
    return [[*one, *fewer], *several]


def _plot(results: Sequence[Result], folder: Path) -> None:
    from nntrain.record import fold_plots

    monitor = results[0]["monitor"]
    names = [f"{FOLD}{i}" for i in range(len(results))]
    paths = [folder / name / "metrics.csv" for name in names]
    logs = [read_metrics(path) if path.is_file() else [] for path in paths]
    with together():
        if all(logs):
            best = [result["best_epoch"] for result in results]
            fold_plots.learning_curves(logs, best, monitor, folder / "plots" / "learning_curves.png")
        fold_plots.scores(results, _shown_metrics(results[0])[-1], folder / "plots" / "scores_by_fold.png")


def _shown_metrics(result: Result) -> list[str]:
    """The monitored metric; where that is the loss, the first other one too."""
    monitor = result["monitor"].removeprefix("val_")
    return [monitor, *[name for name in result["val"] if name != "loss"][:1]] if monitor == "loss" else [monitor]


def _lines(result: Result, parts: Sequence[Result], commands: Sequence[Sequence[str]], page: Page) -> list[Text]:
    """Scores of each fold, then mean and standard deviation of each metric, a column per split."""
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
    ran = f"{plural(result['epochs_run'], 'epoch')} in {duration(result['seconds'])}; {result['stop_reason']}"
    told = [("trained", ran), ("run", shown(result["run_dir"])), ("model", shown(result["checkpoint"]))]
    told += [("note", _of_which(result))]
    scores = [heading(f"scores of {result['folds']} folds", page), *_scores(parts, splits, page), Text("")]
    rest = [Text(""), *next_commands(commands, page)] if commands else []
    title = heading(f"mean over {result['folds']} folds", page)
    return [Text(""), *scores, title, *table, Text(""), *facts(told, page), *rest]


def _scores(parts: Sequence[Result], splits: Sequence[str], page: Page) -> list[Text]:
    """A row per fold; of very many those with the lowest numbers."""
    columns = [(split, name) for name in _shown_metrics(parts[0]) for split in splits]
    titles = ["fold", "best epoch", *(f"{split} {name.replace('_', ' ')}" for split, name in columns)]
    rows = [
        [f"{FOLD}{i}", str(part["best_epoch"] or "-"), *(number(part[split][name]) for split, name in columns)]
        for i, part in enumerate(parts[:MOST_ROWS])
    ]
    more = len(parts) - len(rows)
    rest = [Text(f"... and {plural(more, 'fold')} more, each with its result.json")] if more else []
    return [*grid(titles, rows, "l" + "r" * (len(titles) - 1), page, gap=3), *rest]


def _of_which(result: Result) -> str:
    """Whose the model is, why, and what it is not."""
    fold, k = Path(result["checkpoint"]).parent.name, result["folds"]
    return (
        f"eval and predict of this run take {fold}, whose {result['monitor'].replace('_', ' ')} is the middle one of "
        f"all; each fold was trained on {k - 1}/{k} of the rows that are not test; data.folds=null trains one model of "
        "its own, with data.val of the rows to validate"
    )


def _over(scores: Sequence[Mapping[str, float | None]], name: str, statistic: Any) -> float | None:
    """Of the folds whose metric is a number: all of them, or None."""
    values = [score[name] for score in scores]
    return None if any(value is None or value != value for value in values) else float(statistic(values))
