"""`nntrain fit ... -m`: one run per combination, by Hydra's own sweepers and launchers; then who did best."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from rich.text import Text

from nntrain.config.compose import ROOT, Words, compose, main_hydra, prepare
from nntrain.errors import UserError
from nntrain.record.files import write_json
from nntrain.record.layout import Page, command, grid, heading
from nntrain.record.run_folder import create_run_folder
from nntrain.record.screen import open_screen, show
from nntrain.record.words import duration, number, plural

Outcome = dict[str, Any]
SHOWN = 20  # rows of the leaderboard on the screen; sweep.json has them all


def multirun(words: Sequence[str], command_line: Sequence[str], stream: TextIO) -> tuple[dict[str, Any], int]:
    """Run every combination; the sweep's result and the exit status: 0, or 1 where a job failed by a fault of ours, else 2
    where one failed by a mistake. One job's failure never stops the others.

    UserError where the words are wrong, before anything runs.
    """
    prepared = prepare(words, Path.cwd())
    if prepared.problems:
        raise UserError(*prepared.problems)
    folder = _sweep_folder(prepared, words)
    console, _ = open_screen(stream)
    outcomes: list[Outcome] = []

    def job(config: DictConfig) -> Outcome:
        task = list(HydraConfig.get().overrides.task)
        outcome = _run(int(HydraConfig.get().job.num), task, folder, prepared, command_line)
        outcomes.append(outcome)
        console.print(_line(outcome), soft_wrap=True)
        return outcome

    settings = [
        f"hydra.sweep.dir='{folder}'",
        "hydra.sweep.subdir=${hydra.job.num}",
        "hydra.output_subdir=null",
        "hydra.job.chdir=false",
        "hydra/job_logging=none",
        "hydra/hydra_logging=none",
    ]
    try:
        main_hydra().multirun(ROOT, job, [*prepared.hydra, *settings], with_log_configuration=False)
    except HydraException as error:
        raise UserError(str(error).splitlines()[0]) from None
    ranked = sorted(outcomes, key=lambda outcome: outcome["rank_key"])
    result = {"sweep_dir": str(folder), "jobs": [{k: v for k, v in o.items() if k != "rank_key"} for o in ranked]}
    write_json(folder / "sweep.json", result)
    show(lambda page: _leaderboard(ranked, folder, page), stream)
    failed = [outcome["status"] for outcome in outcomes if outcome["status"]]
    return result, min(failed, default=0)


def _sweep_folder(prepared: Words, words: Sequence[str]) -> Path:
    given = [word.partition("=")[2] for word in words if word.startswith("run_dir=")]
    if not given:
        return create_run_folder(Path.cwd() / "runs", prepared.recipes[0].name)
    folder = Path(given[-1].strip("'\"")).expanduser().resolve()
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"run_dir: {folder} is not empty; choose another folder for the sweep")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(job: int, task: Sequence[str], folder: Path, prepared: Words, command_line: Sequence[str]) -> Outcome:
    """One job, its failure caught: the message, or the traceback in its folder."""
    from nntrain.launch import train_composed
    from nntrain.objective.metrics import METRICS

    own = folder / str(job)
    recipes = {prepared.alias(recipe): recipe for recipe in prepared.recipes}
    words, varied = [f"run_dir='{own}'"], []
    for word in task:
        key, _, value = word.partition("=")
        swept = key in prepared.given and prepared.given[key].kind == "sweep"
        if key == "config":
            words.append(f"config='{recipes[value].path}'")
            varied += [f"config={recipes[value].name}"] if swept else []
        elif key != "run_dir":
            words.append(word)
            varied += [word] if swept else []
    outcome: Outcome = {
        "job": job,
        "varied": varied,
        "run_dir": str(own),
        "status": 0,
        "error": None,
        "rank_key": (1, 0.0),
    }
    try:
        run, status = train_composed(compose(words), command_line, silent=True)
        if status:
            raise KeyboardInterrupt
        result = run.result
    except UserError as error:
        return outcome | {"status": 2, "error": str(error)}
    except Exception as error:  # a fault in one job is reported with its traceback, and the others go on
        (own / "traceback.txt").write_text(traceback.format_exc(), encoding="utf-8")
        return outcome | {"status": 1, "error": f"{type(error).__name__}: {error}; see {own / 'traceback.txt'}"}
    value = result["best_value"]
    if value is not None:
        outcome["rank_key"] = (
            0,
            -value if METRICS[result["monitor"].removeprefix("val_")].direction == "max" else value,
        )
    return outcome | {key: result[key] for key in ("monitor", "best_value", "best_epoch", "val", "test", "seconds")}


def _line(outcome: Outcome) -> Text:
    what = f"#{outcome['job']:<4} {' '.join(outcome['varied'])}"
    if outcome["error"]:
        return Text(f"{what}  failed: {outcome['error']}")
    return Text(f"{what}  {outcome['monitor']} {number(outcome['best_value'])}  {duration(outcome['seconds'])}")


def _leaderboard(ranked: Sequence[Outcome], folder: Path, page: Page) -> list[Text]:
    done = [outcome for outcome in ranked if not outcome["error"]]
    lines = [Text(""), heading(f"{plural(len(ranked), 'job')}, {len(ranked) - len(done)} failed", page)]
    if done:
        header = ["", "job", "varied", done[0]["monitor"], "epoch", "time"]
        rows = [
            [
                str(place),
                str(o["job"]),
                " ".join(o["varied"]),
                number(o["best_value"]),
                str(o["best_epoch"] or "-"),
                duration(o["seconds"]),
            ]
            for place, o in enumerate(done[:SHOWN], 1)
        ]
        lines += grid(header, rows, "rrlrrr", page, flexible=2)
        lines += [Text(""), *command(["nntrain", "eval", str(done[0]["run_dir"])], page)]
    return [*lines, Text(f"sweep    {folder}")]
