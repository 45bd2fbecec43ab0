"""A trained model, opened from its one file: predictions and metrics for raw inputs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nntrain.augment.augmentation import Augmentation
from nntrain.augment.table import AUGMENTATIONS
from nntrain.components import build
from nntrain.data.dataset import Features, Preprocessing, Split
from nntrain.errors import UserError
from nntrain.model_checks import damaged
from nntrain.models.transfer import features_module
from nntrain.objective.label_metrics import THRESHOLD
from nntrain.objective.metrics import baseline_metrics, metric_names
from nntrain.objective.objective import Objective
from nntrain.objective.reconstruction import Reconstruction
from nntrain.objective.uncertainty import uncertainties
from nntrain.task import Task
from nntrain.training.arithmetic import arithmetic
from nntrain.training.evaluate import codes_of, evaluate, mean_scores, outputs_of
from nntrain.training.step import Program
from nntrain.training.views import mean_predictions, view_scores

HIDING = ("expand", "erase", "mixup", "cutmix", "feature_dropout")  # what an augmentation does not do at test time


@dataclass(frozen=True, repr=False)
class Predictor:
    """path: the model file. config: the recipe it was trained by. metrics: what it scored then. fingerprint: of the
    data it was trained on; fold: which one of k, or None. What an ensemble predicts is the mean over its members: of
    probabilities, or of values in the target's unit."""

    path: Path
    config: Mapping[str, Any]
    task: Task
    preprocessing: Preprocessing
    metrics: Mapping[str, Any]
    fingerprint: str
    fold: int | None
    device: torch.device
    features: Features
    _programs: tuple[Program, ...]

    def __repr__(self) -> str:
        several = f"ensemble of {self.members} " if self.members > 1 else ""
        name = f"{several}{self.config['model']['name']}"
        some = ", ".join(self.classes[:3]) + (", ..." if len(self.classes) > 3 else "")
        if self.task.is_classification:
            what = f"one of {len(self.classes)} classes ({some})"
        elif self.task.is_multilabel:
            what = f"any of {len(self.classes)} labels ({some})"
        else:
            what = "the code of each sample" if self.task.is_reconstruction else ", ".join(self.task.targets)
        said = f"Predictor {self.path}\n{name} on {self.device}; predicts {what}"
        return f"{said}\n{self.of_fold}" if self.of_fold else said

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of classes or labels, in the order of the columns of `probabilities`; empty for regression."""
        return self.task.classes

    @property
    def of_fold(self) -> str:
        """Which fold's model it is, and what to train for a better one; "" where it is of no cross-validation."""
        folds = self.config["data"].get("folds")
        if self.fold is None or not folds:
            return ""
        several = "" if self.task.is_reconstruction else ", with ensemble=5 besides the mean of five"
        return (
            f"model of fold_{self.fold}, one of {folds}, each trained on {folds - 1}/{folds} of the rows that are not "
            f"test; fit with data.folds=null makes one model for use{several}"
        )

    @property
    def members(self) -> int:
        """How many networks it is; 1 for what is no ensemble."""
        return len(self._programs)

    @property
    def _program(self) -> Program:
        """The network, or the first member; objective and task are the same in all."""
        return self._programs[0]

    @property
    def raw_targets(self) -> bool:
        """Whether the loss takes regression targets in their own unit, not standardised."""
        return self._program.objective.raw_targets

    def baseline(self, train: Split, split: Split) -> dict[str, float]:
        """What the trivial prediction, made from the training split, scores on another."""
        objective = self._program.objective
        if isinstance(objective, Reconstruction):
            return objective.mean_prediction(train.inputs, split.inputs)
        targets = objective.own_unit(train.targets), objective.own_unit(split.targets)
        return {name: float(value) for name, value in baseline_metrics(self.task, *targets).items()}

    def labelled(self, raw: Any) -> Split:
        """Raw inputs with their targets; the inputs alone where these are what the model reconstructs."""
        if not self.task.is_reconstruction:
            return self.preprocessing.labelled(raw)
        inputs = self.preprocessing.inputs(raw)
        return Split(inputs, inputs.new_zeros((len(inputs), 0)))

    def probabilities(self, raw: Any, tta: int = 1) -> NDArray[np.float32]:
        """Probabilities [N, K] for raw inputs: a DataFrame, an array, a path, pictures. A row sums to 1 over classes;
        each label has a probability of its own. UserError for regression.

        tta: test-time augmentation, the mean over so many views: the sample itself and tta - 1 draws of the run's own
        augmentation, nothing mixed or erased. UserError where the run had none."""
        if not self.task.classes:
            what = "gives codes" if self.task.is_reconstruction else "predicts values"
            raise UserError(f"{self.path} {what}, not classes; use predict")
        return self._mean(raw, tta)

    def predict(self, raw: Any, tta: int = 1) -> NDArray[Any] | list[list[str]]:
        """Class names [N]; for labels a list of N lists, of the labels that are more probable than not; values in the
        target's own unit: [N], or [N, T] for several targets; or an autoencoder's codes [N, F]. raw, tta: as above."""
        if self.task.is_reconstruction:
            self._draws(tta)
            return self.codes(raw)
        found = self._mean(raw, tta)
        if self.task.is_classification:
            named: NDArray[Any] = np.asarray(self.classes)[found.argmax(1)]
            return named
        if self.task.is_multilabel:
            return labels_of(found, self.task)
        return found[:, 0] if found.shape[1] == 1 else found

    def each(self, raw: Any, tta: int = 1) -> NDArray[Any]:
        """What each member predicts [M, N, K]: probabilities, or values in the target's own unit; `predict` and
        `probabilities` are of the mean over the members. raw, tta: as above. UserError for an autoencoder."""
        if self.task.is_reconstruction:
            raise UserError(f"{self.path} gives codes; use codes")
        return torch.stack(self._predictions(self.preprocessing.inputs(raw), tta)).cpu().numpy()

    def uncertainty(self, raw: Any, tta: int = 1) -> dict[str, NDArray[Any]]:
        """How far the members of an ensemble disagree (see `objective.uncertainty`). raw, tta: as above.

        For values `std`, the standard deviation over the members in the target's own unit: [N], or [N, T] for several
        targets. It is no error bar: how far true values scatter about the prediction is not in it. For classes `std`
        [N, K], that of each probability; `entropy` [N] of the mean prediction, and `mutual_information` [N], the part
        of it that is disagreement, both in nats. For labels `std` [N, K]. UserError for a single network."""
        if self.members == 1:
            raise UserError(
                f"{self.path} is one network, and uncertainty is how far several disagree; train them with ensemble=8"
            )
        return uncertainty_of(self.each(raw, tta), self.task)

    def codes(self, raw: Any) -> NDArray[np.float32]:
        """What the last layer is given [N, F]: features of each sample, an autoencoder's code. UserError for a model
        that has no such layer."""
        if self.members > 1:
            raise UserError(
                f"{self.path} is an ensemble, and codes of its members have no mean; open one of them: "
                f"{self.path.parent / 'member_0'}"
            )
        if not features_module(self._program.network.body):
            raise UserError(f"{self.path}: model {self.config['model']['name']} has no layer before its outputs")
        with self._arithmetic():
            return codes_of(self._program, self.preprocessing.inputs(raw)).cpu().numpy()

    def evaluate(self, raw: Any, tta: int = 1) -> dict[str, float]:
        """Loss and metrics on raw inputs that carry their targets, or on a split. tta: as above; then without the loss,
        which is of one network's outputs, not of a mean of predictions."""
        split, draws = (raw if isinstance(raw, Split) else self.labelled(raw)).to(self.device), self._draws(tta)
        if self.members > 1:
            return self.scores(self.mean_prediction(split.inputs, tta), split, loss=tta == 1)
        with self._arithmetic():
            if draws is not None:
                return view_scores(self._program, split, metric_names(self.task), draws, tta)
            return evaluate(self._program, split, metric_names(self.task))

    def mean_prediction(self, inputs: Tensor, tta: int = 1) -> Tensor:
        """Probabilities [N, K] or values [N, T] of inputs as in a split, the mean over the members, on the device."""
        return torch.stack(self._predictions(inputs, tta)).mean(0)

    def scores(self, predictions: Tensor, split: Split, *, loss: bool = True) -> dict[str, float]:
        """Metrics of what `mean_prediction` gave for a split on the device, and first its loss where that is wanted."""
        objective = self._program.objective
        assert isinstance(objective, Objective)
        found = mean_scores(objective, predictions, split, metric_names(self.task))
        return found if loss else {name: value for name, value in found.items() if name != "loss"}

    def _mean(self, raw: Any, tta: int) -> NDArray[Any]:
        found: NDArray[Any] = self.mean_prediction(self.preprocessing.inputs(raw), tta).cpu().numpy()
        return found

    def _predictions(self, inputs: Tensor, tta: int = 1) -> list[Tensor]:
        """Of each member [N, K], on the device."""
        draws = self._draws(tta)
        with self._arithmetic():
            return [_predicted(program, inputs, draws, tta) for program in self._programs]

    def _draws(self, tta: int) -> Augmentation | None:
        """The run's augmentation for `tta` views of a sample, without what mixes or hides; None for one view."""
        if tta == 1:
            return None
        if self.task.is_reconstruction:
            raise UserError(f"tta: {self.path} gives codes, and a mean of codes of several pictures has no meaning")
        section = self.config.get("augment", {"name": "none"})
        if section["name"] not in AUGMENTATIONS:  # none; or a name that no run of ours writes
            raise UserError(f"tta: {self.path} was trained without augmentation, so there are no draws to average over")
        plain = {key: value for key, value in section.items() if key not in HIDING}
        try:
            augment = build("augment", AUGMENTATIONS, plain, features=self.features, seed=self.config["seed"])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            raise damaged(self.path, "augmentation", error) from None
        if not augment.changes:
            raise UserError(f"tta: the augmentation of {self.path} only mixes or hides, which is not done here")
        draws: Augmentation = augment
        return draws

    def _arithmetic(self) -> AbstractContextManager[None]:
        return arithmetic(self.device, self.config["precision"], self.config["deterministic"])


def labels_of(probabilities: NDArray[np.float32], task: Task) -> list[list[str]]:
    """The labels of each row that are more probable than not, in the order of the task's."""
    return [[task.classes[i] for i in np.flatnonzero(row > THRESHOLD)] for row in probabilities]


def _predicted(program: Program, inputs: Tensor, draws: Augmentation | None, tta: int) -> Tensor:
    if draws is not None:
        return mean_predictions(program, inputs, draws, tta)
    objective = program.objective
    assert isinstance(objective, Objective)
    return objective.predictions(outputs_of(program, inputs))


def uncertainty_of(members: NDArray[Any], task: Task) -> dict[str, NDArray[Any]]:
    """`Predictor.uncertainty` of the predictions [M, N, K] of its members."""
    found = {name: value.numpy() for name, value in uncertainties(torch.from_numpy(members), task).items()}
    return found if task.classes or members.shape[2] > 1 else {"std": found["std"][:, 0]}
