"""The folder of a run: made new, or found again. Imports no torch."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from nntrain.errors import UserError
from nntrain.record.files import write_atomic, write_json
from nntrain.record.run_folder import create_run_folder, environment

if TYPE_CHECKING:
    from nntrain.experiment import Experiment

# What a resumed run may change without becoming another run.
RESUMABLE = ("epochs", "time_limit", "early_stopping.patience", "checkpoint.every_seconds", "quiet", "device")
UNMARKED = {"ensemble": 1, "grow.name": "none"}  # as every run was before there was a choice
RUNS = "runs"  # where folders of runs are made that nobody names
CONFIG, ENVIRONMENT, RESULT = "config.yaml", "environment.json", "result.json"
MANIFEST, REPORT, TABLE = "jobs.jsonl", "sweep.json", "sweep.csv"  # of a sweep
SO_FAR = "so_far"  # in its report, until it has ended
FOLD = "fold_"  # and its number from 0: the folder of a fold in that of its run, and what it is called
HELD = {"a sweep": MANIFEST, "a run": CONFIG}
UNSAVED = "stopped, but the state could not be saved"  # and why


def shown(path: Path | str) -> str:
    """A path as people know it: relative to the working directory where it lies below; with `/`, which every system
    takes, and which no shell wants quoted."""
    path, here = Path(path), Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) and path != here else path).as_posix()


def new_run_folder(config: Mapping[str, Any]) -> Path:
    """`run_dir`, where given and not yet a run or a sweep, or a fresh folder below `runs/`."""
    if config["run_dir"] is None:
        return create_run_folder(Path.cwd() / RUNS, config["name"])
    folder = Path(config["run_dir"])
    check_free(folder)
    return make(folder).resolve()


def model_in(run: Path, model: str) -> Path | None:
    """The best model of a run: in its folder, or with `data.folds` in that of the fold that its result names. model:
    the name of model files."""
    if (run / model).is_file():
        return run / model
    with suppress(UserError):
        best = read_json(run / RESULT).get("checkpoint")
        inside = run / Path(best or "").parent.name / model  # the run may have been moved since
        return inside if best and inside.is_file() else None
    return None


def check_new(run_dir: str | Path | None) -> None:
    """UserError where there can be no new folder, in `runs/` where None is given; nothing is made."""
    if run_dir is not None:
        check_free(Path(run_dir))
        return
    try:
        _check_makeable(Path.cwd() / RUNS)
    except UserError as error:
        raise UserError(f"{error}; a run goes into {RUNS}/ unless run_dir=... names a folder") from None


def check_free(folder: Path) -> None:
    """UserError where `run_dir` already holds a run or a sweep, or cannot be made, which is not tried."""
    try:
        held = next((what for what, name in HELD.items() if (folder / name).exists()), None)
    except (OSError, ValueError) as error:
        raise _unmade(folder, error) from None
    if held is not None:
        raise UserError(
            f"run_dir: {shown(folder)} already holds {held}; choose another folder, or go on with: "
            f"nntrain fit resume={quote(shown(folder))}"
        )
    _check_makeable(folder)


def _check_makeable(folder: Path) -> None:
    try:
        around = next(path for path in (folder, *folder.parents) if _is_there(path))
    except (OSError, ValueError) as error:
        raise _unmade(folder, error) from None
    if not around.is_dir():
        raise UserError(f"run_dir: cannot make {shown(folder)} ({shown(around)} is no folder)")
    if not os.access(around, os.R_OK | os.W_OK | os.X_OK):
        raise UserError(f"run_dir: cannot make {shown(folder)} ({shown(around)} may not be read and written)")


def _is_there(path: Path) -> bool:
    """OSError for one that may not be looked at, or can have no such name."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def make(folder: Path) -> Path:
    """`run_dir`, which may be there. UserError where the system refuses it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unmade(folder, error) from None
    return folder


def _unmade(folder: Path, error: OSError | ValueError) -> UserError:
    return UserError(f"run_dir: cannot make {shown(folder)} ({getattr(error, 'strerror', error)})")


def write_setup(folder: Path, experiment: Experiment, command: Sequence[str]) -> None:
    """`config.yaml` and `environment.json`, before the first step."""
    config = experiment.config
    write_config(folder, config, whole_of(experiment, folder))
    about = environment(config["seed"], str(experiment.device), experiment.dataset.fingerprint, command)
    begun = {"beginning": dict(experiment.beginning.record)} if experiment.beginning.record else {}
    write_json(folder / ENVIRONMENT, {**about, "config_fingerprint": config_fingerprint(config), **begun})


def whole_of(experiment: Experiment, folder: Path) -> Path | None:
    """The folder of the run of which this is one fold, or one layer; None where it is a run of its own."""
    return None if experiment.fold is None and experiment.layer is None else folder.parent


def beginning_of(folder: Path) -> dict[str, Any]:
    """What a run noted of the weights it began with (see `source_weights.begin`)."""
    noted = read_json(folder / ENVIRONMENT).get("beginning", {})
    return dict(noted)


def config_fingerprint(config: Mapping[str, Any]) -> str:
    """A short hash of all settings but those that a resumed run may change."""
    settings = {
        f"{group}.{key}": v for group, part in config.items() if isinstance(part, Mapping) for key, v in part.items()
    }
    settings |= {key: value for key, value in config.items() if not isinstance(value, Mapping)}
    for key, value in UNMARKED.items():
        if settings.get(key) == value:
            del settings[key]
    fixed = sorted((key, value) for key, value in settings.items() if key not in (*RESUMABLE, "run_dir", "name"))
    return blake2b(json.dumps(fixed, default=str).encode(), digest_size=8).hexdigest()


def write_config(folder: Path, config: Mapping[str, Any], whole: Path | None = None) -> None:
    """The resolved recipe; `nntrain fit config=` this file repeats the run, in a folder of its own.

    whole: the run of which this is one fold or layer. A file that says all this already is left alone.
    """
    text = _yaml_of(_literal({**config, "run_dir": None}))
    path = (whole or folder) / CONFIG
    part = "layer" if folder.name.startswith("layer_") else "fold"
    what = "this run; repeat it" if whole is None else f"one {part}; repeat all of them"
    text = f"# The resolved recipe of {what} with: nntrain fit config={path}\n{text}"
    if not (folder / CONFIG).is_file() or (folder / CONFIG).read_text(encoding="utf-8") != text:
        write_atomic(folder / CONFIG, text)


def _yaml_of(plain: Mapping[str, Any]) -> str:
    import yaml

    text = yaml.dump(plain, Dumper=_dumper(), sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    return str(text)


@cache
def _dumper() -> Any:
    import yaml

    quick: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # of libyaml, where PyYAML came with it

    class Dumper(quick):  # type: ignore[misc]
        def represent_str(self, text: str) -> Any:
            """Quotes text that reads as a number: recipes take 1e5 for one, YAML 1.1 does not."""
            return self.represent_scalar("tag:yaml.org,2002:str", text, style="'" if _is_number(text) else None)

    Dumper.add_representer(str, Dumper.represent_str)
    return Dumper


def _literal(value: Any) -> Any:
    """The same where a `${` in a text does not refer to another setting when it is read again."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    if isinstance(value, Mapping):
        return {key: _literal(entry) for key, entry in value.items()}
    return [_literal(entry) for entry in value] if isinstance(value, list) else value


def _is_number(text: str) -> bool:
    try:
        float(text.replace("_", ""))
    except ValueError:
        return False
    return True


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a run folder. UserError where it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{shown(path)}: cannot be read ({error})") from None
    if not isinstance(found, dict):
        raise UserError(f"{shown(path)}: is not what nntrain wrote")
    return found
