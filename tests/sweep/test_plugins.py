"""What Hydra finds of ours, and that nobody else's program is changed by it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper

import hydra_plugins._nntrain as handed_on
from nntrain.sweep import plugins


@pytest.mark.parametrize(("table", "kind"), [(plugins.LAUNCHERS, Launcher), (plugins.SWEEPERS, Sweeper)])
def test_every_choice_is_a_class_that_hydra_takes(table: dict[str, type], kind: type) -> None:
    for settings in table.values():
        place, _, name = settings().__dict__["_target_"].rpartition(".")
        assert place == handed_on.__name__
        assert issubclass(getattr(handed_on, name), kind)


def test_the_default_is_among_them() -> None:
    assert plugins.DEFAULT_LAUNCHER in plugins.LAUNCHERS


def test_they_are_known_once_a_sweep_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    Plugins.instance()  # which tells the store of Hydra's own
    monkeypatch.setattr(ConfigStore.instance(), "repo", {})
    plugins.register()
    known = ConfigStore.instance().repo["hydra"]
    assert set(known["launcher"]) == {f"{name}.yaml" for name in plugins.LAUNCHERS}
    assert set(known["sweeper"]) == {f"{name}.yaml" for name in plugins.SWEEPERS}


FOREIGN = """
import sys
import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

Plugins.instance()
store = ConfigStore.instance().repo["hydra"]
print(sorted(store["launcher"]), store["launcher"]["basic.yaml"].node["_target_"].split(".")[0])
print({name.split(".")[0] for name in sys.modules} & {"nntrain", "torch", "rich"})
"""


def test_another_program_keeps_its_own_launchers_and_pays_nothing() -> None:
    said = subprocess.run([sys.executable, "-c", FOREIGN], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == ["['basic.yaml'] hydra", "set()"]
    assert said.stderr == ""
