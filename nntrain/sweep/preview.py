"""`nntrain check ... -m`: the jobs of a sweep, and which of them train as one program; nothing is run or written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.text import Text

from nntrain.config.grow import GROW
from nntrain.config.words import CommandLine
from nntrain.record.layout import FAINT, Page, facts, grid, heading
from nntrain.record.screen import show
from nntrain.record.words import count, plural, wrapped
from nntrain.sweep.check import check_sweep, given_folder, many_jobs
from nntrain.sweep.groups import Group, partition, plan_words
from nntrain.sweep.grow.section import sweep_line
from nntrain.sweep.job import Job
from nntrain.sweep.jobs import Jobs
from nntrain.sweep.launchers.basic import one_after_another
from nntrain.sweep.launchers.parallel import side_by_side
from nntrain.sweep.plugins import DEFAULT_LAUNCHER, DEFAULT_SWEEPER
from nntrain.sweep.search.prospect import of_growing, of_search, stacks, workers_of
from nntrain.sweep.search.section import OPTUNA
from nntrain.sweep.search.space import MARK, read_space
from nntrain.sweep.sweepers.grid import combinations
from nntrain.sweep.workers.crew import OURS

SHOWN = 40  # jobs on the screen; --json has them all
ALONE = "by itself"
LAUNCHER, SWEEPER, SETTING = "hydra/launcher=", "hydra/sweeper=", "hydra.sweeper."


def preview(words: Sequence[str], stream: TextIO) -> dict[str, Any]:
    """What would be run, which is also shown; of a search that draws its jobs, what it draws from.

    UserError where a word, a recipe, a value of any combination or the folder is wrong.
    """
    cwd = Path.cwd()
    line = sweep_line(words, cwd)
    recipes = check_sweep(line, cwd)
    given_folder(line, recipes, cwd)
    sweeper, launcher = _chosen(line, SWEEPER, DEFAULT_SWEEPER), _chosen(line, LAUNCHER, DEFAULT_LAUNCHER)
    if sweeper != DEFAULT_SWEEPER:
        space = {word.key: word.text.partition("=")[2] for word in (line.recipes, *line.settings) if word.sweeps}
        settings = dict(word.removeprefix(SETTING).split("=", 1) for word in line.hydra if word.startswith(SETTING))
        if sweeper == OPTUNA:
            read_space([word.for_hydra for word in (line.recipes, *line.settings)])
            told = of_search(line, settings, launcher, cwd)
        else:
            told = of_growing(line, settings) if sweeper == GROW else settings
        show(lambda page: [*_space_lines(space, told, sweeper, page), *_wrapped(line.notes, page)], stream)
        found = {"sweeper": sweeper, "launcher": launcher, "space": space, "settings": settings}
        return {**found, "plan": told, "notes": list(line.notes), "jobs": None}
    if many := many_jobs(line):
        show(lambda page: _wrapped([many], page), stream)
    fixed = {word.key for word in (line.recipes, *line.settings) if not word.sweeps}
    jobs = Jobs(cwd, fixed, lambda: cwd / "runs" / recipes[0].name / "...")
    lists = combinations([word.for_hydra for word in (line.recipes, *line.settings) if word.key != "run_dir"])
    notes = [
        *line.notes,
        *jobs.add({i: tuple(word.removeprefix(MARK) for word in words) for i, words in enumerate(lists)}),
    ]
    plan, groups = plan_of(jobs.all, line)
    show(lambda page: _lines(jobs.all, groups, [*plan, *notes], page), stream)
    return {
        "sweeper": sweeper,
        "launcher": launcher,
        "plan": plan,
        "notes": notes,
        "jobs": _about(jobs.all, groups),
    }


def plan_of(jobs: Sequence[Job], line: CommandLine) -> tuple[list[str], list[Group]]:
    """How the launcher that the words choose trains some jobs, a sentence each, and the groups, where it stacks."""
    launcher = _chosen(line, LAUNCHER, DEFAULT_LAUNCHER)
    groups = partition(jobs) if stacks(launcher, line.hydra) else []
    where = [] if launcher in OURS else [f"they train by hydra/launcher={launcher}"]
    return ([*plan_words(groups), *where] if groups else [_unstacked(jobs, launcher, line)]), groups


def _unstacked(jobs: Sequence[Job], launcher: str, line: CommandLine) -> str:
    """The plan of a launcher that stacks nothing."""
    if launcher == "basic":
        return one_after_another(len(jobs))
    if launcher == "parallel":
        return side_by_side(len(jobs), workers_of({str(job.config["device"]) for job in jobs}, line.hydra))
    return f"{plural(len(jobs), 'job')}, hydra/launcher={launcher}"


def _chosen(line: CommandLine, start: str, default: str) -> str:
    given = [word.removeprefix(start) for word in line.hydra if word.startswith(start)]
    return given[-1] if given else default


def _about(jobs: Sequence[Job], groups: Sequence[Group]) -> list[dict[str, Any]]:
    places = {job.number: (place, group) for place, group in enumerate(groups, 1) for job in group.jobs}
    found = []
    for job in jobs:
        place, group = places.get(job.number, (None, None))
        found.append(
            {
                "job": job.number,
                "varied": dict(job.varied),
                "group": place if group is not None and group.stacked else None,
                "alone_because": None if group is None else group.reason,
            }
        )
    return found


def _lines(jobs: Sequence[Job], groups: Sequence[Group], plan: Sequence[str], page: Page) -> list[Text]:
    shown = jobs[:SHOWN]
    names = {job.number: _name(group, place) for place, group in enumerate(groups, 1) for job in group.jobs}
    rows = [[str(job.number), job.said, names.get(job.number, "")] for job in shown]
    header = ["job", "varied", "group" if groups else ""]
    lines = [heading("jobs", page), *grid(header, rows, "rll", page, flexible=1)]
    if more := len(jobs) - len(shown):
        lines.append(Text(f"and {count(more)} more", FAINT))
    return [*lines, Text(""), heading("plan", page), *_wrapped(plan, page)]


def _wrapped(texts: Sequence[str], page: Page) -> list[Text]:
    return [Text(part) for text in texts for part in wrapped(text, page.width)]


def _name(group: Group, place: int) -> str:
    return str(place) if group.stacked else f"{ALONE}: {group.reason}"


def _space_lines(space: dict[str, str], settings: dict[str, str], sweeper: str, page: Page) -> list[Text]:
    rows = [[key, values] for key, values in space.items()]
    title = f"drawn by hydra/sweeper={sweeper} while it runs, from"
    if sweeper == GROW:
        title = "tried from small to large, as long as validation improves"
    lines = [heading(title, page), *grid(["setting", "values"], rows, "ll", page, flexible=1)]
    return [*lines, Text(""), *facts(list(settings.items()), page)] if settings else lines
