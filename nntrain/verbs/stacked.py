"""Several trainings as one program, each the run that it would have been alone: own folder, log, model and result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nntrain.checks import find_device
from nntrain.data.dataset import Dataset
from nntrain.experiment import Experiment, build_experiment, load_data
from nntrain.folder import beginning_of, write_setup
from nntrain.record.files import WriteError, later, refused, together
from nntrain.record.lock import locked
from nntrain.stack.agree import why_not
from nntrain.stack.member import Member
from nntrain.stack.trial import cache_size, train
from nntrain.training.arithmetic import arithmetic
from nntrain.training.checkpoint import LAST
from nntrain.training.course import Interrupted, Stop
from nntrain.training.state import LoopState
from nntrain.verbs.keeper import MemberKeeper
from nntrain.verbs.run import Run, Session
from nntrain.verbs.training import Training, go_on, prepare

Config = Mapping[str, Any]
Ended = Callable[[int, Run | Exception], None]


@dataclass(frozen=True)
class Entry:
    """One of the trainings. folder: its run's, made where it is missing; one that has a state goes on from there.
    session: its own. fold: see `build_experiment`. dataset: where it is loaded already. part: of a run that goes on
    afterwards."""

    config: Config
    folder: Path
    session: Session
    fold: int | None = None
    dataset: Dataset | None = None
    part: bool = False


def fit_stacked(entries: Sequence[Entry], stop: Stop, ended: Ended) -> None:
    """Train all of them, as many at a time as is fastest.

    ended: called as each ends, with its place in `entries` and its run, or what it failed by, which never is another's:
    Interrupted (its state saved), WriteError, NonFiniteError and other UserErrors as a training alone raises them, any
    other exception for a fault of ours. Once `stop` is set, those that have not begun are not told of.

    Of a config they share device, precision and `deterministic`; which others they must share, see `sweep.groups`.
    """
    first = entries[0].config
    with arithmetic(find_device(first["device"]), first["precision"], first["deterministic"]):
        _Stacking(entries, stop, ended).run()


@dataclass
class _Stacking:
    entries: Sequence[Entry]
    stop: Stop
    ended: Ended
    datasets: dict[str, Dataset] = field(default_factory=dict)

    def run(self) -> None:
        waiting = list(range(len(self.entries)))
        size = self.size()
        while waiting and self.stop.signal is None:
            now, waiting = waiting[:size], waiting[size:]
            self.chunk(now)

    def size(self) -> int:
        """How many are fastest as one stack, told by the first that can be built."""
        for entry in self.entries:
            with suppress(Exception):  # it is met again where each is built, and said there
                experiment = build_experiment(entry.config, entry.fold, dataset=self.dataset(entry))
                return cache_size(experiment.program, experiment.state)
        return len(self.entries)

    def chunk(self, places: Sequence[int]) -> None:
        """Train some of them at the same time, and those that cannot be stacked one after another."""
        with ExitStack() as held:
            built = self.set_up(places, held)
            begun: dict[int, Training] = {}
            for place, experiment in built.items():
                with self.failing(place):
                    found = self.begin(self.entries[place], experiment)
                    if isinstance(found, Run):
                        self.ended(place, found)
                    else:
                        begun[place] = found
            for group in groups(begun):
                self.train_group(group)

    def set_up(self, places: Sequence[int], held: ExitStack) -> dict[int, Experiment]:
        """Build each, and make, lock and set up its folder; those that could not be have ended."""
        built: dict[int, Experiment] = {}
        try:
            with together():
                for place in places:
                    with self.failing(place):
                        built[place] = self.build(self.entries[place], held)
        except WriteError as error:
            for place in built:
                self.ended(place, error)
            return {}
        return built

    def build(self, entry: Entry, held: ExitStack) -> Experiment:
        resumed = beginning_of(entry.folder) if goes_on(entry) else None
        experiment = build_experiment(entry.config, entry.fold, dataset=self.dataset(entry), resumed=resumed)
        experiment.part = entry.part
        try:
            entry.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refused(entry.folder, error) from error
        held.enter_context(locked(entry.folder))
        if not goes_on(entry):
            write_setup(entry.folder, experiment, entry.session.command)
        return experiment

    def begin(self, entry: Entry, experiment: Experiment) -> Training | Run:
        if goes_on(entry):
            return go_on(experiment, entry.folder, entry.session, MemberKeeper)
        return prepare(experiment, entry.folder, LoopState(), [], entry.session, MemberKeeper)

    def dataset(self, entry: Entry) -> Dataset:
        """Loaded once for all that read the same."""
        if entry.dataset is not None:
            return entry.dataset
        config = entry.config
        read = [config["data"], config["loss"], config.get("objective"), entry.fold]
        key = json.dumps(read, default=str, sort_keys=True)
        if key not in self.datasets:
            self.datasets[key] = load_data(config, fold=entry.fold)
        return self.datasets[key]

    def train_group(self, trainings: Mapping[int, Training]) -> None:
        """Train those that agree, as stacks where that is faster."""
        members = {place: member_of(training) for place, training in trainings.items()}
        places = {id(member): place for place, member in members.items()}
        writing: dict[int, tuple[Run, Future[None]]] = {}

        def left(member: Member) -> None:
            place = places.pop(id(member))
            with self.failing(place):
                with later() as write:
                    run = leave(trainings[place], member)
                writing[place] = run, write()
            report_written()

        def report_written() -> None:
            self.report(writing, [place for place, (_, written) in writing.items() if written.done()])

        def alone(member: Member) -> None:
            if self.stop.signal is not None:
                raise Interrupted
            place = places.pop(id(member))
            with self.failing(place):
                self.ended(place, trainings[place].run())

        for training in trainings.values():
            if isinstance(training.keeper, MemberKeeper):
                training.keeper.each_epoch = report_written
        try:
            train(list(members.values()), self.stop, left, alone)
        except Interrupted:
            for place in places.values():
                if trainings[place].alone.loop.step:
                    self.ended(place, trainings[place].interrupted())
        finally:
            self.report(writing, list(writing))

    def report(self, writing: dict[int, tuple[Run, Future[None]]], places: Sequence[int]) -> None:
        """Of those whose files are on disk, or will be now."""
        for place in places:
            run, written = writing.pop(place)
            with self.failing(place):
                written.result()
                self.ended(place, run)

    @contextmanager
    def failing(self, place: int) -> Iterator[None]:
        """What is raised in here is how this one ended."""
        try:
            yield
        except Exception as error:
            self.ended(place, error)


def goes_on(entry: Entry) -> bool:
    """Whether its folder has a state."""
    return (entry.folder / LAST).is_file()


def member_of(training: Training) -> Member:
    alone = training.alone
    return Member(
        alone.program,
        alone.state,
        alone.loop,
        alone.train,
        alone.val,
        alone.course,
        alone.screen,
        alone.keeper,
        alone.judge,
    )


def groups(trainings: Mapping[int, Training]) -> list[dict[int, Training]]:
    """Those that can be one stack beside each other; what cannot be part of any is a group by itself."""
    if not trainings:
        return []
    plain = {place: training for place, training in trainings.items() if training.alone.augment is None}
    if len(plain) == len(trainings) and why_not([member_of(training) for training in plain.values()]) is None:
        return [dict(trainings)]
    found: list[dict[int, Training]] = []
    for place, training in trainings.items():
        member = member_of(training)
        for group in found if place in plain else ():
            first = next(iter(group.values()))
            if first.alone.augment is None and why_not([member_of(first), member]) is None:
                group[place] = training
                break
        else:
            found.append({place: training})
    return found


def leave(training: Training, member: Member) -> Run:
    """The result of a member that has left its stack."""
    if member.error is not None:
        raise training.not_finite(member.error)
    return training.finish(member.best)
