"""What `nntrain check` shows: every setting with its origin, the layers, the memory, the data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from nntrain.record.layers import beginning_table
from nntrain.record.layout import FAINT, GOOD, LABEL, Page, facts, grid, heading
from nntrain.record.words import clean, count, measured, plural, size

ORIGINS = {"default": FAINT, "recipe": LABEL}  # anything else was said on the command line
COLUMNS, CLASSES = 60, 40  # of more, the first ones are listed
SPLITS = ("train", "val", "test")


def check_report(
    page: Page,
    *,
    settings: Iterable[tuple[str, Any, str, str]],
    layers: Sequence[Mapping[str, Any]],
    parameters: int,
    memory: Mapping[str, float],
    data: Mapping[str, Any],
    notes: Sequence[str] = (),
    beginning: Sequence[Mapping[str, str]] = (),
    pretraining: Mapping[str, Any] | None = None,
    ensemble: Mapping[str, Any] | None = None,
) -> list[Text]:
    """The lines of the report.

    settings: (dotted key, value, kind of origin: "default", "recipe", ..., where exactly), in the order to show.
    layers: rows with the keys name, kind, output (shape for one sample), parameters and multiply_adds.
    memory: bytes by what they are for, such as {"parameters": ..., "optimizer state": ...}.
    data: `Dataset.summary`. notes: `Dataset.notes`. beginning: where the weights come from, see `beginning_table`.
    pretraining: of what is trained first its `layers`, `parameters`, `memory`, and `facts`, pairs of label and text.
    ensemble: of several networks their number, `members`; `parameters`, of all of them; `alone`, why they train one
    after another, or None.
    """
    first: list[Text] = []
    if pretraining is not None:
        first = [heading("pre-training", page), *facts(pretraining["facts"], page), Text("")]
        first += [*_layers(pretraining["layers"], page), Text("")]
        first += _totals(pretraining["layers"], pretraining["parameters"], pretraining["memory"], page)
    totals = _totals(layers, parameters, memory, page, ensemble)
    parts = [
        [heading("config", page), *_settings(settings, page)],
        first,
        [heading("model", page), *_layers(layers, page), Text(""), *totals],
        [heading("weights", page), *beginning_table(beginning, page)] if beginning else [],
        [heading("data", page), *_data(data, page)],
        [line for note in notes for line in facts([("note", note)], page)],
    ]
    return [line for part in parts if part for line in (*part, Text(""))]


def _settings(settings: Iterable[tuple[str, Any, str, str]], page: Page) -> list[Text]:
    shown = [(key, _value(value), kind, where) for key, value, kind, where in settings]
    keys = max((cell_len(key) for key, *_ in shown), default=0)
    widest = 36 if page.width >= 100 else 20
    values = max((cell_len(value) for _, value, *_ in shown if cell_len(value) <= widest), default=0)
    lines: list[Text] = []
    section = None
    for key, value, kind, where in shown:
        head = key.partition(".")[0] if "." in key else ""
        if section not in (None, head):
            lines.append(Text(""))
        section = head
        value = page.cut(value, page.width - keys - 2)
        room = page.width - keys - 2 - max(values, cell_len(value)) - 2
        origin = next((said for said in (clean(where), kind) if cell_len(said) <= room), "")
        style = ORIGINS.get(kind, GOOD)
        line = Text(key.ljust(keys + 2), "" if kind == "default" else style)
        line.append(value + " " * (values - cell_len(value)), "" if kind == "default" else style)
        line.append(f"  {origin}", style)
        line.rstrip()
        lines.append(line)
    return lines


def _value(value: Any) -> str:
    """As one would write it in a recipe."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{clean(key)}: {_value(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    return clean(value)


def _layers(layers: Sequence[Mapping[str, Any]], page: Page) -> list[Text]:
    header = ["layer", "kind", "output", "parameters", "multiply-adds"]
    rows = [
        [
            str(row["name"]),
            str(row["kind"]),
            " x ".join(map(str, row["output"])) or "1",
            count(row["parameters"]),
            count(row["multiply_adds"]),
        ]
        for row in layers
    ]
    if page.width < 72:
        header, rows = header[:-1], [row[:-1] for row in rows]
    return grid(header, rows, "llrrr"[: len(header)], page, flexible=1)


def _totals(
    layers: Sequence[Mapping[str, Any]],
    parameters: int,
    memory: Mapping[str, float],
    page: Page,
    ensemble: Mapping[str, Any] | None = None,
) -> list[Text]:
    adds = sum(row["multiply_adds"] for row in layers)
    parts = ", ".join(f"{size(n)} {what}" for what, n in memory.items())
    total = f"{size(sum(memory.values()))} ({parts})" if memory else ""
    pairs = [("parameters", count(parameters)), ("per sample", plural(adds, "multiply-add")), ("memory", total)]
    if ensemble is not None:
        of_each = f"{count(ensemble['members'])} networks of {plural(parameters, 'parameter')}"
        trained = "as one program" if ensemble["alone"] is None else f"one after another: {ensemble['alone']}"
        pairs.append(("ensemble", f"{of_each}, {count(ensemble['parameters'])} in all; they train {trained}"))
    return facts(pairs, page)


def _data(data: Mapping[str, Any], page: Page) -> list[Text]:
    rows = data.get("rows", {})
    target = data.get("target", {})
    pictures = data.get("pictures")
    pairs = [("rows", f"{count(sum(rows.values()))} ({', '.join(f'{count(n)} {split}' for split, n in rows.items())})")]
    if pictures:
        shape = f"{pictures['width']} by {pictures['height']} pixels"
        pairs.append(("pictures", f"{shape}, {plural(pictures['channels'], 'channel')}"))
    if target:
        pairs.append(("target", f"{', '.join(target['names'])} ({target['task']})"))
    lines = facts(pairs, page)
    described = [*data.get("columns", ()), *target.get("statistics", ())]
    if described:
        lines += [Text(""), *_columns(described, page)]
    if classes := data.get("classes"):
        labels = target.get("task") == "multilabel"
        lines += [Text(""), *_classes(classes, rows, "label" if labels else "class", page)]
    return lines


def _columns(columns: Sequence[Mapping[str, Any]], page: Page) -> list[Text]:
    longest = max(12, page.width // 3)
    rows = [[page.cut(clean(c["name"]), longest), str(c["type"]), _missing(c), _range(c)] for c in columns[:COLUMNS]]
    lines = grid(["column", "type", "missing", "values in training"], rows, "llrl", page, flexible=3)
    return [*lines, *_more(len(columns) - COLUMNS, "column", page)]


def _missing(column: Mapping[str, Any]) -> str:
    return count(column["missing"]) if column.get("missing") else ""


def _range(column: Mapping[str, Any]) -> str:
    if "dropped" in column:
        return f"left out: {column['dropped']}"
    if "role" in column:
        return str(column["role"])
    if "categories" in column:
        top = ", ".join(f"{clean(name)} {count(n)}" for name, n in column.get("top", ()))
        return f"{count(column['categories'])} categories: {top}"
    if "min" not in column:
        return ""
    figures = (column[key] for key in ("min", "max", "median"))
    low, high, middle = (figure if isinstance(figure, str) else measured(figure) for figure in figures)
    return f"{low} to {high}, median {middle}"


def _classes(classes: Mapping[str, Mapping[str, int]], rows_of: Mapping[str, int], what: str, page: Page) -> list[Text]:
    splits = [split for split in SPLITS if split in classes] or list(classes)
    names = list(dict.fromkeys(name for split in splits for name in classes[split]))
    total = rows_of.get(splits[0]) or sum(classes[splits[0]].values()) or 1
    rows = []
    for name in names[:CLASSES]:
        counts = [classes[split].get(name, 0) for split in splits]
        rows.append([name, *map(count, counts), f"{counts[0] / total:.1%}"])
    lines = grid([what, *splits, f"share of {splits[0]}"], rows, "l" + "r" * (len(splits) + 1), page)
    return [*lines, *_more(len(names) - CLASSES, what, page)]


def _more(left: int, what: str, page: Page) -> list[Text]:
    many = "classes" if what == "class" else f"{what}s"
    return [Text(page.cut(f"... and {plural(left, what, many)} more"), FAINT)] if left > 0 else []
