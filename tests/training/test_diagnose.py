"""Overfitting, told from the epochs' losses."""

from __future__ import annotations

from nntrain.training.diagnose import is_due, overfitting


def history(train: list[float], val: list[float]) -> list[dict[str, float]]:
    return [{"epoch": i, "train_loss": t, "val_loss": v} for i, (t, v) in enumerate(zip(train, val, strict=True), 1)]


FALLING = [1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]


def test_validation_rises_while_training_falls() -> None:
    said = overfitting(history(FALLING, [1.0, 0.9, 0.95, 1.0, 1.1, 1.2, 1.5, 1.8]), ["model.dropout=0.2"])
    assert said is not None
    assert said == (
        "from epoch 2 on the network overfits: the validation loss rose from 0.9 to 1.8, the training loss fell from "
        "0.8 to 0.1; what usually helps: model.dropout=0.2, a smaller model, more data"
    )


def test_what_is_no_overfitting() -> None:
    assert overfitting([], []) is None
    assert overfitting(history(FALLING, FALLING), []) is None  # both fall
    assert overfitting(history(FALLING, [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 1.5]), []) is None  # one bad epoch
    assert overfitting(history(FALLING, [1.0, 0.9, 0.95, 1.0, 1.1, 1.2, 1.3, 1.3]), []) is None  # early stopping does
    assert overfitting(history(FALLING[::-1], FALLING[::-1]), []) is None  # both rise: it diverges


def test_gradients_are_looked_at_ever_more_seldom() -> None:
    assert [epoch for epoch in range(1, 100) if is_due(epoch)] == [1, 2, 4, 8, 16, 32, 64]
