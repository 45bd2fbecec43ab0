"""`nntrain predict`: predictions with probabilities for raw inputs, as a table."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from nntrain.errors import UserError
from nntrain.folder import shown
from nntrain.predictor import Predictor, labels_of, uncertainty_of
from nntrain.record.files import write_atomic
from nntrain.record.layout import Page, facts, heading
from nntrain.record.screen import show
from nntrain.record.words import plural
from nntrain.task import Task
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
        "members": model.members,
        "fold": model.fold,
    }
    show(lambda page: _lines(result, model, page), stream)
    return result


def predictions_table(model: Predictor, source: Path, tta: int = 1) -> dict[str, Any]:
    """Columns by name: `file` for pictures, `prediction` (`prediction_<target>` for several), `p_<class>`. Labels stand
    in one text, in which the task's separator is between them. An autoencoder's: its code, `z_0`, `z_1` and so on.

    Of an ensemble after these its `Predictor.uncertainty`: `std` (`std_<target>` for several, `std_<class>`), and for
    classes `entropy` and `mutual_information`. The `std` of a value is no error bar."""
    table: dict[str, Any] = {}
    names, raw = model.preprocessing.named(source)
    if names is not None:
        table["file"] = names
    if model.task.is_reconstruction:
        codes = model.codes(raw)
        return table | {f"z_{i}": codes[:, i] for i in range(codes.shape[1])}
    members = model.each(raw, tta)
    predicted, task = members.mean(0), model.task
    unsure = uncertainty_of(members, task) if len(members) > 1 else {}
    if not task.classes:
        table |= _columns("prediction", predicted, task.targets)
    else:
        if task.is_multilabel:
            table["prediction"] = [task.separator.join(names) for names in labels_of(predicted, task)]
        else:
            table["prediction"] = [task.classes[i] for i in predicted.argmax(1)]
        table |= {f"p_{name}": predicted[:, i] for i, name in enumerate(task.classes)}
    if unsure:
        table |= _columns("std", unsure.pop("std"), task.classes or task.targets)
    return table | unsure


def _columns(what: str, values: NDArray[Any], names: Sequence[str]) -> dict[str, Any]:
    """A column for each name; what is of one name alone is called by what it is. values: [N, names] or [N]."""
    if len(names) == 1:
        return {what: values.reshape(len(values))}
    return {f"{what}_{name}": values[:, i] for i, name in enumerate(names)}


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


def _lines(result: Mapping[str, Any], model: Predictor, page: Page) -> list[Text]:
    said = [
        ("model", shown(result["checkpoint"])),
        ("input", shown(result["input"])),
        ("output", f"{shown(result['output'])}, {plural(result['rows'], 'row')}"),
    ]
    if result["members"] > 1:
        said.append(
            ("ensemble", f"each prediction is the mean of {result['members']} networks; {_std_words(model.task)}")
        )
    if result["tta"] > 1:
        said.append(
            ("tta", f"each prediction is the mean over the sample as it is and {plural(result['tta'] - 1, 'draw')}")
        )
    said.append(("note", model.of_fold))
    return [heading("predictions", page), *facts(said, page)]


def _std_words(task: Task) -> str:
    if task.classes:
        return "std: how far they disagree"
    return (
        "std: how far they disagree, which is no error bar: true values scatter about the prediction by more, as its "
        "RMSE on test says"
    )
