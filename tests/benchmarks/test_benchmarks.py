"""The benchmarks still start, and still find what they look into."""

from __future__ import annotations

import gzip
import importlib
import json
import math
import random
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TABLES = ("step_time", "whole_process", "start_up", "memory", "tables", "sweeps")
SEARCHES = ("search",)
PICTURES = ("image_steps", "transfer", "streaming", "decoding")


def run(script: str, *words: str, cwd: Path) -> str:
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("script", [*TABLES, *PICTURES, *SEARCHES])
def test_help_says_the_bar_and_the_options(script: str, tmp_path: Path) -> None:
    said = run(script, "--help", cwd=tmp_path)
    assert "Bar" in said
    assert "--rounds" in said


@pytest.mark.slow
def test_first_step_ends_the_process_there_and_says_when(tmp_path: Path) -> None:
    said = run("first_step", "fit", "data=synthetic", "device=cpu", cwd=tmp_path)
    moment, peak = said.rpartition("first step ")[2].split()
    assert float(moment) > 0
    assert int(peak) > 0
    assert not list(tmp_path.rglob("result.json"))


def few_digits(folder: Path) -> None:
    """MNIST's four files, with random pictures, and few of them (5,000 are for validation)."""
    draw = random.Random(0)
    for split, count in (("train", 5_256), ("t10k", 64)):
        for what, kind, sizes in (("labels", 1, (count,)), ("images", 3, (count, 28, 28))):
            header = bytes((0, 0, 8, kind)) + b"".join(size.to_bytes(4, "big") for size in sizes)
            body = bytes(i % 10 for i in range(count)) if kind == 1 else draw.randbytes(count * 784)
            (folder / f"{split}-{what}-idx{kind}-ubyte.gz").write_bytes(gzip.compress(header + body, 1))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Run a benchmark in this process, where all is imported."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # as --threads 1 does
    loaded = set(sys.modules)

    def run(script: str, *words: str) -> None:
        monkeypatch.setattr(sys, "argv", [str(BENCHMARKS / f"{script}.py"), *words])
        runpy.run_path(sys.argv[0], run_name="__main__")

    yield run
    for name in set(sys.modules) - loaded:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == BENCHMARKS:
            del sys.modules[name]


@pytest.mark.slow
def test_step_time_runs_the_real_trainer(
    here: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_digits(tmp_path)
    monkeypatch.setenv("NNTRAIN_MNIST", str(tmp_path))
    words = ["--rounds", "1", "--samples", "256", "--threads", "1", "--only", "nntrain", "indexing, fused"]
    here("step_time", *words, "--results", str(tmp_path))
    kept = json.loads((tmp_path / "step_time_threads_1.json").read_text(encoding="utf-8"))
    assert {row["contestant"] for row in kept["rows"]} == {"nntrain", "by hand: indexing, fused Adam"}
    assert all(row["us per step"] > 0 for row in kept["rows"])


def test_image_steps_run_the_real_trainer_with_and_without_augmentation(
    here: Callable[..., None], tmp_path: Path
) -> None:
    words = ["--rounds", "1", "--samples", "16", "--batch", "8", "--depth", "8", "--threads", "1", "--only", "the same"]
    here("image_steps", *words, "--precisions", "fp32", "--results", str(tmp_path))
    kept = json.loads((tmp_path / "image_steps_threads_1.json").read_text(encoding="utf-8"))
    names = ["nntrain", "nntrain, augment=cifar", "by hand: the same network, channels-last"]
    assert [row["contestant"] for row in kept["rows"]] == names
    assert all(row["ms per step"] > 0 for row in kept["rows"])


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The benchmarks can be imported."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in ("search", "search_figure", "common"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("scripts")
def test_the_epochs_of_a_search_are_those_of_all_trials_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    search = importlib.import_module("search")
    monkeypatch.setattr(search, "BATCH", 2)
    course = search.progress([[0.9, 0.8, 0.7], [math.nan], [0.75, 0.6], [0.5, 0.65]])
    assert course == {2: 0.9, 3: 0.8, 4: 0.7, 6: 0.5}
    assert [search.epochs_to(mark, course) for mark in (0.95, 0.8, 0.65, 0.4)] == [2, 3, 6, None]


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize("course", [{}, {"random": {"8": 0.5, "40": 0.2}, "tpe": {"8": 0.5, "20": 0.1}}])
def test_what_a_search_came_to_is_drawn_with_its_course_or_without(course: dict[str, Any], tmp_path: Path) -> None:
    figure = importlib.import_module("search_figure")
    seed = {"budget": 80, "mark": 0.2, "random reached it after": 40, "reached after": 20, "epochs of all trials": 90}
    one = {**seed, "best": 0.1, **({figure.COURSE: course} if course else {})}
    drawn = figure.draw({"iris": [one, one]}, tmp_path / "x.png")
    assert len(drawn.axes[0].collections) == len(course)  # the ranges
    assert (tmp_path / "x.png").is_file()
