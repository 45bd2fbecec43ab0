"""`nntrain eval`: the metrics of a model, on its own data or on new data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import torch
import yaml
from rich.text import Text

from nntrain.data.dataset import Split
from nntrain.errors import UserError, unknown
from nntrain.experiment import load_data
from nntrain.folder import shown
from nntrain.objective.metrics import baseline_metrics
from nntrain.predictor import Predictor, load, refuse_own_code
from nntrain.record.layout import Page, facts, heading
from nntrain.record.result import metrics_table
from nntrain.record.screen import show

SPLITS = ("train", "val", "test")
SETTINGS = ("checkpoint", "split", "device", "trust")


def evaluate_words(words: Mapping[str, str], stream: TextIO | None = None) -> dict[str, Any]:
    """Evaluate and show. words: `checkpoint`, and where wanted `split`, `device`, `trust`, `data.<key>`."""
    changes = {
        key.removeprefix("data."): yaml.safe_load(value) for key, value in words.items() if key.startswith("data.")
    }
    if wrong := [key for key in words if key not in SETTINGS and not key.startswith("data.")]:
        raise UserError(*(f"eval: {unknown('setting', key, (*SETTINGS, 'data.path'))}" for key in wrong))
    if "checkpoint" not in words:
        raise UserError("eval: which model? Give a run folder or a model file: nntrain eval runs/...")
    name = words.get("split")
    if name is not None and name not in SPLITS:
        raise UserError(f"eval: {unknown('split', name, SPLITS)}")
    trust = words.get("trust") == "true"
    model = load(words["checkpoint"], device=words.get("device", "auto"), trust=trust)
    if wrong := [key for key in changes if key not in model.config["data"] or key == "name"]:
        known = [key for key in model.config["data"] if key != "name"]
        raise UserError(*(f"eval: data.{key}: {unknown('setting of the data', key, known)}" for key in wrong))

    notes: list[str] = []
    path = changes.get("path")
    if path is not None and Path(str(path)).is_file():  # a file of new samples, all of which are evaluated
        if name is not None:
            raise UserError(
                f"eval: split={name} is a part of the model's own data; with data.path={path} all of the file is "
                "evaluated"
            )
        shown, split = str(path), model.preprocessing.labelled(Path(str(path)))
        baseline: dict[str, float] = {}
    else:
        shown, split, train_targets = _own_split(model, changes, name, notes, trust=trust)
        targets = model.in_own_unit(split.targets)
        found = baseline_metrics(model.task, model.in_own_unit(train_targets), targets)
        baseline = {key: float(value) for key, value in found.items()}
    result = {
        "checkpoint": str(model.path.resolve()),
        "task": model.task.kind,
        "split": shown,
        "rows": len(split),
        "metrics": model.evaluate(split),
        "baseline": baseline or None,
    }
    show(lambda page: _lines(result, notes, page), stream)
    return result


def _own_split(
    model: Predictor, changes: Mapping[str, Any], name: str | None, notes: list[str], *, trust: bool
) -> tuple[str, Split, torch.Tensor]:
    """A split of the data that the config names: the name, the samples, and the training targets for the baseline."""
    config = {**model.config, "data": {**model.config["data"], **changes}}
    refuse_own_code(model.path, config, ("data",), trust=trust)
    dataset = load_data(config, standardize_target=not model.raw_targets, fold=model.fold)
    if dataset.task.classes != model.task.classes or dataset.task.targets != model.task.targets:
        raise UserError("eval: this data has other classes or targets than the model was trained on")
    if not changes and dataset.fingerprint != model.fingerprint:
        notes.append("the data has changed since the model was trained; its splits are not those of then")
    if name is None:
        name = "val" if dataset.test is None else "test"
    split = {"train": dataset.train, "val": dataset.val, "test": dataset.test}[name]
    if split is None:
        raise UserError("eval: this data has no test split (splits: train, val)")
    return name, split, dataset.train.targets


def _lines(result: Mapping[str, Any], notes: list[str], page: Page) -> list[Text]:
    split = str(result["split"])
    metrics = result["metrics"]
    lines = [heading("evaluation", page)]
    lines += facts([("model", shown(result["checkpoint"])), ("data", f"{split}, {result['rows']:,} rows")], page)
    lines += [Text(""), *metrics_table({split: metrics}, {split: result["baseline"] or {}}, page)]
    return lines + [line for note in notes for line in facts([("note", note)], page)]
