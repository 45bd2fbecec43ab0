"""Several trainings as one program, each the run that it would have been alone: own folder, log, model and result."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nntrain.builders import data_key, load_data
from nntrain.checks import find_device
from nntrain.data.dataset import Dataset
from nntrain.experiment import Experiment, build_experiment
from nntrain.folder import write_setup
from nntrain.record.files import WriteError, later, refused, together
from nntrain.record.lock import locked
from nntrain.stack.agree import why_not
from nntrain.stack.member import Member
from nntrain.stack.sizes import by_size, cut
from nntrain.stack.trial import Known, is_out_of_memory, kept_by_step, room, train
from nntrain.training.arithmetic import arithmetic
from nntrain.training.course import Interrupted, Stop
from nntrain.training.state import LoopState
from nntrain.verbs.keeper import MemberKeeper
from nntrain.verbs.members import groups, leave, member_of
from nntrain.verbs.run import Run, Session
from nntrain.verbs.training import Training, begun_with, go_on, goes_on, prepare

Config = Mapping[str, Any]
Ended = Callable[[int, Run | Exception], None]
Say = Callable[[Sequence[int], str], None]


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


def fit_stacked(entries: Sequence[Entry], stop: Stop, ended: Ended, say: Say) -> None:
    """Train all of them, as many as one program as is fastest.

    ended: called as each ends, with its place in `entries` and its run, or what it failed by, which never is another's:
    Interrupted (its state saved), WriteError, NonFiniteError and other UserErrors as a training alone raises them, any
    other exception for a fault of ours. Once `stop` is set, those that have not begun are not told of.
    say: called with some of them, by their places, that train otherwise than as one program, and how; their logs say
    it too.

    Of a config they share device, precision and `deterministic`; which others they must share, see `config.stackable`.
    """
    first = entries[0].config
    with arithmetic(find_device(first["device"]), first["precision"], first["deterministic"]):
        _Stacking(entries, stop, ended, say).run()


@dataclass
class _Stacking:
    """The entries on their way; each is known by its place among them. told: of which it was told how they ended."""

    entries: Sequence[Entry]
    stop: Stop
    ended: Ended
    say: Say
    datasets: dict[str, Dataset] = field(default_factory=dict)
    known: Known = field(default_factory=dict)
    told: set[int] = field(default_factory=set)
    again: list[list[int]] = field(default_factory=list)  # to be trained together, after a stack that broke

    def run(self) -> None:
        count = len(self.entries)
        waiting = deque(cut(range(count), -(-count // self.most())))
        while waiting and self.stop.signal is None:
            self.chunk(waiting.popleft())
            if self.again:
                free_memory()
                waiting.extendleft(reversed(self.again))
                self.again = []
        assert self.stop.signal is not None or len(self.told) == count, "of some it was not told how they ended"

    def tell(self, place: int, how: Run | Exception) -> None:
        self.told.add(place)
        self.ended(place, how)

    def most(self) -> int:
        """How many may be built at a time, told by the first that can be."""
        for entry in self.entries:
            with suppress(Exception):  # it is met again where each is built, and said there
                experiment = build_experiment(entry.config, entry.fold, dataset=self.dataset(entry))
                loaded, train = self.dataset(entry).train, experiment.dataset.train
                made = 0 if train.inputs is loaded.inputs else train.inputs.nbytes  # by augment.expand
                step = kept_by_step(experiment.program, train.inputs[: experiment.course.batch_size])
                return room(experiment.program, experiment.state, made, step)
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
                        self.tell(place, found)
                    else:
                        begun[place] = found
            for group in self.divided(self.at_an_epoch(begun)):
                self.train_group(group)

    def divided(self, trainings: Mapping[int, Training]) -> list[dict[int, Training]]:
        """The groups that are stacks beside each other, which is said where there are several."""
        found = groups(trainings)
        if len(found) > 1:
            why = why_not([member_of(training) for training in trainings.values()])
            for places, how in by_size(found):
                self.replan(places, f"trained {how}, not in one of {len(trainings)} as planned: {why}")
        return found

    def replan(self, places: Sequence[int], how: str) -> None:
        """Say of these that they train otherwise than was planned."""
        for place in places:
            with suppress(WriteError):  # of its log, which may be why
                self.entries[place].session.console.note(how)
        self.say(places, how)

    def set_up(self, places: Sequence[int], held: ExitStack) -> dict[int, Experiment]:
        """Build each, and make, lock and set up its folder; those that could not be have ended."""
        built: dict[int, Experiment] = {}
        try:
            with together():
                for place in places:
                    with self.failing(place):
                        built[place] = self.build(self.entries[place], held)
        except WriteError as error:
            self.broke(list(built), error, alone=len(places) == 1)
            return {}
        return built

    def build(self, entry: Entry, held: ExitStack) -> Experiment:
        resumed = begun_with(entry.folder)
        experiment = build_experiment(entry.config, entry.fold, dataset=self.dataset(entry), resumed=resumed)
        experiment.part = entry.part
        try:
            entry.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refused(entry.folder, error) from error
        held.enter_context(locked(entry.folder))
        if resumed is None:
            write_setup(entry.folder, experiment, entry.session.command)
        return experiment

    def begin(self, entry: Entry, experiment: Experiment) -> Training | Run:
        if goes_on(entry.folder):
            return go_on(experiment, entry.folder, entry.session, MemberKeeper)
        return prepare(experiment, entry.folder, LoopState(), [], entry.session, MemberKeeper)

    def dataset(self, entry: Entry) -> Dataset:
        """Loaded, and taken to the device, once for all that read the same."""
        if entry.dataset is not None:
            return entry.dataset
        config, key = entry.config, data_key(entry.config, fold=entry.fold)
        if key not in self.datasets:
            self.datasets[key] = load_data(config, fold=entry.fold).to(find_device(config["device"]))
        return self.datasets[key]

    def at_an_epoch(self, begun: Mapping[int, Training]) -> dict[int, Training]:
        """Those that have epochs to train, before a whole one as a stack takes them: one that was stopped inside an
        epoch ends that by itself. A training that goes nowhere but to its result does so."""
        found: dict[int, Training] = {}
        for place, training in begun.items():
            loop = training.alone.loop
            with self.failing(place):
                if loop.position and len(begun) > 1 and self.stop.signal is None:
                    training.end_epoch()
                if loop.stop_reason is None:
                    found[place] = training
                else:
                    self.tell(place, training.run())
        return found

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
                self.tell(place, trainings[place].run())

        def say(some: Sequence[Member], how: str) -> None:
            self.replan([places[id(member)] for member in some], how)

        for training in trainings.values():
            if isinstance(training.keeper, MemberKeeper):
                training.keeper.each_epoch = report_written
        try:
            train(list(members.values()), self.stop, left, alone, self.known, say)
        except Interrupted:
            for place in places.values():
                if trainings[place].alone.loop.step:
                    self.tell(place, trainings[place].interrupted())
        except Exception as error:
            if not places:
                raise
            self.broke(list(places.values()), error, alone=len(trainings) == 1)
        finally:
            self.report(writing, list(writing))

    def broke(self, places: Sequence[int], error: Exception, *, alone: bool = False) -> None:
        """Something ended all of them, which may be the fault of one, or of their number: they are to go on from their
        saved states, by halves where memory ran out, else each by itself. Where one was alone, or once `stop` is set,
        it is how they ended."""
        if alone or self.stop.signal is not None:
            for place in places:
                self.tell(place, error)
            return
        half = 0
        if is_out_of_memory(error):
            half = len(places) // 2
            self.known = {kind: (-(-size // 2), of) for kind, (size, of) in self.known.items()}
        parts = [list(places[:half]), list(places[half:])] if half else [[place] for place in places]
        self.again += parts
        why = f"the stack broke ({type(error).__name__}: {error})"
        for some, how in by_size(parts):
            self.replan(some, f"trained {how} from the last saved state on: {why}")

    def report(self, writing: dict[int, tuple[Run, Future[None]]], places: Sequence[int]) -> None:
        """Of those whose files are on disk, or will be now."""
        for place in places:
            run, written = writing.pop(place)
            with self.failing(place):
                written.result()
                self.tell(place, run)

    @contextmanager
    def failing(self, place: int) -> Iterator[None]:
        """What is raised in here is how this one ended."""
        try:
            yield
        except Exception as error:
            if place in self.told:  # it is of whoever was told
                raise
            self.tell(place, error)


def free_memory() -> None:
    """Of trainings that are over: a network and its optimizer hold each other."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
