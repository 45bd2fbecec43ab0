"""`nntrain fit ... -m`: many jobs from one command, and `nntrain fit resume=SWEEP_DIR`: the rest of them.

The words are checked, Hydra's sweeper makes lists of words of them, the sweep composes a job for each list, and Hydra's
launcher trains the jobs; then who did best.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from nntrain.config.compose import hydra_over
from nntrain.config.recipe import Recipe
from nntrain.config.words import CommandLine
from nntrain.errors import UserError, say
from nntrain.folder import RUNS, make, shown
from nntrain.record.files import WriteError
from nntrain.record.lock import locked
from nntrain.record.run_folder import create_run_folder
from nntrain.signals import INTERRUPTED
from nntrain.sweep.check import FOLDER, check_sweep, given_folder, many_jobs
from nntrain.sweep.grow.section import sweep_line
from nntrain.sweep.interrupted import Interrupted, deferring
from nntrain.sweep.kept.best import lost_models
from nntrain.sweep.kept.manifest import Manifest, mend_manifest, new_manifest, other_versions, write_manifest
from nntrain.sweep.kept.resume import read_sweep
from nntrain.sweep.kept.same_data import check_data, mixed
from nntrain.sweep.plugins import DEFAULT_LAUNCHER, register
from nntrain.sweep.sweep import Sweep
from nntrain.sweep.told.board import Board
from nntrain.sweep.told.report import report, resume_command
from nntrain.sweep.workers.processes import Workers

QUIET = (  # a job is a run of ours: its folder, log and working directory are none of Hydra's
    "hydra.sweep.subdir=${hydra.job.num}",
    "hydra.output_subdir=null",
    "hydra.job.chdir=false",
    "hydra/job_logging=none",
    "hydra/hydra_logging=none",
)


def multirun(
    words: Sequence[str], command: Sequence[str], stream: TextIO, workers: Workers, began: float
) -> tuple[dict[str, Any], int]:
    """Run every combination; what `sweep.json` holds, and the exit status: 128 and the signal's number where one
    ended the sweep, 1 where a job failed by a fault of ours, 2 where one failed by a mistake. One job's failure never
    stops the others.

    workers: those that are started already. began: when the command did, on the clock of time.perf_counter.
    UserError where a word, a recipe or a value of any combination is wrong, before anything runs.
    """
    cwd = Path.cwd()
    line = sweep_line(words, cwd)
    recipes = check_sweep(line, cwd)
    given = given_folder(line, recipes, cwd)
    manifest = new_manifest([word for word in words if not word.startswith(f"{FOLDER}=")], cwd, recipes)

    def make_folder() -> Path:
        folder = create_run_folder(cwd / RUNS, _name(line, recipes)) if given is None else make(given)
        write_manifest(folder, manifest)
        return folder

    return _run(line, recipes, manifest, make_folder, command, stream, workers, began)


def resume_sweep(
    folder: Path, changes: Sequence[str], command: Sequence[str], stream: TextIO, workers: Workers, began: float
) -> tuple[dict[str, Any], int]:
    """Run what is missing, failed or interrupted of a sweep, towards the same total; see `multirun`.

    changes: words besides. UserError where they, or a recipe, ask for other jobs than those it was started with.
    """
    manifest, line, recipes = read_sweep(folder, changes)
    return _run(line, recipes, manifest, lambda: folder, command, stream, workers, began)


def _run(
    line: CommandLine,
    recipes: Sequence[Recipe],
    manifest: Manifest,
    make_folder: Callable[[], Path],
    command: Sequence[str],
    stream: TextIO,
    workers: Workers,
    began: float,
) -> tuple[dict[str, Any], int]:
    fixed = {word.key for word in (line.recipes, *line.settings) if not word.sweeps}
    quiet = next((word.value for word in line.settings if word.key == "quiet"), recipes[0].values.get("quiet", False))
    status = 0
    with ExitStack() as exits:

        def locked_folder() -> Path:
            folder = make_folder()
            exits.enter_context(locked(folder))
            board.log.open(folder / "log.txt")
            return folder

        board = exits.enter_context(Board(stream, quiet=bool(quiet), began=began))
        sweep = Sweep(manifest, fixed, locked_folder, command, board, workers, exits)
        sweep.expected, sweep.devices = _expected(line), _devices(line, recipes)
        if manifest.jobs:
            sweep.folder  # noqa: B018  # locked before anything is read of it
            mend_manifest(sweep.folder)
            sweep.restore()
            check_data(sweep.jobs, set(sweep.outcomes), shlex.join(["nntrain", "fit", *manifest.words, "-m"]))
            for lost in lost_models(sweep.jobs, sweep.outcomes):
                board.note(lost)
            if changed := other_versions(manifest):
                board.note(f"since the sweep was started {', '.join(changed)}; results may differ by that")
        else:
            for said in (*line.notes, many_jobs(line)):
                if said is not None:
                    board.note(said)
        resumed = bool(manifest.jobs)
        try:
            _by_hydra(line, sweep)
            if not board.took:  # a search, or a growing, may have had more to do
                board.note(f"{shown(sweep.folder)} is finished")
        except KeyboardInterrupt as interrupted:
            if not sweep.jobs:
                raise
            status = getattr(interrupted, "status", INTERRUPTED + signal.SIGINT)
        except WriteError as error:  # of a search, whose next jobs cannot be written down
            if not sweep.outcomes:
                raise
            board.note(str(error))
            status = 2
        with deferring() as deferred:
            result = _end(sweep, status, resumed)
            ended = [outcome for number, outcome in sweep.outcomes.items() if number not in sweep.excused]
            failed = [outcome.status for outcome in ended if outcome.status]
            if status or failed:
                _say_how_to_go_on(sweep, status)
            if deferred.status and not status:
                _say(sweep, "interrupted when the jobs had ended; the report of the sweep is complete")
    return result, status or deferred.status or min(failed, default=0)


def _end(sweep: Sweep, status: int, resumed: bool) -> dict[str, Any]:
    """The report. status: of what ended the sweep before its jobs were done, else 0. Raises Interrupted where a signal
    ends the report too."""
    try:
        if status >= INTERRUPTED:
            sweep.collect()
            sweep.collect_saved(status)
        for said in mixed(sweep.jobs) if resumed else ():
            sweep.board.note(said)
        sweep.board.close()
        return report(sweep, stopped=bool(status))
    except Interrupted as again:
        said = f"interrupted while the report of the sweep was written; go on with: {resume_command(sweep.folder)}"
        raise Interrupted(again.status, said) from None


def _by_hydra(line: CommandLine, sweep: Sweep) -> None:
    words = [word.for_hydra for word in (line.recipes, *line.settings) if word.key != FOLDER]
    where = QuotedString(str(Path.cwd()), Quote.single).with_quotes()  # written to by sweepers of others alone
    chosen = {word.partition("=")[0]: word for word in (f"hydra/launcher={DEFAULT_LAUNCHER}", *line.hydra)}
    settings = [f"hydra.sweep.dir={where}", *QUIET, *chosen.values()]
    try:
        with hydra_over(None) as hydra:
            register()
            hydra.multirun(None, sweep, [*words, *settings], with_log_configuration=False)
    except HydraException as error:
        if isinstance(error.__cause__, UserError):  # of a sweeper or launcher of ours, as Hydra made it
            raise error.__cause__ from None
        raise UserError(" ".join(str(error).split("\n")[:2])) from None


def _say_how_to_go_on(sweep: Sweep, status: int) -> None:
    command = resume_command(sweep.folder)
    if status:
        stopped = [outcome for outcome in sweep.outcomes.values() if outcome.interrupted or outcome.unsaved]
        saved = bool(stopped) and not any(outcome.unsaved for outcome in stopped)
        said = f"stopped{', the states are saved' * saved}; go on with: {command}"
    else:
        said = f"some jobs failed; run them again with: {command}"
    _say(sweep, said)


def _say(sweep: Sweep, said: str) -> None:
    sweep.board.logged(said)
    say(f"nntrain: {said}")


def _expected(line: CommandLine) -> int | None:
    """How many jobs a grid of the words has at most; None where a sweeper draws them."""
    total = 1
    for word in (line.recipes, *line.settings):
        if word.sweeps and not word.values:
            return None
        total *= max(1, len(word.values))
    return total


def _devices(line: CommandLine, recipes: Sequence[Recipe]) -> set[str]:
    given = next((word.values for word in line.settings if word.key == "device"), ())
    return set(map(str, given or [recipe.values.get("device", "auto") for recipe in recipes]))


def _name(line: CommandLine, recipes: Sequence[Recipe]) -> str:
    """What its runs are called, where that is the same for all; else the first recipe."""
    given = [word for word in line.settings if word.key == "name"]
    names = {value for word in given for value in word.values} or {recipe.values.get("name") for recipe in recipes}
    name = str(names.pop() or "") if len(names) == 1 else ""
    return name if name and "${" not in name else recipes[0].name
