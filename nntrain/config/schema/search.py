"""Settings of `search`: what a sweep tries, who draws the trials, and which of them are ended early.

Not a section of a run's config: a recipe carries it for its sweeps. Samplers and pruners are those of Optuna.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nntrain.config.fields import (
    FRACTION,
    Boolean,
    Choice,
    Either,
    Integer,
    Kind,
    ListOf,
    MapOf,
    Null,
    Number,
    Variant,
    optional,
)
from nntrain.config.schema.early_stopping import MONITORS

GRID = "grid"  # every combination, by our default sweeper: no sampler of Optuna
COSTS = ("parameters", "seconds")  # of a run's result.json: what a second metric may be, less being better
METRIC = Choice("metric", (*MONITORS, *COSTS))
STARTUP = {"n_startup_trials": Integer(low=0)}

SAMPLERS: dict[str, dict[str, Kind]] = {
    "auto": {},
    GRID: {},
    "tpe": STARTUP
    | {
        "n_ei_candidates": Integer(low=1),
        "multivariate": Boolean(),
        "group": Boolean(),
        "constant_liar": Boolean(),
    },
    "gp": STARTUP | {"deterministic_objective": Boolean()},
    "cmaes": STARTUP
    | {
        "popsize": Integer(low=2),
        "with_margin": Boolean(),
        "use_separable_cma": Boolean(),
        "lr_adapt": Boolean(),
    },
    "qmc": {"qmc_type": Choice("sequence", ("sobol", "halton")), "scramble": Boolean()},
    "random": {},
    "nsga2": {
        "population_size": Integer(low=2),
        "mutation_prob": optional(FRACTION, "null (1 / settings)"),
        "crossover_prob": FRACTION,
        "swapping_prob": FRACTION,
    },
}
MEDIAN: dict[str, Kind] = {
    **STARTUP,
    "n_warmup_steps": Integer(low=0),
    "interval_steps": Integer(low=1),
    "n_min_trials": Integer(low=1),
}
HALVING: dict[str, Kind] = {"reduction_factor": Integer(low=2), "bootstrap_count": Integer(low=0)}
PRUNERS: dict[str, dict[str, Kind]] = {
    "none": {},
    "median": MEDIAN,
    "percentile": MEDIAN | {"percentile": Number(low=0, high=100)},
    "successive_halving": HALVING | {"min_resource": Integer(low=1), "min_early_stopping_rate": Integer(low=0)},
    "hyperband": HALVING | {"min_resource": Integer(low=1), "max_resource": Integer(low=1)},
}


class Values:
    """What a setting may be: a text in Hydra's search syntax, or a list."""

    words = 'a search such as "interval(0.001, 0.1)", "range(1, 6)", or a list of values'

    def complaint(self, value: Any) -> str | None:
        return None if isinstance(value, str | list) else f"{value!r} is not {self.words}"


FIELDS: dict[str, Kind] = {
    "space": MapOf("a setting such as optimizer.lr", Values()),
    "sampler": Variant("sampler", SAMPLERS),
    "pruner": Variant("pruner", PRUNERS),
    "n_trials": Integer(low=1),
    "time_limit": optional(Number(above=0), "null (no limit)"),
    "metrics": Either(METRIC, ListOf(METRIC, length=2), Null("null (early_stopping.monitor)")),
    "batch": optional(Integer(low=1), "null (as many as train at once, few where the sampler learns from each)"),
    "seed": Integer(low=0, high=2**63 - 1),
}
ONLY_HERE = frozenset({"space", "sampler", "pruner", "n_trials", "metrics", "batch"})  # no settings of a run


def named(value: Any) -> tuple[str, dict[str, Any]]:
    """Name and settings of a sampler or pruner, written as a name or as `{name: ..., setting: value}`."""
    if isinstance(value, Mapping):
        return value["name"], {key: entry for key, entry in value.items() if key != "name"}
    return value, {}


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a merged section may not hold together."""
    sampler, pruner = named(section["sampler"])[0], named(section["pruner"])[0]
    two = isinstance(section["metrics"], list)
    if two and sampler in ("gp", "cmaes"):
        yield "sampler", f"{sampler} follows one metric, and search.metrics has two; take nsga2 or tpe"
    if section["metrics"] is not None and pruner != "none":
        yield "pruner", f"{pruner} judges by early_stopping.monitor alone; set that, and leave out search.metrics"
    if two and len(set(section["metrics"])) == 1:
        yield "metrics", f"{section['metrics'][0]} stands twice"
    if sampler == GRID:
        for key, plain in (("pruner", "none"), ("metrics", None)):
            if section[key] != plain and section[key] != {"name": plain}:
                yield key, "a grid runs every job to its end; leave it out, or take another search.sampler"
