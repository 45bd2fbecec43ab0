"""Jobs as tasks of Ray: a stand-in for the cluster, and the real one where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.sweep.launchers import remote
from nntrain.sweep.launchers.ray import Ray

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\nepochs: 1\nbatch_size: 64\n"


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


class TaskError(Exception):
    pass


class Cluster(ModuleType):
    """Runs tasks at once, in this process. calls: what it was asked for."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.calls: list[Any] = []
        self.broken: set[int] = set()
        self.exceptions = SimpleNamespace(RayError=TaskError)

    def is_initialized(self) -> bool:
        return False

    def init(self, address: str | None, **settings: Any) -> None:
        if address == "ray://nowhere:1":
            raise ConnectionError("timed out")
        self.calls.append((address, settings))

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 6.0, "GPU": 1.0}

    def remote(self, **settings: Any) -> Callable[..., Any]:
        self.calls.append(settings)

        def of(function: Callable[..., Any]) -> Any:
            return SimpleNamespace(remote=lambda jobs, *rest: (jobs[0].number, lambda: function(jobs, *rest)))

        return of

    def wait(self, handles: list[Any], *, num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        return handles, []

    def get(self, handle: Any) -> Any:
        number, run = handle
        if number in self.broken:
            raise TaskError("the node has died")
        return run()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setitem(sys.modules, "ray", made)
    monkeypatch.setattr(remote, "find_spec", lambda name: True)
    return made


def sweep(*words: str) -> int:
    return main(["fit", "config=mine.yaml", "run_dir=out", "-m", "hydra/launcher=ray", *words])


def test_each_unit_is_a_task(cluster: Cluster, cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.broken = {1}
    assert (
        sweep(
            "seed=1,2",
            "hydra.launcher.address=auto",
            "hydra.launcher.cpus=2",
            "hydra.launcher.gpus=0.5",
            "hydra.launcher.stacked=false",
        )
        == 1
    )
    out = capsys.readouterr().out
    assert "2 jobs by the Ray cluster at auto" in out
    assert "#1  seed=2  failed: TaskError: the node has died" in out
    assert (cwd / "out" / "0" / "result.json").is_file()
    (address, _), asked, end = cluster.calls
    assert (address, end) == ("auto", "shutdown")
    assert asked == {"num_cpus": 2, "num_gpus": 0.5, "max_retries": 0}


def test_jobs_of_the_same_shapes_are_one_task(cluster: Cluster, cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep("seed=1,2", "hydra.launcher.address=auto") == 0
    assert "1 group of 2 stacked, as far as a short trial finds that faster\nthey train by the Ray cluster at auto" in (
        capsys.readouterr().out
    )
    assert (cwd / "out" / "1" / "result.json").is_file()


def test_as_many_train_at_once_as_the_cluster_is_large(cluster: Cluster) -> None:
    assert Ray(cpus=2).at_once == 3
    assert Ray(cpus=1, gpus=0.5).at_once == 2
    assert Ray(cpus=0).at_once == 1
    assert Ray(cpus=100).at_once == 1


def test_mistakes_are_said_before_anything_runs(
    cluster: Cluster, cwd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep("seed=1,2", "hydra.launcher.cpus=-1") == 2
    assert sweep("seed=1,2", "hydra.launcher.address='ray://nowhere:1'") == 2
    err = capsys.readouterr().err
    assert "hydra.launcher.cpus: -1 is not a number of at least 0 (command line: hydra.launcher.cpus=-1)" in err
    assert "hydra/launcher=ray: no cluster: none at ray://nowhere:1 (timed out)" in err
    assert not (cwd / "out").exists()


def test_without_ray_the_command_that_brings_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs ray, which is not installed: pip install 'nntrain\[ray\]'"):
        Ray().prepare()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_of_this_machine(cwd: Path) -> None:
    pytest.importorskip("ray")
    assert sweep("seed=1,2") == 0
    assert (cwd / "out" / "0" / "result.json").is_file()
