"""When to stop, and which epoch's weights to keep."""

from __future__ import annotations

from nntrain.config.fields import NON_NEGATIVE, Boolean, Choice, Integer, Kind

MONITORS = (
    "loss",
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "f1_micro",
    "average_precision",
    "roc_auc",
    "exact_match",
    "hamming_accuracy",
    "log_loss",
    "rmse",
    "mae",
    "r2",
)

FIELDS: dict[str, Kind] = {
    "monitor": Choice("metric", MONITORS),
    "patience": Integer(low=1),
    "min_delta": NON_NEGATIVE,
    "start_epoch": Integer(low=1),
    "restore_best": Boolean(),
}
