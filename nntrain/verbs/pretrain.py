"""Trainings that come before the one that was asked for, each a whole run in a folder of its own below it: pre-training
without labels (`pretrain/`), and the layers of an autoencoder one after the other (`layer_1/`, ...)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nntrain.builders import load_data
from nntrain.data.dataset import Dataset
from nntrain.data.unlabelled import without_labels
from nntrain.errors import UserError
from nntrain.experiment import Experiment, build_experiment
from nntrain.folder import CONFIG, RESULT, read_json, write_setup
from nntrain.models.autoencoder import encoder_layers
from nntrain.models.transfer import SETTINGS
from nntrain.record.files import write_json
from nntrain.record.lock import locked
from nntrain.training.checkpoint import BEST, load_model
from nntrain.training.course import Interrupted
from nntrain.verbs.run import Run, Session
from nntrain.verbs.training import begun_with, check_unchanged, train_in

Config = Mapping[str, Any]
PRETRAIN, LAYER = "pretrain", "layer_"
OWN = ("epochs", "lr", "batch_size")  # settings of `pretrain` that are none of the objective
KEPT = ("best_epoch", "best_value", "val", "epochs_run", "seconds", "stop_reason")  # of its result in the whole run's
DROPOUTS = ("dropout", "input_dropout", "head_dropout")


def has_parts(config: Config) -> bool:
    """Whether something is trained before the run itself."""
    return pretrains(config) or bool(config.get("objective", {}).get("layerwise"))


def pretrains(config: Config) -> bool:
    return bool(config.get("pretrain", {"name": "none"})["name"] != "none")


def fit_parts(config: Config, begun: Callable[[], Path], session: Session, fold: int | None = None) -> Run:
    """Train what comes first, then the run itself from what that left.

    begun: makes the run's folder, or says that of a run to go on with, whose finished parts are left as they are.
    Raises Interrupted with the whole run's folder. UserError before anything is written where either cannot be.
    """
    dataset = load_data(config, fold=fold)
    built = build_whole(config, dataset, fold)
    if pretrains(config):
        build_pretraining(config, dataset, fold)
    folder = begun()
    with locked(folder):
        if (folder / CONFIG).is_file():
            check_unchanged(built, folder, session)
        else:
            write_setup(folder, built, session.command)
        del built
        try:
            return _Parts(session, fold).train(config, dataset, folder)
        except Interrupted:
            raise Interrupted(folder) from None


def build_pretraining(config: Config, dataset: Dataset, fold: int | None = None) -> Experiment:
    """What is trained first. dataset: of the run itself. UserErrors say `pretrain` for what they find in it."""
    with _of_pretraining():
        return build_whole(pretraining_config(config), pretraining_data(dataset), fold)


def build_whole(config: Config, dataset: Dataset, fold: int | None = None) -> Experiment:
    """The training after all that comes before it, to see whether it can be; nothing is trained."""
    built = build_experiment(config, fold, dataset=dataset)
    if config.get("objective", {}).get("layerwise"):
        epochs_per_layer(config, len(encoder_layers(built.program.network.body)))
    return built


def epochs_per_layer(config: Config, layers: int) -> int:
    """What greedy layer-wise training gives each layer; the whole gets as much, and what is left over."""
    share: int = config["epochs"] // (layers + 1)
    if not share:
        raise UserError(
            f"epochs: {config['epochs']} cannot be divided: layerwise trains {layers} layer{'s' * (layers != 1)} and "
            f"then the whole; give at least {layers + 1}"
        )
    return share


def pretraining_config(config: Config) -> dict[str, Any]:
    """The recipe of the run that comes first: the same network and optimizer, and nothing that only targets give a
    meaning. Dropout is left to the run itself: here corruption is the noise."""
    section = config["pretrain"]
    quiet = {key: 0.0 for key in DROPOUTS if key in config["model"]}
    own = {key: default for key, default in SETTINGS.items() if key in config["model"]}
    unmixed = {key: 0.0 for key in ("mixup", "cutmix") if key in config["augment"]}
    lr, batch_size = section["lr"], section["batch_size"]
    return {
        **config,
        "name": f"{config['name']}, pre-training",
        "epochs": section["epochs"],
        "batch_size": config["batch_size"] if batch_size is None else batch_size,
        "run_dir": None,
        "augment": {**config["augment"], **unmixed},
        "model": {**config["model"], **quiet, **own},
        "loss": {"name": "auto", "class_weights": None},
        "optimizer": {**config["optimizer"], **({} if lr is None else {"lr": lr})},
        "regularization": {
            **config["regularization"],
            "label_smoothing": 0.0,
            "swa_start_epochs": None,
            "swa_start_percent": None,
        },
        "early_stopping": {**config["early_stopping"], "monitor": "loss"},
        "objective": {key: value for key, value in section.items() if key not in OWN},
        "pretrain": {"name": "none"},
    }


def pretraining_data(dataset: Dataset) -> Dataset:
    """All training inputs and those without a label; the test split has no part in it."""
    return without_labels(replace(dataset, test=None))


@contextmanager
def _of_pretraining() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise UserError(*(_said(problem) for problem in error.problems)) from None


def _said(problem: str) -> str:
    return f"pretrain{problem.removeprefix('objective')}" if problem.startswith("objective") else f"pretrain: {problem}"


@dataclass
class _Parts:
    """The trainings of one run, in their order. seconds: that they took so far."""

    session: Session
    fold: int | None
    seconds: float = 0.0

    def train(self, config: Config, dataset: Dataset, folder: Path, *, part: bool = False) -> Run:
        """Train `config` in `folder`, and before it what it wants to begin with. part: whether more follows."""
        if pretrains(config):
            first = self.train(pretraining_config(config), pretraining_data(dataset), folder / PRETRAIN, part=True)
            run = self._one(config, dataset, folder, {"pretrained": first.best}, part=part)
            told = {"run_dir": str(first.dir), **{key: first.result[key] for key in KEPT}}
            run.result = {**run.result, "pretrain": told}
            write_json(folder / RESULT, run.result)
            return run
        if not config.get("objective", {}).get("layerwise"):
            return self._one(config, dataset, folder, {}, part=part)
        names = encoder_layers(build_experiment(config, self.fold, dataset=dataset).program.network.body)
        share = epochs_per_layer(config, len(names))
        start, untested = None, replace(dataset, test=None)
        for i in range(len(names)):
            named = {"name": f"{config['name']}, layer {i + 1} of {len(names)}", "epochs": share}
            begins = {"start": start, "layer": i}
            run = self._one({**config, **named}, untested, folder / f"{LAYER}{i + 1}", begins, part=True)
            start = load_model(run.dir / BEST)[0]
        rest = {"epochs": config["epochs"] - share * len(names)}
        return self._one({**config, **rest}, dataset, folder, {"start": start}, part=part, known_as=config)

    def _one(
        self,
        config: Config,
        dataset: Dataset,
        folder: Path,
        begins: Mapping[str, Any],
        *,
        part: bool,
        known_as: Config | None = None,
    ) -> Run:
        """One training, from its first step, or from where it was, or only its result. known_as: the config to note."""
        if part and (done := finished(folder)):
            self.seconds += done["seconds"]
            return Run(folder, [], done)
        experiment = build_experiment(config, self.fold, dataset=dataset, resumed=begun_with(folder), **begins)
        experiment.part, experiment.config = part, known_as or config
        if (limit := experiment.course.time_limit) is not None:
            experiment.course = replace(experiment.course, time_limit=max(limit - self.seconds, 0.0))
        folder.mkdir(parents=True, exist_ok=True)
        run = train_in(experiment, folder, self.session)
        self.seconds += run.result["seconds"]
        return run


def finished(part: Path) -> dict[str, Any] | None:
    """The result of a part that needs no more training. One that failed has a result without scores."""
    if not (part / RESULT).is_file() or not (part / CONFIG).is_file():
        return None
    result = read_json(part / RESULT)
    return result if result.get("val") else None
