"""The launchers and sweepers that a sweep of ours can name, with their settings.

What each setting does is said in configs/launcher/ and configs/sweeper/. They are told to Hydra when a sweep begins,
and not when it finds them: another program that has nntrain installed beside it keeps its own `basic`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

PLACE = "hydra_plugins._nntrain"  # Hydra takes plugins from that package alone


@dataclass
class Basic:
    _target_: str = f"{PLACE}.BasicLauncher"


@dataclass
class Parallel:
    _target_: str = f"{PLACE}.ParallelLauncher"
    workers: int | None = None


@dataclass
class Stacked(Parallel):
    _target_: str = f"{PLACE}.StackedLauncher"


@dataclass
class Submitit:
    _target_: str = f"{PLACE}.SubmititLauncher"
    _convert_: str = "all"
    cluster: str = "auto"
    workers: int | None = None
    stacked: bool = True
    name: str = "nntrain"
    timeout_min: int = 60
    cpus_per_task: int = 1
    gpus_per_node: int = 0
    mem_gb: float | None = None
    partition: str | None = None
    qos: str | None = None
    account: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    gres: str | None = None
    comment: str | None = None
    array_parallelism: int = 256
    setup: list[str] = field(default_factory=list)
    additional_parameters: dict[str, Any] = field(default_factory=dict)


@dataclass
class Ray:
    _target_: str = f"{PLACE}.RayLauncher"
    _convert_: str = "all"
    address: str | None = None
    cpus: float = 1
    gpus: float = 0
    stacked: bool = True
    init: dict[str, Any] = field(default_factory=dict)


@dataclass
class Grid:
    _target_: str = f"{PLACE}.GridSweeper"


@dataclass
class Optuna:
    """See `nntrain configs search`."""

    _target_: str = f"{PLACE}.OptunaSweeper"
    sampler: Any = "auto"
    pruner: Any = "none"
    n_trials: int = 30
    time_limit: float | None = None
    metrics: Any = None
    batch: int | None = None
    seed: int = 0


@dataclass
class Grow:
    """See `nntrain configs grow`, which chooses it."""

    _target_: str = f"{PLACE}.GrowSweeper"
    name: str = "depth"
    model: str = "mlp"
    patience: int = 2
    min_delta: float = 0.0


LAUNCHERS: dict[str, type] = {
    "basic": Basic,
    "parallel": Parallel,
    "stacked": Stacked,
    "submitit": Submitit,
    "ray": Ray,
}
SWEEPERS: dict[str, type] = {"basic": Grid, "optuna": Optuna, "grow": Grow}
DEFAULT_LAUNCHER = "stacked"
DEFAULT_SWEEPER = "basic"


def register() -> None:
    """Let Hydra's `hydra/launcher=` and `hydra/sweeper=` find them."""
    store, module = ConfigStore.instance(), import_module(PLACE)
    for cls in vars(module).values():
        if isinstance(cls, type):
            Plugins.instance().register(cls)
    for group, table in (("hydra/launcher", LAUNCHERS), ("hydra/sweeper", SWEEPERS)):
        for name, settings in table.items():
            store.store(group=group, name=name, node=settings, provider="nntrain")
