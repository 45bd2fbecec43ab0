"""What is said at the end of a run: the losses at a glance, the result beside the trivial baseline, where to go on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from nntrain.record.layout import GOOD, TRAIN, VAL, Page, command, facts, grid, heading
from nntrain.record.sparkline import logarithmic, resampled, sparkline
from nntrain.record.words import count, duration, number, plural

PER_CLASS = 20  # rows of the table of classes; of more classes the hardest are shown
SPLITS = ("train", "val", "test")


def loss_chart(history: Sequence[Mapping[str, Any]], best_epoch: int | None, page: Page) -> list[Text]:
    """Train and validation loss over the epochs on one scale, logarithmic where it spans more than two decades."""
    curves = {name: [_finite(row.get(f"{name}_loss")) for row in history] for name in ("train", "val")}
    finite = [v for values in curves.values() for v in values if math.isfinite(v)]
    if len(history) < 2 or not finite:
        return []
    log = logarithmic(finite)
    width = min(page.width - 34, 60)
    shown = min(len(history), width)
    stretch = max(1, min(3, width // shown))
    rows = 1 if page.ascii_only else 2
    lines = []
    for name, style in (("train", TRAIN), ("val", VAL)):
        values = [v for v in resampled(curves[name], width) for _ in range(stretch)]
        drawn = sparkline(values, min(finite), max(finite), rows=rows, log=log, ascii_only=page.ascii_only)
        for i, part in enumerate(drawn):
            last = i == rows - 1
            if not (last or part.strip()):
                continue
            line = Text((f"{name} loss" if last else "").ljust(12)).append(part, style)
            if last:
                line.append(f"  {number(curves[name][0])} {page.arrow} {number(curves[name][-1])}")
            line.rstrip()
            lines.append(line)
    axis = Text(" " * 12)
    epochs = [row["epoch"] for row in history]
    if best_epoch in epochs:
        at = min(shown - 1, epochs.index(best_epoch) * shown // len(epochs)) * stretch + stretch // 2
        lines.append(axis.append(" " * at + page.star + f" best: epoch {best_epoch}", GOOD))
    if log:
        lines[-1].append(" (logarithmic scale)")
    return lines


def _finite(value: Any) -> float:
    return math.nan if value is None else float(value)


def metrics_table(
    splits: Mapping[str, Mapping[str, float | None]], baselines: Mapping[str, Mapping[str, float | None]], page: Page
) -> list[Text]:
    """A line per metric; per split its value, and the trivial baseline's (majority class, mean) where there is one."""
    names = list(dict.fromkeys(name for split in splits.values() for name in split))
    header = [""]
    for split in splits:
        header += [split, "baseline"] if baselines.get(split) else [split]
    rows = []
    for name in names:
        row = [name.replace("_", " ")]
        for split, values in splits.items():
            row.append(number(values.get(name)))
            if baselines.get(split):
                row.append(number(baselines[split].get(name)))
        rows.append(row)
    return grid(header, rows, "l" + "r" * (len(header) - 1), page, gap=2 if page.width < 70 else 3)


def class_table(per_class: Sequence[Mapping[str, Any]], page: Page, split: str = "", what: str = "class") -> list[Text]:
    """Precision and recall per class; of more than 20 classes the ones with the lowest recall. what: class or label.

    per_class: rows with the keys class, precision, recall, count; of `split`.
    """
    shown = list(per_class)
    title = what
    if len(shown) > PER_CLASS:
        shown = sorted(shown, key=lambda row: -1.0 if row["recall"] is None else row["recall"])[:PER_CLASS]
        title = f"{PER_CLASS} hardest of {len(per_class)} {'classes' if what == 'class' else f'{what}s'}"
    title += f" ({split})" if split else ""
    rows = [[str(r["class"]), number(r["precision"]), number(r["recall"]), count(r["count"])] for r in shown]
    return grid([title, "precision", "recall", "rows"], rows, "lrrr", page, gap=2 if page.width < 70 else 3)


def summary(result: Mapping[str, Any], baselines: Mapping[str, Mapping[str, float | None]], page: Page) -> list[Text]:
    """The result itself, which `quiet` says too. result: what `result.json` holds."""
    splits = {split: result[split] for split in SPLITS if split != "train" and result.get(split)}
    best = ""
    if result.get("best_epoch") is not None:
        value = number(result.get("best_value"))
        best = f"epoch {result['best_epoch']}, {str(result['monitor']).replace('_', ' ')} {value}"
    ran = f"{plural(result['epochs_run'], 'epoch')} in {duration(result['seconds'])}; {result['stop_reason']}"
    told = facts([("best", best), ("trained", ran), ("model", str(result.get("checkpoint") or ""))], page)
    table = metrics_table(splits, baselines, page) if splits else []
    return [heading("result", page), *table, *([Text("")] if table else []), *told]


def next_commands(commands: Sequence[Sequence[str]], page: Page) -> list[Text]:
    """Commands to try, each a list of words that stay whole."""
    return [heading("next", page), *(line for words in commands for line in command(words, page))] if commands else []
