"""Any number of labels per row, from training to predictions: `fit`, `check`, `eval`, `predict` and Python."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from lab import Lab
from sklearn import metrics as sk

from nntrain.config.compose import compose
from nntrain.errors import UserError
from nntrain.experiment import build_experiment
from nntrain.opening import load
from nntrain.record.console import RunConsole
from nntrain.training.course import Stop
from nntrain.verbs.check import check_words
from nntrain.verbs.evaluate import evaluate_words
from nntrain.verbs.fit import fit
from nntrain.verbs.predict import predict_words
from nntrain.verbs.run import Run, Session

LABELS = ["warm", "wet", "wild"]


@pytest.fixture
def rows(lab: Lab) -> Path:
    x = np.random.default_rng(0).normal(size=(160, 3))
    lines = [f"{a:.4f},{b:.4f},{c:.4f},{int(a > 0)},{int(b > 0.5)},{int(a + c > 1)}" for a, b, c in x]
    path = lab.folder / "weather.csv"
    path.write_text("\n".join(["a,b,c,warm,wet,wild", *lines]) + "\n")
    return path


def words(rows: Path) -> list[str]:
    return ["data=table", f"data.path={rows}", "data.target=[warm,wet,wild]", "epochs=12"]


@pytest.fixture
def run(lab: Lab, rows: Path) -> Run:
    return lab.fit(*words(rows), "early_stopping.monitor=f1_micro")


def truth(rows: Path) -> np.ndarray:
    return pl.read_csv(rows).select(LABELS).to_numpy()


def test_the_labels_are_learned_and_the_result_says_their_metrics(run: Run, lab: Lab) -> None:
    result = json.loads((run.dir / "result.json").read_text())
    assert (result["task"], result["monitor"]) == ("multilabel", "val_f1_micro")
    names = {"loss", "f1_macro", "f1_micro", "average_precision", "roc_auc", "exact_match", "hamming_accuracy"}
    assert set(result["test"]) == names
    assert result["test"]["average_precision"] > 0.8
    assert {"val_f1_macro", "val_f1_micro"} <= set(run.metrics[0])
    said = lab.said.getvalue()
    assert "multilabel, 3 labels" in said
    assert "label (test)" in said
    table = said[said.index("label (test)") :]
    assert all(label in table for label in LABELS)


def test_eval_is_what_sklearn_finds_in_the_predictions(run: Run, rows: Path) -> None:
    found = evaluate_words({"checkpoint": str(run.dir), "data.path": str(rows)}, io.StringIO())
    p, y = load(run.dir).probabilities(rows), truth(rows)
    assert found["rows"] == 160
    assert found["metrics"]["f1_macro"] == pytest.approx(sk.f1_score(y, p > 0.5, average="macro"))
    assert found["metrics"]["loss"] == pytest.approx(-np.log(np.where(y, p, 1 - p)).mean(), rel=1e-5)
    own = evaluate_words({"checkpoint": str(run.dir)}, io.StringIO())
    assert own["metrics"] == json.loads((run.dir / "result.json").read_text())["test"]
    assert own["baseline"]["f1_micro"] < own["metrics"]["f1_micro"]


def test_predictions_join_the_labels_above_one_half(run: Run, rows: Path) -> None:
    predict_words({"checkpoint": str(run.dir), "input": str(rows), "output": "p.csv"}, io.StringIO())
    frame = pl.read_csv("p.csv").fill_null("")
    assert frame.columns == ["prediction", "p_warm", "p_wet", "p_wild"]
    model = load(run.dir)
    p = model.probabilities(rows)
    expected = [[label for label, share in zip(LABELS, row, strict=True) if share > 0.5] for row in p]
    assert frame["prediction"].to_list() == [";".join(labels) for labels in expected]
    np.testing.assert_allclose(frame["p_wet"].to_numpy(), p[:, 1], rtol=1e-6)
    assert model.predict(rows) == expected
    assert {len(labels) for labels in expected} >= {0, 1, 2}
    assert not np.allclose(p.sum(1), 1)
    assert "predicts any of 3 labels (warm, wet, wild)" in repr(model)
    assert model.classes == tuple(LABELS)


def test_a_bar_for_each_label_takes_the_place_of_the_confusion_matrix(lab: Lab, rows: Path) -> None:
    with RunConsole(io.StringIO()) as console:  # not by the lab, which draws nothing
        done = fit(lab.config(*words(rows), "epochs=1"), Session(console, Stop(), ["test"], "tiny"))
    drawn = {path.name for path in (done.dir / "plots").iterdir()}
    assert drawn == {"learning_curves.png", "learning_rate.png", "label_scores.png"}


def test_check_counts_the_rows_of_each_label(lab: Lab, rows: Path) -> None:
    said = io.StringIO()
    report = check_words(["config=tiny.yaml", "device=cpu", *words(rows)], said)
    counts = report["data"]["classes"]
    totals = [sum(counts[split][label] for split in counts) for label in LABELS]
    assert totals == truth(rows).sum(0).tolist()
    assert "warm, wet, wild (multilabel)" in said.getvalue()
    share = counts["train"]["warm"] / report["data"]["rows"]["train"]
    line = next(line for line in said.getvalue().splitlines() if line.startswith("warm"))
    assert line.endswith(f"{share:.1%}")


def test_balanced_weights_of_labels_are_in_the_model_file(lab: Lab, rows: Path) -> None:
    run = lab.fit(*words(rows), "loss.class_weights=balanced", "epochs=1")
    weights = load(run.dir)._program.objective.class_weights
    assert weights is not None
    assert weights[2] > weights[0]


REFUSED = {
    "a label of other values": (["data.target=[warm,a]"], "a label is 1 where the row has it and 0 where not, but"),
    "a loss of classes": (
        ["loss=cross_entropy"],
        "loss cross_entropy is for classification, and this is multilabel; use binary_cross_entropy, focal, or auto",
    ),
    "a metric of classes": (
        ["early_stopping.monitor=accuracy"],
        "early_stopping.monitor: accuracy is not a metric of multilabel (metrics: loss, f1_macro, f1_micro",
    ),
    "classes of several columns": (
        ["data.task=classification"],
        "classification takes one target column, not 3 (warm, wet, wild); columns of 0 and 1 are labels: "
        "data.task=multilabel",
    ),
    "weights of too few labels": (["loss.class_weights=[1,2]"], "2 entries for 3 classes (warm, wet, wild)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_labels_is_said(lab: Lab, rows: Path, case: str) -> None:
    given, text = REFUSED[case]
    config = compose(["config=tiny.yaml", "device=cpu", *words(rows), "data.task=multilabel", *given]).config
    with pytest.raises(UserError) as error:
        build_experiment(config)
    assert text in str(error.value)


def test_values_have_no_probabilities(lab: Lab, rows: Path) -> None:
    run = lab.fit("data=table", f"data.path={rows}", "data.target=a", "epochs=1")
    with pytest.raises(UserError, match="predicts values, not classes; use predict"):
        load(run.dir).probabilities(rows)
