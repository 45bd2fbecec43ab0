"""`nntrain check`: everything that can be known before training, and where each setting came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import torch
import yaml

from nntrain.builders import load_data
from nntrain.checks import check_link
from nntrain.config.compose import Composed, compose
from nntrain.config.options import option_file
from nntrain.data.progress import watched
from nntrain.errors import UserError, unknown
from nntrain.experiment import Experiment
from nntrain.folder import check_new, shown
from nntrain.models.summary import layer_table
from nntrain.objective.reconstruction import Reconstruction
from nntrain.record.check import check_report
from nntrain.record.decoding import decoding_bar
from nntrain.record.layout import facts
from nntrain.record.screen import show
from nntrain.record.words import count, plural
from nntrain.verbs.ensemble import trained_alone
from nntrain.verbs.pretrain import build_pretraining, build_whole, pretrains
from nntrain.verbs.sheet import sheet_path, write_sheet

SEARCHES = "the recipe has a search, which fit runs with -m; check -m shows what it draws from"


def check_words(words: Sequence[str], stream: TextIO | None = None) -> dict[str, Any]:
    """Build everything, train nothing; the report, which is also shown. Nothing is written, but for the contact sheet
    that `show=augment` asks for, to `output=`."""
    sheet, words = _sheet(words)
    composed = compose(words)
    config = composed.config
    check_new(config["run_dir"])
    fold = 0 if config["data"].get("folds") else None
    with decoding_bar(stream) as bar, watched(bar):
        loaded = load_data(config, fold=fold)
    experiment = build_whole(config, loaded, fold)
    first = _pretraining(build_pretraining(config, loaded, fold)) if pretrains(config) else None
    rows = layers_of(experiment)
    settings = list(_settings(composed))
    parameters = experiment.parameters
    memory, several = memory_of(experiment), _ensemble(config, experiment)
    if several is not None and several["alone"] is None:
        memory |= {what: several["members"] * size for what, size in memory.items() if what != "data"}
    dataset = experiment.dataset
    notes = [*composed.notes, *([SEARCHES] if composed.searches else []), *experiment.notes]
    if sheet is not None:
        write_sheet(composed.config, dataset, sheet)
    show(
        lambda page: check_report(
            page,
            settings=settings,
            layers=rows,
            parameters=parameters,
            memory=memory,
            data=dataset.summary,
            notes=notes,
            beginning=experiment.beginning.table,
            pretraining=first,
            ensemble=several,
        ),
        stream,
    )
    if sheet is not None:
        show(lambda page: facts([("contact sheet", shown(str(sheet)))], page), stream)
    return {
        "config": composed.config,
        "origins": {key: origin.where for key, origin in composed.origins.items()},
        "layers": rows,
        "parameters": parameters,
        "ensemble": several,
        "memory_bytes": memory,
        "data": dict(dataset.summary),
        "notes": notes,
        "beginning": [dict(row) for row in experiment.beginning.table],
        "pretrain": first,
        "sheet": None if sheet is None else str(sheet.resolve()),
    }


def layers_of(experiment: Experiment) -> list[dict[str, Any]]:
    """The layer table, JSON-able."""
    example = experiment.dataset.train.inputs[:1]
    return [dict(vars(row)) for row in layer_table(experiment.program.network, example)]


def _ensemble(config: Mapping[str, Any], experiment: Experiment) -> dict[str, Any] | None:
    """How many networks, their parameters in all, and why they train one after another (`alone`), or None where they
    are one program; None for a single network."""
    members = config.get("ensemble", 1)
    if members == 1:
        return None
    check_link(experiment.program.objective)
    return {"members": members, "parameters": members * experiment.parameters, "alone": trained_alone(config)}


def _pretraining(experiment: Experiment) -> dict[str, Any]:
    """What is trained first, JSON-able."""
    objective, course, dataset = experiment.program.objective, experiment.course, experiment.dataset
    assert isinstance(objective, Reconstruction)
    batch = "all samples" if course.step_size is None else f"batch {course.step_size}"
    layerwise = ", layer by layer and then as a whole" if objective.corruption.layerwise else ""
    rate = f"lr {experiment.program.optimizer.lr:g}"
    return {
        "facts": [
            ("objective", objective.corruption.described(objective.layout)),
            ("rows", f"{count(len(dataset.train))} train, {count(len(dataset.val))} val"),
            ("training", f"{rate}, {batch}, up to {plural(course.epochs, 'epoch')}{layerwise}"),
        ],
        "layers": layers_of(experiment),
        "parameters": experiment.parameters,
        "memory": memory_of(experiment),
    }


def _sheet(words: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Where the contact sheet goes, None for none, and the words that are the config's."""
    own = dict(word.split("=", 1) for word in words if word.startswith(("show=", "output=")))
    rest = [word for word in words if not word.startswith(("show=", "output="))]
    if "show" in own and own["show"] != "augment":
        raise UserError(f"check: show: {unknown('thing to show', own['show'], ['augment'])}")
    if "output" in own and "show" not in own:
        raise UserError("check: output names the file of a contact sheet; add show=augment")
    return (sheet_path(own.get("output")) if "show" in own else None), rest


def _usual(composed: Composed) -> list[str]:
    """Keys of changes to pictures that nobody set and that are as in `pictures`, where every change is off."""
    defaults = yaml.safe_load(option_file("augment", "pictures").read_text(encoding="utf-8"))
    section, origins = composed.config["augment"], composed.origins
    if set(section) != set(defaults):
        return []
    return [
        key
        for inner, value in defaults.items()
        if inner != "name" and section[inner] == value and origins[key := f"augment.{inner}"].kind == "default"
    ]


def _settings(composed: Composed) -> Iterator[tuple[str, Any, str, str]]:
    """Key, value, kind of origin and origin of each, in their order; those of `_usual` are one line."""
    usual = _usual(composed)
    for key, origin in composed.origins.items():
        group, _, inner = key.partition(".")
        value = composed.config[group][inner] if inner else composed.config[group]
        if key not in ("regularization.name", "checkpoint.name", *usual):
            yield key, value, origin.kind, origin.where
        if usual and key == usual[-1]:
            yield (
                "augment. ...",
                f"{plural(len(usual), 'setting')} as in pictures",
                "default",
                "augment/pictures.yaml",
            )


def memory_of(experiment: Experiment) -> dict[str, int]:
    """Bytes by what they are for: data and state as they lie on the device, gradients and outputs as estimated."""
    dataset, state = experiment.dataset, experiment.state
    size = len(dataset.train) if experiment.course.batch_size is None else experiment.course.batch_size
    outputs = layer_table(experiment.program.network, dataset.train.inputs[:1])
    per_sample = sum(4 * torch.Size(row.output).numel() for row in outputs)
    return {
        "data": sum(s.targets.nbytes + (0 if s.streamed else s.inputs.nbytes) for s in dataset.splits.values()),
        "parameters": state.params.flat.nbytes,
        "gradients": state.params.flat.nbytes,
        "optimizer state": sum(t.nbytes for t in state.optimizer.tensors.values()),
        "one batch's outputs": 2 * size * per_sample,  # forward, and their gradients
    }
