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
from nntrain.sweep.grow.section import sweep_line
from nntrain.sweep.kept.manifest import MANIFEST, Manifest, fingerprint, read_manifest

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
    if problems:
        raise UserError(*problems)
    cwd = Path(manifest.cwd)
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


def _may_change(word: str) -> bool:
    """How jobs are launched, and how long a search goes on; not who draws the jobs."""
    return (is_hydra(word) and not word.startswith("hydra/sweeper=")) or word.partition("=")[0] in MAY_CHANGE


def _kept(words: Sequence[str], changes: Sequence[str]) -> list[str]:
    """Another launcher has settings of its own."""
    if not any(word.startswith("hydra/launcher=") for word in changes):
        return list(words)
    return [word for word in words if not word.startswith(("hydra/launcher=", "hydra.launcher."))]
