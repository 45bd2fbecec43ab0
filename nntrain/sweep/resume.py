"""A sweep that is gone on with: what it was started with, and that nothing asks for other jobs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from nntrain.config.recipe import Recipe
from nntrain.config.words import CommandLine, is_hydra
from nntrain.errors import UserError
from nntrain.folder import shown
from nntrain.sweep.check import check_sweep
from nntrain.sweep.grow import sweep_line
from nntrain.sweep.manifest import MANIFEST, Manifest, fingerprint, read_manifest

MAY_CHANGE = (  # besides how it is launched
    *("quiet", "search.n_trials", "search.time_limit", "search.batch"),
    *("grow.patience", "grow.to"),
)


def read_sweep(folder: Path, changes: Sequence[str]) -> tuple[Manifest, CommandLine, list[Recipe]]:
    """What the sweep in `folder` was started with, its words with the changes over them, and its recipes.

    UserError where a change, or a recipe that was edited, asks for other jobs.
    """
    manifest = read_manifest(folder)
    again = shlex.join(["nntrain", "fit", *manifest.words, "-m"])
    problems = [
        f"{word}: a resumed sweep runs the jobs that it was started with; for others start a new one: {again}"
        for word in changes
        if not (_may_change(word) or word in manifest.words)
    ]
    cwd = Path(manifest.cwd)
    line = sweep_line([*manifest.words, *changes], cwd)
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


def _may_change(word: str) -> bool:
    return is_hydra(word) or word.partition("=")[0] in MAY_CHANGE
