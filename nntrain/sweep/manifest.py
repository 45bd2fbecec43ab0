"""What a sweep was asked for, kept in its folder from before its first job, so that it can be gone on with.

`jobs.jsonl` has a line for the sweep, then one for each job. Lines are only ever added, and a last one that a kill cut
short is left out, so that a search that adds thousands of jobs one by one stays cheap.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nntrain.config.recipe import Recipe
from nntrain.errors import UserError
from nntrain.folder import shown
from nntrain.record.files import json_text, refused, write_atomic

MANIFEST = "jobs.jsonl"


@dataclass(frozen=True)
class Manifest:
    """words: of the command, without run_dir; cwd: what paths in them are relative to. recipes: by path a fingerprint
    of each. jobs: the words of each by its number."""

    words: tuple[str, ...]
    cwd: str
    recipes: Mapping[str, str]
    versions: Mapping[str, str]
    jobs: dict[int, tuple[str, ...]] = field(default_factory=dict)


def new_manifest(words: Sequence[str], cwd: Path, recipes: Iterable[Recipe]) -> Manifest:
    known = {str(recipe.path): fingerprint(recipe) for recipe in recipes}
    return Manifest(tuple(words), str(cwd), known, {name: version(name) for name in ("nntrain", "hydra-core")})


def fingerprint(recipe: Recipe) -> str:
    """Of what a recipe says; comments and order do not count."""
    return blake2b(json_text(recipe.values, indent=None).encode(), digest_size=8).hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    about = {key: value for key, value in asdict(manifest).items() if key != "jobs"}
    write_atomic(folder / MANIFEST, json_text(about, indent=None) + "\n" + _lines(manifest.jobs))


def add_jobs(folder: Path, jobs: Mapping[int, Sequence[str]]) -> None:
    """More jobs, on disk when this returns. WriteError where the disk refuses."""
    try:
        with (folder / MANIFEST).open("a", encoding="utf-8") as file:
            file.write(_lines(jobs))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise refused(folder / MANIFEST, error) from error


def _lines(jobs: Mapping[int, Sequence[str]]) -> str:
    return "".join(json_text({"job": n, "words": list(words)}, indent=None) + "\n" for n, words in jobs.items())


def is_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep."""
    return (folder / MANIFEST).is_file()


def read_manifest(folder: Path) -> Manifest:
    """UserError where the file is missing or damaged."""
    path = folder / MANIFEST
    try:
        whole = path.read_text(encoding="utf-8").split("\n")[:-1]
        about, *jobs = map(json.loads, whole)
        found: dict[str, Any] = {**about, "jobs": {line["job"]: tuple(line["words"]) for line in jobs}}
        return Manifest(**{**found, "words": tuple(found["words"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{shown(path)}: cannot be read ({error})") from None
