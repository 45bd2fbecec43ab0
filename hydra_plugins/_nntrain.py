"""Hydra takes plugins from this package alone: these are the launchers and sweepers of `nntrain.sweep`.

The name's underscore keeps Hydra from importing them whenever it starts; `nntrain.sweep.plugins` hands them over when a
sweep begins.
"""

from nntrain.sweep.launchers import basic, parallel, ray, stacked, submitit
from nntrain.sweep.sweepers import grid, grow, optuna


class BasicLauncher(basic.Basic):
    pass


class ParallelLauncher(parallel.Parallel):
    pass


class StackedLauncher(stacked.Stacked):
    pass


class SubmititLauncher(submitit.Submitit):
    pass


class RayLauncher(ray.Ray):
    pass


class GridSweeper(grid.Grid):
    pass


class GrowSweeper(grow.Grow):
    pass


class OptunaSweeper(optuna.Search):
    pass
