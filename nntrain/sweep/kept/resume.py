"""A sweep that is gone on with: what it was started with, and that nothing asks for other jobs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from nntrain.config import schema
from nntrain.config.grow import GROW
from nntrain.config.recipe import Recipe, absolute, find_recipe
from nntrain.config.words import RECIPE, SEARCH, CommandLine, is_hydra, read_words
from nntrain.errors import UserError, nearest
from nntrain.folder import CONFIG, MANIFEST, shown
from nntrain.sweep.check import check_sweep
from nntrain.sweep.grow.section import sweep_line
from nntrain.sweep.kept.manifest import Manifest, fingerprint, read_manifest
from nntrain.sweep.search.section import OPTUNA

SWEEPER = "hydra/sweeper"
MAY_CHANGE = (  # besides how it is launched
    *("quiet", "search.n_trials", "search.time_limit", "search.batch"),
    *("grow.patience", "grow.to"),
)


def read_sweep(folder: Path, changes: Sequence[str]) -> tuple[Manifest, CommandLine, list[Recipe]]:
    """What the sweep in `folder` was started with, its words with the changes over them, and its recipes.

    UserError where a change, or a recipe that was edited, asks for other jobs.
    """
    manifest = read_manifest(folder)
    again = _again(manifest)
    cwd = Path(manifest.cwd)
    problems = [problem for word in changes for problem in _problems(word, manifest, cwd, changes)]
    problems += _lost_recipes(folder, manifest, cwd)
    if problems:
        raise UserError(*problems)
    line = sweep_line([*_kept(manifest.words, changes), *changes], cwd)
    recipes = check_sweep(line, cwd)
    for recipe in recipes:
        if manifest.recipes.get(str(recipe.path)) != fingerprint(recipe):
            problems.append(
                f"resume: {shown(recipe.path)} has changed since the sweep in {shown(folder)} was started, and its "
                f"jobs with it; start a new one: {again}"
            )
    if not manifest.jobs:
        problems.append(f"resume: {shown(folder / MANIFEST)} has no jobs; start the sweep again: {again}")
    if problems:
        raise UserError(*problems)
    return manifest, line, recipes


def _lost_recipes(folder: Path, manifest: Manifest, cwd: Path) -> Iterator[str]:
    """What it was started with and is not there any more."""
    recipes = read_words(manifest.words, cwd).recipes
    for name in recipes.values:
        try:
            find_recipe(str(name), cwd)
        except UserError:
            yield (
                f"resume: the sweep in {shown(folder)} was started with {recipes.text}, and there is no "
                f"{shown(absolute(str(name), cwd))} any more; put it back to go on (what a job was trained with is in "
                f"its own {CONFIG}, as {shown(folder)}/0/{CONFIG})"
            )


def _problems(word: str, manifest: Manifest, cwd: Path, changes: Sequence[str]) -> Sequence[str]:
    """What is wrong with one of the changes: that it asks for other jobs."""
    key = word.partition("=")[0]
    if word in manifest.words or (is_hydra(word) and key != SWEEPER):
        return ()
    if problems := read_words([word], cwd).problems:
        return problems
    may = _may_change(sweep_line(manifest.words, cwd))
    if key in may:
        return ()
    known = schema.field(_key(word)) is not None or key in (*schema.GROUPS, RECIPE)
    guess = None if known else nearest(key, may)
    hint = f"did you mean '{guess}'?" if guess else f"of its settings {', '.join(may)} and the launcher may change"
    said = f"a resumed sweep runs the jobs that it was started with; {hint}; for others start a new one"
    return (f"{word}: {said}: {_again(manifest, changes if known else ())}",)


def _may_change(line: CommandLine) -> tuple[str, ...]:
    """How long a search or a growing goes on; not who draws the jobs."""
    groups = {f"{SWEEPER}={OPTUNA}": "search.", f"{SWEEPER}={GROW}": "grow."}
    starts = tuple(group for chosen, group in groups.items() if chosen in line.hydra)
    return tuple(key for key in MAY_CHANGE if "." not in key or key.startswith(starts))


def _again(manifest: Manifest, changes: Sequence[str] = ()) -> str:
    """The command of a new sweep with the changes; of one run, where they leave nothing that varies."""
    changed = {_key(word) for word in changes}
    words = [*(word for word in manifest.words if _key(word) not in changed), *changes]
    with suppress(UserError):  # which the command says itself
        line = sweep_line(words, Path(manifest.cwd))
        if not any(word.sweeps for word in (line.recipes, *line.settings)):
            run = [word for word in words if not (is_hydra(word) or _key(word).startswith(f"{SEARCH}."))]
            return shlex.join(["nntrain", "fit", *run])
    return shlex.join(["nntrain", "fit", *words, "-m"])


def _key(word: str) -> str:
    key = word.partition("=")[0]
    return schema.SHORT.get(key, key)


def _kept(words: Sequence[str], changes: Sequence[str]) -> list[str]:
    """Another launcher has settings of its own."""
    if not any(word.startswith("hydra/launcher=") for word in changes):
        return list(words)
    return [word for word in words if not word.startswith(("hydra/launcher=", "hydra.launcher."))]
