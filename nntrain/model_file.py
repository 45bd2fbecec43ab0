"""What a model file says of itself beside the weights, and how a network is built again from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nntrain.data.dataset import Features, PixelFeatures, TableFeatures
from nntrain.data.tables.preprocessing import task_from_state
from nntrain.experiment import Experiment
from nntrain.objective.corruption import Layout
from nntrain.objective.reconstruction import Reconstruction
from nntrain.task import Task


def about_model(experiment: Experiment, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """JSON-able: config, task, features, preprocessing, class weights, what is reconstructed, and metrics.

    An ensemble's file says besides, as `members`, the seed, best epoch and validation scores of each; its config and
    metrics are of the whole, and the first axis of every tensor counts the members.
    """
    features, objective = experiment.dataset.features, experiment.program.objective
    weights = objective.class_weights
    return {
        "config": dict(experiment.config),
        "task": asdict(experiment.task),
        "features": {"kind": "pixels" if isinstance(features, PixelFeatures) else "table", **asdict(features)},
        "preprocessing": experiment.dataset.preprocessing.state(),
        "class_weights": None if weights is None else weights.tolist(),
        "layout": asdict(objective.layout) if isinstance(objective, Reconstruction) else None,
        "data_fingerprint": experiment.dataset.fingerprint,
        "fold": experiment.fold,
        "metrics": dict(metrics),
    }


def task_of(about: Mapping[str, Any]) -> Task:
    return task_from_state(about["task"])


def features_of(about: Mapping[str, Any]) -> Features:
    saved = dict(about["features"])
    if saved.pop("kind") == "pixels":
        return PixelFeatures(
            saved["channels"], saved["height"], saved["width"], tuple(saved["mean"]), tuple(saved["std"])
        )
    return TableFeatures(saved["numeric"], tuple(saved["cardinalities"]), saved["one_hot_max"], saved["embedding_dim"])


def layout_of(about: Mapping[str, Any]) -> Layout:
    """What an autoencoder reconstructs."""
    saved = about["layout"]
    low, high, unit = (tuple(map(float, saved[key])) for key in ("low", "high", "unit"))
    shape = None
    if saved["shape"] is not None:
        channels, height, width = map(int, saved["shape"])
        shape = (channels, height, width)
    return Layout(int(saved["numeric"]), tuple(map(int, saved["cardinalities"])), shape, low, high, unit)
