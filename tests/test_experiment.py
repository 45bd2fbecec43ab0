"""Every choice of every table trains, is evaluated to the same figures, and predicts; and what cannot be is said."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nntrain
from nntrain.builders import data_key, layout_of
from nntrain.checks import find_device
from nntrain.config.compose import compose
from nntrain.data.dataset import Dataset, PixelFeatures, Split
from nntrain.data.pictures.preprocessing import PixelPreprocessing
from nntrain.errors import UserError
from nntrain.experiment import build_experiment
from nntrain.models.activations import ACTIVATIONS
from nntrain.models.norms import NORMS
from nntrain.models.table import INITIALIZERS, MODELS
from nntrain.objective.table import LOSSES
from nntrain.optim.table import OPTIMIZERS, SCHEDULES
from nntrain.task import Task
from nntrain.verbs.evaluate import evaluate_words
from nntrain.verbs.finish import _remedies

CLASSES = {"name": "synthetic", "dataset": "blobs", "classes": 3, "samples": 60, "noise": 0.4}
TWO_CLASSES = {"name": "synthetic", "dataset": "moons", "samples": 60}
VALUES = {"name": "synthetic", "dataset": "sinusoid", "samples": 60}
COUNTS = {"name": "table", "path": "counts.csv", "target": "n", "task": "regression"}
RECIPE: dict[str, Any] = {"model": {"name": "mlp", "widths": [6]}, "batch_size": 16, "epochs": 2, "seed": 3}

PICTURE_MODELS = [name for name, model in MODELS.items() if getattr(model, "takes_pictures", False)]
SMALL = {"resnet": {"depth": 8}, "backbone": {"architecture": "shufflenet_v2_x0_5"}}
BY_LOSS = {"binary_cross_entropy": TWO_CLASSES, "poisson": COUNTS}
CHOICES = [
    *({"loss": {"name": name}} for name in LOSSES),
    *({"model": {"name": name}} for name in MODELS if name not in PICTURE_MODELS),
    *({"model": {"name": "mlp", "widths": [6], "activation": name}} for name in ACTIVATIONS),
    *({"model": {"name": "mlp", "widths": [6], "norm": name}} for name in NORMS),
    *({"init": {"name": name}} for name in INITIALIZERS),
    *({"optimizer": {"name": name}} for name in OPTIMIZERS),
    *({"schedule": {"name": name}} for name in SCHEDULES),
]


def described(choice: dict[str, dict[str, Any]]) -> str:
    ((group, section),) = choice.items()
    return "-".join([group, *map(str, section.values())])


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nntrain.verbs.finish._plot", lambda *args: None)
    draw = np.random.default_rng(0)
    rows = (f"{x:.3f},{draw.poisson(np.exp(x))}" for x in draw.normal(size=60))
    (tmp_path / "counts.csv").write_text("\n".join(["x,n", *rows]) + "\n")


@pytest.mark.parametrize("choice", CHOICES, ids=described)
def test_every_choice_trains_is_evaluated_and_predicts(choice: dict[str, dict[str, Any]]) -> None:
    name = choice.get("loss", {}).get("name")
    served = LOSSES[name].serves if name not in (None, "auto") else "classification"
    data = BY_LOSS.get(str(name), CLASSES if served == "classification" else VALUES)
    whole = choice.get("optimizer") == {"name": "lbfgs"}
    run = nntrain.fit(RECIPE | {"data": data} | choice | ({"batch_size": "full"} if whole else {}), quiet=True)
    assert run.result["epochs_run"] == 2
    assert np.isfinite(run.result["test"]["loss"])
    assert evaluate_words({"checkpoint": str(run.dir)}, io.StringIO())["metrics"] == run.result["test"]
    model = nntrain.load(run.dir)
    inputs = np.random.default_rng(1).normal(size=(4, 1 if served == "regression" else 2))
    assert model.predict(inputs).shape == (4,)
    if served == "classification":
        np.testing.assert_allclose(model.probabilities(inputs).sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", PICTURE_MODELS)
def test_every_picture_model_trains_is_evaluated_and_predicts(name: str, channels: int) -> None:
    draw = np.random.default_rng(0)
    pixels = draw.integers(256, size=(60, 8, 8, channels), dtype=np.uint8)
    np.savez("pictures.npz", x=pixels, y=draw.integers(3, size=60))
    recipe = RECIPE | {
        "data": {"name": "arrays", "path": "pictures.npz"},
        "model": {"name": name} | SMALL.get(name, {}),
    }
    run = nntrain.fit(recipe, "batch_size=41", quiet=True)  # 42 pictures to train on: the last batch is one of them
    assert run.result["epochs_run"] == 2
    assert evaluate_words({"checkpoint": str(run.dir)}, io.StringIO())["metrics"] == run.result["test"]
    probabilities = nntrain.load(run.dir).probabilities(pixels[:4])
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", PICTURE_MODELS)
def test_a_picture_model_on_a_table_names_those_for_tables(name: str) -> None:
    with pytest.raises(UserError, match=rf"{name} takes pictures, and the data is a table \(for tables: mlp, linear\)"):
        build_experiment(config(f"model={name}"))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains_digits(precision: str) -> None:
    run = nntrain.fit("digits", f"precision={precision}", "epochs=4", "device=cpu", quiet=True)
    assert run.result["test"]["accuracy"] >= 0.95


@pytest.mark.parametrize("words", [["batch_size=full"], ["batch_size=1"], ["deterministic=true"]], ids=str)
def test_batches_and_determinism(words: list[str]) -> None:
    found = [nntrain.fit(RECIPE | {"data": CLASSES}, *words, quiet=True).result["test"] for _ in range(2)]
    assert found[0] == found[1]


def config(*words: str, **sections: Any) -> dict[str, Any]:
    recipe = Path("mine.yaml")
    from nntrain.record.files import json_text

    recipe.write_text(json_text(RECIPE | {"data": CLASSES} | sections))
    return compose([f"config={recipe}", "device=cpu", *words]).config


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["batch_size=43"], r"batch_size: 43 is larger than the training split \(42 samples\); choose at most 42"),
        (["batch_size=1", "model.norm=batch"], "batch_size: 1 leaves batch normalisation nothing to average over"),
        (["optimizer=lbfgs"], "optimizer lbfgs needs the whole training split in every step: add batch_size=full"),
        (["optimizer=lbfgs", "batch_size=full", "precision=fp16"], "optimizer lbfgs cannot scale its loss"),
        (
            ["optimizer=lbfgs", "batch_size=full", "regularization.grad_clip_norm=1"],
            "regularization.grad_clip_norm: optimizer lbfgs needs gradients as they are",
        ),
        (["precision=tf32"], "precision: tf32 is a format of CUDA devices, and this run is on cpu"),
        (["early_stopping.monitor=rmse"], "early_stopping.monitor: rmse is not a metric of classification"),
        (["batch_size=full", "gradient_accumulation=4"], "gradient_accumulation: 4 has no effect with batch_size=full"),
        (
            ["regularization.swa_start_epochs=2"],
            "regularization.swa_start_epochs: 2 starts averaging when the training of 6 steps is over",
        ),
        (["device=cuda:300"], "device: (cuda:300 was asked for|'cuda:300' names no device)"),
        (["device=mps"], "device: mps was asked for, but this machine has no Metal device"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_together_is_said(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        build_experiment(config(*words))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what is asked for")
def test_a_cuda_device_that_is_not_there_is_said() -> None:
    with pytest.raises(
        UserError, match=r"device: cuda:1 was asked for, but torch .* finds no CUDA device; use device="
    ):
        build_experiment(config("device=cuda:1"))


def test_a_built_experiment_has_what_the_config_says() -> None:
    built = build_experiment(
        config(
            "regularization.l1=0.1",
            "regularization.max_norm=2",
            "regularization.swa_start_percent=50",
            "gradient_accumulation=2",
            "time_limit=3",
            "checkpoint.every_seconds=7",
        )
    )
    program, course = built.program, built.course
    assert (program.l1, program.max_norm, program.asks, program.random) == (0.1, 2, True, False)
    assert (course.batch_size, course.accumulate, course.time_limit, course.every_seconds) == (16, 2, 180.0, 7)
    assert course.swa_start == 3  # of 4 steps in 2 epochs of 42 samples, 32 a step
    assert course.metrics == ("accuracy",)
    assert built.state.average is not None


def test_the_range_of_pictures_is_that_of_each_channel() -> None:
    inputs = torch.full((4, 2, 3, 3), 10, dtype=torch.uint8)
    inputs[0, 0, 1, 1], inputs[3, 1, 2, 0] = 50, 4
    features = PixelFeatures(2, 3, 3, (10.0, 20.0), (2.0, 4.0))
    split, task = Split(inputs, torch.zeros(4, 0)), Task("reconstruction", ())
    layout = layout_of(Dataset(split, split, None, task, features, PixelPreprocessing(features, task), ""))
    assert (layout.low, layout.high) == ((0.0, -4.0), (20.0, -2.5))


def test_the_same_seed_draws_the_same_network() -> None:
    first, same, other = (build_experiment(config(f"seed={seed}")).state.params.flat for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "meta"])
def test_a_device_that_is_none_is_said(name: str) -> None:
    with pytest.raises(UserError, match=f"device: .*'{name}'"):
        find_device(name)


def test_a_schedule_over_rprop_is_said_to_have_no_effect() -> None:
    said = "schedule cosine has no effect: rprop finds its own step for every weight"
    assert said in build_experiment(config("optimizer=rprop", "schedule=cosine")).notes
    assert not any("no effect" in note for note in build_experiment(config("optimizer=rprop")).notes)


def test_dropout_without_hidden_layers_is_said_to_have_no_effect() -> None:
    said = "model.dropout has no effect without hidden layers; model.input_dropout drops inputs"
    assert said in build_experiment(config("model.widths=[]", "model.dropout=0.2")).notes
    assert said not in build_experiment(config("model.dropout=0.2")).notes


OWN = """\
from torch import nn
from nntrain.optim.sgd import SGD

class Descent(SGD):
    def __init__(self, lr=0.05):
        super().__init__(lr, momentum=0.0)

class Noisy(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__(nn.Linear(inputs, outputs))
    def forward(self, x):
        return super().forward(x + 0.1 * x.new_empty(x.shape).normal_())
"""


def test_classes_of_ones_own_train_and_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("my_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    own = {"optimizer": {"name": "my_parts:Descent"}, "model": {"name": "my_parts:Noisy"}}
    recipe = {key: value for key, value in RECIPE.items() if key not in own} | {"data": CLASSES} | own
    torch.manual_seed(1)  # whatever state the caller's generator is in
    first = nntrain.fit(recipe, quiet=True).metrics
    torch.manual_seed(2)
    again = nntrain.fit(recipe, quiet=True).metrics
    assert [row["train_loss"] for row in first] == [row["train_loss"] for row in again]


def test_what_next_names_a_recipe_that_is_there() -> None:
    run = nntrain.fit(RECIPE | {"data": CLASSES})
    log = (run.dir / "log.txt").read_text()
    assert f"config={run.dir.relative_to(Path.cwd())}/config.yaml" in log


@pytest.mark.parametrize(
    ("words", "remedies"),
    [
        (["model.dropout=0", "optimizer=adam"], ["model.dropout=0.2", "optimizer=adamw optimizer.weight_decay=0.05"]),
        (["model.dropout=[0.1,0]", "model.widths=[4,4]", "optimizer=sgd"], ["optimizer.weight_decay=0.001"]),
        (["model=linear", "optimizer=adamw"], []),
        (["model=linear", "optimizer=lbfgs"], []),
    ],
    ids=str,
)
def test_advice_against_overfitting_is_none_that_is_followed(words: list[str], remedies: list[str]) -> None:
    assert _remedies(compose(["config=digits", *words]).config) == remedies


def test_data_is_known_by_what_it_is_read_for() -> None:
    """Losses that want targets in the same unit share it; others must not, nor what learns without labels."""

    def key(*words: str, fold: int | None = None) -> str:
        return data_key(compose(["config=housing", *words]).config, fold=fold)

    plain = key()
    assert key("loss=huber", "seed=5") == plain
    assert plain not in {key("loss=poisson"), key("objective=autoencoder"), key("data.split_seed=1"), key(fold=1)}
