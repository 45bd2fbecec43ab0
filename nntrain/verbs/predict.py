"""`nntrain predict`: predictions with probabilities for raw inputs, as a table."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from rich.text import Text

from nntrain.errors import UserError
from nntrain.folder import shown
from nntrain.predictor import Predictor, labels_of
from nntrain.record.files import write_atomic
from nntrain.record.layout import Page, facts, heading
from nntrain.record.screen import show
from nntrain.record.words import plural
from nntrain.verbs.opened import check_words, opened, views_of

SETTINGS = ("input", "output")
FORMATS = (".csv", ".tsv", ".parquet", ".json")


def predict_words(words: Mapping[str, str], stream: TextIO | None = None) -> dict[str, Any]:
    """Predict and write. words: `checkpoint`, `input`, `output`, and where wanted `device`, `trust`, `tta`."""
    example = "nntrain predict runs/... input=FILE_OR_FOLDER output=FILE.csv"
    check_words("predict", words, SETTINGS, example=example)
    if missing := [key for key in SETTINGS if key not in words]:
        raise UserError(f"predict: {' and '.join(missing)} missing: {example}")
    source, output = Path(words["input"]).expanduser(), Path(words["output"]).expanduser()
    if output.suffix.lower() not in FORMATS:
        raise UserError(
            f"predict: output={output}: the ending says the format, which must be one of {', '.join(FORMATS)}"
        )
    if output.exists() and source.exists() and output.samefile(source):
        raise UserError(f"predict: output={output} is the input; choose another file")
    views = views_of("predict", words)
    model = opened(words)
    table = predictions_table(model, source, views)
    _write(table, output)
    result = {
        "checkpoint": str(model.path.resolve()),
        "input": str(source.resolve()),
        "output": str(output.resolve()),
        "rows": len(table[next(iter(table))]),
        "tta": views,
    }
    show(lambda page: _lines(result, page), stream)
    return result


def predictions_table(model: Predictor, source: Path, tta: int = 1) -> dict[str, Any]:
    """Columns by name: `file` for pictures, `prediction` (`prediction_<target>` for several), `p_<class>`. Labels stand
    in one text, in which the task's separator is between them. An autoencoder's: its code, `z_0`, `z_1` and so on."""
    table: dict[str, Any] = {}
    names, raw = model.preprocessing.named(source)
    if names is not None:
        table["file"] = names
    if model.task.is_reconstruction:
        codes = model.codes(raw)
        return table | {f"z_{i}": codes[:, i] for i in range(codes.shape[1])}
    if not model.task.classes:
        values = np.asarray(model.predict(raw, tta))
        if values.ndim == 1:
            return table | {"prediction": values}
        return table | {f"prediction_{name}": values[:, i] for i, name in enumerate(model.task.targets)}
    probabilities = model.probabilities(raw, tta)
    if model.task.is_multilabel:
        table["prediction"] = [model.task.separator.join(names) for names in labels_of(probabilities, model.task)]
    else:
        table["prediction"] = [model.classes[i] for i in probabilities.argmax(1)]
    return table | {f"p_{name}": probabilities[:, i] for i, name in enumerate(model.classes)}


def _write(table: Mapping[str, Any], output: Path) -> None:
    import polars as pl

    frame = pl.DataFrame(
        {name: np.asarray(column) if not isinstance(column, list) else column for name, column in table.items()}
    )
    buffer = io.BytesIO()
    kind = output.suffix.lower()
    if kind == ".parquet":
        frame.write_parquet(buffer)
    elif kind == ".json":
        frame.write_json(buffer)
    else:
        frame.write_csv(buffer, separator="\t" if kind == ".tsv" else ",")
    write_atomic(output, buffer.getvalue())


def _lines(result: Mapping[str, Any], page: Page) -> list[Text]:
    said = [
        ("model", shown(result["checkpoint"])),
        ("input", shown(result["input"])),
        ("output", f"{shown(result['output'])}, {plural(result['rows'], 'row')}"),
    ]
    if result["tta"] > 1:
        said.append(
            ("tta", f"each prediction is the mean over the sample as it is and {plural(result['tta'] - 1, 'draw')}")
        )
    return [heading("predictions", page), *facts(said, page)]
