"""Every choice of every table trains, is evaluated to the same figures, and predicts; and what cannot be is said."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nntrain
from nntrain.config.compose import compose
from nntrain.errors import UserError
from nntrain.experiment import build_experiment
from nntrain.models.activations import ACTIVATIONS
from nntrain.models.norms import NORMS
from nntrain.models.table import INITIALIZERS, MODELS
from nntrain.objective.table import LOSSES
from nntrain.optim.table import OPTIMIZERS, SCHEDULES
from nntrain.verbs.evaluate import evaluate_words

CLASSES = {"name": "synthetic", "dataset": "blobs", "classes": 3, "samples": 60, "noise": 0.4}
TWO_CLASSES = {"name": "synthetic", "dataset": "moons", "samples": 60}
VALUES = {"name": "synthetic", "dataset": "sinusoid", "samples": 60}
COUNTS = {"name": "table", "path": "counts.csv", "target": "n", "task": "regression"}
RECIPE: dict[str, Any] = {"model": {"name": "mlp", "widths": [6]}, "batch_size": 16, "epochs": 2, "seed": 3}

BY_LOSS = {"binary_cross_entropy": TWO_CLASSES, "poisson": COUNTS}
CHOICES = [
    *({"loss": {"name": name}} for name in LOSSES),
    *({"model": {"name": name}} for name in MODELS),
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


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains_digits(precision: str) -> None:
    run = nntrain.fit("digits", f"precision={precision}", "epochs=15", "device=cpu", quiet=True)
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


def test_the_same_seed_draws_the_same_network() -> None:
    first, same, other = (build_experiment(config(f"seed={seed}")).state.params.flat for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
