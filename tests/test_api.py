"""The Python API, as one uses it in a notebook."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import nntrain
from nntrain.errors import UserError
from nntrain.verbs.run import Run


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("digits"))
        return nntrain.fit("digits", "optimizer.lr=0.01", "epochs=3", quiet=True)


def test_importing_it_imports_no_torch() -> None:
    code = "import sys, nntrain; nntrain.fit; print(sorted({'torch', 'hydra', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_run_tells_where_it_is_and_how_it_went(digits: Run) -> None:
    assert digits.dir.is_dir()
    assert digits.best == digits.dir / "best.safetensors"
    assert digits.best.is_file()
    assert digits.result == json.loads((digits.dir / "result.json").read_text())
    assert digits.result["test"]["accuracy"] > 0.85
    rows = csv.DictReader((digits.dir / "metrics.csv").read_text().splitlines())
    assert [{key: float(value) for key, value in row.items()} for row in rows] == digits.metrics
    assert {path.name for path in (digits.dir / "plots").iterdir()} == {
        "learning_curves.png",
        "learning_rate.png",
        "confusion_matrix.png",
    }


def test_a_notebook_shows_it(digits: Run) -> None:
    assert repr(digits).splitlines()[0] == f"Run {digits.dir}"
    assert "test: loss " in repr(digits)
    assert f"<th>accuracy</th><td>{digits.result['train']['accuracy']:.4f}</td>" in digits._repr_html_()
    assert "stopped" in repr(Run(Path("run"), stopped="stopped"))


def test_metrics_make_a_frame(digits: Run) -> None:
    assert pl.DataFrame(digits.metrics)["epoch"].to_list() == [1, 2, 3]


def test_pictures_are_predicted(digits: Run) -> None:
    from sklearn.datasets import load_digits

    found = load_digits()
    model = nntrain.load(digits.dir)
    assert model.classes == tuple("0123456789")
    probabilities = model.probabilities(found.images)
    assert probabilities.shape == (1797, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert (model.predict(found.images) == found.target.astype(str)).mean() > 0.85
    np.testing.assert_array_equal(model.probabilities(found.data), probabilities)  # rows of 64 pixels
    assert repr(model).splitlines() == [
        f"Predictor {digits.best}",
        "mlp on cpu; predicts one of 10 classes (0, 1, 2, ...)",
    ]


@pytest.fixture
def table(workdir: Path) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 120))
    frame = pl.DataFrame({"a": a, "colour": ["red" if x > 0 else "blue" for x in b], "y": a + (b > 0)})
    frame.write_csv(workdir / "table.csv")
    return frame


RECIPE: dict[str, Any] = {
    "data": {"name": "table", "path": "table.csv", "target": "y"},
    "model": {"name": "mlp", "widths": [8]},
    "optimizer": {"name": "adam", "lr": 1e-2},
    "epochs": 2,
}


def as_pandas(frame: pl.DataFrame) -> Any:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(frame.to_dict(as_series=False))


FORMS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "polars": lambda frame: frame,
    "other order": lambda frame: frame.select("y", "colour", "a"),
    "without target": lambda frame: frame.drop("y"),
    "pandas": as_pandas,
    "path": lambda frame: "table.csv",
    "dicts": lambda frame: frame.to_dicts(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_recipe_as_a_mapping_and_rows_in_any_form(
    table: pl.DataFrame, form: Callable[[pl.DataFrame], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nntrain.verbs.finish._plot", lambda *args: None)
    model = nntrain.load(nntrain.fit(RECIPE, "seed=1", quiet=True).best)
    expected = model.predict(Path("table.csv"))
    assert expected.shape == (120,)
    np.testing.assert_allclose(model.predict(form(table)), expected, rtol=1e-6)
    assert model.evaluate(table)["rmse"] == pytest.approx(np.sqrt(((expected - table["y"].to_numpy()) ** 2).mean()))
    assert list(Path.cwd().iterdir()) != []
    assert not list(Path.cwd().glob(".nntrain*"))


def test_a_dict_is_one_row_and_no_table(table: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.verbs.finish._plot", lambda *args: None)
    model = nntrain.load(nntrain.fit(RECIPE, "seed=1", quiet=True).best)
    assert model.predict(table.to_dicts()[0]).shape == (1,)
    for whole in (table.to_dict(as_series=False), {"a": {0: 1.0}, "colour": {0: "red"}}):
        with pytest.raises(UserError, match=r"input: a dict is one row, column -> value; give a table as a DataFrame"):
            model.predict(whole)


def test_numbers_as_an_array(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.verbs.finish._plot", lambda *args: None)
    data = {"name": "synthetic", "dataset": "linear", "features": 3, "samples": 100}
    model = nntrain.load(nntrain.fit(RECIPE | {"data": data}, quiet=True).dir)
    assert model.predict(np.zeros((5, 3))).shape == (5,)
    with pytest.raises(UserError, match="predicts values, not classes; use predict"):
        model.probabilities(np.zeros((5, 3)))


def test_mistakes_are_the_callers_to_mend() -> None:
    with pytest.raises(UserError, match=r"config: no JSON for DataFrame: a recipe holds texts.*name it in data.path"):
        nntrain.fit({"data": pl.DataFrame({"a": [1.0]})})
    with pytest.raises(UserError, match=r"model.dept: .* did you mean 'model.depth'\? \(the mapping\)"):
        nntrain.fit({"model": {"name": "mlp", "dept": 2}})
    with pytest.raises(UserError, match=r"config: a recipe's name, a path or a mapping is expected, not a list"):
        nntrain.fit([1])  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"digts.*did you mean 'digits'"):
        nntrain.fit("digts")
    with pytest.raises(UserError, match=r"optimiser.*did you mean 'optimizer'"):
        nntrain.fit({"optimiser": {"name": "sgd"}})
    with pytest.raises(UserError, match="there is no file 'nowhere'"):
        nntrain.load("nowhere")


ONE = "nntrain.fit trains one run (one value that is a list is written [a,b], a text 'a,b'); sweeps are trained on the "
SWEEPS: dict[str, tuple[Any, list[str], str]] = {
    "values": (
        "digits",
        ["optimizer.lr=1e-3,1e-2", "epochs=1"],
        f"optimizer.lr=1e-3,1e-2: asks for a sweep, and {ONE}command line: nntrain fit config=digits "
        "optimizer.lr=1e-3,1e-2 epochs=1 -m",
    ),
    "with -m": (
        "digits",
        ["seed=1,2", "-m"],
        f"seed=1,2: asks for a sweep, and {ONE}command line: nntrain fit config=digits seed=1,2 -m",
    ),
    "a mapping": (
        {"epochs": 1},
        ["seed=range(3)"],
        f"seed=range(3): asks for a sweep, and {ONE}command line, the mapping being in FILE as YAML: nntrain fit "
        "config=FILE 'seed=range(3)' -m",
    ),
    "-m alone": (
        "digits",
        ["-m"],
        "-m: asks for a sweep, and nntrain.fit trains one run; sweeps are trained on the command line: nntrain fit "
        "config=digits -m",
    ),
    "a search": (
        "digits",
        ["search.n_trials=3", "hydra/launcher=basic"],
        "hydra/launcher=basic, search.n_trials=3: asks for a sweep, and nntrain.fit trains one run; sweeps are trained "
        "on the command line: nntrain fit config=digits search.n_trials=3 hydra/launcher=basic -m",
    ),
    "resume": (
        "digits",
        ["resume=swept"],
        "resume: swept is a sweep, and nntrain.fit trains one run; go on with it on the command line: nntrain fit "
        "resume=swept",
    ),
}


@pytest.mark.parametrize("what", SWEEPS)
def test_a_sweep_is_the_command_lines(what: str, workdir: Path) -> None:
    config, settings, said = SWEEPS[what]
    (workdir / "swept").mkdir()
    (workdir / "swept" / "jobs.jsonl").touch()
    with pytest.raises(UserError) as caught:
        nntrain.fit(config, *settings)
    assert caught.value.problems == (said,)


def test_interrupted_it_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from nntrain.training import trainer

    step = trainer.train_step

    def interrupting(program: Any, state: Any, batches: Any, h: Any, noise_seed: int) -> torch.Tensor:
        import signal

        if h.step == 3:
            signal.raise_signal(signal.SIGINT)
        return step(program, state, batches, h, noise_seed)

    monkeypatch.setattr(trainer, "train_step", interrupting)
    with pytest.raises(KeyboardInterrupt, match="stopped, the state is saved; go on with: nntrain fit resume=runs/"):
        nntrain.fit("digits", quiet=True)


def test_the_callers_torch_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.verbs.finish._plot", lambda *args: None)
    data = {"name": "synthetic", "samples": 60}
    plain = nntrain.fit(RECIPE | {"data": data}, "model.dropout=0.3", quiet=True)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.set_default_dtype(torch.float64)
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        torch.manual_seed(5)
        with torch.no_grad():
            within = nntrain.fit(RECIPE | {"data": data}, "model.dropout=0.3", "deterministic=true", quiet=True)
            model = nntrain.load(within.dir)
            assert model.evaluate(nntrain_split(within))["loss"] == within.result["test"]["loss"]
        assert torch.get_default_dtype() == torch.float64
        assert torch.backends.cuda.matmul.allow_tf32
        assert not torch.are_deterministic_algorithms_enabled()
        torch.set_default_dtype(torch.float32)
        assert torch.equal(torch.rand(3), expected)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.backends.cuda.matmul.allow_tf32 = False
    assert within.result["test"] == plain.result["test"]


def nntrain_split(run: Run) -> Any:
    import yaml

    from nntrain.builders import load_data

    return load_data(yaml.safe_load((run.dir / "config.yaml").read_text())).test
