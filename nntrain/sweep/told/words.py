"""Metrics and their values as people read them."""

from __future__ import annotations

from nntrain.config.schema.search import COSTS
from nntrain.record.words import number


def metric_words(monitor: str) -> str:
    """`val loss`."""
    return monitor.replace("_", " ")


def searched_words(metric: str) -> str:
    """`validation loss`, `parameters`: what a search compares its trials by."""
    return metric_words(metric) if metric in COSTS else f"validation {metric_words(metric)}"


def figure(value: float | None, metric: str) -> str:
    """A metric's value; of parameters nobody has a part."""
    return f"{value:,.0f}" if metric == "parameters" and value is not None else number(value)
