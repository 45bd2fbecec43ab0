"""The best job's model as the sweep's own: `eval` and `predict` take a sweep's folder as they take a run's."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nntrain.record.files import refused
from nntrain.record.words import numbers_text
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.told.ranking import has_model

BEST = "best.safetensors"  # in a run's folder and in a sweep's


def link_best(folder: Path, run: Path) -> Path | None:
    """Make `folder/best.safetensors` the model of `run`, a folder below it; the path made. Where that model was
    deleted, an earlier link stays, and None says that there is none.

    A hard link: it costs no space, and survives when the job's folder is deleted. Where the file system has none, a
    relative symbolic link, or a copy. An earlier one is replaced at once. Raises WriteError when the disk refuses all.
    """
    source, target = run / BEST, folder / BEST
    if not source.exists():  # a symbolic link to nothing would be made without a word
        return target if target.exists() else None
    temporary = folder / f".{BEST}.{secrets.token_hex(4)}.tmp"
    try:
        if not (_linked(_hard, source, temporary) or _linked(_symbolic, source, temporary)):
            shutil.copyfile(source, temporary)
        temporary.replace(target)
    except OSError as error:
        raise refused(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)  # a link over another of the same file is left by the system
    return target


def drop_best(folder: Path) -> None:
    """Take away an earlier link, where no job can be called the best."""
    (folder / BEST).unlink(missing_ok=True)


def lost_models(jobs: Sequence[Job], outcomes: Mapping[int, Outcome]) -> list[str]:
    """What is to be said of jobs that came to a model that was deleted since."""
    ended = [job for job in jobs if has_model(outcomes.get(job.number))]
    lost = [job.number for job in ended if next(job.folder.rglob(BEST), None) is None]
    if not lost:
        return []
    several = len(lost) > 1
    which, have = f"{'jobs' if several else 'job'} {numbers_text(lost)}", "have" if several else "has"
    again = "them again, delete their folders" if several else "it again, delete its folder"
    return [
        f"{which} {have} a result, but no {BEST} any more, and {'count' if several else 'counts'} as done; to train "
        f"{again} and resume"
    ]


def _linked(make: Callable[[Path, Path], None], source: Path, target: Path) -> bool:
    try:
        make(source, target)
    except (OSError, NotImplementedError):  # this file system, or this user, has none
        return False
    return True


def _hard(source: Path, target: Path) -> None:
    os.link(source, target)


def _symbolic(source: Path, target: Path) -> None:
    target.symlink_to(os.path.relpath(source, target.parent))
