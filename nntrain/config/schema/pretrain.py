"""Settings of `pretrain`: an objective without labels, and how long and how fast it is followed."""

from __future__ import annotations

from nntrain.config.fields import POSITIVE, Choice, Either, Integer, Kind, Null, optional
from nntrain.config.schema import objective

FIELDS: dict[str, Kind] = {
    **objective.FIELDS,
    "epochs": Integer(low=1),
    "lr": optional(POSITIVE, "null (that of the optimizer)"),
    "batch_size": Either(Integer(low=1), Choice("batch size", ("full",)), Null("null (the same)")),
}

conflicts = objective.conflicts
