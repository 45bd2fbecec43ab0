"""What is said of a training before its first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.config.compose import compose
from nntrain.experiment import build_experiment
from nntrain.training.state import LoopState
from nntrain.verbs.header import header


def said(*words: str) -> dict[str, Any]:
    experiment = build_experiment(compose(["device=cpu", *words]).config)
    return header(experiment, Path("runs/mine"), LoopState())


BLOBS = ("data=synthetic", "data.dataset=blobs", "data.samples=60", "augment=none", "schedule=constant")
TASKS = {
    "classes": (("data.classes=3",), "classification, 3 classes"),
    "values": (("data.dataset=sinusoid",), "regression, y"),
    "reconstruction": (("objective=autoencoder",), "reconstruction, "),
}


@pytest.mark.parametrize("task", TASKS)
def test_the_task_is_said_with_what_is_predicted(task: str) -> None:
    words, expected = TASKS[task]
    assert said(*BLOBS, *words)["task"].startswith(expected)


TRAININGS = {
    "plain": ((), "adam, lr 0.02, batch 16, up to 4 epochs"),
    "a whole batch and a schedule": (
        ("batch_size=full", "schedule=cosine"),
        "adam, lr 0.02, all samples, cosine schedule, up to 4 epochs",
    ),
    "accumulated and augmented": (
        ("gradient_accumulation=2", "augment=table", "epochs=1"),
        "adam, lr 0.02, batch 32, augmented (table), up to 1 epoch",
    ),
}


@pytest.mark.parametrize("training", TRAININGS)
def test_the_training_is_said_in_a_line(training: str) -> None:
    words, expected = TRAININGS[training]
    tiny = ("optimizer=adam", "optimizer.lr=0.02", "batch_size=16", "epochs=4")
    assert said(*BLOBS, *tiny, *words)["training"] == expected


MODELS = {
    "widths of layers": (("model.widths=[8]",), "mlp 64-8-10"),
    "settings of picture networks": (
        ("model=cnn", "model.width=4", "model.depth=2"),
        "cnn depth 2, width 4, 8 x 8 pictures",
    ),
}


@pytest.mark.parametrize("model", MODELS)
def test_the_model_is_said_in_a_line(model: str) -> None:
    words, expected = MODELS[model]
    assert said("config=digits", *words)["model"] == expected
