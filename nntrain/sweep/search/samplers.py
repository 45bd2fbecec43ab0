"""Who draws the trials of a search and who ends them: samplers and pruners of Optuna, with our defaults."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from math import log
from typing import TYPE_CHECKING, Any

from nntrain.config.schema.search import named
from nntrain.errors import UserError
from nntrain.sweep.search.space import Axis

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

NEEDS = {"gp": ("torch", "scipy"), "cmaes": ("cmaes",), "qmc": ("scipy",)}  # packages, by sampler
GENERATIONS = 6  # of trials that learn from those before, at least
POPULATIONS = 4, 50  # of nsga2, where the trials are few, and as Optuna has it where they are many
STARTUP = 10  # trials of tpe and gp, as Optuna has it


def check_installed(sampler: str) -> None:
    """UserError with the command that installs what is missing. Imports nothing."""
    for package in ("optuna", *NEEDS.get(sampler, ())):
        if find_spec(package) is None:
            what = "hydra/sweeper=optuna" if package == "optuna" else f"search.sampler={sampler}"
            raise UserError(f"{what}: needs {package}, which is not here; pip install 'nntrain[optuna]'")


def population(settings: Mapping[str, Any], axes: Sequence[Axis]) -> int | None:
    """How many trials are a generation, of which the next one is made; None of a sampler that has none. Of CMA-ES by
    the number of its dimensions (N. Hansen, The CMA evolution strategy: a tutorial, 2016).

    settings: of the search.
    """
    name, own = named(settings["sampler"])
    if name == "nsga2":
        least, most = POPULATIONS
        return int(own.get("population_size") or min(max(least, settings["n_trials"] // GENERATIONS), most))
    if name == "cmaes":
        return int(own.get("popsize") or 4 + int(3 * log(max(1, sum(not axis.choices for axis in axes)))))
    return None


def learns_nothing(settings: Mapping[str, Any], axes: Sequence[Axis], at_once: int) -> str:
    """That a search ends before its sampler draws the first trial by what those before came to; "" where it does not.

    at_once: how many are drawn at a time.
    """
    total, (name, own) = int(settings["n_trials"]), named(settings["sampler"])
    generation = population(settings, axes)
    if name in ("random", "qmc"):
        return ""
    if generation is None:
        first, why = int(own.get("n_startup_trials", STARTUP)), "n_startup_trials"
    else:
        first, why = generation, "population_size" if name == "nsga2" else "popsize"
    if total > max(first, at_once):
        return ""
    sampler = "tpe" if name == "auto" else name
    if first >= total:
        said = f"{sampler} learns from the first {first} ({why}), and there are {total}"
        return f"all trials are drawn at random: {said}; raise search.n_trials, or lower {why}"
    said = f"they are drawn {min(at_once, total)} at a time, before any of them has ended"
    return f"all trials are drawn at random: {said}; raise search.n_trials, or lower search.batch"


def make_sampler(settings: Mapping[str, Any], axes: Sequence[Axis], seed: int) -> BaseSampler:
    """settings: of the search. seed: of the sampler."""
    import optuna

    name, own = named(settings["sampler"])
    table: dict[str, Callable[..., BaseSampler]] = {
        "tpe": optuna.samplers.TPESampler,
        "gp": optuna.samplers.GPSampler,
        "cmaes": optuna.samplers.CmaEsSampler,
        "qmc": optuna.samplers.QMCSampler,
        "random": optuna.samplers.RandomSampler,
        "nsga2": optuna.samplers.NSGAIISampler,
    }
    defaults: dict[str, dict[str, Any]] = {
        "tpe": {"constant_liar": True},
        "auto": {"constant_liar": True},
        "qmc": {"scramble": True},
        "nsga2": {"population_size": population(settings, axes)},
    }
    given = {**defaults.get(name, {}), **own}
    if name in ("gp", "cmaes", "qmc"):
        given |= {"warn_independent_sampling": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return table["tpe" if name == "auto" else name](seed=seed % 2**32, **given)


def make_pruner(given: Any, epochs: int) -> BasePruner:
    """given: a name, or a mapping with it. epochs: of the longest run."""
    import optuna

    name, settings = named(given)
    table: dict[str, Callable[..., BasePruner]] = {
        "none": optuna.pruners.NopPruner,
        "median": optuna.pruners.MedianPruner,
        "percentile": optuna.pruners.PercentilePruner,
        "successive_halving": optuna.pruners.SuccessiveHalvingPruner,
        "hyperband": optuna.pruners.HyperbandPruner,
    }
    defaults: dict[str, dict[str, Any]] = {
        "percentile": {"percentile": 25.0},
        "successive_halving": {"min_resource": 1},
        "hyperband": {"max_resource": epochs},
    }
    return table[name](**{**defaults.get(name, {}), **settings})
