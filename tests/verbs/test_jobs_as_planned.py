"""Jobs of a sweep as `nntrain fit ... -m` composes and trains them: what its plan calls a stack is one, and each of its
members is the job that it would have been alone."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab import Lab
from safetensors.torch import load_file

from nntrain.stack import trainer as stack_trainer
from nntrain.sweep.groups import partition
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.workers.work import train_unit
from nntrain.verbs import finish

TIMES = ("seconds", "samples_per_second")


def jobs_of(lab: Lab, folder: str, lists: Sequence[Sequence[str]]) -> list[Job]:
    jobs = []
    for i, words in enumerate(lists):
        run = lab.folder / folder / str(i)
        jobs.append(Job(i, tuple(words), {}, run, {**lab.config(*words), "run_dir": str(run)}))
    return jobs


def metrics(job: Job) -> list[dict[str, float]]:
    """Of every epoch."""
    with (job.folder / "metrics.csv").open() as file:
        return [{key: float(value) for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


def trained(jobs: Sequence[Job]) -> list[Outcome]:
    ended: list[Outcome] = []
    train_unit(jobs, ["test"], ended.append)
    assert [outcome.error for outcome in ended] == [None] * len(jobs)
    return sorted(ended, key=lambda outcome: outcome.number)


def assert_one_stack(lab: Lab, lists: Sequence[Sequence[str]]) -> None:
    """They are planned as one group, and trained as that: the jobs that they are one by one."""
    jobs, alone = jobs_of(lab, "stacked", lists), jobs_of(lab, "alone", lists)
    assert [len(group.jobs) for group in partition(jobs)] == [len(jobs)]
    sizes: list[int] = []
    fit = stack_trainer.StackedTrainer.fit

    def counted(trainer: stack_trainer.StackedTrainer, left: Any) -> None:
        sizes.append(len(trainer.members))
        fit(trainer, left)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finish, "_plot", lambda *args: None)
        patch.setattr(stack_trainer.StackedTrainer, "fit", counted)
        ended = trained(jobs)
        assert sizes == [len(jobs)]
        for job, own, outcome in zip(jobs, alone, ended, strict=True):
            (expected,) = trained([own])
            assert metrics(job) == [pytest.approx(row, rel=1e-4, abs=1e-6) for row in metrics(own)]
            for key in ("monitor", "best_epoch", "stop_reason"):
                assert outcome.result[key] == expected.result[key]
            states = [load_file(one.folder / "last/state.safetensors") for one in (job, own)]
            assert states[0].keys() == states[1].keys()


@pytest.fixture
def pixels(tmp_path: Path) -> str:
    """Where pictures of 8 x 8 grey pixels are, in two classes."""
    draw = np.random.default_rng(0)
    y = draw.integers(2, size=40)
    x = draw.integers(100, size=(40, 8, 8)) + 100 * y[:, None, None]
    np.savez(tmp_path / "pixels.npz", x=x.astype(np.uint8), y=y)
    return f"data.path={tmp_path / 'pixels.npz'}"


@pytest.fixture
def columns(tmp_path: Path) -> str:
    """Where a table is with numbers, a column of few and one of many categories, some missing."""
    draw = np.random.default_rng(0)
    rows = [f"{x:.2f},{'abc '[k % 4]},m{k},{'yes' if x > 0 else 'no'}" for k, x in enumerate(draw.normal(size=80))]
    (tmp_path / "columns.csv").write_text("\n".join(["x,few,many,y", *rows]) + "\n")
    return f"data.path={tmp_path / 'columns.csv'}"


def seeds(*words: str) -> list[list[str]]:
    return [[*words, "epochs=2", f"seed={seed}"] for seed in range(2)]


@pytest.mark.parametrize("words", ["model=linear", "model=linear precision=bf16", "model.widths=[]"])
def test_a_network_without_hidden_layers(lab: Lab, words: str) -> None:
    assert_one_stack(lab, seeds(*words.split()))


@pytest.mark.parametrize("model", ["linear", "mlp", "cnn model.depth=2 model.width=4", "resnet model.depth=8"])
def test_pictures(lab: Lab, pixels: str, model: str) -> None:
    assert_one_stack(lab, seeds("data=arrays", pixels, *f"model={model}".split()))


@pytest.mark.parametrize("model", ["linear", "mlp"])
def test_tables(lab: Lab, columns: str, model: str) -> None:
    assert_one_stack(lab, seeds("data=table", columns, "data.target=y", f"model={model}"))


def test_what_only_the_data_can_tell_is_said_when_it_is_found(lab: Lab, tmp_path: Path) -> None:
    """Which categories the training rows have."""
    rows = [f"{k % 7},{'rare' if k == 3 else 'ab'[k % 2]},{'yes' if k % 7 > 3 else 'no'}" for k in range(80)]
    (tmp_path / "rare.csv").write_text("\n".join(["x,kind,y", *rows]) + "\n")
    data = ["data=table", f"data.path={tmp_path / 'rare.csv'}", "data.target=y", "epochs=1"]
    jobs = jobs_of(lab, "stacked", [[*data, f"data.split_seed={seed}"] for seed in range(6)])
    assert [len(group.jobs) for group in partition(jobs)] == [6]
    said: dict[int, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finish, "_plot", lambda *args: None)
        ended: list[Outcome] = []
        train_unit(jobs, ["test"], ended.append, say=lambda some, how: said.update({j.number: how for j in some}))
    assert [outcome.error for outcome in ended] == [None] * 6
    assert said.keys() == {job.number for job in jobs}
    assert all("not in one of 6 as planned: the shape of the network differs" in how for how in said.values())


def test_each_stops_by_a_metric_of_its_own(lab: Lab) -> None:
    metrics = ("loss", "accuracy", "f1_macro", "roc_auc")
    stopping = ["early_stopping=patience", "early_stopping.patience=1", "epochs=12"]
    assert_one_stack(lab, [[*stopping, f"early_stopping.monitor={name}"] for name in metrics])


@pytest.mark.parametrize("name", ["sgd", "rmsprop"])
def test_some_are_without_momentum(lab: Lab, name: str) -> None:
    optimizer = [f"optimizer={name}", "optimizer.lr=0.01", "schedule=one_cycle"]
    assert_one_stack(lab, [[*optimizer, f"optimizer.momentum={own}"] for own in (0, 0.9, 0)])


def test_muon_for_two_hundred_steps(lab: Lab) -> None:
    muon = ["optimizer=muon", "batch_size=4", "epochs=10"]
    assert_one_stack(lab, [[*muon, "optimizer.lr=0.02"], [*muon, "optimizer.lr=0.01", "optimizer.eps=1e-3"]])
