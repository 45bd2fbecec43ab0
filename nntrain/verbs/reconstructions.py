"""Reconstructions drawn: pictures beside what the network makes of them, tables column by column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from nntrain.data.dataset import PixelFeatures, Split
from nntrain.experiment import Experiment
from nntrain.objective.reconstruction import Reconstruction, Totals
from nntrain.training.evaluate import evaluating

SHOWN = 12  # pictures


def draw_reconstructions(experiment: Experiment, split: Split, totals: Totals, name: str, to: Path) -> None:
    """totals: of all of `split`, which is called `name`."""
    from nntrain.record import reconstruction_plots

    objective, features = experiment.program.objective, experiment.dataset.features
    assert isinstance(objective, Reconstruction)
    if objective.layer is not None:  # a hidden layer's inputs are nothing to look at
        return
    if not isinstance(features, PixelFeatures):
        errors = (totals.columns / totals.hits).tolist()
        names = column_names(experiment)
        n = features.numeric
        numeric = {name: value**0.5 for name, value in zip(names[:n], errors[:n], strict=True)}
        said = f"reconstruction errors of {name}"
        categories = dict(zip(names[n:], errors[n:], strict=True))
        reconstruction_plots.column_errors(numeric, categories, to / "reconstruction_errors.png", said)
        return
    some = split.inputs[torch.linspace(0, len(split) - 1, min(SHOWN, len(split))).long()]
    with evaluating(experiment.program) as device:
        seen = objective.look(experiment.program.network, some.to(device), objective.fixed(device))
    top = experiment.dataset.preprocessing.state()["levels"]
    rows = {"original": pixels(seen.target, features, top)}
    if objective.corruption.random:
        rows["given"] = pixels(seen.given, features, top)
    rows["reconstructed"] = pixels(seen.outputs, features, top)
    reconstruction_plots.reconstructions(rows, to / "reconstructions.png", f"reconstructions of {name}")


def pixels(x: Tensor, features: PixelFeatures, top: int) -> NDArray[Any]:
    """Pictures in standardised units -> uint8, the greatest grey value being `top`."""
    mean, std = (x.new_tensor(values).view(-1, 1, 1) for values in (features.mean, features.std))
    return ((x * std + mean) * (255 / top)).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def column_names(experiment: Experiment) -> list[str]:
    """What each column of a table's inputs is called."""
    state = experiment.dataset.preprocessing.state()
    names = []
    for one in state["numeric"]:
        names += [one["name"]] + ([f"{one['name']} missing"] if one["indicator"] else [])
    return names + [one["name"] for one in state["categorical"]]
