"""What only data and networks can tell of the jobs of a sweep, said of all of them before anything runs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import fake_training

from nntrain.cli import main
from nntrain.config.compose import compose
from nntrain.errors import UserError
from nntrain.sweep import buildable
from nntrain.sweep.buildable import Config, Draft, check_buildable, check_some_buildable, essence, patiently

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\nepochs: 1\nbatch_size: 64\n"
HERE = "hydra/launcher=basic"


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    (tmp_path / "house.csv").write_text("size,price\n" + "".join(f"{i / 7:.3f},{i}.5\n" for i in range(200)))
    (tmp_path / "house.yaml").write_text(
        RECIPE.replace("{name: bundled, dataset: iris}", "{name: table, path: house.csv, target: price}")
    )
    return tmp_path


def mistakes(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """What a sweep of `mine` says that is refused, and has left nothing behind."""
    config = [] if words[0].startswith("config=") else ["config=mine.yaml"]
    assert main(["fit", *config, *words, HERE, "-m"]) == 2
    assert not Path("runs").exists()
    out, err = capsys.readouterr()
    assert out == ""
    return [line.removeprefix("nntrain: ") for line in err.splitlines()]


def test_all_that_cannot_be_built_is_said_with_its_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["batch_size=64,5000", "early_stopping.monitor=loss,rmse", "seed=1,2"]
    large = "batch_size: 5000 is larger than the training split (106 samples); choose at most 106, or batch_size=full"
    foreign, *said = mistakes(capsys, *words)
    assert foreign.startswith("early_stopping.monitor: rmse is not a metric of classification (metrics: loss, accuracy")
    assert foreign.endswith(" (jobs 2, 3, 6, 7: early_stopping.monitor=rmse)")
    assert said == [
        f"{large} (jobs 4, 5: batch_size=5000 early_stopping.monitor=loss)",
        "2 mistakes; nothing was run",
    ]


def test_a_loss_that_does_not_fit_one_data_set_of_several(capsys: pytest.CaptureFixture[str]) -> None:
    said = "loss cross_entropy is for classification, and this is regression; use "
    (line,) = mistakes(capsys, "config=mine.yaml,house.yaml", "loss=cross_entropy", "seed=1,2")
    assert line.startswith(said)
    assert line.endswith("or auto (jobs 2, 3: config=house.yaml)")


WHATEVER = {
    "data.path=nosuch.csv": "nosuch.csv",
    "data.target=prize": "data.target: house.csv has no column 'prize'; did you mean 'price'? (columns: size, price)",
    "loss=cross_entropy": "loss cross_entropy is for classification, and this is regression",
    "model.init_from=nosuch.safetensors": "nosuch.safetensors' (all 2 jobs)",
    "early_stopping.monitor=accuracy": "early_stopping.monitor: accuracy is not a metric of regression",
    "batch_size=5000": "batch_size: 5000 is larger than the training split (",
}


@pytest.mark.parametrize("word", WHATEVER)
def test_what_is_wrong_with_every_job(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = mistakes(capsys, "config=house.yaml", word, "optimizer.lr=0.1,0.2")
    assert WHATEVER[word] in line
    assert line.endswith(" (all 2 jobs)")


@pytest.mark.parametrize("word", ["data.path=nosuch.csv", "batch_size=5000"])
def test_what_is_wrong_with_every_trial_of_a_search(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    words = ["optimizer.lr=interval(0.01,0.1)", "optimizer=adam,sgd", "search.n_trials=3"]
    (line,) = mistakes(capsys, "config=house.yaml", word, *words)
    assert WHATEVER[word] in line


def test_what_is_wrong_with_some_trials_is_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    ran = fake_training(monkeypatch)
    monkeypatch.setattr("nntrain.sweep.search.plots.draw", lambda *_: None)
    words = ["batch_size=5000,32", "hydra/sweeper=optuna", "search.n_trials=6", "run_dir=out"]
    assert main(["fit", "config=mine.yaml", *words, HERE, "-m"]) == 0
    assert ran


def test_what_is_wrong_with_the_smallest_network_of_a_growing(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = mistakes(capsys, "grow=depth", "model.widths=null", "batch_size=5000")
    assert line.startswith("batch_size: 5000 is larger")


def test_folds_pretraining_and_ensembles_are_built_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert mistakes(capsys, "pretrain=autoencoder", "pretrain.batch_size=16,5000") == [
        "pretrain: batch_size: 5000 is larger than the training split (106 samples); choose at most 106, or "
        "batch_size=full (job 1: pretrain.batch_size=5000)"
    ]
    (line,) = mistakes(capsys, "data.folds=3", "batch_size=64,110")
    assert "training split (85 samples)" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_networks_are_built_leaves_nothing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.verbs.dry_build.dry_build", lambda config: os.kill(os.getpid(), number))
    assert main(["fit", "config=mine.yaml", "seed=1,2", HERE, "-m"]) == 128 + number
    assert not Path("runs").exists()


# What tells jobs apart


def config(*words: str) -> Config:
    return compose(["config=mine.yaml", *words]).config


SAME = ["seed=3", "optimizer.lr=0.5", "model.dropout=0.3", "name=x", "data.split_seed=3", "time_limit=1", "quiet=true"]
OTHER = [
    *(
        "epochs=7",
        "batch_size=32",
        "model.widths=[5]",
        "optimizer=sgd",
        "loss=focal",
        "early_stopping.monitor=accuracy",
    ),
    *("regularization.label_smoothing=0.1", "regularization.swa_start_epochs=1", "data.dataset=wine"),
]


@pytest.mark.parametrize("word", SAME)
def test_numbers_that_fit_any_network_are_not_built_for_each(word: str) -> None:
    assert essence(config("model.dropout=0.1", word)) == essence(config("model.dropout=0.1"))


@pytest.mark.parametrize("word", OTHER)
def test_whatever_may_be_wrong_is_built(word: str) -> None:
    assert essence(config(word)) != essence(config())


def test_numbers_for_a_class_of_ones_own_are_tried() -> None:
    one, other = ({**config(), "optimizer": {"name": "mine:Optimizer", "lr": lr}} for lr in (0.1, 0.2))
    assert essence(one) != essence(other)


def test_each_kind_of_job_is_asked_for_once() -> None:
    asked: list[Any] = []

    def dry_builds(configs: Sequence[Config]) -> list[tuple[str, ...]]:
        asked.extend(configs)
        return [()] * len(configs)

    drafts = [Draft(i, {}, config(f"seed={i}", f"epochs={1 + i % 2}")) for i in range(6)]
    check_buildable(drafts, dry_builds)
    assert [one["epochs"] for one in asked] == [1, 2]


def test_what_is_wrong_with_some_examples_alone_is_not_said() -> None:
    said = {1: ("a", "b"), 2: ("b",), 3: ()}
    examples = [config(f"epochs={epochs}") for epochs in said]
    check_some_buildable(examples, lambda configs: [said[config["epochs"]] for config in configs])
    check_some_buildable(
        [UserError("c"), *examples[:2]], lambda configs: [said[config["epochs"]] for config in configs]
    )
    with pytest.raises(UserError) as error:
        check_some_buildable(examples[:2], lambda configs: [said[config["epochs"]] for config in configs])
    assert error.value.problems == ("b",)


def test_what_takes_long_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(buildable, "PATIENCE", 0.01)
    patiently(lambda configs: time.sleep(0.2) or [()], said.append)([{}])
    assert said == ["the data is read, and a network of each kind is built, before any is trained"]
    monkeypatch.setattr(buildable, "PATIENCE", 100)
    patiently(lambda configs: [()], said.append)([{}])
    assert len(said) == 1
