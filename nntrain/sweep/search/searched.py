"""Outcomes by what a search compares its trials by, where that is not early_stopping.monitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nntrain.config.schema.search import COSTS
from nntrain.errors import UserError
from nntrain.sweep.outcome import Outcome

SEARCHED = "searched"  # of a result: the metrics of the search, by name, at the job's best epoch


def by_metrics(outcome: Outcome, metrics: Sequence[str]) -> Outcome:
    """The outcome with the first of the metrics in place of the monitored one, as its trial was told. One without a
    model, or of a task that lacks the metric, stays as it is."""
    result = outcome.result
    if not metrics or outcome.status or result.get("best_value") is None or SEARCHED in result:
        return outcome
    own = str(result["monitor"]).removeprefix("val_")
    known: dict[str, Any] = {**(result.get("val") or {}), **{cost: result.get(cost) for cost in COSTS}}
    if tuple(metrics) == (own,):
        known[own] = result["best_value"]
    first = metrics[0]
    if first not in known:
        return outcome
    told: dict[str, Any] = {SEARCHED: {metric: known.get(metric) for metric in metrics}, "best_value": known[first]}
    if first != own:  # the folds of a run tell of the monitored metric alone
        told |= {"monitor": first if first in COSTS else f"val_{first}", "folds": None}
    return replace(outcome, result={**result, **told})


def values_of(outcome: Outcome, metrics: Sequence[str]) -> list[float] | None:
    """The metrics of a job that ended with a model; None where it did not. UserError for one that its task lacks."""
    result = outcome.result
    if outcome.status or result.get("best_value") is None:
        return None
    if metrics == (str(result["monitor"]).removeprefix("val_"),):
        return [float(result["best_value"])]
    known: Mapping[str, Any] = {**(result.get("val") or {}), **{cost: result.get(cost) for cost in COSTS}}
    if missing := [metric for metric in metrics if metric not in known]:
        raise UserError(f"search.metrics: {missing[0]} is no metric of this task (it has {', '.join(known)})")
    values = [known[metric] for metric in metrics]
    return None if None in values else [float(value) for value in values]


def undominated(points: Sequence[tuple[float, float]]) -> set[int]:
    """The places of those that no other beats in one number without being worse in the other; less is better."""
    return {i for i, (a, b) in enumerate(points) if not any(c <= a and d <= b and (c < a or d < b) for c, d in points)}
