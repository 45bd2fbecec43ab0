"""The data of all folds, and whose networks are alike: a fold that trains without a category has a narrower one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nntrain.builders import load_data
from nntrain.checks import find_device
from nntrain.data.dataset import Dataset, TableFeatures
from nntrain.errors import UserError
from nntrain.folder import FOLD
from nntrain.models.columns import categories_of, columns_of
from nntrain.verbs.side_by_side import named

Fact = tuple[str, ...]  # (column, category) that is known, or (column,) whose missing values are told apart


def data_of(wanted: Mapping[int, Mapping[str, Any]]) -> dict[int, Dataset]:
    """By fold, on the device. UserError that names the first fold whose data is not sound."""
    found = {}
    for fold, config in wanted.items():
        try:
            found[fold] = load_data(config, fold=fold).to(find_device(config["device"]))
        except UserError as error:
            raise named(f"{FOLD}{fold}", error) from None
    return found


def alike(datasets: Mapping[int, Dataset]) -> list[list[int]]:
    """The folds whose networks have the same layers, the most first."""
    found: dict[Any, list[int]] = {}
    for fold, data in datasets.items():
        found.setdefault(data.features if isinstance(data.features, TableFeatures) else None, []).append(fold)
    return sorted(found.values(), key=len, reverse=True)


def differences(datasets: Mapping[int, Dataset], groups: Sequence[Sequence[int]]) -> Iterator[str]:
    """Of each group but the first what its training rows have, or lack, that those of the first do not."""
    usual = _facts(datasets[groups[0][0]])
    for group in groups[1:]:
        own = _facts(datasets[group[0]])
        said = [f"no {_words(fact)}" for fact in sorted(usual - own)] + [_words(fact) for fact in sorted(own - usual)]
        if said:
            who = ", ".join(f"{FOLD}{fold}" for fold in group)
            yield f"{who}: the network has other inputs, as the training rows have {', '.join(said[:4])}"


def _facts(data: Dataset) -> set[Fact]:
    columns = columns_of(data.preprocessing.state())
    if columns is None:
        return set()
    return {*categories_of(columns), *((read[0],) for read in columns.reads if read[1] == "missing")}


def _words(fact: Fact) -> str:
    return f"{fact[0]}={fact[1]}" if len(fact) > 1 else f"missing {fact[0]}"
