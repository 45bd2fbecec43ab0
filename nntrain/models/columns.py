"""What the first layer of a table's network reads, number by number, so that another table's weights find their
columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nntrain.models.inputs import embedding_width

Read = tuple[Any, ...]  # (column, what of it): its value, whether it is missing, whether it is a category, ...


@dataclass(frozen=True)
class Columns:
    """reads: what each of the numbers is that the body takes, in order. embeddings: of each embedding the column, the
    category of each row (None: never seen or missing), and how many numbers stand for one. scales: of each numeric
    column the centre and the scale by which it was standardised."""

    reads: tuple[Read, ...]
    embeddings: tuple[tuple[str, tuple[str | None, ...], int], ...]
    scales: tuple[tuple[str, float, float], ...] = field(default=(), compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The table's columns."""
        return tuple(dict.fromkeys(str(read[0]) for read in self.reads))


def columns_of(preprocessing: Mapping[str, Any]) -> Columns | None:
    """From the state of a table's preprocessing (see `TableInput` for the order); None where it is of something
    else."""
    if preprocessing.get("kind") != "table":
        return None
    reads: list[Read] = []
    for one in preprocessing["numeric"]:
        reads.append((one["name"], "value"))
        reads += [(one["name"], "missing")] if one["indicator"] else []
    vocabularies = {one["name"]: (None, *one["categories"]) for one in preprocessing["categorical"]}
    most, width = preprocessing["one_hot_max"], preprocessing["embedding_dim"]
    for name, categories in vocabularies.items():
        reads += [(name, "is", category) for category in categories] if len(categories) <= most else []
    embeddings = []
    for name, categories in vocabularies.items():
        if len(categories) > most:
            numbers = embedding_width(len(categories)) if width is None else width
            embeddings.append((name, categories, numbers))
            reads += [(name, "embedding", i, numbers) for i in range(numbers)]
    scales = tuple((one["name"], one.get("center", 0.0), one.get("scale", 1.0)) for one in preprocessing["numeric"])
    return Columns(tuple(reads), tuple(embeddings), scales)


def check_embeddings(columns: Columns, tensors: Mapping[str, Tensor]) -> None:
    """ValueError where a network's tensors, by name, are not the embeddings of its columns."""
    for k, (column, rows, numbers) in enumerate(columns.embeddings):
        found = tensors.get(f"input.embeddings.{k}.weight")
        if found is None or found.shape != (len(rows), numbers):
            has = "none" if found is None else " x ".join(map(str, found.shape))
            raise ValueError(f"the embedding of column {column} is to be {len(rows)} x {numbers}, and it has {has}")


def by_column(
    own: Mapping[str, Tensor], names: Sequence[str], source: Mapping[str, Tensor], here: Columns, there: Columns
) -> tuple[dict[str, Tensor], str]:
    """Of the first layer's tensors those that depend on the columns, with what the source knows of each column and
    category in place of the own values; and a sentence on it.

    own, source: tensors by name, see `check_embeddings`. names: those of the first layer. What both read alike is
    taken: a number of the same column, a category of the same name, an embedding of as many numbers.
    """
    pairs = [(i, there.reads.index(read)) for i, read in enumerate(here.reads) if read in there.reads]
    mine, theirs = [i for i, _ in pairs], [j for _, j in pairs]
    found: dict[str, Tensor] = {}
    for name in names:
        now, then = own[name], source.get(name)
        if name.startswith("input.") or then is None or now.ndim != 2 or then.ndim != 2 or len(now) != len(then):
            continue
        if now.shape[1] == len(here.reads) and then.shape[1] == len(there.reads) and pairs:
            found[name] = now.clone()
            found[name][:, mine] = then[:, theirs].to(now)
    tables = {(column, numbers): (k, rows) for k, (column, rows, numbers) in enumerate(there.embeddings)}
    for k, (column, rows, numbers) in enumerate(here.embeddings):
        if (column, numbers) in tables:
            j, known = tables[column, numbers]
            both = [row for row in rows if row in known]
            name = f"input.embeddings.{k}.weight"
            found[name] = own[name].clone()
            taken = source[f"input.embeddings.{j}.weight"][[known.index(row) for row in both]]
            found[name][torch.tensor([rows.index(row) for row in both])] = taken.to(own[name])
    return found, _said(here, there)


def _said(here: Columns, there: Columns) -> str:
    """What of the columns is known to the source and what is not."""
    if here == there:
        return "taken"
    shared = {read[0] for read in here.reads if read in there.reads}
    new = [name for name in here.names if name not in shared]
    gone = [name for name in there.names if name not in shared]
    parts = [f"taken by column: {len(shared)} of {len(here.names)}"]
    parts += [f"new: {_some(new)}"] if new else []
    parts += [f"only there: {_some(gone)}"] if gone else []
    categories = categories_of(here), categories_of(there)
    unseen = [f"{column}={value}" for column, value in categories[0] - categories[1] if column in shared]
    parts += [f"new categories: {_some(sorted(unseen))}"] if unseen else []
    return "; ".join(parts)


def categories_of(columns: Columns) -> set[tuple[str, str]]:
    """(column, category) of all that are known."""
    one_hot = {(read[0], read[2]) for read in columns.reads if read[1] == "is" and read[2] is not None}
    return one_hot | {(column, row) for column, rows, _ in columns.embeddings for row in rows if row is not None}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
