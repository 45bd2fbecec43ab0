"""One training in one run folder, from its first step or from where it was stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.text import Text
from torch import Tensor

from nntrain.errors import UserError
from nntrain.experiment import Experiment
from nntrain.folder import (
    CONFIG,
    ENVIRONMENT,
    RESULT,
    UNSAVED,
    beginning_of,
    config_fingerprint,
    read_json,
    shown,
    whole_of,
    write_config,
    write_setup,
)
from nntrain.record.files import WriteError, write_json
from nntrain.record.layers import beginning_table
from nntrain.record.words import duration, plural, size
from nntrain.training.checkpoint import BEST, LAST, load_state
from nntrain.training.course import Best, Interrupted
from nntrain.training.diagnose import NonFiniteError
from nntrain.training.features import SHARE, feature_bytes, free_bytes, with_features
from nntrain.training.state import LoopState
from nntrain.training.thaw import epoch_of, thaw
from nntrain.training.trainer import Trainer
from nntrain.verbs.finish import finish, result_of
from nntrain.verbs.header import header
from nntrain.verbs.keeper import FolderKeeper
from nntrain.verbs.run import Run, Session

CACHED = "features_computed_once"  # in environment.json, where there was a choice
CACHES_FEATURES = True  # False in tests alone, which compare the two ways


@dataclass
class Training:
    """A training ready to begin or to go on: its folder is set up, and its header has been printed.

    alone: the trainer that would train it by itself, outside a stack.
    """

    experiment: Experiment
    folder: Path
    session: Session
    alone: Trainer
    keeper: FolderKeeper

    def run(self) -> Run:
        """Train to the end and evaluate. Raises Interrupted once the state is saved, WriteError where it could not be,
        and NonFiniteError with the last good model kept."""
        with self._named_errors():
            self.alone.fit()
        return self.finish(self.alone.best)

    def end_epoch(self) -> None:
        """Train the rest of the epoch under way, and save the state unless the training is over; raises as `run`."""
        with self._named_errors():
            self.alone.epoch()
            if self.alone.loop.stop_reason is None:
                self.alone.save()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """What the trainer raises, saying what of the run is on disk."""
        try:
            yield
        except NonFiniteError as error:
            raise self.not_finite(error) from None
        except Interrupted:
            raise self.interrupted() from None

    def finish(self, best: Best) -> Run:
        """Evaluate, and write what a finished run has, once the last epoch is done, here or in a stack."""
        try:
            settle = partial(self.keeper.settle, model=False)
            return finish(self.experiment, self.folder, self.alone.loop, best, self.session, settle)
        except Exception:
            self.keeper.settle()
            raise

    def not_finite(self, error: NonFiniteError) -> NonFiniteError:
        """The same error with the model that is kept, which `result.json` names too."""
        loop, folder = self.alone.loop, self.folder
        self.keeper.settle()
        loop.stop_reason = "a loss or gradient was not finite"
        best = folder / BEST
        result = result_of(self.experiment, folder, loop, {}) | ({} if best.is_file() else {"checkpoint": None})
        self.keeper.attempt(lambda: write_json(folder / RESULT, result))
        kept = f"the last good model is {shown(best)}" if best.is_file() else "no epoch was done, so no model is kept"
        return NonFiniteError(f"{error}; {kept}")

    def interrupted(self) -> WriteError | Interrupted:
        """What to raise when the training was asked to stop: WriteError where its state could not be saved."""
        self.keeper.settle()
        if self.keeper.unsaved is not None and self.experiment.config["checkpoint"]["resumable"]:
            return WriteError(f"{UNSAVED}: {self.keeper.unsaved}")
        return Interrupted(self.folder)


def train(experiment: Experiment, folder: Path, session: Session) -> Run:
    """Train from the first step to the result; see `Training.run`."""
    return prepare(experiment, folder, LoopState(), [], session).run()


def goes_on(folder: Path) -> bool:
    """Whether the folder holds a training with a saved state to go on from."""
    return (folder / LAST).is_file()


def begun_with(folder: Path) -> dict[str, Any] | None:
    """What the training in this folder recorded of its initial weights; None where there is no state to go on from."""
    return beginning_of(folder) if goes_on(folder) else None


def train_in(experiment: Experiment, folder: Path, session: Session) -> Run:
    """Train to the result: on from the state in this folder, where it has one, else from the first step."""
    if goes_on(folder):
        return resume_training(experiment, folder, session)
    write_setup(folder, experiment, session.command)
    return train(experiment, folder, session)


def check_unchanged(experiment: Experiment, folder: Path, session: Session) -> None:
    """UserError where settings or data differ from those that the run in `folder` was started with."""
    known = read_json(folder / ENVIRONMENT)
    if known.get("config_fingerprint") != config_fingerprint(experiment.config):
        raise UserError(
            f"resume: {shown(folder / CONFIG)} was edited since the run was started, which goes on as it was started; "
            f"for a new run with these settings: nntrain fit config={shown(folder / CONFIG)}"
        )
    if known.get("data_fingerprint") != experiment.dataset.fingerprint:
        raise UserError(
            f"resume: the data has changed since {shown(folder)} was started; start a new run: "
            f"nntrain fit config={session.source}"
        )


def resume_training(experiment: Experiment, folder: Path, session: Session) -> Run:
    """Go on exactly where the training in `folder` stopped; of a finished one only say that it is."""
    found = go_on(experiment, folder, session)
    return found.run() if isinstance(found, Training) else found


def go_on(
    experiment: Experiment, folder: Path, session: Session, keeping: type[FolderKeeper] = FolderKeeper
) -> Training | Run:
    """The training in `folder`, ready to go on from where it stopped; or its run, where it is finished."""
    check_unchanged(experiment, folder, session)
    grows, thawing = experiment.program.optimizer.needs_closure, experiment.course.thawing

    def thaw_as_then(loop: LoopState) -> None:
        if thawing is not None:
            thaw(experiment.program, experiment.state, thawing, epoch_of(loop))

    loop, losses = load_state(folder, experiment.state, grows=grows, prepare=thaw_as_then)
    write_config(folder, experiment.config, whole_of(experiment, folder))  # a resumed run may change some settings
    loop.stop_reason = experiment.course.reason_to_stop(loop)  # it may allow more epochs now
    if loop.stop_reason is not None and (folder / RESULT).is_file():
        result = read_json(folder / RESULT)
        if result.get("val"):
            said = f"{shown(folder)} is finished: {loop.stop_reason}; nothing was trained"
            session.console.tell(lambda page: [Text(said)])
            return Run(folder, loop.history, result)
    return prepare(experiment, folder, loop, list(losses.to(experiment.device).unbind()), session, keeping)


def prepare(
    experiment: Experiment,
    folder: Path,
    loop: LoopState,
    losses: list[Tensor],
    session: Session,
    keeping: type[FolderKeeper] = FolderKeeper,
) -> Training:
    """The training, once its header has been printed. losses: of the steps already done in the epoch under way."""
    console, dataset = session.console, experiment.dataset
    console.log.open(folder / "log.txt")
    console.start(**header(experiment, folder, loop))
    for note in experiment.notes:
        console.note(note)
    console.tell(lambda page: beginning_table(experiment.beginning.table, page))
    if CACHES_FEATURES and experiment.fixed_features:
        console.note(cache_features(experiment, folder))
    elif experiment.program.network.fixed_features and (experiment.augment or experiment.program.input_noise):
        console.note("only the head trains, but all before it runs in every step: augmentation or noise changes inputs")
    if loop.step:
        so_far = f", the best so far being epoch {loop.best_epoch}" if loop.best_epoch else ""
        console.note(f"resumed in epoch {loop.epoch}, after {loop.step} steps{so_far}")
    keeper = keeping(folder, experiment, console)
    keeper.begin(loop.history)
    trainer = Trainer(
        experiment.program,
        experiment.state,
        loop,
        dataset.train,
        dataset.val,
        experiment.course,
        console,
        keeper,
        session.stop,
        losses,
        experiment.augment,
        session.judge if experiment.whole else None,
    )
    return Training(experiment, folder, session, trainer, keeper)


def cache_features(experiment: Experiment, folder: Path) -> str:
    """Replace every split's inputs by the features that the head takes of them, which never change; returns a note for
    the user. Features that do not fit in memory are computed in every step instead. A resumed run does what it did
    before, whatever memory there is now, as the two ways round differently."""
    program, dataset, device = experiment.program, experiment.dataset, experiment.device
    splits = dataset.splits
    count, began = sum(map(len, splits.values())), perf_counter()
    about = read_json(folder / ENVIRONMENT)
    needed = feature_bytes(program, count, dataset.train.inputs)
    caches = about.get(CACHED, needed <= SHARE * free_bytes(device))
    if CACHED not in about:
        write_json(folder / ENVIRONMENT, {**about, CACHED: caches})
    if not caches:
        return f"the features of {plural(count, 'sample')} would take {size(needed)}: computed in every step instead"
    for name, split in splits.items():
        setattr(dataset, name, with_features(program, split))
    program.network.from_features = True
    took = duration(perf_counter() - began)
    return f"only the head trains: features of {plural(count, 'sample')} computed once, in {took}"
