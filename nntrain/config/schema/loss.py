"""Settings of `loss`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nntrain.config.fields import NON_NEGATIVE, POSITIVE, Choice, Either, Kind, ListOf, MapOf, Null, Number

FIELDS: dict[str, Kind] = {
    "class_weights": Either(
        Choice("class weighting", ("balanced",)),
        ListOf(NON_NEGATIVE, minimum=2),
        MapOf("class", NON_NEGATIVE),
        Null("null (all alike)"),
    ),
    "delta": POSITIVE,
    "gamma": NON_NEGATIVE,
    "quantile": Number(above=0, below=1),
}


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    weights = section.get("class_weights")
    if isinstance(weights, list) and not any(weights):
        yield "class_weights", "every weight is 0, so there is nothing to learn"
