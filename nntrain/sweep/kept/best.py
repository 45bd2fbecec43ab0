"""The best job's model as the sweep's own: `eval` and `predict` take a sweep's folder as they take a run's."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from nntrain.record.files import refused

BEST = "best.safetensors"  # in a run's folder and in a sweep's


def link_best(folder: Path, run: Path) -> Path:
    """Make `folder/best.safetensors` the model of `run`, a folder below it; the path made.

    A hard link: it costs no space, and survives when the job's folder is deleted. Where the file system has none, a
    relative symbolic link, or a copy. An earlier one is replaced at once. Raises WriteError when the disk refuses all.
    """
    source, target = run / BEST, folder / BEST
    temporary = folder / f".{BEST}.{secrets.token_hex(4)}.tmp"
    try:
        source.stat()  # a symbolic link to nothing would be made without a word
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
