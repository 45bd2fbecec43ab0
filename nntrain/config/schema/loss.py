"""Settings of `loss`."""

from __future__ import annotations

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
