"""The launchers and sweepers that a sweep of ours can name, with their settings.

They are told to Hydra when a sweep begins, and not when it finds them: another program that has nntrain installed
beside it keeps its own `basic`.
"""

from __future__ import annotations

from dataclasses import dataclass

from hydra.core.config_store import ConfigStore

PLACE = "hydra_plugins.nntrain_sweeps"  # Hydra takes plugins from that package alone


@dataclass
class Basic:
    _target_: str = f"{PLACE}.BasicLauncher"


@dataclass
class Parallel:
    _target_: str = f"{PLACE}.ParallelLauncher"
    workers: int | None = None  # at the same time; null: one per GPU, or core


@dataclass
class Stacked(Parallel):
    _target_: str = f"{PLACE}.StackedLauncher"


@dataclass
class Grid:
    _target_: str = f"{PLACE}.GridSweeper"


LAUNCHERS: dict[str, type] = {"basic": Basic, "parallel": Parallel, "stacked": Stacked}
SWEEPERS: dict[str, type] = {"basic": Grid}
DEFAULT_LAUNCHER = "stacked"


def register() -> None:
    """Let Hydra's `hydra/launcher=` and `hydra/sweeper=` find them."""
    store = ConfigStore.instance()
    for group, table in (("hydra/launcher", LAUNCHERS), ("hydra/sweeper", SWEEPERS)):
        for name, settings in table.items():
            store.store(group=group, name=name, node=settings, provider="nntrain")
