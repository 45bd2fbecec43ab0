"""What `resume=` names: a run or a sweep, found again; where it is neither, the nearest that is. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from nntrain.errors import UserError, did_you_mean, nearest
from nntrain.folder import CONFIG, MANIFEST, shown

WORD = "resume="
DEPTHS = ("", "*/", "*/*/", "*/*/*/")  # of runs/NAME/DATE from where they lie; no deeper: somebody may name their home
PARTS = {"fold_": "one fold", "member_": "one member", "layer_": "one layer", "pretrain": "the pre-training"}


def resumed(words: Sequence[str]) -> Path | None:
    """The folder that is to be gone on with. UserError where two are, or an empty name."""
    given = [word.removeprefix(WORD) for word in words if word.startswith(WORD)]
    if len(given) > 1:
        raise UserError(
            f"resume: one run or sweep is gone on with at a time; {len(given)} are named ({WORD}{given[1]})"
        )
    if given == [""]:
        raise UserError("resume: names no folder; write resume=runs/...")
    return _path(given[0]) if given else None


def _path(given: str) -> Path:
    """UserError for a name that no folder can have, or that may not be looked at."""
    try:
        path = Path(given).expanduser()
        (path / CONFIG).exists()
        return path
    except (OSError, RuntimeError) as error:  # too long, not to be looked at; no such user
        said = getattr(error, "strerror", None) or str(error)
        raise UserError(f"resume: '{given[:60]}' cannot be a run's folder ({said})") from None


def is_sweep(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def is_run(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def find_run(path: Path) -> Path:
    """The folder of a run. UserError where it is none, with the nearest run or sweep."""
    if not is_run(path):
        raise UserError(f"resume: {_no_run(path)}")
    folder = path.resolve()
    part = next((said for start, said in PARTS.items() if folder.name.startswith(start)), None)
    if part is not None and is_run(folder.parent):
        whole = quote(shown(folder.parent))
        raise UserError(f"resume: {path} is {part} of a run; go on with all of it: nntrain fit resume={whole}")
    return folder


def _no_run(path: Path) -> str:
    if not path.exists() and is_sweep(path.parent) and path.name.isdecimal():
        sweep = shown(path.parent)
        return f"the sweep in {sweep} has no job {path.name}; go on with all of it: nntrain fit resume={quote(sweep)}"
    hint = did_you_mean(_meant(path))
    if path.is_dir():
        return f"{path} is not a run folder (it has no {CONFIG}){hint}"
    return f"{path} is a file, and no run folder{hint}" if path.exists() else f"there is no folder '{path}'{hint}"


def _meant(path: Path) -> str | None:
    """The whole run or sweep that is nearest: the latest inside a folder, the one that something is inside of, or one
    with a similar name."""
    if not path.exists():
        near = _corrected(path) or _corrected(Path("runs") / path)
        return None if near is None else _meant(near)
    path = path.resolve()
    below = [found for start in DEPTHS for name in (CONFIG, MANIFEST) for found in path.glob(f"{start}{name}")]
    if below:
        return shown(_whole(max(below, key=lambda found: found.stat().st_mtime).parent))
    return next((shown(_whole(around)) for around in path.parents if is_run(around) or is_sweep(around)), None)


def _whole(folder: Path) -> Path:
    """The run that a folder is a part of, the sweep that it is a job of; else itself."""
    for around in folder.parents:
        if not (is_run(around) or is_sweep(around)):
            break
        folder = around
    return folder


def _corrected(path: Path) -> Path | None:
    """The same with the nearest name in place of each folder that is not there; None where none is near."""
    found = Path(path.anchor)
    for part in path.parts[bool(path.anchor) :]:
        name: str | None = part
        if not (found / part).is_dir():
            name = nearest(part, sorted(inner.name for inner in found.glob("*") if inner.is_dir()))
        if name is None:
            return None
        found /= name
    return found
