"""Deep ensembles: networks that differ by their seed alone, in one model file, whose mean prediction is the model's.

Lakshminarayanan et al. 2017, "Simple and scalable predictive uncertainty estimation using deep ensembles". The members
share data and splits; weights, order of samples, dropout, noise and augmentation are each one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from rich.text import Text

from nntrain.builders import load_data
from nntrain.checks import check_link, find_device
from nntrain.config.stackable import alone_because
from nntrain.data.dataset import Dataset
from nntrain.experiment import Experiment, build_experiment
from nntrain.folder import (
    CONFIG,
    RESULT,
    beginning_of,
    new_run_folder,
    read_json,
    shown,
    write_config,
    write_setup,
)
from nntrain.objective.objective import Objective
from nntrain.opening import build_predictor
from nntrain.record.files import WriteError, write_json
from nntrain.record.layout import Page, facts, grid, heading
from nntrain.record.lock import locked
from nntrain.record.metrics_log import MetricsLog, read_metrics
from nntrain.record.result import next_commands as next_lines
from nntrain.record.side_by_side import mean_row
from nntrain.record.words import duration, number, plural
from nntrain.seeding import derive
from nntrain.training.checkpoint import BEST, ENSEMBLE, load_model, save_model
from nntrain.training.course import Interrupted
from nntrain.training.diagnose import NonFiniteError
from nntrain.verbs.finish import draw_predictions, next_commands
from nntrain.verbs.folds import means
from nntrain.verbs.pretrain import build_pretraining, finished, fit_parts, has_parts, pretrains
from nntrain.verbs.run import SPLITS, Run, Session
from nntrain.verbs.side_by_side import named, train_side_by_side
from nntrain.verbs.stacked import Entry
from nntrain.verbs.training import begun_with, check_unchanged, train_in

Config = Mapping[str, Any]
Result = dict[str, Any]
MEMBER = "member_"
MORE = ("epochs", "time_limit")  # what a finished member may be asked to do more of; and early_stopping.patience


def fit_ensemble(config: Config, folder: Path | None, session: Session) -> Run:
    """Train every member in `folder/member_<i>/`, each a run of its own; then the model file of all, evaluated as one.

    folder: of an ensemble to go on with, whose finished members are left as they are; None for a new one.
    Early stopping and the time limit are each member's own. Raises Interrupted with the state saved, NonFiniteError
    that names a member, UserError before anything is written.
    """
    session = replace(session, judge=None)  # of a search, which judges the whole by its result
    dataset = load_data(config).to(find_device(config["device"]))
    whole = build_experiment(config, dataset=dataset, resumed=None if folder is None else beginning_of(folder))
    check_link(whole.program.objective)
    if pretrains(config):
        build_pretraining(config, dataset)
    new = folder is None
    folder = new_run_folder(config) if folder is None else folder
    with locked(folder):
        if new:
            write_setup(folder, whole, session.command)
        else:
            check_unchanged(whole, folder, session)
            write_config(folder, config)
        session.console.log.open(folder / "log.txt")
        try:
            results, trained = _members(whole, dataset, folder, session)
        except Interrupted:
            raise Interrupted(folder) from None
        if not trained and (folder / RESULT).is_file() and (result := read_json(folder / RESULT)).get("val"):
            said = f"{shown(folder)} is finished: {result['stop_reason']}; nothing was trained"
            session.console.tell(lambda page: [Text(said)])
            return Run(folder, mean_history(folder, len(results)), result)
        return _finish(whole, folder, results, session)


def member_config(config: Config, i: int) -> dict[str, Any]:
    """The recipe of member i, from 0: that of a run of its own. A larger ensemble has the members of a smaller one and
    more; ensembles of other seeds share none."""
    named = f"{config['name']}, {MEMBER}{i} of {config['ensemble']}"
    return {**config, "name": named, "seed": derive(config["seed"], "member", i), "ensemble": 1, "run_dir": None}


def _members(whole: Experiment, dataset: Dataset, folder: Path, session: Session) -> tuple[list[Result], bool]:
    """The results of all members, and whether any of them was trained now."""
    results: dict[int, Result] = {}
    wanted: dict[int, Config] = {}
    for i in range(whole.config["ensemble"]):
        own, part = member_config(whole.config, i), folder / f"{MEMBER}{i}"
        if (done := finished(part)) and not _asks_for_more(own, part):
            results[i] = done
        else:
            wanted[i] = own
    reason = trained_alone(whole.config)
    if reason is not None and len(wanted) > 1:
        session.console.note(f"the members train one after another: {reason}")
    ended = _side_by_side if reason is None and len(wanted) > 1 else _one_by_one
    results |= ended(wanted, whole, dataset, folder, session)
    return [results[i] for i in sorted(results)], bool(wanted)


def trained_alone(config: Config) -> str | None:
    """Why the members cannot train as one program; None where they do."""
    return alone_because(member_config(config, 0))


def _side_by_side(
    wanted: Mapping[int, Config], whole: Experiment, dataset: Dataset, folder: Path, session: Session
) -> dict[int, Result]:
    entries = {
        f"{MEMBER}{i}": Entry(own, folder / f"{MEMBER}{i}", session, dataset=dataset, part=True)
        for i, own in wanted.items()
    }
    runs = train_side_by_side(entries, [(len(wanted), whole)], folder, session)
    return {i: run.result for i, run in zip(wanted, runs, strict=True)}


def _one_by_one(
    wanted: Mapping[int, Config], whole: Experiment, dataset: Dataset, folder: Path, session: Session
) -> dict[int, Result]:
    results = {}
    for i, own in wanted.items():
        if session.stop.signal is not None:
            raise Interrupted(folder)
        try:
            results[i] = _one(own, dataset, folder / f"{MEMBER}{i}", session).result
        except NonFiniteError as error:
            raise named(f"{MEMBER}{i}", error) from None
    return results


def _asks_for_more(config: Config, part: Path) -> bool:
    """Whether a finished member was trained for less than it is asked to now."""
    saved = yaml.safe_load((part / CONFIG).read_text(encoding="utf-8"))
    patience = [section["early_stopping"].get("patience") for section in (saved, config)]
    return patience[0] != patience[1] or any(saved[key] != config[key] for key in MORE)


def _one(config: Config, dataset: Dataset, part: Path, session: Session) -> Run:
    """One member, from its first step, or from where it was."""

    def begun() -> Path:
        part.mkdir(exist_ok=True)
        return part

    if has_parts(config):
        return fit_parts(config, begun, session)
    experiment = build_experiment(config, dataset=dataset, resumed=begun_with(part))
    experiment.part = True
    with locked(begun()):
        return train_in(experiment, part, session)


def _finish(whole: Experiment, folder: Path, results: Sequence[Result], session: Session) -> Run:
    """The model file of all members, the scores of their mean prediction, `result.json`, `metrics.csv` and plots."""
    weights, said = zip(*(load_model(folder / f"{MEMBER}{i}" / BEST) for i in range(len(results))), strict=True)
    members = [
        {"seed": one["config"]["seed"], "best_epoch": one["metrics"]["best_epoch"], "val": one["metrics"]["val"]}
        for one in said
    ]
    about = {**said[0], "config": dict(whole.config), "members": members}
    model = build_predictor(folder / BEST, weights, about, whole.device)
    data, objective = whole.dataset, whole.program.objective
    assert isinstance(objective, Objective)
    splits = data.splits
    found = {name: model.mean_prediction(split.inputs) for name, split in splits.items()}
    scores = {name: model.scores(found[name], split) for name, split in splits.items()}
    stacked = {name: torch.stack([own[name] for own in weights]) for name in weights[0]}
    save_model(folder / BEST, stacked, {**about, "metrics": scores}, ENSEMBLE)
    result = combine(results, scores, folder)
    write_json(folder / RESULT, result)

    last = "val" if data.test is None else "test"
    draw = partial(draw_predictions, data.task, last, found[last].cpu(), objective.own_unit(splits[last].targets).cpu())
    history, console = mean_history(folder, len(results)), session.console
    console.log.open(folder / "log.txt")
    try:
        MetricsLog(folder / "metrics.csv").rewrite(history)
        _plot(history, whole.course.stopping.monitor, draw, folder / "plots")
    except WriteError as error:
        console.warn(str(error))
    commands = next_commands(whole, folder, session.source)
    console.tell(lambda page: _lines(result, [] if console.quiet else commands, page))
    return Run(folder, history, result)


def combine(results: Sequence[Result], scores: Mapping[str, Mapping[str, float]], folder: Path) -> Result:
    """What `result.json` holds: of the mean prediction what a run's has of its network, and as `members` the mean and,
    as `<split>_std`, the standard deviation (n - 1) of each member's own scores."""
    first, monitor = results[0], results[0]["monitor"]
    return {
        "run_dir": str(folder),
        "checkpoint": str(folder / BEST),
        "task": first["task"],
        "monitor": monitor,
        "best_epoch": None,  # each member has its own
        "best_value": scores["val"][monitor.removeprefix("val_")],
        **{name: scores.get(name) for name in SPLITS},
        "parameters": sum(result["parameters"] for result in results),
        "epochs_run": sum(result["epochs_run"] for result in results),
        "seconds": sum(result["seconds"] for result in results),
        "stop_reason": f"all {len(results)} members done",
        "ensemble": len(results),
        "members": means(results),
    }


def mean_history(folder: Path, count: int) -> list[dict[str, float]]:
    """A row per epoch: the mean over the `members` that were still training in it."""
    logs = [read_metrics(folder / f"{MEMBER}{i}" / "metrics.csv") for i in range(count)]
    epochs = max(map(len, logs))
    return [mean_row([log[epoch] for log in logs if len(log) > epoch]) for epoch in range(epochs)]


def _plot(history: Sequence[Mapping[str, float]], monitor: str, draw: Callable[[Path], None], to: Path) -> None:
    from nntrain.record import run_plots

    run_plots.learning_curves(history, monitor, None, to / "learning_curves.png")
    steps, rates = [int(row["step"]) for row in history], [row["lr"] for row in history]
    run_plots.learning_rate(steps, rates, to / "learning_rate.png")
    draw(to)


def _lines(result: Result, commands: Sequence[Sequence[str]], page: Page) -> list[Text]:
    """The scores of the ensemble beside those of its mean member, and what to do next."""
    splits = [split for split in ("val", "test") if result[split]]
    members, sign = result["members"], "+-" if page.ascii_only else "±"
    rows = []
    for name in result["val"]:
        row = [name.replace("_", " ")]
        for split in splits:
            spread = f"{number(members[split][name])} {sign} {number(members[f'{split}_std'][name])}"
            row += [number(result[split][name]), spread]
        rows.append(row)
    titles = ["", *(title for split in splits for title in (split, "mean member"))]
    table = grid(titles, rows, "l" + "r" * (len(titles) - 1), page, gap=2 if page.width < 70 else 3)
    ran = f"{plural(result['epochs_run'], 'epoch')} in {duration(result['seconds'])}; {result['stop_reason']}"
    told = [("trained", ran), ("model", f"{shown(result['checkpoint'])}, {plural(result['parameters'], 'parameter')}")]
    title = heading(f"ensemble of {result['ensemble']} networks", page)
    rest = [Text(""), *next_lines(commands, page)] if commands else []
    return [Text(""), title, *table, Text(""), *facts([*told, ("run", shown(result["run_dir"]))], page), *rest]
