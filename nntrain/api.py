"""The Python API: what the command line does, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nntrain.predictor import Predictor
    from nntrain.verbs.fit import Run


def fit(config: str | Path | Mapping[str, Any] = "digits", *settings: str, quiet: bool = False) -> Run:
    """Train, and return the run: `.dir`, `.metrics` (a dict per epoch), `.result` (as in result.json), `.best` (the model's file).

    config: a recipe's name, the path of a YAML file, or a mapping with the sections of a recipe (its paths are then
    relative to the working directory). settings: as on the command line, `"optimizer.lr=0.01"`. quiet: say the result only.
    Raises UserError for what is the caller's to mend, and KeyboardInterrupt where Ctrl-C ended it, the state being saved.

    >>> run = nntrain.fit("iris", "epochs=5")  # doctest: +SKIP
    >>> run.result["test"]["accuracy"]  # doctest: +SKIP
    """
    from nntrain.launch import launch

    command = ["nntrain.fit", str(config), *settings]
    if isinstance(config, Mapping):
        import tempfile

        import yaml

        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".nntrain-") as folder:
            written = Path(folder) / "recipe.yaml"
            written.write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")
            words = [f"config='{written}'", *settings]
            run, status = launch(words, command, quiet=quiet)
    else:
        run, status = launch([f"config='{config}'", *settings], command, quiet=quiet)
    if status:
        raise KeyboardInterrupt(f"stopped, the state is saved; go on with: nntrain fit resume={run.dir}")
    return run


def load(path: str | Path, *, device: str = "auto", trust: bool = False) -> Predictor:
    """Open a model file, or the best model of a run folder: `.predict(raw)`, `.probabilities(raw)`, `.evaluate(raw)`.

    raw: a pandas or polars DataFrame, a numpy array, pictures, or a path. device: as in a recipe. trust: also build a network
    from a class of one's own that the file names. Raises UserError where the file is missing, damaged or foreign.
    """
    from nntrain.predictor import load as open_model

    return open_model(path, device=device, trust=trust)
