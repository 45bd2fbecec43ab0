"""The pictures of a cross-validation."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from nntrain.record.axes import Axes
from nntrain.record.canvas import Canvas, Word
from nntrain.record.fold_plots import learning_curves, scores


def log(fold: int, epochs: int) -> list[dict[str, Any]]:
    losses = [(1 + 0.1 * fold) / epoch for epoch in range(1, epochs + 1)]
    return [
        {"epoch": i + 1, "train_loss": loss, "val_loss": 1.2 * loss, "train_rmse": 10 * loss, "val_rmse": 12 * loss}
        for i, loss in enumerate(losses)
    ]


def result(fold: int) -> dict[str, Any]:
    return {"val": {"rmse": 10.0 + fold}, "test": {"rmse": 11.0}}


def assert_readable(canvas: Canvas, path: Path) -> None:
    assert imread(path).shape == (canvas.height, canvas.width, 3)
    assert not [(a.text, b.text) for a, b in combinations(canvas.words, 2) if overlap(a, b)]
    assert min(min(word.box) for word in canvas.words) >= 0
    assert max(word.box[2] for word in canvas.words) <= canvas.width


def overlap(a: Word, b: Word) -> bool:
    return a.box[0] < b.box[2] and b.box[0] < a.box[2] and a.box[1] < b.box[3] and b.box[1] < a.box[3]


def test_the_learning_curves_of_all_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    curve = Axes.curve

    def counted(axes: Axes, x: Any, y: Any, *rest: Any, **looks: Any) -> None:
        drawn.append(len(y))
        curve(axes, x, y, *rest, **looks)

    monkeypatch.setattr(Axes, "curve", counted)
    logs = [log(fold, epochs) for fold, epochs in enumerate((4, 6, 5))]
    canvas = learning_curves(logs, [4, None, 5], "val_loss", tmp_path / "a.png")
    assert_readable(canvas, tmp_path / "a.png")
    assert drawn == [4, 6, 5] * 4  # training and validation, of loss and rmse
    assert {"loss of 3 folds", "rmse of 3 folds", "training", "validation", "best epochs"} < set(canvas.texts)


@pytest.mark.parametrize("k", [2, 5, 13, 60])
def test_the_scores_of_all_folds_and_their_mean(tmp_path: Path, k: int) -> None:
    canvas = scores([result(fold) for fold in range(k)], "rmse", tmp_path / "a.png")
    assert_readable(canvas, tmp_path / "a.png")
    assert {"rmse by fold", "mean", "test: 11.000 ± 0", "0"} < set(canvas.texts)


def test_scores_where_there_is_no_test_split_and_one_is_no_number(tmp_path: Path) -> None:
    results = [{"val": {"roc_auc": value}, "test": None} for value in (0.5, 0.75, None)]
    canvas = scores(results, "roc_auc", tmp_path / "a.png")
    assert_readable(canvas, tmp_path / "a.png")
    assert not [text for text in canvas.texts if "±" in text]
