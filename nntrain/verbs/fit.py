"""`nntrain fit`: train, keep the best model, evaluate it once, and leave a run folder that says it all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nntrain.checks import find_device
from nntrain.experiment import build_experiment
from nntrain.folder import beginning_of, new_run_folder, write_setup
from nntrain.record.lock import locked
from nntrain.training.arithmetic import arithmetic
from nntrain.verbs.ensemble import fit_ensemble
from nntrain.verbs.folds import fit_folds
from nntrain.verbs.pretrain import fit_parts, has_parts
from nntrain.verbs.run import Run, Session
from nntrain.verbs.training import resume_training, train


def fit(config: Mapping[str, Any], session: Session) -> Run:
    """Train as `config` says, in a new run folder.

    Raises Interrupted with the state saved, NonFiniteError with the last good model kept, UserError before anything is
    written.
    """
    with arithmetic(find_device(config["device"]), config["precision"], config["deterministic"]):
        if config.get("ensemble", 1) > 1:
            return fit_ensemble(config, None, session)
        if config["data"].get("folds"):
            return fit_folds(config, None, session)
        if has_parts(config):
            return fit_parts(config, lambda: new_run_folder(config), session)
        experiment = build_experiment(config)
        folder = new_run_folder(config)
        with locked(folder):
            write_setup(folder, experiment, session.command)
            return train(experiment, folder, session)


def resume(folder: Path, config: Mapping[str, Any], session: Session) -> Run:
    """Go on exactly where the run in `folder` was. UserError where the data is not what it was trained on, or
    another process trains in it."""
    with arithmetic(find_device(config["device"]), config["precision"], config["deterministic"]):
        if config.get("ensemble", 1) > 1:
            return fit_ensemble(config, folder, session)
        if config["data"].get("folds"):
            return fit_folds(config, folder, session)
        if has_parts(config):
            return fit_parts(config, lambda: folder, session)
        experiment = build_experiment(config, resumed=beginning_of(folder))
        with locked(folder):
            return resume_training(experiment, folder, session)
