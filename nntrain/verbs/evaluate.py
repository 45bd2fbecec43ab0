"""`nntrain eval`: the metrics of a model, on its own data or on new data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import yaml
from rich.text import Text

from nntrain.builders import load_data
from nntrain.config import schema
from nntrain.config.fields import is_path
from nntrain.data.dataset import Split, TableFeatures
from nntrain.data.pictures.layout import has_splits
from nntrain.data.progress import watched
from nntrain.data.splitting import SPLIT_OF_WORD, SPLITS
from nntrain.errors import UserError, unknown
from nntrain.folder import shown
from nntrain.model_checks import refuse_own_code
from nntrain.predictor import Predictor
from nntrain.record.decoding import decoding_bar
from nntrain.record.layout import Page, facts, heading
from nntrain.record.result import metrics_table
from nntrain.record.screen import show
from nntrain.record.words import plural
from nntrain.verbs.opened import check_words, opened, trusted, views_of


def evaluate_words(words: Mapping[str, str], stream: TextIO | None = None) -> dict[str, Any]:
    """Evaluate and show. words: `checkpoint`, and where wanted `split`, `device`, `trust`, `tta`, `data.<key>`.

    A file in `data.path`, or a folder of class folders, is evaluated as a whole, unless `split` says which part of it.
    Folders of splits whose classes are not all those of the model are taken by the names of their classes.
    """
    given = {key.removeprefix("data."): value for key, value in words.items() if key.startswith("data.")}
    plain = {key: value for key, value in words.items() if not key.startswith("data.")}
    check_words("eval", plain, ("split", "data.path"), example="nntrain eval runs/...")
    name = words.get("split")
    if name is not None and name not in SPLITS:
        raise UserError(f"eval: {unknown('split', name, SPLITS)}")
    views = views_of("eval", words)
    model = opened(words)
    changes = _changes(given, model.config["data"])

    notes: list[str] = []
    baseline: dict[str, float] | None = None
    path = Path(str(changes.get("path", "")))
    with decoding_bar(stream) as bar, watched(bar):
        if name is None and "path" in changes and (path.is_file() or _is_whole(path, model)):
            shown_as, split = str(path), model.labelled(path)
        elif set(changes) == {"path"} and (part := _part(path, name, model)) is not None:
            shown_as, split = str(part), model.labelled(part)
        else:
            refuse_own_code(model.path, model.config, ("data",), trust=trusted(words))
            shown_as, split, train = _own_split(model, changes, name, notes)
            baseline = model.baseline(train, split)
    metrics = model.evaluate(split, tta=views)
    if model.members > 1:
        notes.append(f"ensemble of {model.members} networks: the metrics are those of their mean prediction")
    if model.of_fold:
        notes.append(model.of_fold)
    if views > 1:
        draws = f"{plural(views - 1, 'draw')} of augment={model.config['augment']['name']}"
        said = f"tta: each prediction is the mean over the sample as it is and {draws}; the loss, which is of single"
        notes.append(f"{said} outputs, is left out")
    result = {
        "checkpoint": str(model.path.resolve()),
        "task": model.task.kind,
        "split": shown_as,
        "rows": len(split),
        "tta": views,
        "members": model.members,
        "fold": model.fold,
        "metrics": metrics,
        "baseline": baseline,
    }
    show(lambda page: _lines(result, notes, page), stream)
    return result


def _is_whole(path: Path, model: Predictor) -> bool:
    """Whether a folder is one set of pictures: class folders, without train/ and test/ above them."""
    if model.config["data"]["name"] != "folder" or not path.is_dir():
        return False
    return not has_splits([folder.name for folder in path.iterdir() if folder.is_dir()])


def _part(path: Path, name: str | None, model: Predictor) -> Path | None:
    """The folder of a split, which is evaluated by the names of its class folders; None where the classes of all splits
    are the model's own, or there is no such folder."""
    if model.config["data"]["name"] != "folder" or not model.task.is_classification or not path.is_dir():
        return None
    inside = [folder for folder in sorted(path.iterdir()) if folder.is_dir()]
    if not has_splits([folder.name for folder in inside]):
        return None
    parts = {split: folder for folder in inside if (split := SPLIT_OF_WORD.get(folder.name.lower())) is not None}
    classes = [
        {one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")}
        for folder in parts.values()
    ]
    own = set(model.task.classes)
    if set().union(*classes) == own and own <= {one.name for one in parts["train"].iterdir()}:
        return None
    return parts.get(name or ("test" if "test" in parts else "val"))


def _changes(given: Mapping[str, str], section: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `data.<key>` words. UserError, with every mistake, where the model's data has no such key or value."""
    known = [key for key in section if key != "name"]
    changes: dict[str, Any] = {}
    problems: list[str] = []
    for key, text in given.items():
        kind = schema.field(f"data.{key}")
        if key not in known or kind is None:
            problems.append(f"eval: data.{key}: {unknown('setting of the data', key, known)}")
            continue
        try:
            changes[key] = text if is_path(kind) else yaml.safe_load(text)
        except yaml.YAMLError:
            problems.append(f"eval: data.{key}: {text} cannot be read")
            continue
        if complaint := kind.complaint(changes[key]):
            problems.append(f"eval: data.{key}: {complaint}")
    if problems:
        raise UserError(*problems)
    return changes


def _own_split(
    model: Predictor, changes: Mapping[str, Any], name: str | None, notes: list[str]
) -> tuple[str, Split, Split]:
    """A split of the data that the config names: the name, the samples, and the training split for the baseline."""
    config = {**model.config, "data": {**model.config["data"], **changes}}
    dataset = load_data(config, standardize_target=not model.raw_targets, fold=model.fold)
    if dataset.task.classes != model.task.classes or dataset.task.targets != model.task.targets:
        here, there = (", ".join((task.classes or task.targets)[:10]) for task in (dataset.task, model.task))
        raise UserError(
            f"eval: this data has other classes or targets ({here}) than the model was trained on ({there})"
        )
    is_table = isinstance(dataset.features, TableFeatures)
    if is_table and dataset.preprocessing.state() != model.preprocessing.state():
        raise UserError(
            "eval: the data or its splits are not those that the model was trained on, so its parts cannot be told "
            "apart; evaluate all of a file: data.path=FILE"
        )
    if not changes and dataset.fingerprint != model.fingerprint:
        notes.append("the data has changed since the model was trained; its splits are not those of then")
    if name is None:
        name = "val" if dataset.test is None else "test"
    if name not in dataset.splits:
        raise UserError("eval: this data has no test split (splits: train, val)")
    return name, dataset.splits[name], dataset.train


def _lines(result: Mapping[str, Any], notes: list[str], page: Page) -> list[Text]:
    split = str(result["split"])
    metrics = result["metrics"]
    lines = [heading("evaluation", page)]
    lines += facts(
        [("model", shown(result["checkpoint"])), ("data", f"{split}, {plural(result['rows'], 'row')}")], page
    )
    lines += [Text(""), *metrics_table({split: metrics}, {split: result["baseline"] or {}}, page)]
    return lines + [line for note in notes for line in facts([("note", note)], page)]
