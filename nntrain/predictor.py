"""A trained model, opened from its one file: predictions and metrics for raw inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nntrain.components import build
from nntrain.data.dataset import Preprocessing, Split
from nntrain.data.preprocessing import from_state
from nntrain.errors import UserError, nearest
from nntrain.experiment import build_network, find_device
from nntrain.models.table import MODELS
from nntrain.objective.metrics import metric_names
from nntrain.objective.objective import Objective
from nntrain.objective.table import LOSSES
from nntrain.optim.sgd import SGD
from nntrain.task import Task
from nntrain.training.checkpoint import BEST, load_model
from nntrain.training.evaluate import evaluate, outputs_of
from nntrain.training.step import Program
from nntrain.verbs.model_file import features_of, task_of


@dataclass(frozen=True)
class Predictor:
    """path: the model file. config: the recipe it was trained by. metrics: what it scored then. fingerprint: of the data
    it was trained on; fold: which one of k, or None."""

    path: Path
    config: Mapping[str, Any]
    task: Task
    preprocessing: Preprocessing
    metrics: Mapping[str, Any]
    fingerprint: str
    fold: int | None
    device: torch.device
    _program: Program

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the columns of `probabilities`; empty for regression."""
        return self.task.classes

    @property
    def raw_targets(self) -> bool:
        """Whether the loss takes regression targets in their own unit, not standardised."""
        return self._program.objective.raw_targets

    def in_own_unit(self, targets: Tensor) -> Tensor:
        """Targets of a split as the metrics compare them: class indices, or values in the target's own unit."""
        return self._program.objective.own_unit(targets)

    def probabilities(self, raw: Any) -> NDArray[np.float32]:
        """Probabilities [N, K] for raw inputs: a DataFrame, an array, a path, pictures. UserError for regression."""
        if not self.task.is_classification:
            raise UserError(f"{self.path} predicts values, not classes; use predict")
        return self._outputs(self.preprocessing.inputs(raw)).numpy()

    def predict(self, raw: Any) -> NDArray[Any]:
        """Class names [N], or values in the target's own unit: [N], or [N, T] for several targets."""
        found: NDArray[Any] = self._outputs(self.preprocessing.inputs(raw)).numpy()
        if self.task.is_classification:
            named: NDArray[Any] = np.asarray(self.classes)[found.argmax(1)]
            return named
        return found[:, 0] if found.shape[1] == 1 else found

    def evaluate(self, raw: Any) -> dict[str, float]:
        """Loss and metrics on raw inputs that carry their targets, or on a split."""
        split = raw if isinstance(raw, Split) else self.preprocessing.labelled(raw)
        return evaluate(self._program, split.to(self.device), metric_names(self.task))

    def _outputs(self, inputs: Tensor) -> Tensor:
        outputs = outputs_of(self._program, inputs.to(self.device))
        return self._program.objective.predictions(outputs).cpu()


def load(path: str | Path, *, device: str = "auto", trust: bool = False) -> Predictor:
    """Open a model file, or the best model of a run folder. Executes nothing that the file says.

    trust: also build a network from a class of one's own (`package.module:Class`) that the file names.
    Raises UserError where the file is missing, damaged, foreign, or of a newer format.
    """
    path = model_path(Path(path))
    tensors, about = load_model(path)
    config, task = about["config"], task_of(about)
    for group, table in (("model", MODELS), ("loss", LOSSES)):
        name = str(config[group]["name"])
        if name not in table and not trust:
            raise UserError(
                f"checkpoint: {path} names code of its own, {group} {name}; open it with trust=true if you trust it"
            )
    weights = about["class_weights"]
    objective = Objective(
        task, build("loss", LOSSES, config["loss"]), 0.0, None if weights is None else torch.tensor(weights)
    )
    features = features_of(about)
    with torch.device("meta"):  # its size is known before any memory is taken for it
        wanted = {
            name: tuple(value.shape)
            for name, value in build_network(config, features, objective.outputs).state_dict().items()
        }
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if wanted != found:
        wrong = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
        raise UserError(
            f"checkpoint: {path} does not hold the network that its config describes ({', '.join(wrong[:3])}); refused"
        )
    network = build_network(config, features, objective.outputs)
    network.load_state_dict(tensors)
    network.requires_grad_(False).eval()
    where = find_device(device)
    program = Program(network.to(where), objective.to(where), SGD(lr=1.0), precision=config["precision"], random=False)
    preprocessing = from_state(about["preprocessing"])
    return Predictor(
        path, config, task, preprocessing, about["metrics"], about["data_fingerprint"], about["fold"], where, program
    )


def model_path(path: Path) -> Path:
    """The model file that a path stands for: itself, or the best model of a run folder."""
    if not path.is_dir():
        return path
    if (path / BEST).is_file():
        return path / BEST
    inner = sorted(path.rglob(BEST), key=lambda found: found.stat().st_mtime)
    guess = inner[-1].parent if inner else nearest(path.name, [p.name for p in path.parent.iterdir()])
    hint = f"; did you mean '{guess}'?" if guess else ""
    raise UserError(f"checkpoint: {path} has no {BEST}{hint}")
