"""`eval` gives the very figures that `fit` reported."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from lab import Lab, outcome

from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.verbs.evaluate import evaluate_words

CASES = {
    "three classes": [],
    "two classes": ["data.dataset=moons", "data.classes=2"],
    "two classes, two outputs": ["data.dataset=moons", "data.classes=2", "loss=cross_entropy"],
    "hinge": ["data.dataset=moons", "data.classes=2", "loss=hinge"],
    "focal": ["loss=focal"],
    "one target": ["data.dataset=linear", "data.features=3"],
    "quantile": ["data.dataset=sinusoid", "loss=quantile"],
    "balanced classes": ["loss.class_weights=balanced", "data.samples=121"],
    "given class weights": ["loss.class_weights=[1,2.5,0.1]"],
    "label smoothing": ["regularization.label_smoothing=0.2"],
    "dropout and batch norm": ["model.dropout=0.5", "model.norm=batch"],
    "ema": ["regularization.ema=0.9", "model.norm=batch"],
    "swa": ["regularization.swa_start_percent=50"],
    "bf16": ["precision=bf16"],
    "fp16": ["precision=fp16"],
    "pictures": ["data=bundled", "data.dataset=digits", "batch_size=100", "epochs=2"],
}


@pytest.mark.parametrize("words", CASES.values(), ids=CASES)
def test_the_very_figures_of_fit(lab: Lab, words: list[str]) -> None:
    run = lab.fit(*words)
    for split in ("train", "val", "test"):
        said = evaluate_words({"checkpoint": str(run.dir), "split": split}, io.StringIO())
        assert said["metrics"] == run.result[split]
    assert evaluate_words({"checkpoint": str(run.best)}, io.StringIO())["split"] == "test"


def weighted_rows(seed: int, count: int = 80) -> str:
    rng = np.random.default_rng(seed)
    rows = ((rng.normal(), rng.normal(), rng.integers(1, 9)) for _ in range(count))
    return "a,b,w,y\n" + "".join(f"{a:.5f},{b:.5f},{w},{'yes' if a + b > rng.normal() else 'no'}\n" for a, b, w in rows)


def test_a_new_file_with_weights_is_weighed_as_in_training(lab: Lab) -> None:
    (lab.folder / "train.csv").write_text(weighted_rows(0))
    (lab.folder / "test.csv").write_text(weighted_rows(1, 30))
    words = ["data=table", f"data.path={lab.folder}/train.csv", f"data.test_path={lab.folder}/test.csv"]
    words += ["data.target=y", "data.weight_column=w"]
    run = lab.fit(*words)
    by_split = evaluate_words({"checkpoint": str(run.dir), "split": "test"}, io.StringIO())
    by_file = evaluate_words({"checkpoint": str(run.dir), "data.path": "test.csv"}, io.StringIO())
    assert by_split["metrics"] == by_file["metrics"] == run.result["test"]
    unweighted = lab.fit(*words[:-1], "data.drop=[w]")
    assert unweighted.result["test"]["loss"] != run.result["test"]["loss"]


def test_metrics_are_unweighted_and_the_loss_is_weighted(lab: Lab) -> None:
    (lab.folder / "rows.csv").write_text(weighted_rows(0))
    run = lab.fit("data=table", f"data.path={lab.folder}/rows.csv", "data.target=y", "data.weight_column=w")
    assert run.result["val"]["loss"] != pytest.approx(run.result["val"]["log_loss"], rel=1e-3)
    plain = lab.fit("data=table", f"data.path={lab.folder}/rows.csv", "data.target=y", "data.drop=[w]")
    assert plain.result["val"]["loss"] == pytest.approx(plain.result["val"]["log_loss"], rel=1e-5)


def test_the_columns_of_a_new_file_may_stand_in_another_order(lab: Lab) -> None:
    (lab.folder / "rows.csv").write_text(weighted_rows(0))
    run = lab.fit("data=table", f"data.path={lab.folder}/rows.csv", "data.target=y", "data.drop=[w]")
    (lab.folder / "same.csv").write_text(weighted_rows(2))
    turned = [",".join(reversed(line.split(","))) for line in weighted_rows(2).splitlines()]
    (lab.folder / "turned.csv").write_text("\n".join(turned) + "\n")
    said = [
        evaluate_words({"checkpoint": str(run.dir), "data.path": name}, io.StringIO())["metrics"]
        for name in ("same.csv", "turned.csv")
    ]
    assert said[0] == said[1]


def test_the_folds_one_by_one_and_the_best_of_them(lab: Lab) -> None:
    run = lab.fit("data.folds=3")
    for fold in range(3):
        result = json.loads((run.dir / f"fold_{fold}" / "result.json").read_text())
        for split in ("train", "val", "test"):
            said = evaluate_words({"checkpoint": str(run.dir / f"fold_{fold}"), "split": split}, io.StringIO())
            assert said["metrics"] == result[split]
    said = evaluate_words({"checkpoint": str(run.dir)}, io.StringIO())
    assert said["checkpoint"] == run.result["checkpoint"]


def test_a_file_as_a_whole_or_a_split_of_it_and_not_of_other_data(lab: Lab) -> None:
    (lab.folder / "rows.csv").write_text(weighted_rows(0))
    run = lab.fit("data=table", f"data.path={lab.folder}/rows.csv", "data.target=y")
    assert evaluate_words({"checkpoint": str(run.dir), "data.path": "rows.csv"}, io.StringIO())["rows"] == 80
    by_split = {"checkpoint": str(run.dir), "data.path": "rows.csv", "split": "val"}
    assert evaluate_words(by_split, io.StringIO())["metrics"] == run.result["val"]
    (lab.folder / "rows.csv").write_text(weighted_rows(1))
    for words in ({}, {"data.path": "rows.csv", "split": "val"}):
        with pytest.raises(UserError, match="not those that the model was trained on, so its parts cannot be told"):
            evaluate_words({"checkpoint": str(run.dir), **words}, io.StringIO())
    assert evaluate_words({"checkpoint": str(run.dir), "data.path": "rows.csv"}, io.StringIO())["rows"] == 80


def test_what_is_wrong_is_said(lab: Lab) -> None:
    run = lab.fit("epochs=1")
    for words, said in (
        ({}, "which model"),
        ({"checkpoint": str(run.dir), "splt": "val"}, "unknown setting 'splt'; did you mean 'split'"),
        ({"checkpoint": str(run.dir), "split": "tset"}, "unknown split 'tset'; did you mean 'test'"),
        ({"checkpoint": str(run.dir), "data.noice": "1"}, "unknown setting of the data 'noice'; did you mean 'noise'"),
        ({"checkpoint": str(run.dir), "data.noise": "much"}, "data.noise: 'much' is not a number"),
        ({"checkpoint": str(run.dir), "data.noise": "[1"}, r"data.noise: \[1 cannot be read"),
        ({"checkpoint": str(run.dir), "data.split_seed": "7"}, "its parts cannot be told apart"),
        ({"checkpoint": str(run.dir), "trust": "maybe"}, "trust: 'maybe' is neither true nor false"),
        ({"checkpoint": "runs/tiny"}, r"runs/tiny has no best.safetensors; did you mean 'runs/tiny/"),
        ({"checkpoint": str(run.dir / "bst.safetensors")}, r"there is no file .* did you mean '.*best.safetensors'"),
        ({"checkpoint": str(run.dir), "device": "cuda"}, "finds no CUDA device"),
    ):
        with pytest.raises(UserError, match=said):
            evaluate_words(words, io.StringIO())


def test_other_classes_are_named(lab: Lab) -> None:
    run = lab.fit("epochs=1")
    words = {"checkpoint": str(run.dir), "data.classes": "2"}
    with pytest.raises(UserError, match=r"other classes or targets \(0, 1\) than the model was trained on \(0, 1, 2\)"):
        evaluate_words(words, io.StringIO())


def test_json_ends_standard_output_and_people_read_standard_error(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    run = lab.fit("epochs=1")
    assert main(["eval", str(run.dir), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["metrics"] == run.result["test"]
    assert out.count("\n") == 1
    assert "evaluation" in err
    assert f"{run.dir.relative_to(lab.folder)}/best.safetensors" in err
    assert main(["eval", "nowhere", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "nntrain: checkpoint: there is no file 'nowhere'\n"


def test_outcome_compares_something(lab: Lab) -> None:
    assert outcome(lab.fit("epochs=1")) != outcome(lab.fit("epochs=1", "seed=1"))
