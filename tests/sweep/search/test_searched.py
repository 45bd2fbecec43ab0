"""What a search compares its trials by is what its table, its star and its files go by."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.search.searched import by_metrics, undominated

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, depth: 1}\nepochs: 2\nbatch_size: 64\n"
WIDTHS = "model.width=16,4,8"


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def search(*words: str) -> int:
    line = ["fit", "config=mine.yaml", "run_dir=out", "-m", "hydra/launcher=basic", *words]
    return main([*line, "search.sampler=random", "search.n_trials=6"])


def result(folder: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((folder / "result.json").read_text())
    return found


def test_the_fewest_parameters_win_where_they_are_searched_for(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search("search.metrics=parameters", WIDTHS) == 0
    said = capsys.readouterr().out
    found = json.loads((cwd / "out" / "sweep.json").read_text())
    runs = {job["job"]: result(cwd / "out" / str(job["job"]))["parameters"] for job in found["jobs"]}
    best = min(runs, key=lambda number: runs[number])
    assert found["best"] == best
    assert found["jobs"][0]["metrics"] == {"parameters": runs[best]}
    assert (cwd / "out" / "best.safetensors").samefile(cwd / "out" / str(best) / "best.safetensors")
    rows = list(csv.DictReader((cwd / "out" / "sweep.csv").read_text().splitlines()))
    assert {int(row["number"]): int(row["parameters"]) for row in rows} == runs
    assert f"best    #{best} " in said
    assert any({"parameters", "width"} <= set(line.split()) for line in said.splitlines())
    # and what can be done about chance
    assert "the last command below runs the best again" in " ".join(said.split())
    assert f"nntrain fit config=out/{best}/config.yaml 'seed=range(5)' -m" in said
    assert main(["check", f"config=out/{best}/config.yaml", "seed=range(5)", "-m"]) == 0
    before = (cwd / "out" / "sweep.json").read_text()
    assert main(["fit", "resume=out", "hydra/launcher=basic"]) == 0
    assert (cwd / "out" / "sweep.json").read_text() == before


def test_of_two_metrics_the_trade_offs_are_marked_and_the_first_chooses(
    cwd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search("search.metrics=[accuracy,parameters]", WIDTHS) == 0
    said = capsys.readouterr().out
    found = json.loads((cwd / "out" / "sweep.json").read_text())
    jobs = {job["job"]: job for job in found["jobs"]}
    points = [(-job["metrics"]["accuracy"], job["metrics"]["parameters"]) for job in jobs.values()]
    marked = {i for i, job in enumerate(jobs.values()) if job["trade_off"]}
    assert marked == undominated(points)
    assert jobs[found["best"]]["metrics"]["accuracy"] == max(-accuracy for accuracy, _ in points)
    assert any({"accuracy", "parameters"} <= set(line.split()) for line in said.splitlines())
    plain = " ".join(said.split())
    assert "no other is better in " in plain
    rows = list(csv.DictReader((cwd / "out" / "sweep.csv").read_text().splitlines()))
    assert {int(row["number"]) for row in rows if row["trade_off"] == "True"} == {
        number for number, job in jobs.items() if job["trade_off"]
    }


def test_a_metric_takes_the_place_of_the_monitored_one() -> None:
    told = {"monitor": "val_loss", "best_value": 0.25, "val": {"loss": 0.5, "accuracy": 0.9}, "parameters": 7}
    outcome = Outcome(3, result=told)

    def by(*metrics: str) -> tuple[object, object]:
        found = by_metrics(outcome, metrics).result
        return found["monitor"], found["best_value"]

    assert by("accuracy") == ("val_accuracy", 0.9)
    assert by("parameters", "accuracy") == ("parameters", 7)
    assert by("loss") == ("val_loss", 0.25)
    assert by_metrics(outcome, ["rmse"]) is outcome
    assert by_metrics(Outcome(3, 2, "broken"), ["loss"]).result == {}


def test_nobody_on_the_front_is_beaten_in_both() -> None:
    assert undominated([(1, 9), (2, 5), (3, 6), (2, 5), (4, 1), (1, 10)]) == {0, 1, 3, 4}
