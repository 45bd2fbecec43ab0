"""A trained model, opened from its one file: predictions and metrics for raw inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
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
from nntrain.data.table import SOURCES
from nntrain.errors import UserError, nearest
from nntrain.experiment import build_network, find_device
from nntrain.folder import RESULT, read_json
from nntrain.model_file import features_of, task_of
from nntrain.models.table import MODELS
from nntrain.models.transfer import SETTINGS
from nntrain.objective.label_metrics import THRESHOLD
from nntrain.objective.metrics import metric_names
from nntrain.objective.objective import Objective
from nntrain.objective.table import LOSSES
from nntrain.optim.sgd import SGD
from nntrain.task import Task
from nntrain.training.arithmetic import arithmetic
from nntrain.training.checkpoint import BEST, load_model
from nntrain.training.evaluate import evaluate, outputs_of
from nntrain.training.step import Program


@dataclass(frozen=True, repr=False)
class Predictor:
    """path: the model file. config: the recipe it was trained by. metrics: what it scored then. fingerprint: of the
    data it was trained on; fold: which one of k, or None."""

    path: Path
    config: Mapping[str, Any]
    task: Task
    preprocessing: Preprocessing
    metrics: Mapping[str, Any]
    fingerprint: str
    fold: int | None
    device: torch.device
    _program: Program

    def __repr__(self) -> str:
        name = self.config["model"]["name"]
        some = ", ".join(self.classes[:3]) + (", ..." if len(self.classes) > 3 else "")
        if self.task.is_classification:
            what = f"one of {len(self.classes)} classes ({some})"
        elif self.task.is_multilabel:
            what = f"any of {len(self.classes)} labels ({some})"
        else:
            what = ", ".join(self.task.targets)
        return f"Predictor {self.path}\n{name} on {self.device}; predicts {what}"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of classes or labels, in the order of the columns of `probabilities`; empty for regression."""
        return self.task.classes

    @property
    def raw_targets(self) -> bool:
        """Whether the loss takes regression targets in their own unit, not standardised."""
        return self._program.objective.raw_targets

    def in_own_unit(self, targets: Tensor) -> Tensor:
        """Targets of a split as the metrics compare them: class indices, labels, or values in the target's own unit."""
        return self._program.objective.own_unit(targets)

    def probabilities(self, raw: Any) -> NDArray[np.float32]:
        """Probabilities [N, K] for raw inputs: a DataFrame, an array, a path, pictures. A row sums to 1 over classes;
        each label has a probability of its own. UserError for regression."""
        if not self.task.classes:
            raise UserError(f"{self.path} predicts values, not classes; use predict")
        return self._outputs(self.preprocessing.inputs(raw)).numpy()

    def predict(self, raw: Any) -> NDArray[Any] | list[list[str]]:
        """Class names [N]; for labels a list of N lists, of the labels that are more probable than not; or values in
        the target's own unit: [N], or [N, T] for several targets. raw: as above."""
        found: NDArray[Any] = self._outputs(self.preprocessing.inputs(raw)).numpy()
        if self.task.is_classification:
            named: NDArray[Any] = np.asarray(self.classes)[found.argmax(1)]
            return named
        if self.task.is_multilabel:
            return labels_of(found, self.task)
        return found[:, 0] if found.shape[1] == 1 else found

    def evaluate(self, raw: Any) -> dict[str, float]:
        """Loss and metrics on raw inputs that carry their targets, or on a split."""
        split = raw if isinstance(raw, Split) else self.preprocessing.labelled(raw)
        with self._arithmetic():
            return evaluate(self._program, split.to(self.device), metric_names(self.task))

    def _outputs(self, inputs: Tensor) -> Tensor:
        with self._arithmetic():
            outputs = outputs_of(self._program, inputs.to(self.device))
            return self._program.objective.predictions(outputs).cpu()

    def _arithmetic(self) -> AbstractContextManager[None]:
        return arithmetic(self.device, self.config["precision"], self.config["deterministic"])


def labels_of(probabilities: NDArray[np.float32], task: Task) -> list[list[str]]:
    """The labels of each row that are more probable than not, in the order of the task's."""
    return [[task.classes[i] for i in np.flatnonzero(row > THRESHOLD)] for row in probabilities]


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
            check_size(path, about, tensors)
            return _predictor(path, tensors, about, where)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            if trust:  # a fault in somebody's own class is not the file's
                raise
            raise UserError(
                f"checkpoint: {path} is damaged: what it says of its network cannot be used "
                f"({type(error).__name__}: {error})"
            ) from None


def _predictor(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any], where: torch.device) -> Predictor:
    config, task, features, weights = about["config"], task_of(about), features_of(about), about["class_weights"]
    class_weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
    objective = Objective(task, build("loss", LOSSES, config["loss"]), 0.0, class_weights)
    with torch.device("meta"):  # its size is known before any memory is taken for it
        wanted = build_network(config, features, objective.outputs).state_dict()
    if unlike := _differences(wanted, tensors):
        raise UserError(
            f"checkpoint: {path} does not hold the network that its config describes ({', '.join(unlike[:3])}); refused"
        )
    network = build_network(config, features, objective.outputs)
    network.load_state_dict(tensors)
    network.requires_grad_(False).eval()
    program = Program(network.to(where), objective.to(where), SGD(lr=1.0), precision=config["precision"], random=False)
    preprocessing = from_state(about["preprocessing"])
    return Predictor(
        path, config, task, preprocessing, about["metrics"], about["data_fingerprint"], about["fold"], where, program
    )


def _differences(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    kinds = [{name: (tensor.shape, tensor.dtype) for name, tensor in side.items()} for side in (wanted, found)]
    return sorted(name for name in {*wanted, *found} if kinds[0].get(name) != kinds[1].get(name))


def refuse_own_code(path: Path, config: Mapping[str, Any], groups: Sequence[str], *, trust: bool) -> None:
    """UserError where a model file names a class that is none of ours: to look it up is to run somebody's code."""
    tables: dict[str, Mapping[str, Any]] = {"model": MODELS, "loss": LOSSES, "data": SOURCES}
    for group in groups:
        name = str(config[group]["name"])
        if name not in tables[group] and not trust:
            raise UserError(
                f"checkpoint: {path} names code of its own, {group} {name}; open it with trust=true if you trust it"
            )


def check_size(path: Path, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """UserError where the file speaks of a network larger than its own weights: no size in it may cost time or memory
    that the weights do not account for."""
    numbers = sum(tensor.numel() for tensor in tensors.values())
    model = {key: value for key, value in about["config"]["model"].items() if key not in SETTINGS}
    too_deep = _largest(model.get("depth")) > len(tensors)
    if too_deep or max(_largest(about["features"]), _largest(model)) > max(numbers, 1000):
        raise UserError(f"checkpoint: {path} describes a network larger than the weights it holds; refused")


def _largest(value: Any) -> int:
    """The largest whole number in nested lists and mappings."""
    if isinstance(value, Mapping):
        return max(map(_largest, value.values()), default=0)
    if isinstance(value, list):
        return max(map(_largest, value), default=0)
    return value if isinstance(value, int) else 0


def model_path(path: Path) -> Path:
    """The model file that a path stands for: itself, the best model of a run folder, or of the best fold of one."""
    if not path.is_dir():
        return path
    if (path / BEST).is_file():
        return path / BEST
    if (path / RESULT).is_file() and (best := read_json(path / RESULT).get("checkpoint")):
        inside = path / Path(best).parent.name / BEST  # the run may have been moved since
        if inside.is_file():
            return inside
    inner = sorted(path.rglob(BEST), key=lambda found: found.stat().st_mtime)
    guess = inner[-1].parent if inner else nearest(path.name, [p.name for p in path.parent.iterdir() if p != path])
    hint = f"; did you mean '{guess}'?" if guess else ""
    raise UserError(f"checkpoint: {path} has no {BEST}{hint}")
