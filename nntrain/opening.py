"""A model file opened: what it says is checked, and its networks are built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nntrain.builders import build_network, find_learner
from nntrain.checks import find_device
from nntrain.components import build
from nntrain.data.preprocessing import from_state
from nntrain.errors import UserError
from nntrain.model_checks import check_features, check_settings, check_size, damaged, members_of, refuse_own_code
from nntrain.model_file import features_of, layout_of, task_of
from nntrain.objective.corruption import Autoencoder
from nntrain.objective.objective import Objective
from nntrain.objective.reconstruction import Reconstruction
from nntrain.objective.table import LOSSES
from nntrain.optim.sgd import SGD
from nntrain.predictor import Predictor
from nntrain.source_weights import model_path
from nntrain.training.arithmetic import arithmetic
from nntrain.training.checkpoint import load_model
from nntrain.training.step import Program


def load(path: str | Path, *, device: str = "auto", trust: bool = False) -> Predictor:
    """Open a model file, or the best model of a run folder. Executes nothing that the file says.

    trust: also build a network from a class of one's own (`package.module:Class`) that the file names.
    Raises UserError where the file is missing, damaged, foreign, or of a newer format.
    """
    path = model_path(Path(path).expanduser())
    tensors, about = load_model(path)
    where = find_device(device)
    with arithmetic(where):
        try:
            refuse_own_code(path, about["config"], ("model", "loss"), trust=trust)
            members = members_of(path, about, tensors)
            check_size(path, about, members[0])
            check_settings(path, about)
            return build_predictor(path, members, about, where)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            if trust:  # a fault in somebody's own class is not the file's
                raise
            raise damaged(path, "network", error) from None


def build_predictor(
    path: Path, members: Sequence[Mapping[str, Tensor]], about: Mapping[str, Any], where: torch.device
) -> Predictor:
    """From the weights of each member and what the file at `path` says, or will say, of itself."""
    config, task, features, weights = about["config"], task_of(about), features_of(about), about["class_weights"]
    class_weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
    objective: Objective | Reconstruction
    learner, preprocessing = find_learner(config), from_state(about["preprocessing"])
    layout = layout_of(about) if isinstance(learner, Autoencoder) else None
    check_features(path, features, preprocessing.features, None if layout is None else layout.shape)
    if isinstance(learner, Autoencoder):
        assert layout is not None
        objective = Reconstruction(learner, layout, config["seed"])
    else:
        objective = Objective(task, build("loss", LOSSES, config["loss"]), 0.0, class_weights)
    try:
        with torch.device("meta"):  # its size is known before any memory is taken for it
            wanted = build_network(config, features, objective.outputs).state_dict()
    except RuntimeError as error:  # a size that no tensor has
        raise damaged(path, "network", error) from None
    if unlike := _differences(wanted, members[0]):
        raise UserError(
            f"checkpoint: {path} does not hold the network that its config describes ({', '.join(unlike[:3])}); refused"
        )
    objective, programs = objective.to(where), []
    for own in members:
        network = build_network(config, features, objective.outputs)
        network.load_state_dict(own)
        network.requires_grad_(False).eval().to(where)
        programs.append(Program(network, objective, SGD(lr=1.0), precision=config["precision"], random=False))
    return Predictor(
        path,
        config,
        task,
        preprocessing,
        about["metrics"],
        about["data_fingerprint"],
        about["fold"],
        where,
        features,
        tuple(programs),
    )


def _differences(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    kinds = [{name: (tensor.shape, tensor.dtype) for name, tensor in side.items()} for side in (wanted, found)]
    return sorted(name for name in {*wanted, *found} if kinds[0].get(name) != kinds[1].get(name))
