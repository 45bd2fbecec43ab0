"""The Python API: what the command line does, for notebooks and scripts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.errors import UserError

if TYPE_CHECKING:
    from nntrain.predictor import Predictor
    from nntrain.verbs.run import Run

MULTIRUN = ("-m", "--multirun")


def fit(config: str | Path | Mapping[str, Any] = "digits", *settings: str, quiet: bool = False) -> Run:
    """Train, and return the run: `.dir`, `.metrics` (a row per epoch), `.result` (as in result.json), `.best` (the best
    model's file).

    config: a recipe's name, the path of a YAML file, or a mapping with the sections of a recipe (its paths are then
    relative to the working directory). settings: as on the command line, `"optimizer.lr=0.01"`, one value each: sweeps
    are trained there. quiet: say the result only. Raises UserError for what is the caller's to mend, and
    KeyboardInterrupt where a signal ended it, the state being saved.

    >>> run = nntrain.fit("iris", "epochs=5")  # doctest: +SKIP
    >>> run.result["test"]["accuracy"]  # doctest: +SKIP
    """
    from nntrain.launch import config_word, launch

    if not isinstance(config, str | PathLike | Mapping):
        raise UserError(f"config: a recipe's name, a path or a mapping is expected, not a {type(config).__name__}")
    _check_one_run(config, settings)
    command = ["nntrain.fit", str(config), *settings]
    if isinstance(config, Mapping):
        with _written(config) as path:
            run, status = launch([config_word(path), *settings], command, source="", quiet=quiet)
    else:
        run, status = launch([config_word(config), *settings], command, quiet=quiet)
    if status:
        raise KeyboardInterrupt(run.stopped)
    return run


def _check_one_run(config: str | PathLike[str] | Mapping[str, Any], settings: Sequence[str]) -> None:
    """UserError where the words are those of a sweep, with the command that trains it."""
    from nntrain.config.words import read_words
    from nntrain.resumed import is_sweep, resumed

    plain = [word for word in settings if word not in MULTIRUN]
    if (folder := resumed(plain)) is not None:
        if is_sweep(folder):
            said = "is a sweep, and nntrain.fit trains one run; go on with it on the command line"
            raise UserError(f"resume: {folder} {said}: {shlex.join(['nntrain', 'fit', *plain])}")
        return
    line = read_words(plain, Path.cwd())
    swept = [word.text for word in line.settings if word.sweeps]
    if not (swept or line.hydra or line.search or len(plain) < len(settings)):
        return
    given = ", ".join((*swept, *line.hydra, *(word.text for word in line.search))) or "-m"
    one = " (one value that is a list is written [a,b], a text 'a,b')" if swept else ""
    file = "FILE" if isinstance(config, Mapping) else config
    where = ", the mapping being in FILE as YAML" if isinstance(config, Mapping) else ""
    command = shlex.join(["nntrain", "fit", f"config={file}", *plain, "-m"])
    raise UserError(
        f"{given}: asks for a sweep, and nntrain.fit trains one run{one}; sweeps are trained on the command "
        f"line{where}: {command}"
    )


@contextmanager
def _written(config: Mapping[str, Any]) -> Iterator[Path]:
    """A mapping as the file of a recipe, for a while; its paths relative to the working directory.

    Mistakes in it are said of the mapping, not of a file that is gone by then.
    """
    import re
    import tempfile

    from nntrain.config import schema
    from nntrain.config.fields import is_path
    from nntrain.record.files import json_text

    def absolute(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        return {
            key: Path(value).expanduser().absolute()
            if isinstance(value, str | PathLike) and is_path(schema.field(f"{prefix}{key}"))
            else value
            for key, value in section.items()
        }

    whole = {
        key: absolute(value, f"{key}.") if isinstance(value, Mapping) else value
        for key, value in absolute(config).items()
    }
    with tempfile.TemporaryDirectory(prefix="nntrain-") as folder:
        path = Path(folder).resolve() / "recipe.yaml"
        try:
            path.write_text(json_text(whole), encoding="utf-8")  # JSON is YAML
        except TypeError as error:  # `no JSON for DataFrame: ...`
            raise UserError(
                f"config: {str(error).partition(':')[0]}: a recipe holds texts, numbers, lists and mappings; "
                "save data in memory to a file (Parquet, CSV, npz) and name it in data.path"
            ) from None
        try:
            yield path
        except UserError as error:
            written = re.compile(re.escape(str(path)) + r"(, line \d+)?")
            raise UserError(
                *(written.sub("the mapping", problem) for problem in error.problems), table=error.table
            ) from None


def load(path: str | Path, *, device: str = "auto", trust: bool = False) -> Predictor:
    """Open a model file, or the best model of a run folder: `.predict(raw)`, `.probabilities(raw)`, `.evaluate(raw)`;
    of an ensemble also `.uncertainty(raw)`, and `.each(raw)` for what every member predicts.

    raw: a pandas or polars DataFrame, a numpy array, pictures, or a path. device: as in a recipe. trust: also build a
    network from a class of one's own that the file names. Raises UserError where the file is missing, damaged or
    foreign.
    """
    from nntrain.opening import load as open_model

    return open_model(path, device=device, trust=trust)
