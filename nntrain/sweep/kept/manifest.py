"""What a sweep was asked for, kept in its folder from before its first job, so that it can be gone on with.

`jobs.jsonl` has a line for the sweep, then one for each job. Its first jobs are written together with the line of the
sweep; after that lines are added, so that a search with thousands of jobs stays cheap. A last line that a kill cut
short is left out, and taken away before others are added.
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
from nntrain.folder import MANIFEST, shown
from nntrain.record.files import json_text, refused, write_atomic

VERSIONS = ("nntrain", "hydra-core", "torch")


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
    return Manifest(tuple(words), str(cwd), known, {name: version(name) for name in VERSIONS})


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


def mend_manifest(folder: Path) -> None:
    """Take away a last line that was cut short, which another would be added to. To be done by whoever holds the
    lock of the sweep. WriteError where the disk refuses."""
    path = folder / MANIFEST
    text = path.read_bytes()
    if not text.endswith(b"\n"):
        write_atomic(path, text[: text.rfind(b"\n") + 1])


def other_versions(manifest: Manifest) -> list[str]:
    """What is another one now than when the sweep was started: `torch was 2.8.0 and is 2.9.1`."""
    old = {name: was for name, was in manifest.versions.items() if name in VERSIONS}
    return [f"{name} was {was} and is {new}" for name, was in old.items() if (new := version(name)) != was]


def _lines(jobs: Mapping[int, Sequence[str]]) -> str:
    return "".join(json_text({"job": n, "words": list(words)}, indent=None) + "\n" for n, words in jobs.items())


def read_manifest(folder: Path) -> Manifest:
    """UserError where the file is missing or damaged."""
    path = folder / MANIFEST
    try:
        whole = path.read_bytes().split(b"\n")[:-1]
        about, *jobs = map(json.loads, whole)
        found: dict[str, Any] = {**about, "jobs": {line["job"]: tuple(line["words"]) for line in jobs}}
        return Manifest(**{**found, "words": tuple(found["words"])})
    except (OSError, ValueError) as error:
        raise UserError(f"{shown(path)}: cannot be read ({error})") from None
    except (TypeError, KeyError):
        raise UserError(f"{shown(path)}: is not what nntrain wrote") from None
