"""A data set for learning without labels: its inputs alone, with those that have no label among the training rows."""

from __future__ import annotations

from dataclasses import replace

import torch

from nntrain.data.dataset import Dataset, Split, named_splits
from nntrain.task import Task


def without_labels(dataset: Dataset) -> Dataset:
    """The same splits without targets and weights; unlabelled inputs train with the others."""
    train, notes = _inputs(dataset.train), list(dataset.notes)
    more = 0 if dataset.unlabelled is None else len(dataset.unlabelled)
    if dataset.unlabelled is not None:
        train = _inputs(_with(dataset.train, dataset.unlabelled))
        rows = f"{more} row{'s' * (more != 1)} without a label {'is' if more == 1 else 'are'}"
        notes.append(f"{rows} among the {len(train)} training rows: nothing but inputs is learnt here")
    if dataset.train.weights is not None:
        notes.append("data.weight_column has no effect: every row counts alike where no target is learnt")
    held_out = None if dataset.test is None else _inputs(dataset.test)
    counts = {name: len(split) for name, split in named_splits(train, dataset.val, held_out).items()}
    summary = {key: value for key, value in dataset.summary.items() if key not in ("target", "classes")}
    return replace(
        dataset,
        train=train,
        val=_inputs(dataset.val),
        test=held_out,
        task=Task("reconstruction", ()),
        summary={**summary, "rows": counts},
        notes=tuple(notes),
        unlabelled=None,
    )


def _with(train: Split, unlabelled: torch.Tensor) -> Split:
    """The training split with inputs that follow its own, whose targets are nothing. Streamed ones lie on disk one
    behind the other, and stay there; others are copied."""
    first, count = train.inputs, len(train) + len(unlabelled)
    behind = first.data_ptr() + first.nbytes == unlabelled.data_ptr()
    same = first.untyped_storage().data_ptr() == unlabelled.untyped_storage().data_ptr()
    if train.streamed and same and behind:
        return replace(train, inputs=first.as_strided((count, *first.shape[1:]), first.stride()))
    return replace(train, inputs=torch.cat((first, unlabelled.to(first.device))), streamed=False)


def _inputs(split: Split) -> Split:
    return replace(split, targets=torch.empty((len(split), 0), device=split.device), weights=None)
