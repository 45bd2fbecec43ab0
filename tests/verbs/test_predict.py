"""Predictions for raw inputs, as a table."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from lab import Lab
from PIL import Image

from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.opening import load
from nntrain.verbs.predict import predict_words
from nntrain.verbs.run import Run


@pytest.fixture
def rows(lab: Lab) -> Path:
    rng = np.random.default_rng(0)
    lines = [f"{a:.4f},{b:.4f},{'yes' if a + b > 0 else 'no'},{2 * a:.4f}" for a, b in rng.normal(size=(80, 2))]
    path = lab.folder / "rows.csv"
    path.write_text("\n".join(["a,b,kind,size", *lines]) + "\n")
    return path


def trained(lab: Lab, rows: Path, target: str) -> Run:
    return lab.fit("data=table", f"data.path={rows}", f"data.target={target}", "epochs=3")


def predicted(run: Run, rows: Path, name: str) -> Path:
    words = {"checkpoint": str(run.dir), "input": str(rows), "output": name}
    assert predict_words(words, io.StringIO())["rows"] == 80
    return Path(name)


READERS = {".csv": pl.read_csv, ".tsv": lambda path: pl.read_csv(path, separator="\t"), ".parquet": pl.read_parquet}
READERS[".json"] = pl.read_json


@pytest.mark.parametrize("ending", READERS)
def test_classes_with_their_probabilities(lab: Lab, rows: Path, ending: str) -> None:
    run = trained(lab, rows, "kind")
    frame = READERS[ending](predicted(run, rows, f"out/predictions{ending}"))
    assert frame.columns == ["prediction", "p_no", "p_yes"]
    probabilities = load(run.dir).probabilities(rows)
    np.testing.assert_allclose(frame["p_yes"].to_numpy(), probabilities[:, 1], rtol=1e-6)
    assert frame["prediction"].to_list() == ["yes" if p > 0.5 else "no" for p in probabilities[:, 1]]


def test_they_are_the_predictions_behind_eval(lab: Lab, rows: Path) -> None:
    run = trained(lab, rows, "kind")
    frame = pl.read_csv(predicted(run, rows, "predictions.csv"))
    truth = pl.read_csv(rows)["kind"]
    figures = load(run.dir).evaluate(rows)
    assert (frame["prediction"] == truth).mean() == figures["accuracy"]
    p = np.where(truth == "yes", frame["p_yes"], frame["p_no"])
    assert -np.log(p).mean() == pytest.approx(figures["log_loss"], rel=1e-5)


def test_values_in_their_own_unit(lab: Lab, rows: Path) -> None:
    run = trained(lab, rows, "size")
    frame = pl.read_csv(predicted(run, rows, "predictions.csv"))
    assert frame.columns == ["prediction"]
    error = frame["prediction"].to_numpy() - pl.read_csv(rows)["size"].to_numpy()
    assert np.sqrt((error**2).mean()) == pytest.approx(load(run.dir).evaluate(rows)["rmse"], rel=1e-5)


def test_several_targets(lab: Lab, rows: Path) -> None:
    run = trained(lab, rows, "[size,b]")
    frame = pl.read_csv(predicted(run, rows, "predictions.csv"))
    assert frame.columns == ["prediction_size", "prediction_b"]


def test_rows_without_their_target_can_be_predicted(lab: Lab, rows: Path) -> None:
    run = trained(lab, rows, "kind")
    bare = lab.folder / "bare.csv"
    pl.read_csv(rows).select("b", "a", "size").write_csv(bare)
    assert predicted(run, bare, "bare-out.csv").read_text() == predicted(run, rows, "out.csv").read_text()


def test_a_column_that_is_missing_is_named(lab: Lab, rows: Path) -> None:
    run = trained(lab, rows, "kind")
    bare = lab.folder / "bare.csv"
    pl.read_csv(rows).select("b", "size").write_csv(bare)
    with pytest.raises(UserError, match="'a'"):
        predicted(run, bare, "out.csv")
    assert not Path("out.csv").exists()


@pytest.fixture
def digits(lab: Lab) -> Run:
    return lab.fit("data=bundled", "data.dataset=digits", "batch_size=100", "epochs=2")


def test_a_folder_of_pictures(lab: Lab, digits: Run) -> None:
    from sklearn.datasets import load_digits

    pictures = load_digits().images[:5]
    folder = lab.folder / "pictures"
    folder.mkdir()
    for i, picture in enumerate(pictures):
        Image.fromarray(np.rint(picture * (255 / 16)).astype(np.uint8)).save(folder / f"{i}.png")
    words = {"checkpoint": str(digits.dir), "input": "pictures", "output": "out.csv"}
    predict_words(words, io.StringIO())
    frame = pl.read_csv("out.csv")
    assert frame.columns == ["file", "prediction", *(f"p_{i}" for i in range(10))]
    assert frame["file"].to_list() == [f"{i}.png" for i in range(5)]
    np.testing.assert_allclose(
        frame.select(pl.exclude("file", "prediction")).to_numpy(),
        load(digits.dir).probabilities(pictures.astype(np.uint8)),
        rtol=1e-5,
    )


def test_pictures_as_an_array(lab: Lab, digits: Run) -> None:
    np.save("pictures.npy", np.zeros((3, 8, 8), dtype=np.uint8))
    words = {"checkpoint": str(digits.dir), "input": "pictures.npy", "output": "out.json"}
    assert predict_words(words, io.StringIO())["rows"] == 3
    assert len(json.loads(Path("out.json").read_text())) == 3


def test_what_is_wrong_is_said_before_the_model_is_opened(lab: Lab, rows: Path) -> None:
    for words, said in (
        (
            {"checkpoint": "m"},
            "input and output missing: nntrain predict runs/... input=FILE_OR_FOLDER output=FILE.csv",
        ),
        ({"input": "x", "output": "y.csv"}, "predict: which model"),
        ({"checkpoint": "m", "input": "x", "outptu": "y"}, "unknown setting 'outptu'; did you mean 'output'"),
        ({"checkpoint": "m", "input": "x", "output": "y.xls"}, "which must be one of .csv, .tsv, .parquet, .json"),
        ({"checkpoint": "m", "input": str(rows), "output": "rows.csv"}, "is the input; choose another file"),
    ):
        with pytest.raises(UserError, match=said):
            predict_words(words, io.StringIO())


def test_from_the_command_line(lab: Lab, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(lab, rows, "kind")
    assert main(["predict", str(run.dir), "input=rows.csv", "output=out.csv", "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert said["rows"] == 80
    assert said["output"] == str(lab.folder / "out.csv")
    assert "out.csv, 80 rows" in err
    assert str(lab.folder) not in err
    assert main(["predict", str(run.dir), "input=nothing.csv", "output=out.csv"]) == 2
    assert capsys.readouterr().err == "nntrain: input: no file 'nothing.csv'; did you mean 'out.csv'?\n"
