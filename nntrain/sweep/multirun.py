"""`nntrain fit ... -m`: one run per combination, by Hydra's own sweepers and launchers; then who did best.

Hydra takes the words apart into jobs and hands each job its words. A job composes its config as any single run does, so
what holds for `fit` holds for every job, and a sweep over recipes needs nothing of its own.
"""

from __future__ import annotations

import shutil
import signal
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig

from nntrain.config.compose import compose, hydra_over
from nntrain.config.recipe import absolute
from nntrain.config.words import CommandLine, read_words
from nntrain.errors import UserError
from nntrain.record.files import write_json
from nntrain.record.run_folder import create_run_folder
from nntrain.record.screen import open_screen, show
from nntrain.sweep.check import check_sweep
from nntrain.sweep.outcome import Outcome, leaderboard

FOLDER = "run_dir"  # the word that says where the sweep goes; its jobs are the folders 0, 1, ... in there
MARK = "++"  # lets Hydra carry words whose keys it has no config for
QUIET = (  # a job is a run of ours: its folder, log and working directory are none of Hydra's
    "hydra.sweep.subdir=${hydra.job.num}",
    "hydra.output_subdir=null",
    "hydra.job.chdir=false",
    "hydra/job_logging=none",
    "hydra/hydra_logging=none",
)


class Interrupted(KeyboardInterrupt):
    """A signal ended a job, its state saved. No Exception: Hydra keeps those of a job to itself."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


def multirun(words: Sequence[str], command_line: Sequence[str], stream: TextIO) -> tuple[dict[str, Any], int]:
    """Run every combination; what `sweep.json` holds, and the exit status: 130 or 143 where a signal ended the sweep,
    1 where a job failed by a fault of ours, 2 where one failed by a mistake. One job's failure never stops the others.

    UserError where a word, a recipe or a value of any combination is wrong, before anything runs.
    """
    cwd = Path.cwd()
    line = read_words(words, cwd)
    recipes = check_sweep(line, cwd)
    folder = _sweep_folder(line, recipes[0].name)
    varied = {word.key for word in (line.recipes, *line.settings) if word.sweeps}
    console, _ = open_screen(stream)
    outcomes: list[Outcome] = []

    def job(config: DictConfig) -> float | None:
        told = HydraConfig.get()
        task = [word.removeprefix(MARK) for word in told.overrides.task]
        differing = [word for word in task if word.partition("=")[0] in varied]
        outcome = Outcome(int(told.job.num), differing, folder / str(told.job.num))
        outcomes.append(outcome)
        try:
            _run(outcome, [*task, f"{FOLDER}={outcome.run_dir}"], command_line)
        finally:
            _write(folder, outcomes)
            console.print(outcome.line(), soft_wrap=True)
        return outcome.result.get("best_value")

    status = 0
    try:
        _by_hydra(line, folder, job)
    except KeyboardInterrupt as interrupted:
        status = getattr(interrupted, "status", 128 + signal.SIGINT)
    result = _write(folder, outcomes)
    show(lambda page: leaderboard(sorted(outcomes, key=lambda outcome: outcome.rank), folder, page), stream)
    failed = [outcome.status for outcome in outcomes if outcome.status]
    return result, status or min(failed, default=0)


def _by_hydra(line: CommandLine, folder: Path, job: Any) -> None:
    where = QuotedString(str(folder), Quote.single).with_quotes()
    words = [word.for_hydra for word in (line.recipes, *line.settings) if word.key != FOLDER]
    try:
        with hydra_over(None) as hydra:
            settings = [f"hydra.sweep.dir={where}", *QUIET, *line.hydra]
            hydra.multirun(None, job, [*words, *settings], with_log_configuration=False)
    except HydraException as error:
        if all(path.name == "multirun.yaml" for path in folder.iterdir()):
            shutil.rmtree(folder)  # nothing has run
        raise UserError(" ".join(str(error).split("\n")[:2])) from None
    finally:
        (folder / "multirun.yaml").unlink(missing_ok=True)  # Hydra's settings of itself


def _run(outcome: Outcome, words: Sequence[str], command_line: Sequence[str]) -> None:
    """One job. What it fails by is the job's: its message, or its traceback in its folder."""
    from nntrain.launch import train_composed
    from nntrain.objective.metrics import METRICS

    try:
        run, status = train_composed(compose(words), command_line, silent=True)
    except UserError as error:
        outcome.status, outcome.error = 2, str(error)
        return
    except Exception as error:  # a fault in one job is reported, and the others go on
        report = outcome.run_dir / "traceback.txt"
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(traceback.format_exc(), encoding="utf-8")
        outcome.status, outcome.error = 1, f"{type(error).__name__}: {error}; see {report}"
        return
    except KeyboardInterrupt:
        outcome.status, outcome.error = 128 + signal.SIGINT, "interrupted"
        raise
    if status:
        outcome.status, outcome.error = status, f"interrupted; go on with: nntrain fit resume={run.dir}"
        raise Interrupted(status)
    outcome.result = run.result
    outcome.direction = METRICS[run.result["monitor"].removeprefix("val_")].direction


def _write(folder: Path, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """`sweep.json`, the best job first; written after every job, so that whatever ends a sweep leaves what was done."""
    ranked = sorted(outcomes, key=lambda outcome: outcome.rank)
    result = {"sweep_dir": str(folder), "jobs": [outcome.summary() for outcome in ranked]}
    write_json(folder / "sweep.json", result)
    return result


def _sweep_folder(line: CommandLine, name: str) -> Path:
    given = [word.value for word in line.settings if word.key == FOLDER]
    if not given:
        return create_run_folder(Path.cwd() / "runs", name)
    folder = absolute(str(given[0]), Path.cwd())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        filled = any(folder.iterdir())
    except (OSError, ValueError) as error:
        raise UserError(f"{FOLDER}: cannot make {folder} ({getattr(error, 'strerror', error)})") from None
    if filled:
        raise UserError(f"{FOLDER}: {folder} is not empty; choose another folder for the sweep")
    return folder
